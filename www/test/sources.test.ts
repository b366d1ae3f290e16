import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { songId, type Song, type SongId } from "sottovoce";
import type { Deck, Decks } from "../src/deck/deck.js";
import type { Door } from "../src/engine-door.js";
import type { Heard, Player } from "../src/player.js";
import { link } from "../src/sources/link.js";
import { FIRST, Numbers, type Shelf } from "../src/sources/numbers.js";
import { scrobble, type Told } from "../src/sources/scrobbler.js";
import type { Source } from "../src/sources/source.js";
import { Sources } from "../src/sources/sources.js";
import type { ServerSong } from "../src/sources/subsonic/answers.js";
import { catalogue, song } from "./world.js";

class Memory implements Shelf {
  readonly kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  removeItem = (key: string) => void this.kept.delete(key);
}

/** Jazz lies east, folk north; artist 3 in between. */
const SONGS = catalogue(song(0, { artist: 1 }), song(1, { artist: 1, title: "Blue" }), song(2, { artist: 2, genre: "folk" }), song(3, { artist: 3, genre: "folk" }));
const ROWS: Record<number, Float32Array> = { 0: Float32Array.of(1, 0), 1: Float32Array.of(1, 0), 2: Float32Array.of(0, 1), 3: Float32Array.of(Math.SQRT1_2, Math.SQRT1_2) };
const here = { songs: SONGS, embedding: (id: SongId) => ROWS[id] };
const numbers = () => {
  const held = new Numbers(new Memory(), "n");
  return (name: string) => held.of(name);
};
const server = (title: string, artist: string, more: Partial<ServerSong> = {}): ServerSong => ({ id: `${artist}/${title}`, title, artist, ...more });

test("songs of the catalogue keep their place; others get one by artist, by genre, or none", () => {
  const library = link(
    [server("Song 0", "Artist 1"), server("Blue - Remastered 2011", "artist 1"), server("New", "Artist 3"), server("Old", "Stranger", { genre: "Folk" }), server("What", "Who"), server("Song 0", "Artist 1", { id: "twice" })],
    here,
    numbers(),
  );
  assert.deepEqual(library.counts, { known: 2, "by-artist": 1, "by-genre": 1, nowhere: 1 });
  assert.deepEqual([...library.songs.keys()], [0, 1, FIRST, FIRST + 1, FIRST + 2]);
  assert.deepEqual(library.candidates, [0, 1, FIRST, FIRST + 1], "what nothing is known of is never proposed");
  const [byArtist, byGenre, nowhere] = library.additions.map(({ embedding }) => [...embedding].map((x) => Math.round(x * 100) / 100));
  assert.deepEqual(byArtist, [0.71, 0.71]);
  assert.deepEqual(byGenre, [0.38, 0.92], "the middle of folk");
  assert.ok(nowhere);
  assert.equal(library.additions[0]?.song.artistId, 3, "rules about artists hold for it too");
  assert.equal(library.find({ title: "old", artist: "STRANGER" }), FIRST + 1);
});

test("property: every song once, every place as long as the catalogue's, the same numbers again", () => {
  const titles = fc.constantFrom("Song 0", "Blue", "x", "y", "Ü", "");
  const artists = fc.constantFrom("Artist 1", "Artist 3", "Stranger", "");
  const songs = fc.array(fc.record({ id: fc.uuid(), title: titles, artist: artists, genre: fc.constantFrom("jazz", "FOLK", "none") }), { maxLength: 30 });
  fc.assert(
    fc.property(songs, (list) => {
      const held = numbers();
      const [first, second] = [link(list, here, held), link([...list].reverse(), here, held)];
      assert.deepEqual([...first.songs.keys()].sort(), [...second.songs.keys()].sort());
      for (const { embedding, song: { id } } of first.additions) {
        assert.ok(id >= FIRST && Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
      }
      assert.ok(first.candidates.every((id) => first.songs.has(id)));
      assert.equal(first.songs.size, Object.values(first.counts).reduce((sum, n) => sum + n));
    }),
  );
});

test("a name keeps its number from visit to visit, and damage costs no more than the numbers", () => {
  const shelf = new Memory();
  const before = new Numbers(shelf, "n");
  assert.deepEqual(["a", "b", "a"].map((name) => before.of(name)), [FIRST, FIRST + 1, FIRST]);
  before.keep();
  const after = new Numbers(shelf, "n");
  assert.deepEqual(["c", "b"].map((name) => after.of(name)), [FIRST + 2, FIRST + 1]);
  after.clear();
  assert.equal(shelf.kept.size, 0);
  shelf.setItem("n", "{broken");
  assert.equal(new Numbers(shelf, "n").of("z"), FIRST);
});

const deck = {} as Deck;

function fakeSource(ids: readonly number[]): Source & { said: string[] } {
  const said: string[] = [];
  const say = async (word: string) => void said.push(word);
  return {
    said,
    name: "fake",
    candidates: ids.map(songId),
    has: (id) => ids.includes(id),
    take: async () => deck,
    prepare() {},
    began: (on) => say(`began ${on.id}`),
    heard: (on, at) => say(`heard ${on.id} at ${at}`),
    liked: (on, yes) => say(`${yes ? "liked" : "unliked"} ${on.id}`),
    similar: async () => undefined,
  };
}

test("with a source chosen, only its songs are proposed, and only they are played from it", async () => {
  const taken: number[] = [];
  const own: Decks = { take: async ({ id }) => (taken.push(id), deck), prepare() {} };
  const asked: (readonly SongId[] | undefined)[] = [];
  const door = { recommend: ({ candidates }: { candidates?: readonly SongId[] }) => (asked.push(candidates), []), near: (_: SongId, k: number) => [0, 1, 2, 3].map(songId).slice(0, k) } as unknown as Door;
  const sources = new Sources(own);
  const within = sources.within(door);
  within.recommend({ k: 3 });
  sources.choose(fakeSource([1, 3]));
  within.recommend({ k: 3 });
  within.recommend({ k: 3, candidates: [songId(3), songId(0)] });
  assert.deepEqual(asked, [undefined, [1, 3], [3]]);
  assert.deepEqual(within.near(songId(0), 5), [1, 3]);
  const events = { ended() {}, failed() {} };
  await sources.take(song(1), events);
  await sources.take(song(2), events);
  assert.deepEqual(taken, [2]);
  sources.choose(undefined);
  await sources.take(song(1), events);
  assert.deepEqual(taken, [2, 1]);
});

test("what the server lacks, the engine supplies, of what the server has", async () => {
  const door = { near: (_: SongId, k: number) => [0, 1, 2, 3].map(songId).slice(0, k) } as unknown as Door;
  const sources = new Sources({ take: async () => deck, prepare() {} });
  assert.deepEqual(await sources.similar(songId(0), 2, door), { by: "engine", songs: [0, 1] });
  const source = fakeSource([1, 3]);
  sources.choose(source);
  assert.deepEqual(await sources.similar(songId(0), 5, door), { by: "engine", songs: [1, 3] });
  sources.choose({ ...source, similar: async () => [songId(3), songId(1)] });
  assert.deepEqual(await sources.similar(songId(0), 1, door), { by: "server", songs: [3] });
});

test("the server hears of what began, what was heard to the half, and likes; of nothing else", async () => {
  const source = fakeSource([0, 1, 2]);
  let watcher: (changed: ReadonlySet<string>) => void = () => {};
  const player = { heard: [] as Heard[], now: undefined as unknown, playing: true, engine: { songs: SONGS as ReadonlyMap<SongId, Song> }, watch: (w: typeof watcher) => void (watcher = w) };
  const told: Told[] = [];
  scrobble(player as unknown as Player, () => source, (what) => told.push(what));
  const on = (id: number) => (player.now = { song: SONGS.get(songId(id)) ?? song(id), deck: { durationMs: 10_000 } });
  const tell = (...changed: string[]) => watcher(new Set(changed));
  let at = 1000;
  const judged = (id: number, feedback: Heard["feedback"]) => {
    player.heard = [...player.heard, { song: songId(id), slot: 0, at: (at += 1000), feedback, effect: { up: 0, down: 0, fresh: 0 } }];
  };

  on(0);
  tell("now");
  judged(0, { kind: "skip", heard: 0.2 });
  on(1);
  tell("heard", "now");
  judged(1, { kind: "like" });
  tell("heard");
  player.heard = player.heard.slice(0, -1);
  tell("heard");
  judged(1, { kind: "skip", heard: 0.6 });
  on(2);
  tell("heard", "now");
  judged(2, { kind: "complete" });
  on(99);
  tell("heard", "now");
  judged(99, { kind: "complete" });
  tell("heard");
  await new Promise(setImmediate);
  assert.deepEqual(source.said.map((word) => word.replace(/ at \d+$/, " at …")), ["began 0", "began 1", "liked 1", "unliked 1", "heard 1 at …", "began 2", "heard 2 at …"]);
  assert.ok(told.every(({ ok }) => ok));
  assert.ok(Math.abs(Number(/heard 1 at (\d+)/.exec(source.said.join())?.[1]) - Date.now()) < 5000, "the time is when it began");
});
