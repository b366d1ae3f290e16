// Songs that rounds have moved: after a vertical round they lie elsewhere among each other, and the shared weights speak of them there.

import { takeShard } from "./catalogue.js";
import type { Door } from "./door.js";
import type { Http, Manifest } from "./http.js";

/** Fetches the parts of the catalogue that are others than `held`, and gives what the catalogue is made of now. Titles stay what they are. */
export async function renewSongs(held: Manifest | undefined, door: () => Door, http: Http, signal?: AbortSignal): Promise<Manifest> {
  const manifest = await http.manifest(signal);
  for (const [i, { etag, embeddings }] of manifest.shards.entries()) {
    if (held?.shards[i]?.etag === etag) continue;
    const bytes = await http.embeddings(embeddings, { etag, signal });
    signal?.throwIfAborted();
    await takeShard(door(), http, embeddings, bytes, signal);
  }
  return manifest;
}
