import assert from "node:assert/strict";
import { test } from "node:test";
import { shardOf } from "../src/additions.js";
import { songId, type Addition, type Song } from "../src/index.js";

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
