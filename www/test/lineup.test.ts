import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { songId } from "sottovoce";
import { Lineup } from "../src/lineup.js";
import { daily } from "../src/scenes/daily.js";
import { forYou } from "../src/scenes/for-you.js";
import { radio } from "../src/scenes/radio.js";
import { rediscover } from "../src/scenes/rediscover.js";
import type { Coming } from "../src/shift.js";
import { catalogue, DAY, entry, FakeDoor, NOW, song } from "./world.js";

function world() {
  const door = new FakeDoor(catalogue(...Array.from({ length: 60 }, (_, id) => song(id))));
  return { door, lineup: new Lineup(door, door.songs) };
}

const ids = (queue: readonly Coming[]) => queue.map(({ song: { id } }) => id as number);

test("nothing asked for is the whole catalogue, without the song that is on", () => {
  const { door, lineup } = world();
  const queue = lineup.form(songId(0), NOW);
  assert.deepEqual(door.asked, [{ k: 30 }]);
  assert.equal(queue.length, 29);
  assert.ok(!ids(queue).includes(0));
});

describe("the dial", () => {
  test("sets the engine, and a scene without one of its own follows it", () => {
    const { door, lineup } = world();
    lineup.diversity = 0.7;
    assert.deepEqual(door.configured.at(-1), { diversity: 0.7 });
    door.neighbours.set(5, [6, 7]);
    lineup.enter(radio, song(5), NOW);
    assert.equal(lineup.diversity, 0.7);
  });

  test("moves a scene's own setting only as long as the scene is on", () => {
    const { door, lineup } = world();
    lineup.diversity = 0.2;
    lineup.enter(daily, undefined, NOW);
    assert.equal(lineup.diversity, 0.45);
    lineup.diversity = 0.8;
    lineup.form(undefined, NOW);
    assert.equal(door.asked.at(-1)?.config?.diversity, 0.8);
    assert.deepEqual(door.configured.at(-1), { diversity: 0.2 });
    lineup.enter(forYou, undefined, NOW);
    assert.equal(lineup.diversity, 0.2);
  });
});

describe("a scene", () => {
  test("that cannot begin leaves the one that is on", () => {
    const { lineup } = world();
    lineup.enter(daily, undefined, NOW);
    assert.match(lineup.enter(rediscover, undefined, NOW) ?? "", /three months/);
    assert.equal(lineup.scene, daily);
  });

  test("that ran dry gives way", () => {
    const { door, lineup } = world();
    door.entries = Array.from({ length: 6 }, (_, id) => entry(id, { liked: true, daysAgo: 100 }));
    assert.equal(lineup.enter(rediscover, undefined, NOW), undefined);
    door.entries = [];
    assert.equal(lineup.form(undefined, NOW).length, 30);
    assert.equal(lineup.scene, forYou);
    assert.equal(lineup.words, "");
  });

  test("comes back after a reload, with its song", () => {
    const { door, lineup } = world();
    door.neighbours.set(5, [6, 7]);
    lineup.enter(radio, song(5), NOW);
    const again = new Lineup(door, door.songs);
    again.restore(JSON.parse(JSON.stringify(lineup.notes)), NOW);
    assert.equal(again.scene, radio);
    assert.equal(again.around?.id, 5);
    assert.deepEqual(ids(again.form(undefined, NOW)), [6, 7]);
  });
});

describe("the daily list", () => {
  test("stays the same all day, gets shorter as it is heard, and is a new one tomorrow", () => {
    const { door, lineup } = world();
    lineup.enter(daily, undefined, NOW);
    const first = ids(lineup.form(undefined, NOW));
    lineup.passed(songId(first[0]!));
    door.entries = [entry(first[1]!, { skips: 1 })]; // what is heard meanwhile does not change it
    assert.deepEqual(ids(lineup.form(undefined, NOW + 1000)), first.slice(1));
    const kept = JSON.parse(JSON.stringify(lineup.notes));
    const again = new Lineup(door, door.songs);
    again.restore(kept, NOW + 2000);
    assert.deepEqual(ids(again.form(undefined, NOW + 2000)), first.slice(1));
    const tomorrow = ids(again.form(undefined, NOW + DAY));
    assert.equal(tomorrow.length, 30);
    assert.ok(!tomorrow.includes(first[1]!));
  });

  test("heard to its end gives way to what comes by itself", () => {
    const { lineup } = world();
    lineup.enter(daily, undefined, NOW);
    for (const id of ids(lineup.form(undefined, NOW))) lineup.passed(songId(id));
    assert.equal(lineup.form(undefined, NOW).length, 30);
    assert.equal(lineup.scene, forYou);
  });
});
