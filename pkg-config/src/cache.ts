// The catalogue between visits, in the Cache API: whole answers with their ETag, up to a cap. Loaded where there is such a cache.

/** The cache of one engine. Whatever it cannot do, it leaves; the network has everything too. */
export class Shards {
  readonly #name: string;
  readonly #cap: number;
  #open: Promise<Cache | undefined> | undefined;
  /** Bytes kept; counted when they are first asked for. */
  #bytes: Promise<number> | undefined;

  constructor(name: string, cap: number) {
    this.#name = name;
    this.#cap = cap;
  }

  match(url: URL): Promise<Response | undefined> {
    return quietly(async () => (await this.#cache())?.match(url));
  }

  /** Keeps a copy, if there is room for it; no room is no reason to stop. */
  async put(url: URL, body: Uint8Array, sent: Headers): Promise<void> {
    await quietly(async () => {
      const cache = await this.#cache();
      if (!cache) return;
      const before = await (this.#bytes ??= count(cache));
      const old = await cache.match(url);
      const after = before - (old ? lengthOf(old) : 0) + body.byteLength;
      if (after > this.#cap) {
        // What is there is out of date; of what was there before, as much as fits stays.
        if (old && (await cache.delete(url))) this.#bytes = Promise.resolve(before - lengthOf(old));
        return;
      }
      const headers = new Headers(sent);
      // The length that travelled may be that of a compressed body.
      headers.delete("content-encoding");
      headers.set("content-length", String(body.byteLength));
      await cache.put(url, new Response(body as Uint8Array<ArrayBuffer>, { headers }));
      this.#bytes = Promise.resolve(after);
    });
  }

  /** Lets go of everything but `urls`: shards of a catalogue that is no more. */
  async keepOnly(urls: ReadonlySet<string>): Promise<void> {
    await quietly(async () => {
      const cache = await this.#cache();
      if (!cache) return;
      const stale = (await cache.keys()).filter(({ url }) => !urls.has(url));
      for (const request of stale) await cache.delete(request);
      if (stale.length) this.#bytes = undefined;
    });
  }

  /** Forgets everything; how many files are left. */
  async clear(): Promise<number> {
    this.#open = this.#bytes = undefined;
    await quietly(() => caches.delete(this.#name));
    // Opening would make it anew.
    const left = await quietly(async () => ((await caches.has(this.#name)) ? (await (await caches.open(this.#name)).keys()).length : 0));
    return left ?? 0;
  }

  #cache(): Promise<Cache | undefined> {
    return (this.#open ??= quietly(() => caches.open(this.#name)));
  }
}

async function count(cache: Cache): Promise<number> {
  let bytes = 0;
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    if (response) bytes += lengthOf(response);
  }
  return bytes;
}

/** Browsers that block site data, and runtimes with half a Cache API, throw anywhere. */
async function quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

function lengthOf(response: Response): number {
  return Number(response.headers.get("content-length") ?? 0);
}
