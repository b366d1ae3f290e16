import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { test } from "node:test";
import { shardOf } from "../src/additions.js";
import { Sottovoce, init, memoryStore, songId, type Addition, type Song, type Store } from "../src/index.js";

const WASM = resolve("src/generated/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

const addition = (id: number, embedding: number[]): Addition => ({ song: { id: songId(id), title: "t", artist: "a", artistId: 7, popularity: 0.25 } as Song, embedding: Float32Array.from(embedding) });

test("additions are a shard in the protocol's own bytes, songs ascending, rows as close as int8 allows", () => {
  const bytes = shardOf([addition(2_000_000, [0.5, -1]), addition(1_048_576, [0, 0])]);
  const view = new DataView(bytes.buffer);
  // [version 1, kind 1, [index, dimension, songs, artists, …]]
  assert.deepEqual([...bytes.subarray(0, 8)], [0x83, 1, 1, 0x8d, 0x19, 0xff, 0xff, 2]);
  assert.equal(bytes[8], 0x48, "eight bytes of songs");
  assert.deepEqual([view.getUint32(9, true), view.getUint32(13, true)], [1_048_576, 2_000_000]);
  assert.equal(view.getUint32(18, true), 7);
  // The rows come last but for the boosts: 0 0, and 64 −127 of a scale of 1/127.
  assert.deepEqual([...new Int8Array(bytes.slice(-5, -1).buffer)], [0, 0, 64, -127]);
  assert.equal(bytes.at(-1), 0x40, "no boosts");
});

/** A catalogue of forty songs on a circle, without a server. */
const SONGS = Array.from({ length: 40 }, (_, id) => addition(id, [Math.cos(id / 7), Math.sin(id / 7), 0, 0]));
const answers: Record<string, () => Response> = {
  "/v1/catalogue": () => Response.json({ name: "circle", songs: 40, dimension: 4, shards: [{ index: 0, songs: 40, bytes: 0, etag: '"0"', metadata: "/v1/s", embeddings: "/v1/e" }] }),
  "/v1/s": () => Response.json(SONGS.map(({ song: { id } }) => ({ id, title: `T${id}`, artist: "a", artist_id: id }))),
  "/v1/e": () => new Response(shardOf(SONGS) as Uint8Array<ArrayBuffer>),
};
const MINE = addition(1 << 20, [0, 0, 1, 0]);

async function open(store: Store, additions: readonly Addition[] = []): Promise<Sottovoce> {
  await init(await readFile(WASM));
  const fetch = async (address: string | URL | Request) => answers[new URL(String(address)).pathname]?.() ?? new Response("{}", { status: 404 });
  return Sottovoce.open({ server: "http://device.test", store, seed: 7n, fetch: fetch as typeof globalThis.fetch, additions });
}

test("an added song is recommended, learned from and near its like", { skip }, async () => {
  const engine = await open(memoryStore());
  assert.equal(await engine.addSongs([]), 0);
  assert.equal(await engine.addSongs([MINE]), 1);
  assert.equal(await engine.addSongs([MINE]), 0, "renewed, not doubled");
  assert.equal(engine.songs.size, 41);
  assert.deepEqual([...(engine.embedding(MINE.song.id) ?? [])].map(Math.round), [0, 0, 1, 0]);
  assert.ok(engine.recommend({ k: 41 }).includes(MINE.song.id));
  await engine.observe({ song: MINE.song.id, slot: 0, shownAt: 1, feedback: { kind: "complete" } });
  assert.equal(engine.seen, 1);
  await assert.rejects(engine.addSongs([addition(5, [1, 2])]), "another dimension");
  await engine.close();
});

test("what was heard of an added song is there again, if the song is there when the engine opens", { skip }, async () => {
  const store = memoryStore();
  const engine = await open(store);
  await engine.flush();
  await engine.addSongs([MINE]);
  await engine.observe({ song: MINE.song.id, slot: 3, shownAt: 1, at: 2, feedback: { kind: "complete" } });
  // Not closed: as if the tab had been killed.
  const again = await open(store, [MINE]);
  assert.deepEqual(again.history().map(({ song, slot }) => [song, slot]), [[MINE.song.id, 3]]);
  await again.close();
});
