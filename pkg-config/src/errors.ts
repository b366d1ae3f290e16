// What can go wrong, by a stable code.

/**
 * The codes that this package throws itself. The engine throws plain `Error`s with a `code` of its own (`decode/malformed`,
 * `weights/shape`, …); {@link codeOf} reads either.
 */
export type ErrorCode =
  | "init/missing"
  | "wasm/blocked"
  | "wasm/unavailable"
  | "server/away"
  | "server/refused"
  | "server/busy"
  | "server/foreign"
  | "server/malformed"
  | "consent/off"
  | "engine/paused"
  | "engine/closed"
  | "engine/full"
  | "store/refused"
  | "store/full"
  | "store/damaged"
  | "store/newer"
  | "store/elsewhere"
  | "import/malformed"
  | "import/newer"
  | "import/catalogue"
  | "round/mode"
  | "round/server-key"
  | "round/unavailable"
  | "round/vault"
  | "replay/off"
  | "replay/malformed"
  | "replay/catalogue"
  | "worker/failed";

/** An error that says what happened and what to do next. */
export class SottovoceError extends Error {
  override readonly name = "SottovoceError";

  /**
   * @param code Stable; branch on this, not on the message.
   * @param what What happened, as a sentence.
   * @param next The next thing to try, as a sentence.
   */
  constructor(
    readonly code: ErrorCode,
    what: string,
    readonly next: string,
    options?: ErrorOptions & { retryAfterMs?: number },
  ) {
    super(`${what} ${next}`, options);
    if (options?.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }

  /** How long the server asks to be left alone, with `server/busy`. */
  readonly retryAfterMs?: number;
}

/** The stable code of an error of this package or of the engine, or `undefined` for any other error. */
export function codeOf(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : undefined;
}
