import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { songId, type SlotReason } from "sottovoce";
import { distinct, labelOf } from "../src/interests.js";
import { dearest, sumOf } from "../src/library.js";
import { lengthsOf, PARTS } from "../src/parts.js";
import { polygon, traitsOf, WORDING } from "../src/portrait.js";
import { pathWords, SessionPath, themesOf } from "../src/session-path.js";
import { likenessOf } from "../src/view/alike.js";
import { entry, NOW, song } from "./world.js";

function reason(parts: Partial<SlotReason>): SlotReason {
  return { song: songId(1), slot: 0, relevance: 0, session: 0, diversity: 1, popularity: 0, explore: 0, why: "taste", text: "", ...parts };
}

describe("the parts of a reason", () => {
  const rows = [reason({ relevance: 2, session: -1, diversity: 1 }), reason({ relevance: 1, session: 0.5, diversity: 0.2, explore: 0.3 }), reason({ relevance: -1, diversity: 0.05 })];
  const whole = (row: Record<string, number>) => PARTS.reduce((sum, [part]) => sum + row[part]!, 0);

  test("are never negative, and the longest bar is whole", () => {
    const lengths = lengthsOf(rows, 0.3);
    for (const row of lengths) for (const [part] of PARTS) assert.ok(row[part] >= 0, part);
    assert.ok(Math.abs(Math.max(...lengths.map(whole)) - 1) < 1e-9);
  });

  test("order the songs as the greedy objective does", () => {
    const objective = ({ relevance, session, explore, diversity }: SlotReason) => 0.7 * (relevance + session + explore) + 0.3 * Math.log(diversity);
    const order = (values: readonly number[]) => [0, 1, 2].sort((a, b) => values[b]! - values[a]!);
    assert.deepEqual(order(lengthsOf(rows, 0.3).map(whole)), order(rows.map(objective)));
  });

  test("without diversity in the mix, variety has no length", () => {
    for (const row of lengthsOf(rows, 0)) assert.equal(row.diversity, 0);
  });

  test("of a single song, or of equal ones, are nothing and still numbers", () => {
    for (const row of lengthsOf([reason({}), reason({})], 0.3)) for (const [part] of PARTS) assert.equal(row[part], 0);
    assert.deepEqual(lengthsOf([], 0.3), []);
  });
});

describe("an interest's name", () => {
  const of = (genre: string | undefined, language: string | undefined, artist: number) => ({ ...song(artist, { artist }), genre, language });

  test("is what most of its songs share", () => {
    assert.equal(labelOf([of("jazz", "fr", 1), of("jazz", "fr", 1), of("folk", "fr", 2)]).name, "French jazz");
    assert.equal(labelOf([of("jazz", "fr", 1), of("folk", "de", 1)]).name, "Jazz and folk");
    assert.equal(labelOf([of("ambient", "zxx", 1)]).name, "Ambient");
  });

  test("falls back on the artists, most frequent first", () => {
    const { name, artists } = labelOf([of(undefined, undefined, 1), of(undefined, undefined, 2), of(undefined, undefined, 2)]);
    assert.equal(name, "Artist 2 and Artist 1");
    assert.deepEqual(artists, ["Artist 2", "Artist 1"]);
    assert.equal(labelOf([]).name, "");
  });
});

test("interests with the same songs count once, and quieted ones say which they are", () => {
  const ids = (...songs: number[]) => songs.map(songId);
  const interests = [
    { weight: 0.4, songs: ids(1, 2, 3, 4, 5) },
    { weight: 0.3, songs: ids(20, 21, 22, 23, 24) },
    { weight: 0.2, songs: ids(2, 1, 4, 9, 8) }, // three of five as in the first
    { weight: 0.1, songs: [] },
  ];
  assert.deepEqual(distinct(interests, []).map(({ index, weight }) => [index, +weight.toFixed(6)]), [[0, 0.6], [1, 0.3]]);
  const marked = (shown: ReturnType<typeof distinct>) => shown.map(({ index, quieted }) => [index, quieted]);
  assert.deepEqual(marked(distinct(interests, [])), [[0, undefined], [1, undefined]]);
  assert.deepEqual(marked(distinct(interests, [{ songs: ids(5, 4, 3, 2, 1, 99, 98) }])), [[0, 0], [1, undefined]]);
  // The engine knows better than the songs, which move on.
  assert.deepEqual(marked(distinct([{ weight: 1, songs: ids(1, 2), muted: 1 }], [{ songs: ids(7) }, { songs: ids(8) }])), [[0, 1]]);
  assert.deepEqual(distinct([], [{ songs: [] }]), []);
});

test("every dimension has five sentences, all different, and stars stay within them", () => {
  for (const { levels } of Object.values(WORDING)) assert.equal(new Set(levels).size, 5);
  const side = (stars: number) => ({ value: 2, stars });
  const traits = traitsOf({ explore: side(0), diverse: side(9), newSong: side(3), niche: side(1), unique: side(5), focused: side(2.4) });
  assert.deepEqual(traits.map(({ stars }) => stars), [1, 5, 3, 1, 5, 2]);
  for (const { words, value } of traits) assert.ok(words.length > 0 && value === 1);
  assert.deepEqual(traitsOf({ niche: side(2), diverse: undefined }).map(({ dimension }) => dimension), ["niche"]);
  assert.deepEqual(traitsOf({}), []);
});

test("a radar's corners lie on their radii, the first on top", () => {
  const corners = polygon([1, 0.5, 1, 0], 10);
  const near = ([x, y]: readonly [number, number], ex: number, ey: number) => Math.hypot(x - ex, y - ey) < 1e-9;
  assert.ok(near(corners[0]!, 0, -10) && near(corners[1]!, 5, 0) && near(corners[2]!, 0, 10) && near(corners[3]!, 0, 0));
});

test("a heat map's sum leaves the diagonal out", () => {
  const matrix = Float32Array.of(1, 0.25, 0.5, 0.25, 1, 0.75, 0.5, 0.75, 1);
  assert.deepEqual(likenessOf(matrix, 3), { mean: 0.5, most: { a: 1, b: 2, value: 0.75 } });
  assert.deepEqual(likenessOf(new Float32Array(), 0), { mean: 0, most: undefined });
});

describe("the session's path", () => {
  const embeddings = new Map([[1, Float32Array.of(1, 0)], [2, Float32Array.of(0.9, 0.1)], [3, Float32Array.of(0, 1)]]);
  const songs = [song(1), song(2), song(3, { genre: "folk" })];
  const themes = themesOf(songs, (id) => embeddings.get(id));
  const step = (minutes: number) => ({ at: NOW + minutes * 60_000, song: songId(1), kind: "complete" });

  test("tells towards and away", () => {
    const path = new SessionPath(themes);
    path.step(Float32Array.of(2, 0), step(0));
    const strands = path.strands(5);
    assert.deepEqual(strands.map(({ name }) => name), ["jazz", "folk"]);
    assert.ok(strands[0]!.values[0]! > 0.5 && strands[1]!.values[0]! < -0.5);
    assert.equal(pathWords(strands), "It points towards jazz, away from folk.");
  });

  test("begins anew after a long pause, and takes a step back", () => {
    const path = new SessionPath(themes);
    path.step(Float32Array.of(1, 0), step(0));
    path.step(Float32Array.of(0, 1), step(10));
    assert.equal(path.steps.length, 2);
    path.back();
    assert.equal(path.steps.length, 1);
    path.step(Float32Array.of(0, 1), step(120));
    assert.equal(path.steps.length, 1);
    assert.match(pathWords(path.strands(2)), /towards folk/);
  });

  test("survives a reload, but not another catalogue", () => {
    const path = new SessionPath(themes);
    path.step(Float32Array.of(1, 0), step(0));
    const kept = JSON.parse(JSON.stringify(path.steps));
    assert.deepEqual(new SessionPath(themes, kept).steps, path.steps);
    assert.equal(new SessionPath(themes.slice(1), kept).steps.length, 0);
    assert.deepEqual(new SessionPath([]).strands(3), []);
  });

  test("has no themes where no song has a genre", () => {
    assert.deepEqual(themesOf([{ ...song(1), genre: undefined }], (id) => embeddings.get(id)), []);
  });
});

test("the library in figures, and its dearest", () => {
  const library = [entry(1, { plays: 2, skips: 1 }), entry(2, { plays: 2, liked: true }), entry(3, { skips: 4 }), entry(4, { plays: 5 }), entry(5, { liked: true })];
  assert.deepEqual(sumOf(library), { songs: 5, plays: 9, skips: 5, loved: 2 });
  assert.deepEqual(dearest(library, 3).map(({ song: id }) => id as number), [4, 2, 1]);
  assert.equal(dearest(library, 9).length, 4);
});
