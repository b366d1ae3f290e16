// Everything that touches the network. No cookies, no referrer, no query that says anything about the listener.

import { SottovoceError } from "./errors.js";
import type { RoundStatus, Song, SongId } from "./types.js";

/** The media type of the protocol's messages; the version is part of it. */
export const MEDIA_TYPE = "application/vnd.sottovoce.v1+cbor";

const DEFAULT_RETRY_MS = 5000;

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

/** How {@link Http} reaches the world. */
export interface HttpOptions {
  readonly server: URL;
  readonly fetch: typeof fetch;
  /** Name of the cache for the catalogue. */
  readonly cache: string;
  /** Told of every body that came down. */
  readonly received: (message: string, bytes: number, meaning: string) => void;
  /** Told whether the last request reached the server. */
  readonly reached: (online: boolean) => void;
}

/** The server's answers, typed. One method an endpoint. */
export class Http {
  readonly #options: HttpOptions;
  /** Answers to {@link Http.rounds} since this page opened. */
  roundChecks = { messages: 0, bytes: 0 };

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** What the catalogue is made of; from the cache when the server is away. */
  async manifest(signal?: AbortSignal): Promise<Manifest> {
    return JSON.parse(text(await this.#cached("catalogue", "v1/catalogue", { signal }))) as Manifest;
  }

  /** Titles and artists of a shard. */
  async songs(path: string, signal?: AbortSignal): Promise<Song[]> {
    const rows = JSON.parse(text(await this.#cached("song list", path, { signal }))) as Record<string, never>[];
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

  /** A shard's embeddings, encoded. */
  embeddings(path: string, etag: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#cached("catalogue shard", path, { etag, signal, accept: MEDIA_TYPE });
  }

  /** The shared weights, encoded; from the cache when they are still the newest or the server is away. */
  weights(signal?: AbortSignal): Promise<Uint8Array> {
    return this.#cached("tower weights", "v1/tower/weights", { accept: MEDIA_TYPE, signal });
  }

  /** The invitation to a round, encoded, or how long to wait for one. Only ever called with consent. */
  async offer(signal?: AbortSignal): Promise<{ bytes: Uint8Array } | { retryAfterMs: number }> {
    const response = await this.#request("v1/rounds/next", { headers: { accept: MEDIA_TYPE }, signal });
    if (response.status === 204) return { retryAfterMs: retryAfter(response) };
    return { bytes: await this.#body("round offer", response) };
  }

  /** The newest rounds. Only ever called with consent. */
  async rounds(signal?: AbortSignal): Promise<RoundStatus[]> {
    const response = await this.#request("v1/rounds", { signal });
    const body = await bytesOf(response);
    const { messages, bytes } = this.roundChecks;
    this.roundChecks = { messages: messages + 1, bytes: bytes + body.length };
    const { rounds } = JSON.parse(text(body)) as { rounds: Record<string, never>[] };
    return rounds.map((row) => ({
      round: row["round"] ?? 0,
      state: row["state"] as unknown as RoundStatus["state"],
      updates: row["updates"] ?? 0,
      cohort: row["cohort"] ?? 0,
      openedAt: row["opened_at"] ?? 0,
      closesAt: row["closes_at"] ?? 0,
      closedAt: row["closed_at"] ?? undefined,
      weightsFrom: row["weights_from"] ?? 0,
      weightsTo: row["weights_to"] ?? undefined,
      clipNorm: row["clip_norm"] ?? 0,
    }));
  }

  /**
   * Sends an update; the one request with a body. `left` is called as soon as the server is known to have it, whatever it
   * answers. The key makes it safe to send again.
   */
  async update(round: number, key: string, bytes: Uint8Array, left: () => void, signal?: AbortSignal): Promise<Uint8Array> {
    const response = await this.#request(`v1/rounds/${round}/updates/${key}`, {
      method: "PUT",
      headers: { "content-type": MEDIA_TYPE, accept: MEDIA_TYPE },
      body: bytes as Uint8Array<ArrayBuffer>,
      signal,
      // 409 carries a receipt too: the round has closed.
      fine: [409],
      arrived: left,
    });
    return this.#body("receipt", response);
  }

  /** Forgets the cached catalogue. */
  async forget(): Promise<void> {
    await globalThis.caches?.delete(this.#options.cache).catch(() => false);
  }

  /** A body that changes rarely: from the cache when its ETag is still right or the server is away. */
  async #cached(
    name: keyof typeof MEANING,
    path: string,
    { etag, accept, signal }: { etag?: string | undefined; accept?: string | undefined; signal?: AbortSignal | undefined },
  ): Promise<Uint8Array> {
    const url = this.#address(path);
    // Absent outside secure contexts; then the browser's own HTTP cache has to do.
    const cache = await globalThis.caches?.open(this.#options.cache).catch(() => undefined);
    const kept = await cache?.match(url);
    const held = kept?.headers.get("etag") ?? undefined;
    if (kept && etag !== undefined && held === etag) return bytesOf(kept);
    const headers: Record<string, string> = {};
    if (accept) headers["accept"] = accept;
    if (held) headers["if-none-match"] = held;
    let response: Response;
    try {
      response = await this.#request(path, { headers, signal });
    } catch (error) {
      if (kept && !signal?.aborted) return bytesOf(kept);
      throw error;
    }
    if (kept && response.status === 304) return bytesOf(kept);
    // No room for a copy is no reason to stop.
    await cache?.put(url, response.clone()).catch(() => {});
    return this.#body(name, response);
  }

  async #body(name: keyof typeof MEANING, response: Response): Promise<Uint8Array> {
    const bytes = await bytesOf(response);
    this.#options.received(name, bytes.length, MEANING[name]);
    return bytes;
  }

  #address(path: string): URL {
    const { server } = this.#options;
    // Relative, so that a server under a path of its own is reached too.
    const url = new URL(path.replace(/^\/+/, ""), server);
    if (url.origin !== server.origin) {
      throw new SottovoceError("server/foreign", `The catalogue points to ${url.origin}, away from ${server.origin}.`, "Serve both from one origin.");
    }
    return url;
  }

  async #request(
    path: string,
    { fine = [], arrived, signal, ...init }: Omit<RequestInit, "signal"> & { fine?: number[]; arrived?: () => void; signal?: AbortSignal | undefined },
  ): Promise<Response> {
    const { fetch, reached, server } = this.#options;
    const url = this.#address(path);
    let response: Response;
    try {
      response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", signal: signal ?? null, ...init });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      reached(false);
      throw new SottovoceError("server/away", `${server.host} does not answer.`, "Check the connection; playing goes on with what is on this device.", { cause });
    }
    reached(true);
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
}

/** `Retry-After` in milliseconds, from seconds or a date. @internal */
export function retryAfter(response: Pick<Response, "headers">, now: number = Date.now()): number {
  const value = response.headers.get("retry-after");
  if (!value) return DEFAULT_RETRY_MS;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) && wait >= 0 ? wait : DEFAULT_RETRY_MS;
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
