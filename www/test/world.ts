// A small catalogue and an engine's door over it, for tests.

import { songId, type EngineConfig, type Interest, type LibraryEntry, type Song, type SongId } from "sottovoce";
import type { Ask, Door } from "../src/engine-door.js";

export const DAY = 86_400_000;
export const NOW = Date.UTC(2024, 4, 17, 12);

/** A song; `artist` names and numbers its artist. */
export function song(id: number, { artist = id, genre = "jazz", title = `Song ${id}` }: { artist?: number; genre?: string; title?: string } = {}): Song {
  return {
    id: songId(id), title, artist: `Artist ${artist}`, artistId: artist, album: undefined, genre,
    language: undefined, durationMs: undefined, url: undefined, popularity: 0,
  };
}

/** Songs by their ids. */
export function catalogue(...songs: readonly Song[]): Map<SongId, Song> {
  return new Map(songs.map((each) => [each.id, each]));
}

/** What was heard of a song. */
export function entry(id: number, { plays = 0, skips = 0, liked = false, daysAgo = 0 }: { plays?: number; skips?: number; liked?: boolean; daysAgo?: number } = {}): LibraryEntry {
  return { song: songId(id), plays, skips, liked, last: NOW - daysAgo * DAY };
}

/** A door that answers from plain values and writes down what it is asked. Lists are the first `k` candidates. */
export class FakeDoor implements Door {
  readonly asked: Ask[] = [];
  readonly configured: EngineConfig[] = [];
  entries: LibraryEntry[] = [];
  found: Interest[] = [];
  session = new Float32Array(2);
  embeddings = new Map<number, Float32Array>();
  neighbours = new Map<number, readonly number[]>();
  #list: SongId[] = [];

  constructor(readonly songs: ReadonlyMap<SongId, Song>) {}

  recommend(ask: Ask): SongId[] {
    this.asked.push(ask);
    this.#list = [...(ask.candidates ?? this.songs.keys())].slice(0, ask.k);
    return this.#list;
  }

  explain() {
    return this.#list.map((each, slot) => ({
      song: each, slot, relevance: 1 / (slot + 1), session: 0, diversity: 1, popularity: 0, explore: 0, why: "taste" as const, text: "",
    }));
  }

  configure(settings: EngineConfig): void {
    this.configured.push(settings);
  }

  interests = () => this.found;
  library = () => this.entries;
  sessionVector = () => this.session;
  near = (id: SongId, k: number) => (this.neighbours.get(id) ?? []).slice(0, k).map(songId);
  embedding = (id: SongId) => this.embeddings.get(id);
}
