import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { songId, type Song } from "sottovoce";
import { change } from "../src/scenes/change.js";
import { daily } from "../src/scenes/daily.js";
import { deeper } from "../src/scenes/deeper.js";
import { sceneOf, SCENES } from "../src/scenes/index.js";
import { radio } from "../src/scenes/radio.js";
import { rediscover } from "../src/scenes/rediscover.js";
import type { Programme, Scene } from "../src/scenes/scene.js";
import { catalogue, entry, FakeDoor, NOW, song } from "./world.js";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

function composed(scene: Scene, door: FakeDoor, around?: Song): Programme {
  const found = scene.compose({ songs: door.songs, door, now: NOW, around });
  if ("nothing" in found) throw new Error(found.nothing);
  return found;
}

function refused(scene: Scene, door: FakeDoor, around?: Song): string {
  const found = scene.compose({ songs: door.songs, door, now: NOW, around });
  return "nothing" in found ? found.nothing : "";
}

test("every scene has a name of its own, and an unknown one is what comes by itself", () => {
  assert.equal(new Set(SCENES.map(({ id }) => id)).size, SCENES.length);
  for (const scene of SCENES) assert.equal(sceneOf(scene.id), scene);
  assert.equal(sceneOf("gone").id, "for-you");
});

describe("daily 30", () => {
  test("leaves out what was on this week, and does not follow the session", () => {
    const door = new FakeDoor(catalogue(...range(0, 50).map((id) => song(id))));
    door.entries = [entry(3, { plays: 1, daysAgo: 2 }), entry(4, { plays: 1, daysAgo: 8 })];
    const { k, candidates, config } = composed(daily, door);
    assert.equal(k, 30);
    assert.ok(!candidates?.includes(songId(3)));
    assert.ok(candidates?.includes(songId(4)));
    assert.equal(config?.session, 0);
  });

  test("takes everything where resting songs leave too few", () => {
    const door = new FakeDoor(catalogue(...range(0, 31).map((id) => song(id))));
    door.entries = range(0, 5).map((id) => entry(id, { plays: 1, daysAgo: 1 }));
    assert.equal(composed(daily, door).candidates, undefined);
  });
});

describe("radio", () => {
  const door = new FakeDoor(catalogue(song(1), song(2), song(3)));
  door.neighbours.set(1, [2, 3]);

  test("stays around its song", () => {
    const { around, candidates } = composed(radio, door, song(1));
    assert.equal(around, 1);
    assert.deepEqual(candidates, [2, 3]);
  });

  test("says what it needs", () => {
    assert.match(refused(radio, door), /Play a song first/);
    assert.match(refused(radio, door, song(2, { title: "Alone" })), /Alone/);
  });
});

describe("rediscover", () => {
  const door = new FakeDoor(catalogue(...range(0, 20).map((id) => song(id))));

  test("brings what was loved and is away for months, and nothing else", () => {
    door.entries = [
      ...range(0, 3).map((id) => entry(id, { liked: true, daysAgo: 100 })),
      ...range(3, 6).map((id) => entry(id, { plays: 4, skips: 1, daysAgo: 400 })),
      entry(6, { liked: true, daysAgo: 10 }), // heard lately
      entry(7, { plays: 2, daysAgo: 200 }), // not loved
      entry(8, { plays: 4, skips: 3, daysAgo: 200 }), // skipped nearly as often
      entry(99, { liked: true, daysAgo: 200 }), // left the catalogue
    ];
    const { candidates, config, words } = composed(rediscover, door);
    assert.deepEqual(candidates, range(0, 6));
    // Otherwise the engine would hold back what was among the last events, however long ago.
    assert.equal(config?.noRepeat, 1);
    assert.match(words, /^6 songs/);
  });

  test("refuses with the way to have some", () => {
    door.entries = [];
    assert.match(refused(rediscover, door), /No song is old enough.*Library/);
    door.entries = [entry(0, { liked: true, daysAgo: 100 })];
    assert.match(refused(rediscover, door), /Only 1 so far/);
  });
});

describe("deeper", () => {
  test("plays what was never heard, when there is enough of it", () => {
    const theirs = range(0, 12).map((id) => song(id, { artist: 7 }));
    const door = new FakeDoor(catalogue(...theirs, song(50)));
    door.entries = [entry(1, { plays: 1 }), entry(2, { plays: 1 })];
    const { candidates, words } = composed(deeper, door, theirs[0]);
    assert.deepEqual(candidates, range(3, 12));
    assert.match(words, /not heard yet/);
  });

  test("takes the rest along where too little is unheard", () => {
    const theirs = range(0, 12).map((id) => song(id, { artist: 7 }));
    const door = new FakeDoor(catalogue(...theirs));
    door.entries = range(1, 8).map((id) => entry(id, { plays: 1 }));
    assert.deepEqual(composed(deeper, door, theirs[0]).candidates, range(1, 12));
  });

  test("goes on to who is near where the artist has few songs, none twice", () => {
    const door = new FakeDoor(catalogue(song(0, { artist: 7 }), song(1, { artist: 7 }), song(2), song(3)));
    door.neighbours.set(0, [2, 1, 3]);
    const { candidates, words } = composed(deeper, door, song(0, { artist: 7 }));
    assert.deepEqual(candidates, [1, 2, 3]);
    assert.match(words, /then who lies near/);
  });

  test("says so where there is nothing", () => {
    const door = new FakeDoor(catalogue(song(0)));
    assert.match(refused(deeper, door, song(0)), /no other song by Artist 0/);
    assert.match(refused(deeper, door), /Play a song first/);
  });
});

describe("change of pace", () => {
  const door = new FakeDoor(catalogue(...range(0, 30).map((id) => song(id))));
  door.embeddings = new Map([[0, Float32Array.of(1, 0)], [10, Float32Array.of(0, 1)], [20, Float32Array.of(0.6, 0.8)]]);
  door.neighbours = new Map([[0, [1, 2]], [10, [11, 12]], [20, [21]]]);
  door.found = [
    { weight: 0.6, songs: [songId(0)] },
    { weight: 0.3, songs: [songId(20)] },
    { weight: 0.1, songs: [songId(10)] },
  ];

  test("goes to the interest farthest from the session", () => {
    door.session = Float32Array.of(1, 0);
    assert.deepEqual(composed(change, door).candidates, [10, 11, 12]);
    door.session = Float32Array.of(0, 1);
    assert.equal(composed(change, door).around, 0);
  });

  test("without a session, to the second interest", () => {
    door.session = new Float32Array(2);
    assert.equal(composed(change, door).around, 20);
  });

  test("needs two interests", () => {
    const lone = new FakeDoor(door.songs);
    lone.found = door.found.slice(0, 1);
    assert.match(refused(change, lone), /two things you like/);
  });
});
