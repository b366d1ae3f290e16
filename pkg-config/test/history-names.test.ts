import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CatalogueIndex, artistKey, folded, leadArtist, plainTitle } from "../src/history/index.js";
import { SONGS } from "./history.js";

const index = new CatalogueIndex(SONGS);
const find = (artist: string, title: string, album?: string) => {
  const match = index.find({ artist, title, album });
  return match && [match.song.id, match.closeness];
};

test("names fold as people write them", () => {
  assert.equal(folded("Rocío  Arrieta"), "rocio arrieta");
  assert.equal(folded("Straße – Ørsted, Łódź"), "strasse orsted lodz");
  assert.equal(folded("Don’t Stop"), folded("dont stop"));
  assert.equal(folded("İstanbul"), "istanbul");
  assert.equal(folded("Drum & Bass"), "drum and bass");
  assert.equal(folded("???"), "???");
  assert.notEqual(folded("が"), folded("か"), "signs of other scripts make other letters");
  assert.notEqual(folded("कि"), folded("की"));
  assert.equal(artistKey("The Beatles"), artistKey("Beatles, The"));
  assert.equal(artistKey("The The"), "the");
  assert.equal(leadArtist("Ada feat. Corin"), "Ada");
  assert.equal(leadArtist("Daft Ftang"), "Daft Ftang");
});

test("titles lose only what says which recording it is", () => {
  for (const [title, plain] of [
    ["Home - Remastered 2011", "Home"],
    ["Home - 2011 Remaster", "Home"],
    ["Home (feat. Corin) [Live]", "Home"],
    ["Home (Live at the Meadow)", "Home"],
    ["Home - Live from Paris, 2003", "Home"],
    ["Home - Radio Edit", "Home"],
    ["Home ft. Corin", "Home"],
    ["Live and Let Die", "Live and Let Die"],
    ["Live", "Live"],
    ["Home (Corin Remix)", "Home (Corin Remix)"],
    ["Home, Pt. 2", "Home, Pt. 2"],
    ["Left Alone - Alive", "Left Alone - Alive"],
    ["(Live)", "(Live)"],
    ["With or Without You", "With or Without You"],
  ] as const) assert.equal(plainTitle(title), plain, title);
});

test("exact first, then careful", () => {
  assert.deepEqual(find("The Borrowed Stations", "Valley and Anchor"), [1, "exact"]);
  assert.deepEqual(find("Borrowed Stations", "valley & anchor!"), [1, "folded"]);
  assert.deepEqual(find("Rocio Arrieta", "Con El Silencio - Remastered 2009"), [3, "recording"]);
  assert.deepEqual(find("Bjork and Olafur", "Bells"), [4, "folded"]);
  assert.deepEqual(find("Björk", "Bells"), [4, "credit"]);
  assert.deepEqual(find("Les toits, Someone Else", "La lune"), [2, "credit"]);
  assert.deepEqual(find("???", "!!!"), [7, "exact"]);
  assert.deepEqual(find("松任谷由実", "春よ、来い"), [8, "exact"]);
});

test("of recordings with one name the nearest is taken", () => {
  assert.equal(find("Ada Tarnham", "Home")?.[0], 5, "the one that is not live");
  assert.equal(find("Ada Tarnham", "Home - Live")?.[0], 6);
  assert.equal(find("Echo", "Twice", "First")?.[0], 9);
  assert.equal(find("Echo", "Twice")?.[0], 10, "the one heard most");
});

test("no match rather than a wrong one", () => {
  for (const [artist, title] of [
    ["Someone Else", "Valley and Anchor"],
    ["The Borrowed Stations", "Valley"],
    ["Ada Tarnham", "Home (Corin Remix)"],
    ["Ada", "Home"],
    ["", ""],
    ["Echo", ""],
    ["!!!", "???"],
  ] as const) assert.equal(find(artist, title), undefined, `${artist}: ${title}`);
  const pair = new CatalogueIndex([{ id: 1, title: "Мой", artist: "А" }, { id: 2, title: "Мои", artist: "А" }]);
  assert.equal(pair.find({ artist: "А", title: "мой" })?.song.id, 1);
  assert.equal(pair.find({ artist: "А", title: "Мои!" })?.song.id, 2, "another punctuation");
  assert.equal(pair.find({ artist: "А", title: "Мóи́" }), undefined, "either could be meant");
});

test("a catalogue of artists is matched by artist", () => {
  const artists = new CatalogueIndex(["Echo", "The Open Engines", "Björk"].map((name, id) => ({ id, title: name, artist: name })));
  assert.ok(artists.ofArtists);
  assert.equal(artists.find({ artist: "Open Engines", title: "Whatever" })?.song.id, 1);
  assert.equal(artists.find({ artist: "Bjork feat. Echo", title: "Whatever" })?.song.id, 2);
  assert.equal(artists.find({ artist: "Nobody", title: "Echo" }), undefined);
});

const name = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 30 }), fc.constantFrom("Home", "Live", "feat.", "The", " - Remastered"));

test("property: a song is found under its own name, and folding is stable", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, name), { maxLength: 30, selector: ([a, t]) => `${folded(a)}\u0000${folded(t)}` }), (names) => {
      const songs = names.map(([artist, title], id) => ({ id, artist, title }));
      const songsIndex = new CatalogueIndex(songs);
      if (songsIndex.ofArtists) return;
      for (const { id, artist, title } of songs) assert.equal(songsIndex.find({ artist, title })?.song.id, id);
    }),
  );
  fc.assert(fc.property(name, (text) => assert.equal(folded(folded(text)), folded(text))));
});

test("property: what is found has the artist's and the title's words", () => {
  const words = (text: string) => new Set(folded(text).split(" "));
  fc.assert(
    fc.property(fc.constantFrom(...SONGS), fc.constantFrom(...SONGS), (a, b) => {
      const found = index.find({ artist: a.artist, title: b.title });
      if (!found) return;
      const shared = (x: string, y: string) => [...words(x)].some((word) => words(y).has(word));
      assert.ok(shared(found.song.artist, a.artist) && shared(found.song.title, b.title), `${a.artist}: ${b.title} → ${found.song.artist}: ${found.song.title}`);
    }),
  );
});
