// Carries one errand of the engine: fetches, sends, writes down, enciphers. What for, only the engine knows.

import type { CoreErrand, Door } from "../door.js";
import { MEDIA_TYPE, bytesOf, retryAfter, type Http } from "../http.js";
import { keyStream } from "./stream.js";

/** What an errand needs of its caller. */
export interface Means {
  readonly door: Door;
  readonly http: Http;
  /** Writes the vault so that it survives a crash, and gives what is found on reading it back. */
  readonly keep: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Aborted when consent is withdrawn, and before the engine is freed. */
  readonly signal: AbortSignal;
  /** A body has left; the ledger has a line more. */
  readonly left: () => void;
  /** Notes, so that it survives a crash, that a body is about to leave. */
  readonly leaving: (message: string, bytes: number) => Promise<void>;
  /** That note is needed no more; where the engine cannot tell, the body counts as having left. */
  readonly settled: (counts: boolean) => void;
  /** Shared weights came. */
  readonly weights: (bytes: Uint8Array) => void;
  /** Brings the songs to where the newest weights have them. */
  readonly songs: (signal: AbortSignal) => Promise<void>;
  /** What the server gave before, with its tag: an invitation is looked at again and again. */
  readonly known: Map<string, { readonly etag: string; readonly body: Uint8Array }>;
}

/** An errand, out of the engine's memory. */
export type Errand =
  | { readonly kind: "get"; readonly path: string }
  | { readonly kind: "put"; readonly path: string; readonly message: string; readonly body: Uint8Array }
  | { readonly kind: "keep"; readonly body: Uint8Array }
  | { readonly kind: "mask"; readonly body: Uint8Array; readonly length: number };

/** Every refusal of a message is an answer to the engine; that the server is too busy to look at it is none. */
const REFUSALS = Array.from({ length: 100 }, (_, i) => 400 + i).filter((status) => status !== 429);

const OFFER = "v1/rounds/next";
const WEIGHTS = "v1/tower/weights";
const BLOCK = /\/blocks\/\d+$/;

/** Copies an errand and gives its memory back. */
export function taken(errand: CoreErrand | undefined): Errand | undefined {
  if (!errand) return undefined;
  const { kind, path = "", message = "", body = new Uint8Array(), length = 0 } = errand;
  errand.free();
  switch (kind) {
    case "get":
      return { kind, path };
    case "put":
      return { kind, path, message, body };
    case "keep":
      return { kind, body };
    case "mask":
      return { kind, body, length };
  }
}

/** Does it, and tells the engine. Gives how long the server wants to be left alone with this, in milliseconds; 0 where it does not say. */
export async function carry(errand: Errand, means: Means): Promise<number> {
  const { door, keep, signal } = means;
  switch (errand.kind) {
    case "keep": {
      const back = await keep(errand.body);
      signal.throwIfAborted();
      door.roundKept(back);
      return 0;
    }
    case "mask": {
      const stream = await keyStream(errand.body, errand.length);
      signal.throwIfAborted();
      door.roundStream(stream);
      return 0;
    }
    default:
      return ask(errand, means);
  }
}

async function ask(errand: Errand & { kind: "get" | "put" }, means: Means): Promise<number> {
  const { door, http, signal, left, weights, known } = means;
  const { path } = errand;
  // A vertical round moves the songs, and is trained where they are now.
  if (BLOCK.test(path)) await means.songs(signal);
  const held = errand.kind === "get" ? known.get(path) : undefined;
  const response = errand.kind === "put" ? await put(errand, means) : await http.request(path, {
    headers: { accept: MEDIA_TYPE, ...(held && { "if-none-match": held.etag }) },
    fine: REFUSALS,
    signal,
  });
  const { status, headers } = response;
  const body = await bytesOf(response);
  signal.throwIfAborted();
  if (status === 304 && held) {
    // The invitation is what it was; whether this device can follow it may have changed.
    door.roundAnswer(200, held.body, Date.now());
    return 0;
  }
  const etag = headers.get("etag");
  if (path === OFFER && status === 200 && etag) known.set(path, { etag, body });
  if (path === WEIGHTS && status === 200) weights(body);
  door.roundAnswer(status, body, Date.now());
  left();
  return headers.has("retry-after") ? retryAfter(response) : 0;
}

/** Sends a body. That it is on its way is kept before: a page that is closed just then would have sent what its ledger never heard of. */
async function put({ path, message, body }: Errand & { kind: "put" }, { door, http, signal, left, leaving, settled }: Means): Promise<Response> {
  await leaving(message, body.length);
  if (signal.aborted) settled(false);
  signal.throwIfAborted();
  try {
    return await http.request(path, {
      headers: { accept: MEDIA_TYPE, "content-type": MEDIA_TYPE },
      fine: REFUSALS,
      signal,
      method: "PUT",
      body: body as Uint8Array<ArrayBuffer>,
      // As soon as the server is known to have it, whatever it answers. The engine forgets what consent was withdrawn from.
      arrived: () => {
        settled(signal.aborted);
        if (!signal.aborted) door.roundSent(Date.now());
        left();
      },
    });
  } catch (error) {
    // Stopped on its way, nobody knows whether it was all on the wire. Where there was no server, it is sent again, and counted then.
    settled(signal.aborted);
    left();
    throw error;
  }
}
