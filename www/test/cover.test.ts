import assert from "node:assert/strict";
import { test } from "node:test";
import { coverSvg, coverUrl } from "../src/art/cover.js";
import type { Traits } from "../src/traits.js";

const traits: Traits = { tempo: 0.1, mood: 0.9, key: 0.4, harmony: 0.2, density: 1, swing: 0, brightness: 0.5, space: 0.7, register: 0.3, drive: 0.8 };

test("the same song has the same cover, another song another", () => {
  assert.equal(coverSvg({ id: 3, genre: "jazz", traits }), coverSvg({ id: 3, genre: "jazz", traits }));
  assert.notEqual(coverSvg({ id: 3, genre: "jazz", traits }), coverSvg({ id: 4, genre: "jazz", traits }));
  assert.notEqual(coverSvg({ id: 3, genre: "jazz", traits }), coverSvg({ id: 3, genre: "jazz", traits: { ...traits, mood: 0.1 } }));
});

test("covers of every form hold numbers only, and no text of the catalogue", () => {
  for (let id = 0; id < 200; id++) {
    const svg = coverSvg({ id, genre: `<script>${id}`, traits });
    assert.doesNotMatch(svg, /NaN|undefined|Infinity|script/);
    assert.ok(svg.length < 120_000, `${svg.length} characters`);
  }
});

test("a cover is an image source that needs no network", () => {
  assert.match(coverUrl({ id: 1, genre: undefined, traits }), /^data:image\/svg\+xml,%3Csvg/);
});
