import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, test } from "node:test";
import { Recommender, SottovoceError, codeOf, init, songId, type SlimConfig } from "../src/slim.js";
import { list, message, tensor, uint } from "./cbor.js";

const SONGS = 200;
const DIMENSION = 16;

function shard(dimension = DIMENSION): Uint8Array {
  let state = 1;
  const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24) - 128;
  return message(1, list(
    uint(0), uint(dimension),
    tensor(Uint32Array.from({ length: SONGS }, (_, i) => i)),
    tensor(Uint32Array.from({ length: SONGS }, (_, i) => i % 25)),
    ...[new Uint32Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS)].map(tensor),
    tensor(Float32Array.from({ length: SONGS }, (_, i) => (i % 10) / 10)),
    tensor(new Uint32Array(SONGS).fill(20)),
    tensor(new Float32Array(SONGS).fill(0.003)),
    tensor(Int8Array.from({ length: SONGS * dimension }, draw)),
    tensor(new Float32Array()),
  ));
}

function ready(config?: SlimConfig): Recommender {
  const engine = new Recommender(config && { config });
  assert.equal(engine.loadShard(shard()), SONGS);
  return engine;
}

const coded = (code: string) => (error: unknown) => codeOf(error) === code;

before(async () => {
  assert.throws(() => new Recommender(), (error) => error instanceof SottovoceError && error.code === "init/missing");
  await init(await readFile(resolve("src/generated-slim/sottovoce_bg.wasm")));
});

test("a skip changes what comes next, and undoing it brings the old list back", () => {
  const engine = ready();
  const first = engine.recommend({ k: 10 });
  assert.equal(new Set(first).size, 10);
  engine.observe({ song: first[0]!, slot: 0, shownAt: Date.now(), feedback: { kind: "skip", heard: 0.05 } });
  const next = engine.recommend({ k: 10 });
  assert.ok(!next.includes(first[0]!));
  assert.notDeepEqual(next, first.slice(1));
  assert.equal(engine.undo(), first[0]);
  assert.deepEqual(engine.recommend({ k: 10 }), first);
  assert.equal(engine.undo(), undefined);
});

test("a disliked song never comes, and an artist not within the gap", () => {
  const engine = ready({ artistGap: 4 });
  const [song] = engine.recommend({ k: 1 });
  engine.observe({ song: song!, slot: 0, shownAt: 0, at: 0, feedback: { kind: "dislike" } });
  const all = engine.recommend({ k: SONGS });
  assert.equal(all.length, SONGS - 1);
  assert.ok(!all.includes(song!));
  const artists = all.slice(0, 60).map((each) => each % 25);
  artists.forEach((artist, slot) => assert.ok(!artists.slice(Math.max(0, slot - 4), slot).includes(artist)));
});

test("every song of the list says why it is there", () => {
  const engine = ready();
  engine.observe({ song: songId(3), slot: 0, shownAt: Date.now(), feedback: { kind: "like" } });
  const candidates = [5, 6, 7, 8, 9, 30, 55].map(songId);
  const songs = engine.recommend({ k: 5, candidates });
  assert.ok(songs.every((song) => candidates.includes(song)));
  const reasons = engine.explain();
  assert.deepEqual(reasons.map(({ song }) => song), songs);
  assert.deepEqual(reasons.map(({ slot }) => slot), [0, 1, 2, 3, 4]);
  for (const { text, why, session, diversity, weight, popularity } of reasons) {
    assert.ok(text.length > 5 && why.length > 3 && weight === 1);
    assert.ok([session, popularity].every(Number.isFinite) && session !== 0 && diversity > 0 && diversity <= 1);
  }
  // Three of one artist among three: closer than the gap, and said.
  engine.recommend({ k: 3, candidates: [5, 30, 55].map(songId) });
  assert.deepEqual(engine.explain().map(({ rule }) => rule), [undefined, "gap-relaxed", "gap-relaxed"]);
});

test("what cannot be done is refused by a stable code", () => {
  const engine = ready();
  assert.throws(() => engine.loadShard(Uint8Array.of(1, 2)), coded("decode/malformed"));
  assert.throws(() => engine.loadShard(message(2, list())), coded("decode/kind"));
  assert.throws(() => engine.loadShard(shard(8)), coded("shard/dimension"));
  assert.throws(() => engine.observe({ song: songId(9999), slot: 0, shownAt: 0, feedback: { kind: "like" } }), coded("song/unknown"));
  assert.throws(() => engine.observe({ song: songId(1), slot: 0, shownAt: 0, feedback: { kind: "love" as "like" } }), coded("event/behaviour"));
  assert.throws(() => new Recommender({ config: { diversity: 2 } }), coded("config/invalid"));
  assert.throws(() => new Recommender({ config: { quota: true } as SlimConfig }), coded("config/invalid"));
  assert.equal(engine.songs, SONGS);
});
