import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../src/random.js";
import { compose } from "../src/sound/score.js";
import { TraitReader, type Traits } from "../src/traits.js";

function embeddings(count: number, dimension: number): Float32Array[] {
  const random = seeded(42);
  return Array.from({ length: count }, () => {
    const row = Float32Array.from({ length: dimension }, () => random() * 2 - 1);
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  });
}

const rows = embeddings(300, 32);
const reader = new TraitReader(rows);
const genres = ["rock", "deep house", "jazz", "folk", "ambient", "piano", "zeuhl", undefined];

test("traits spread over their range, and near embeddings have near traits", () => {
  const tempos = rows.map((row) => reader.read(row).tempo);
  assert.ok(Math.min(...tempos) < 0.1 && Math.max(...tempos) > 0.9);
  const row = rows[0] ?? new Float32Array();
  const near = row.map((value, i) => value + (i % 2 ? 0.004 : -0.004));
  const [a, b, c] = [reader.read(row), reader.read(near), reader.read(rows[1] ?? row)];
  const apart = (x: Traits, y: Traits) => Math.hypot(...(Object.keys(x) as (keyof Traits)[]).map((name) => x[name] - y[name]));
  assert.ok(apart(a, b) < 0.2 * apart(a, c), `${apart(a, b)} against ${apart(a, c)}`);
});

test("every piece is 12 to 25 seconds, in its scale, and within the instruments' range", () => {
  for (const [song, row] of rows.entries()) {
    const score = compose(song, genres[song % genres.length], reader.read(row));
    assert.ok(score.seconds >= 12 && score.seconds <= 25, `${score.seconds} s`);
    for (const note of score.notes) {
      assert.ok(score.scale.includes((((note.pitch - score.tonic) % 12) + 12) % 12), `song ${song}: ${note.pitch} is off the scale`);
      assert.ok(note.pitch >= 28 && note.pitch <= 100, `song ${song}: pitch ${note.pitch}`);
      assert.ok(note.at >= 0 && note.at < score.seconds && note.seconds > 0 && note.gain > 0);
    }
    for (const hit of score.hits) assert.ok(hit.at >= 0 && hit.at < score.seconds && hit.gain > 0);
  }
});

test("the melody comes home", () => {
  for (const [song, row] of rows.entries()) {
    const { notes, tonic } = compose(song, "jazz", reader.read(row));
    assert.equal(((notes.at(-1)?.pitch ?? 0) - tonic) % 12, 0);
  }
});

test("the same song is the same piece", () => {
  const traits = reader.read(rows[5] ?? new Float32Array());
  assert.deepEqual(compose(5, "rock", traits), compose(5, "rock", traits));
});

test("near songs are near in tempo and key, and a genre keeps its instruments", () => {
  const row = rows[9] ?? new Float32Array();
  const near = row.map((value) => value * 0.999);
  const [a, b] = [compose(1, "jazz", reader.read(row)), compose(2, "jazz", reader.read(near))];
  assert.ok(Math.abs(a.tempo - b.tempo) < 1);
  const voices = (score: typeof a) => [...new Set(score.notes.map(({ voice }) => voice))].sort();
  assert.deepEqual(voices(a), voices(b));
  assert.notDeepEqual(voices(a), voices(compose(1, "techno", reader.read(row))));
});
