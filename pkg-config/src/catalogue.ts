// Brings the catalogue into the engine, shard by shard.

import type { Door } from "./door.js";
import type { Http, Manifest } from "./http.js";
import type { OpenOptions } from "./options.js";
import type { Song } from "./types.js";

/** Shards that are on their way beside the one that is waited for. */
const AHEAD = 4;

/** A shard that is on its way. */
interface Parts {
  readonly embeddings: Promise<Uint8Array>;
  readonly songs: Promise<() => Song[]>;
}

/** A catalogue that is on its way. */
export interface Coming {
  readonly manifest: Promise<Manifest>;
  /** The shared weights. */
  readonly weights: Promise<Uint8Array>;
  /** A shard's embeddings and song list; each in its turn. The one as far ahead as at first is asked for. */
  take(i: number): Promise<Parts>;
}

/** Asks for the catalogue, `ahead` shards of it and the weights; none waits for the engine. */
export function ask(http: Http, { signal }: OpenOptions, ahead = AHEAD): Coming {
  const coming: (Parts | undefined)[] = [];
  const next = ({ shards }: Manifest) => {
    const shard = shards[coming.length];
    if (!shard) return;
    const { metadata, embeddings, etag } = shard;
    coming.push({ embeddings: later(http.embeddings(embeddings, { etag, signal })), songs: later(http.songs(metadata, signal)) });
  };
  const manifest = http.manifest(signal).then((manifest) => {
    for (let i = 0; i < ahead; i++) next(manifest);
    return manifest;
  });
  return {
    manifest: later(manifest),
    weights: later(http.weights(signal)),
    async take(i) {
      next(await manifest);
      const parts = coming[i]!;
      // What was taken can go.
      coming[i] = undefined;
      return parts;
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
    const { songs, embeddings: bytes } = await coming.take(i);
    loaded += await takeShard(door, http, embeddings, await bytes, signal);
    described(await songs);
    progress?.(total > 0 ? loaded / total : 1);
  }
}

/** Takes a shard in; how many songs were new. The copy on this device may be broken: what the server has now decides. */
export async function takeShard(door: Door, http: Http, path: string, encoded: Uint8Array, signal?: AbortSignal): Promise<number> {
  try {
    return door.loadShard(encoded);
  } catch {
    return door.loadShard(await http.embeddings(path, { signal, fresh: true }));
  }
}

/** Every file of the catalogue that is worth keeping. */
export function filesOf({ shards }: Manifest, http: Http): Set<string> {
  const paths = ["v1/catalogue", "v1/tower/weights", ...shards.flatMap(({ metadata, embeddings }) => [metadata, embeddings])];
  return new Set(paths.map((path) => http.address(path).href));
}
