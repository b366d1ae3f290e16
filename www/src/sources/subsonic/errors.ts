// What can go wrong with a music server.

/** The codes of {@link SubsonicError}. */
export type SubsonicCode =
  /** The address is none, or leads nowhere. */
  | "subsonic/away"
  /** Something answers, but no Subsonic server. */
  | "subsonic/no-server"
  /** Name, password or key are wrong. */
  | "subsonic/refused"
  /** The server only takes what must not travel over this connection. */
  | "subsonic/unsafe"
  /** The server cannot do this. */
  | "subsonic/unsupported"
  /** The server says no, with a reason of its own. */
  | "subsonic/failed";

/** An error that says what happened and what to do next. */
export class SubsonicError extends Error {
  override readonly name = "SubsonicError";

  constructor(
    readonly code: SubsonicCode,
    what: string,
    /** The next thing to try, as a sentence. */
    readonly next: string,
    options?: ErrorOptions & { status?: number },
  ) {
    super(`${what} ${next}`, options);
    if (options?.status !== undefined) this.status = options.status;
  }

  /** The number the server gave, as the Subsonic API numbers errors. */
  readonly status?: number;
}
