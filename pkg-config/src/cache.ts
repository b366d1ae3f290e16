// The catalogue between visits, in the Cache API: whole answers with their ETag, up to a cap. Loaded where there is such a cache.

import type { Shelf } from "./http.js";

/** The cache of one engine. */
export class Shards implements Shelf {
  readonly #name: string;
  readonly #cap: number;
  #open: Promise<Cache | undefined> | undefined;
  /** Bytes kept; counted when they are first asked for. */
  #bytes: Promise<number> | undefined;

  constructor(name: string, cap: number) {
    this.#name = name;
    this.#cap = cap;
  }

  async match(url: URL): Promise<Response | undefined> {
    return (await this.#cache())?.match(url).catch(() => undefined);
  }

  /** Keeps a copy, if there is room for it; no room is no reason to stop. */
  async put(url: URL, response: Response): Promise<void> {
    const cache = await this.#cache();
    if (!cache) return;
    const before = await (this.#bytes ??= this.#count(cache));
    const old = await cache.match(url).catch(() => undefined);
    const body = await response.arrayBuffer();
    const after = before - (old ? lengthOf(old) : 0) + body.byteLength;
    if (after > this.#cap) return void (old && (await cache.delete(url).catch(() => false)));
    const headers = new Headers(response.headers);
    // The length that travelled may be that of a compressed body.
    headers.delete("content-encoding");
    headers.set("content-length", String(body.byteLength));
    const kept = await cache.put(url, new Response(body, { headers })).then(() => true, () => false);
    if (kept) this.#bytes = Promise.resolve(after);
  }

  /** Lets go of everything but `urls`: shards of a catalogue that is no more. */
  async keepOnly(urls: ReadonlySet<string>): Promise<void> {
    const cache = await this.#cache();
    const stale = ((await cache?.keys().catch(() => undefined)) ?? []).filter(({ url }) => !urls.has(url));
    for (const request of stale) await cache?.delete(request).catch(() => false);
    if (stale.length) this.#bytes = undefined;
  }

  /** Forgets everything; how many files are left. */
  async clear(): Promise<number> {
    this.#open = this.#bytes = undefined;
    await caches.delete(this.#name).catch(() => false);
    // Opening would make it anew.
    if (!(await caches.has(this.#name).catch(() => false))) return 0;
    return (await (await caches.open(this.#name)).keys()).length;
  }

  #cache(): Promise<Cache | undefined> {
    return (this.#open ??= caches.open(this.#name).catch(() => undefined));
  }

  async #count(cache: Cache): Promise<number> {
    let bytes = 0;
    for (const request of await cache.keys().catch(() => [])) {
      const response = await cache.match(request).catch(() => undefined);
      if (response) bytes += lengthOf(response);
    }
    return bytes;
  }
}

function lengthOf(response: Response): number {
  return Number(response.headers.get("content-length") ?? 0);
}
