import assert from "node:assert/strict";
import { test } from "node:test";
import { checksum, following, sound, type Slot } from "../src/idb.js";
import { read, written } from "../src/journal.js";
import { memoryStore } from "../src/store.js";

function slot(sequence: number, text: string, line = 0): Slot {
  const saved = { engine: new TextEncoder().encode(text), page: JSON.stringify({ text }) };
  return { ...saved, sequence, line, checksum: checksum(saved, line) };
}

const entry = (text: string, number: number) => ({ text, checksum: checksum({ engine: new Uint8Array(), page: text }, number) });

test("the newer of two whole slots comes first, the other after it", () => {
  assert.deepEqual(sound([slot(3, "old"), slot(4, "new")]), { slots: [slot(4, "new"), slot(3, "old")], damaged: false });
  assert.deepEqual(sound([slot(6, "new"), slot(5, "old")]).slots[0]?.sequence, 6);
});

test("a torn write leaves the state before it", () => {
  const torn = { ...slot(9, "torn"), engine: new TextEncoder().encode("tor") };
  assert.deepEqual(sound([slot(8, "whole"), torn]), { slots: [slot(8, "whole")], damaged: true });
  // A slot that claims lines which its checksum does not know is torn too.
  assert.equal(sound([{ ...slot(1, "a", 3), line: 4 }]).damaged, true);
});

test("damage in the page's notes is found too", () => {
  assert.deepEqual(sound([{ ...slot(1, "a"), page: "{}" }, undefined]), { slots: [], damaged: true });
});

test("nothing kept is not damage, and foreign values are", () => {
  assert.deepEqual(sound([undefined, undefined]), { slots: [], damaged: false });
  for (const foreign of [null, 7, "x", {}, { sequence: 1.5 }]) assert.equal(sound([foreign]).damaged, true);
});

test("a slot of the first format, without lines, is whole", () => {
  const { line: _, ...old } = slot(2, "old");
  assert.equal(sound([old]).slots[0]?.sequence, 2);
});

test("the journal is read from behind the snapshot up to the first line that is missing, torn or foreign", () => {
  const entries = ["a", "b", "c", "d"].map((text, i) => entry(text, i + 1));
  assert.deepEqual(following(0, [1, 2, 3, 4], entries), ["a", "b", "c", "d"]);
  assert.deepEqual(following(2, [1, 2, 3, 4], entries), ["c", "d"]);
  assert.deepEqual(following(2, [2, 4], [entries[1], entries[3]]), []);
  assert.deepEqual(following(0, [1, 2, 3], [entries[0], { ...entries[1], text: "B" }, entries[2]]), ["a"]);
  assert.deepEqual(following(0, [1, 2], [entries[0], null]), ["a"]);
  // A line in another's place has another's checksum.
  assert.deepEqual(following(0, [1, 2], [entries[0], entries[2]]), ["a"]);
  assert.deepEqual(following(9, [1, 2], entries), []);
});

test("state of the first format is read, and written in the second", () => {
  const old = read('{"queue":[1],"volume":0.5}');
  assert.deepEqual(old, { notes: { queue: [1], volume: 0.5 }, settings: {} });
  assert.deepEqual(read(written(old)), old);
});

test("memory forgets when cleared", async () => {
  const store = memoryStore();
  await store.save({ engine: new Uint8Array([1]), page: "x" }, []);
  await store.append(["line"]);
  assert.deepEqual((await store.load()).slots[0]?.journal, ["line"]);
  assert.equal(await store.clear(), 0);
  assert.deepEqual(await store.load(), { slots: [] });
});
