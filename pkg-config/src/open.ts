// What an engine needs when it opens, and small change.

import type { Shards } from "./cache.js";
import type { Shelf } from "./http.js";
import type { OpenOptions } from "./options.js";

/** Enough for a catalogue of some millions of songs. */
const CACHE_BYTES = 256 * 2 ** 20;

/** What can wait waits so long: a page that opens quickly has its first list by then, and a download that breaks off has lost no more. */
export const SOON_MS = 250;

/** The catalogue between visits. */
export interface Shelves extends Shelf {
  /** Lets go of everything but `urls`, once what waits is written. */
  keepOnly(urls: ReadonlySet<string>): void;
  /** Resolved once what waits is written. */
  flush(): Promise<void>;
  /** Forgets everything; how many files are left. */
  clear(): Promise<number>;
}

/**
 * The cache of the catalogue; outside secure contexts, where there is none, the browser's own HTTP cache has to do. A first visit asks
 * only whether there is one, and fetches what writes into it after its first list.
 */
export function shelfOf(name: string, { cacheBytes = CACHE_BYTES }: OpenOptions): Shelves | undefined {
  if (!globalThis.caches || cacheBytes <= 0) return undefined;
  const opened = async () => new (await import("./cache.js")).Shards(name, cacheBytes);
  let shards: Promise<Shards> | undefined;
  // Undefined where site data are blocked, or where caches have no names: nothing is read or written then.
  const there = (async () => (await caches.has(name)) && !!(shards = opened()))().catch(() => undefined);
  let waiting: ((shards: Shards) => Promise<void>)[] = [];
  let writing = there as Promise<unknown>;
  const write = async () => {
    if (!waiting.length) return;
    const into = (await there) === undefined ? undefined : await (shards ??= opened());
    for (let job; (job = waiting.shift()); ) if (into) await job(into);
  };
  // What cannot be written comes over the network again.
  const flush = () => (writing = writing.then(write).catch(() => (waiting = []))) as Promise<void>;
  const soon = (job: (shards: Shards) => Promise<void>) => {
    if (waiting.push(job) === 1) setTimeout(flush, SOON_MS);
  };
  return {
    flush,
    put: (url, body, headers) => soon((into) => into.put(url, body, headers)),
    keepOnly: (urls) => soon((into) => into.keepOnly(urls)),
    async match(url) {
      await there;
      return (await shards)?.match(url);
    },
    async clear() {
      waiting = [];
      await writing;
      return (await there) === undefined ? 0 : (await (shards ??= opened())).clear();
    },
  };
}

/** The server's address as a folder. */
export function serverOf(server: string | URL = "/"): URL {
  const url = new URL(server, globalThis.location?.href);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Bytes as text that JSON can carry. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Such text as bytes again. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
