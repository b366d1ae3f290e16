import assert from "node:assert/strict";
import { test } from "node:test";
import { Player, reordered, until } from "../src/player.js";

test("moving up is not ordering anew", () => {
  assert.equal(reordered([1, 2, 3, 4], [2, 3, 4]), false);
  assert.equal(reordered([1, 2, 3, 4], [2, 3, 4, 9]), false);
  assert.equal(reordered([1, 2, 3, 4], [1, 2, 3, 4]), false);
  assert.equal(reordered([1, 2, 3, 4], []), false);
  assert.equal(reordered([1, 2, 3, 4], [3, 2, 4]), true);
  assert.equal(reordered([1, 2, 3, 4], [2, 3, 9, 4]), true);
});

test("what has left is what the panel's figure says, whatever lines there are", async () => {
  const asked = [];
  const panel = { part: (name) => (asked.push(name), { evaluate: async (read) => read({ dataset: { messages: "2", bytes: "12" } }) }) };
  assert.deepEqual(await Player.prototype.sent.call(panel), { messages: 2, bytes: 12 });
  assert.deepEqual(asked, ["sent-figure"]);
});

test("until gives the answer, or says what was waited for", async () => {
  let asked = 0;
  assert.equal(await until("three", async () => (asked += 1) === 3 && "three", { every: 1 }), "three");
  await assert.rejects(until("godot", async () => false, { within: 5, every: 1 }), /godot/);
  await assert.rejects(until("godot", async () => Promise.reject(new Error("not today")), { within: 5, every: 1 }), /not today/);
});
