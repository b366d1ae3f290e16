// Brings the catalogue into the engine, shard by shard.

import type { Door } from "./door.js";
import type { Http, Manifest } from "./http.js";
import type { OpenOptions } from "./options.js";
import type { Song, SongId } from "./types.js";

/** Shards that are on their way at a time. */
const AT_ONCE = 4;

/** Loads all shards into `door` and describes their songs in `known`. */
export async function load(
  { shards, songs: total }: Manifest, http: Http, door: Door, known: Map<SongId, Song>, { progress, signal }: OpenOptions,
): Promise<void> {
  const ask = (i: number) => {
    const shard = shards[i];
    if (!shard) return undefined;
    const { metadata, embeddings, etag } = shard;
    const coming = Promise.all([http.songs(metadata, signal), http.embeddings(embeddings, { etag, signal })]);
    // One that fails while another is waited for is told when its turn comes.
    coming.catch(() => {});
    return coming;
  };
  // They are taken in their order, on which draws and ties depend.
  const coming = Array.from({ length: AT_ONCE }, (_, i) => ask(i));
  let loaded = 0;
  for (const [i, { embeddings }] of shards.entries()) {
    const [songs, bytes] = (await coming[i])!;
    // What was taken can go; what comes next is asked for.
    coming[i] = undefined;
    coming.push(ask(i + AT_ONCE));
    try {
      loaded += door.loadShard(bytes);
    } catch {
      // The copy on this device may be broken; what the server has now decides.
      loaded += door.loadShard(await http.embeddings(embeddings, { signal, fresh: true }));
    }
    for (const song of songs) known.set(song.id, song);
    progress?.(total > 0 ? loaded / total : 1);
  }
}

/** Every file of the catalogue that is worth keeping. */
export function filesOf({ shards }: Manifest, http: Http): Set<string> {
  const paths = ["v1/catalogue", "v1/tower/weights", ...shards.flatMap(({ metadata, embeddings }) => [metadata, embeddings])];
  return new Set(paths.map((path) => http.address(path).href));
}
