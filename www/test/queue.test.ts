import assert from "node:assert/strict";
import { test } from "node:test";
import type { SongId } from "sottovoce";
import { IN_SIGHT, shiftOf, type Coming } from "../src/shift.js";

function queue(...ids: number[]): Coming[] {
  return ids.map((id, slot) => ({
    song: { id: id as SongId, title: "", artist: "", artistId: 0, album: undefined, genre: undefined, language: undefined, durationMs: undefined, url: undefined, popularity: 0 },
    slot,
    reason: undefined,
  }));
}

test("songs that moved, came and went are counted", () => {
  assert.deepEqual(shiftOf(queue(1, 2, 3), queue(1, 2, 3)), { up: 0, down: 0, fresh: 0 });
  assert.deepEqual(shiftOf(queue(1, 2, 3), queue(3, 1, 4)), { up: 1, down: 1, fresh: 1 });
});

test("a song that comes into sight is new, wherever it was before", () => {
  const long = queue(...Array.from({ length: IN_SIGHT + 5 }, (_, i) => i));
  const [deep] = long.slice(IN_SIGHT + 2);
  assert.ok(deep);
  assert.deepEqual(shiftOf(long, [deep]), { up: 0, down: 0, fresh: 1 });
});
