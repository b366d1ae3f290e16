// Everything that touches the network. No cookies, no referrer, no query that says anything about the listener.

import { SottovoceError } from "./errors.js";
import type { Song, SongId } from "./types.js";

/** The media type of the protocol's messages; the version is part of it. */
export const MEDIA_TYPE = "application/vnd.sottovoce.v1+cbor";

const DEFAULT_RETRY_MS = 5000;

/** Runtimes without cookies and referrers refuse to hear of them. */
const PRIVATELY: RequestInit =
  globalThis.Request && "credentials" in Request.prototype ? { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store" } : {};

/** What the catalogue is made of, as the server tells it. */
export interface Manifest {
  readonly name: string;
  readonly songs: number;
  readonly dimension: number;
  readonly shards: readonly { readonly songs: number; readonly etag: string; readonly metadata: string; readonly embeddings: string }[];
}

/** What comes down, and what it means to the listener. */
const MEANING = {
  catalogue: "What the catalogue is made of.",
  "song list": "Titles and artists of a part of the catalogue; everyone gets the same.",
  "catalogue shard": "Where the songs of a part of the catalogue lie among each other, so that choosing happens here.",
  "tower weights": "The shared model, as everyone gets it.",
  "round offer": "An invitation to a round: what to learn and how far an update may go.",
  receipt: "Whether the update was counted.",
} as const;

/** Where bodies are kept between visits. */
export interface Shelf {
  match(url: URL): Promise<Response | undefined>;
  /** Keeps a body soon; nobody waits for it. */
  put(url: URL, body: Uint8Array, headers: Headers): void;
}

/** How {@link Http} reaches the world. */
export interface HttpOptions {
  readonly server: URL;
  readonly fetch: typeof fetch;
  /** Where the catalogue is kept between visits, where it can be. */
  readonly shelf?: Shelf | undefined;
  /** Told of every body that came down. */
  readonly received: (message: string, bytes: number, meaning: string) => void;
  /** Told when the server is reached again, or no more. */
  readonly reached: (online: boolean) => void;
}

/** A request, and which answers are no errors. */
export interface Asking extends Omit<RequestInit, "signal"> {
  readonly fine?: readonly number[];
  /** Called as soon as the server is known to have it. */
  readonly arrived?: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** What a cached body is asked with. */
export interface Cached {
  readonly etag?: string | undefined;
  readonly accept?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Passes over the kept copy, which was found broken. */
  readonly fresh?: boolean;
}

/** The server's answers, typed. One method an endpoint. */
export class Http {
  readonly #options: HttpOptions;
  /** Answers to questions after the rounds since this page opened. */
  roundChecks = { messages: 0, bytes: 0 };
  /** Whether the last request reached the server. */
  online = true;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** What the catalogue is made of; from the cache when the server is away. */
  async manifest(signal?: AbortSignal): Promise<Manifest> {
    const manifest = json<Partial<Manifest>>(await this.cached("catalogue", "v1/catalogue", { signal }));
    if (typeof manifest.name !== "string" || !Array.isArray(manifest.shards)) throw malformed("The catalogue");
    return manifest as Manifest;
  }

  /**
   * Titles and artists of a shard, as a function that reads them: choosing songs needs none of it. What does not even begin and end
   * like a list is read at once, and fails here.
   */
  async songs(path: string, signal?: AbortSignal): Promise<() => Song[]> {
    const bytes = await this.cached("song list", path, { signal });
    if (bytes[0] !== 0x5b || bytes.at(-1) !== 0x5d) songsOf(bytes);
    return () => songsOf(bytes);
  }

  /** A shard's embeddings, encoded. */
  embeddings(path: string, options: Cached): Promise<Uint8Array> {
    return this.cached("catalogue shard", path, { ...options, accept: MEDIA_TYPE });
  }

  /** The shared weights, encoded; from the cache when they are still the newest or the server is away. */
  weights(signal?: AbortSignal): Promise<Uint8Array> {
    return this.cached("tower weights", "v1/tower/weights", { accept: MEDIA_TYPE, signal });
  }

  /** A body that changes rarely: from the cache when its ETag is still right or the server is away. */
  async cached(name: keyof typeof MEANING, path: string, { etag, accept, signal, fresh }: Cached): Promise<Uint8Array> {
    const url = this.address(path);
    const { shelf } = this.#options;
    const kept = fresh ? undefined : await shelf?.match(url);
    const held = kept?.headers.get("etag") ?? undefined;
    if (kept && etag !== undefined && held === etag) return bytesOf(kept);
    const headers: Record<string, string> = {};
    if (accept) headers["accept"] = accept;
    if (held) headers["if-none-match"] = held;
    let response: Response;
    try {
      response = await this.request(path, { headers, signal });
    } catch (error) {
      if (kept && !signal?.aborted) return bytesOf(kept);
      throw error;
    }
    if (kept && response.status === 304) return bytesOf(kept);
    const bytes = await this.body(name, response);
    // Kept only once all of it came; a shard that broke off is asked for again, those before it are not.
    shelf?.put(url, bytes, response.headers);
    return bytes;
  }

  /** A body, told to the ledger. */
  async body(name: keyof typeof MEANING, response: Response): Promise<Uint8Array> {
    const bytes = await bytesOf(response);
    this.#options.received(name, bytes.length, MEANING[name]);
    return bytes;
  }

  /** Where a path of the catalogue lies; never at another origin. */
  address(path: string): URL {
    const { server } = this.#options;
    // Relative, so that a server under a path of its own is reached too.
    const url = new URL(path.replace(/^\/+/, ""), server);
    if (url.origin !== server.origin) {
      throw new SottovoceError("server/foreign", `The catalogue points to ${url.origin}, away from ${server.origin}.`, "Serve both from one origin.");
    }
    return url;
  }

  /** One request; every answer that is no success is a typed error. */
  async request(path: string, { fine = [], arrived, signal, ...init }: Asking): Promise<Response> {
    const { fetch, server } = this.#options;
    const url = this.address(path);
    let response: Response;
    try {
      response = await fetch(url, { ...PRIVATELY, signal: signal ?? null, ...init });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      this.#reached(false);
      throw new SottovoceError("server/away", `${server.host} does not answer.`, "Check the connection; playing goes on with what is on this device.", { cause });
    }
    this.#reached(true);
    arrived?.();
    if (response.ok || response.status === 304 || fine.includes(response.status)) return response;
    const retryAfterMs = retryAfter(response);
    if (response.status === 429 || response.status === 503) {
      throw new SottovoceError("server/busy", `${server.host} is busy.`, `Try again in ${Math.ceil(retryAfterMs / 1000)} s.`, { retryAfterMs });
    }
    const problem = (await response.json().catch(() => ({}))) as { title?: string; detail?: string; next?: string };
    throw new SottovoceError(
      "server/refused",
      `${url.pathname}: ${response.status} ${problem.title ?? response.statusText}. ${problem.detail ?? ""}`.trim(),
      problem.next ?? "Check that page and server are of the same version.",
    );
  }

  #reached(online: boolean): void {
    if (online === this.online) return;
    this.online = online;
    this.#options.reached(online);
  }
}

/** `Retry-After` in milliseconds, from seconds or a date. @internal */
export function retryAfter(response: Pick<Response, "headers">, now: number = Date.now()): number {
  const value = response.headers.get("retry-after");
  if (!value) return DEFAULT_RETRY_MS;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) && wait >= 0 ? wait : DEFAULT_RETRY_MS;
}

/** A list of songs as the server writes it. @internal */
export function songsOf(bytes: Uint8Array): Song[] {
  const rows = json<Record<string, never>[]>(bytes);
  if (!Array.isArray(rows)) throw malformed("A song list");
  return rows.map((row) => ({
    id: row["id"] as unknown as SongId,
    title: row["title"] ?? "",
    artist: row["artist"] ?? "",
    artistId: row["artist_id"] ?? 0,
    album: row["album"] ?? undefined,
    genre: row["genre"] ?? undefined,
    language: row["language"] ?? undefined,
    durationMs: row["duration_ms"] ?? undefined,
    url: row["url"] ?? undefined,
    popularity: row["popularity"] ?? 0,
  }));
}

/** A body as bytes. @internal */
export async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

/** A body as what its JSON says. @internal */
export function json<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    throw malformed("An answer", cause);
  }
}

function malformed(what: string, cause?: unknown): SottovoceError {
  return new SottovoceError("server/malformed", `${what} is not of the expected form.`, "Check the server's address and version.", { cause });
}
