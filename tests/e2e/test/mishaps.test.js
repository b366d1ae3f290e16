import assert from "node:assert/strict";
import { test } from "node:test";
import { due, mishaps } from "../src/mishaps.js";

test("mishaps are spread over the rounds between the first and the last", () => {
  const all = mishaps({ closed: 4, reloaded: 6, rounds: 10 });
  assert.equal(all.filter(({ what }) => what === "close").length, 4);
  assert.equal(new Set(all.filter(({ what }) => what === "reload").map(({ at }) => at)).size, 6);
  assert.ok(all.every(({ from }) => from >= 1 && from < 9));
  assert.ok(new Set(all.map(({ from }) => from)).size > 4);
  assert.deepEqual(mishaps({ closed: 1, reloaded: 1, rounds: 2 }).map(({ what, at, from }) => [what, at, from]), [["close", "report", 1], ["reload", "join", 1]]);
});

test("a mishap happens once, at its message, and not too early", () => {
  const pending = mishaps({ closed: 1, reloaded: 1, rounds: 2 });
  const at = (method, url, version) => due(pending, { method, url }, version)?.what;
  assert.equal(at("PUT", "/v1/rounds/2/reports/ab", 0), undefined);
  assert.equal(at("GET", "/v1/rounds/2/reports/ab", 1), undefined);
  assert.equal(at("PUT", "/v1/rounds/2/reports/ab", 1), "close");
  assert.equal(at("PUT", "/v1/rounds/2/reports/cd", 1), undefined);
  assert.equal(at("PUT", "/v1/rounds/2/joins/cd", 1), "reload");
  assert.deepEqual(pending, []);
});
