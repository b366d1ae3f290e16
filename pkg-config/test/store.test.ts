import assert from "node:assert/strict";
import { test } from "node:test";
import { checksum, memoryStore, newest, type Slot } from "../src/store.js";

function slot(sequence: number, text: string): Slot {
  const saved = { engine: new TextEncoder().encode(text), page: JSON.stringify({ text }) };
  return { ...saved, sequence, checksum: checksum(saved) };
}

test("the newer of two whole slots is read", () => {
  assert.deepEqual(newest([slot(3, "old"), slot(4, "new")]), { slot: slot(4, "new"), damaged: false });
  assert.deepEqual(newest([slot(6, "new"), slot(5, "old")]).slot?.sequence, 6);
});

test("a torn write leaves the state before it", () => {
  const torn = { ...slot(9, "torn"), engine: new TextEncoder().encode("tor") };
  assert.deepEqual(newest([slot(8, "whole"), torn]), { slot: slot(8, "whole"), damaged: true });
});

test("damage in the page's notes is found too", () => {
  assert.deepEqual(newest([{ ...slot(1, "a"), page: "{}" }, undefined]), { slot: undefined, damaged: true });
});

test("nothing kept is not damage, and foreign values are", () => {
  assert.deepEqual(newest([undefined, undefined]), { slot: undefined, damaged: false });
  for (const foreign of [null, 7, "x", {}, { sequence: 1.5 }]) assert.equal(newest([foreign]).damaged, true);
});

test("memory forgets when cleared", async () => {
  const store = memoryStore();
  await store.save(slot(0, "x"));
  assert.equal((await store.load())?.page, '{"text":"x"}');
  assert.equal(await store.clear(), true);
  assert.equal(await store.load(), undefined);
});
