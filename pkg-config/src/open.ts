// What an engine needs when it opens, and small change.

import type { Shards } from "./cache.js";
import type { OpenOptions } from "./options.js";

export type { Shards };

/** Enough for a catalogue of some millions of songs. */
const CACHE_BYTES = 256 * 2 ** 20;

/** The cache of the catalogue; absent outside secure contexts, where the browser's own HTTP cache has to do. */
export async function shelfOf(name: string, { cacheBytes = CACHE_BYTES }: OpenOptions): Promise<Shards | undefined> {
  return globalThis.caches && cacheBytes > 0 ? new (await import("./cache.js")).Shards(name, cacheBytes) : undefined;
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
