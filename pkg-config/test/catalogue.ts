// A small catalogue of drawn songs, as a server would send it. Test only.

import { MEDIA_TYPE } from "../src/http.js";
import { list, message, tensor, uint } from "./cbor.js";

/** How many songs there are, and of which dimension. */
export const SONGS = 400;
export const DIMENSION = 16;

/** The one shard, encoded; another seed lays its songs elsewhere. */
export function shard(seed = 1): Uint8Array {
  let state = seed;
  const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24) - 128;
  return message(1, list(
    uint(0), uint(DIMENSION),
    tensor(Uint32Array.from({ length: SONGS }, (_, i) => i)),
    tensor(Uint32Array.from({ length: SONGS }, (_, i) => i % 50)),
    ...[new Uint32Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS)].map(tensor),
    tensor(Float32Array.from({ length: SONGS }, (_, i) => (i % 10) / 10)),
    tensor(new Uint32Array(SONGS).fill(20)),
    tensor(new Float32Array(SONGS).fill(0.003)),
    tensor(Int8Array.from({ length: SONGS * DIMENSION }, draw)),
    tensor(new Float32Array()),
  ));
}

/** A `fetch` that answers as such a server does; `name` is the catalogue's. It has no weights. */
export function catalogueFetch(name = "test", etag = '"0"'): typeof fetch {
  return async (input) => {
    const { pathname } = new URL(String(input));
    const json = (value: unknown) => new Response(JSON.stringify(value), { headers: { etag } });
    if (pathname === "/v1/catalogue") {
      const one = { index: 0, songs: SONGS, bytes: 0, etag, metadata: "/v1/s", embeddings: "/v1/e" };
      return json({ name, songs: SONGS, dimension: DIMENSION, shards: [one] });
    }
    if (pathname === "/v1/s") return json(Array.from({ length: SONGS }, (_, id) => ({ id, title: `T${id}`, artist: `A${id % 50}`, artist_id: id % 50 })));
    if (pathname === "/v1/e") return new Response(shard() as Uint8Array<ArrayBuffer>, { headers: { etag, "content-type": MEDIA_TYPE } });
    return new Response("{}", { status: 404 });
  };
}
