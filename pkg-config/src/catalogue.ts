// Brings the catalogue into the engine, shard by shard.

import type { Door } from "./door.js";
import type { Http, Manifest } from "./http.js";
import type { OpenOptions } from "./options.js";
import type { Song } from "./types.js";

/** Shards that are on their way at a time. */
const AT_ONCE = 4;

/** A catalogue that is on its way. */
export interface Coming {
  readonly manifest: Promise<Manifest>;
  /** The shared weights. */
  readonly weights: Promise<Uint8Array>;
  /** A shard's songs and embeddings. The one {@link AT_ONCE} further on is asked for when it is taken. */
  take(i: number): Promise<readonly [() => Song[], Uint8Array]>;
}

/** Asks for the catalogue and the weights; neither waits for the engine. */
export function ask(http: Http, { signal }: OpenOptions): Coming {
  const coming: (Promise<[() => Song[], Uint8Array]> | undefined)[] = [];
  const manifest = http.manifest(signal);
  const shard = async (i: number) => {
    const { metadata, embeddings, etag } = (await manifest).shards[i]!;
    return Promise.all([http.songs(metadata, signal), http.embeddings(embeddings, { etag, signal })]);
  };
  const next = (shards: Manifest["shards"]) => {
    if (coming.length < shards.length) coming.push(later(shard(coming.length)));
  };
  const first = later(manifest.then(({ shards }) => Array.from({ length: AT_ONCE }, () => next(shards))));
  return {
    manifest,
    weights: later(http.weights(signal)),
    async take(i) {
      await first;
      const taken = await coming[i]!;
      // What was taken can go; what comes next is asked for.
      coming[i] = undefined;
      next((await manifest).shards);
      return taken;
    },
  };
}

/** One that fails while another is waited for is told when its turn comes. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Takes all shards into `door`, in their order, on which draws and ties depend, and tells `described` how to read of their songs. */
export async function load(coming: Coming, http: Http, door: Door, described: (songs: () => Song[]) => void, { progress, signal }: OpenOptions): Promise<void> {
  const { shards, songs: total } = await coming.manifest;
  let loaded = 0;
  for (const [i, { embeddings }] of shards.entries()) {
    const [songs, bytes] = await coming.take(i);
    try {
      loaded += door.loadShard(bytes);
    } catch {
      // The copy on this device may be broken; what the server has now decides.
      loaded += door.loadShard(await http.embeddings(embeddings, { signal, fresh: true }));
    }
    described(songs);
    progress?.(total > 0 ? loaded / total : 1);
  }
}

/** Every file of the catalogue that is worth keeping. */
export function filesOf({ shards }: Manifest, http: Http): Set<string> {
  const paths = ["v1/catalogue", "v1/tower/weights", ...shards.flatMap(({ metadata, embeddings }) => [metadata, embeddings])];
  return new Set(paths.map((path) => http.address(path).href));
}
