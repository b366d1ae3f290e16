// Every question goes through to the core with the right numbers, and its answer comes back in the face's words.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Door } from "../src/door.js";
import { codeOf } from "../src/errors.js";
import { record, type ReplayFile } from "../src/tape.js";
import { again } from "../src/replay.js";
import { Taste } from "../src/taste.js";
import { songId, type SongId } from "../src/types.js";

/** A core that writes down what it is asked and answers from a list. */
function fake(answers: Partial<Record<keyof Door, unknown>> = {}): { door: Door; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const door = new Proxy({} as Door, {
    get: (_, name) => (...args: unknown[]) => {
      asked.push([name, ...args]);
      return answers[name as keyof Door];
    },
  });
  return { door, asked };
}

class Face extends Taste {
  constructor(door: Door) {
    super(door);
  }
  shut(): void {
    this.closed = true;
  }
}

const songs = (...ids: number[]) => ids.map(songId);

test("a plain list has no terms, other lists have theirs", () => {
  const { door, asked } = fake({ recommend: Uint32Array.of(3, 1) });
  const face = new Face(door);
  assert.deepEqual(face.recommend({ k: 2, candidates: new Set(songs(1, 2, 3)) }), [3, 1]);
  assert.deepEqual(face.recommend({ around: songId(9), config: { method: "ssd", quota: false, artistGap: 0 } }), [3, 1]);
  const [plain, other] = asked;
  assert.deepEqual(plain?.slice(0, 3), ["recommend", Uint32Array.of(1, 2, 3), 2]);
  assert.ok(Math.abs((plain?.[3] as number) - Date.now()) < 1000);
  assert.equal(plain?.[4], undefined);
  assert.deepEqual([other?.[0], other?.[1], other?.[2]], ["recommend", undefined, 30]);
  assert.deepEqual(other?.[4], { method: 2, quota: 0, artistGap: 0, around: 9 });
});

test("the moment goes in by the core's numbers", () => {
  const { door, asked } = fake();
  new Face(door).setContext({ hour: 23, weekday: 0, device: "car", locale: "de-CH", scene: 3 });
  const [, context] = asked[0] as [string, { locale: number }];
  assert.ok(Number.isInteger(context.locale) && context.locale >= 0 && context.locale < 0x10000);
  assert.deepEqual({ ...context, locale: 0 }, { hour: 23, weekday: 0, device: 3, locale: 0, scene: 3 });
});

test("the library's columns come back as rows", () => {
  const library = { songs: Uint32Array.of(4, 7), plays: Uint32Array.of(2, 0), skips: Uint32Array.of(0, 3), liked: Uint8Array.of(1, 0), last: Float64Array.of(10, 20) };
  assert.deepEqual(new Face(fake({ library }).door).library(), [
    { song: 4, plays: 2, skips: 0, liked: true, last: 10 }, { song: 7, plays: 0, skips: 3, liked: false, last: 20 },
  ]);
});

test("the history speaks the face's words, ignored songs included", () => {
  const history = [{ song: 1, slot: 0, shownAt: 5, at: 6, behaviour: 4 }, { song: 2, slot: 1, shownAt: 7, at: 8, behaviour: 0, heard: 0.5 }];
  assert.deepEqual(new Face(fake({ history }).door).history(), [
    { song: 1, slot: 0, shownAt: 5, at: 6, feedback: { kind: "ignore" } },
    { song: 2, slot: 1, shownAt: 7, at: 8, feedback: { kind: "skip", heard: 0.5 } },
  ]);
});

test("interests, what is muted, neighbours, likeness, the session: each asks for what it says", () => {
  const interests = [{ weight: 0.7, songs: songs(1, 2) }];
  const { door, asked } = fake({ interests, muted: [{ songs: songs(3) }], near: Uint32Array.of(5), similarity: Float32Array.of(1), sessionVector: Float32Array.of(0.5), portrait: { niche: { value: 0.2, stars: 1 } } });
  const face = new Face(door);
  assert.equal(face.interests(2), interests);
  assert.deepEqual(face.muted(4), [{ songs: [3] }]);
  assert.deepEqual(face.near(songId(4), 1), [5]);
  assert.deepEqual(face.similarity(new Set(songs(4)) as Iterable<SongId>), Float32Array.of(1));
  assert.deepEqual(face.sessionVector(), Float32Array.of(0.5));
  assert.equal(face.portrait().niche?.stars, 1);
  assert.deepEqual(asked.map(([name, ...args]) => [name, args[0]]), [
    ["interests", 2], ["muted", 4], ["near", 4], ["similarity", Uint32Array.of(4)], ["sessionVector", asked[4]?.[1]], ["portrait", undefined],
  ]);
});

test("nothing is asked of a closed engine", () => {
  const { door, asked } = fake();
  const face = new Face(door);
  face.shut();
  for (const ask of [() => face.recommend(), () => face.interests(), () => face.seen, () => face.portrait()]) {
    assert.throws(ask, (error) => codeOf(error) === "engine/closed");
  }
  assert.deepEqual(asked, []);
});

test("a recording holds what changes answers, survives JSON, and makes the same calls again", () => {
  const answers = { recommend: Uint32Array.of(3, 1), receive: { kind: "weights", version: 5 }, importHistory: 2, snapshot: Uint8Array.of(1) };
  const { door, asked } = fake(answers);
  const tape = record(door, { seed: 7n, config: { pool: 100 } });
  tape.door.restore(Uint8Array.of(9, 8));
  tape.door.setContext({ hour: 3 });
  tape.door.receive(new Uint8Array(100).fill(7));
  tape.door.observe(1, 0, 10, 20, 0, 0.5);
  tape.door.importHistory(Uint32Array.of(1), Float64Array.of(2.5), Uint8Array.of(0), Float32Array.of(0.25));
  tape.door.recommend(undefined, 2, 30);
  tape.door.recommend(Uint32Array.of(2), 1, 40, { around: 9 });
  tape.door.explain();
  const file = JSON.parse(JSON.stringify(tape.file("test", ['"0"'], 5))) as ReplayFile;
  assert.deepEqual([file.seed, file.weights, file.events, file.state], ["7", 5, 1, btoa("\x09\x08")]);
  assert.deepEqual(file.calls.map(({ call }) => call), ["setContext", "receive", "observe", "importHistory", "recommend", "recommend"]);
  const other = fake(answers);
  assert.deepEqual(again(other.door, file.calls), { same: true, lists: [[3, 1], [3, 1]] });
  assert.deepEqual(other.asked, asked.filter(([name]) => name !== "restore" && name !== "explain"));
  const wrong = again(fake({ ...answers, recommend: Uint32Array.of(8) }).door, file.calls);
  assert.deepEqual(wrong.difference, { call: 4, recorded: [3, 1], now: [8] });
  tape.door.deleteData();
  assert.deepEqual(tape.file("test", [], undefined).calls, [], "deletion reaches the recording");
});
