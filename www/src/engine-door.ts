// What the player asks of the engine beyond playing: who the listener seems to be, how songs lie, and lists on other terms.

import type { SlotReason, SongId, Sottovoce } from "sottovoce";
import type { Replayed } from "./replay.js";

/** Settings that {@link Door.configure} changes for good and {@link Ask.config} for one list. */
export interface Settings {
  /** 0, relevance alone, to 1, diversity alone. */
  readonly diversity?: number;
  /** Weight of this session in the score. */
  readonly session?: number;
  /** Weight of the bonus for songs that few have heard. */
  readonly explore?: number;
  /** A song among the last so many events is not proposed again. */
  readonly noRepeat?: number;
  /** Slots between two songs of one artist, at least. */
  readonly artistGap?: number;
  /** Songs of one artist in a list, at most. */
  readonly maxPerArtist?: number;
  /** Whether every interest gets as many slots as every other. */
  readonly quota?: boolean;
}

/** What a list is asked for with. */
export interface Ask {
  readonly k: number;
  /** Choose among these; among the whole catalogue when left out. */
  readonly candidates?: readonly SongId[];
  /** A song that stands in for the listener's taste. */
  readonly around?: SongId;
  /** Settings for this list only. */
  readonly config?: Settings;
}

/** Something the listener seems to like. */
export interface Interest {
  /** Its share of what was heard out or liked lately, 0 to 1. */
  readonly weight: number;
  /** The songs nearest to it, nearest first. */
  readonly songs: readonly SongId[];
}

/** The dimensions of the portrait. */
export const DIMENSIONS = ["explore", "diverse", "newSong", "niche", "unique", "focused"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** How a listener listens, as far as it can be told. */
export type Portrait = { readonly [dimension in Dimension]?: { readonly value: number; /** 1 to 5. */ readonly stars: number } | undefined };

/** What is known of one song that was ever on; not bounded by the remembered events. */
export interface LibraryEntry {
  readonly song: SongId;
  readonly plays: number;
  readonly skips: number;
  readonly liked: boolean;
  /** When it was on last, in milliseconds since the epoch. */
  readonly last: number;
}

/** The engine, as the player's own panels see it. */
export interface Door {
  recommend(ask: Ask): SongId[];
  /** Why each song of the last list is there. */
  explain(): SlotReason[];
  /** Changes settings of the running engine; false where it has none to change. */
  configure(settings: Settings): boolean;
  /** The interests, heaviest first, with their `k` nearest songs. */
  interests(k: number): readonly Interest[];
  /** Less of `interests(k)[index]`. */
  lessOf(index: number): void;
  /** What {@link Door.lessOf} quieted, in that order. */
  muted(): readonly Pick<Interest, "songs">[];
  /** Takes that back. */
  unmute(index: number): void;
  /** How the listener listens; without the dimensions that cannot be told yet. */
  portrait(): Portrait;
  library(): readonly LibraryEntry[];
  /** How alike the songs are, row by row: what the re-ranking sees. */
  similarity(songs: readonly SongId[]): Float32Array;
  /** Where this session points, in the space of embeddings; `undefined` before it points anywhere. */
  sessionVector(): Float32Array | undefined;
  /** The `k` songs nearest to one. */
  near(song: SongId, k: number): SongId[];
  /** Where a song lies. */
  embedding(song: SongId): Float32Array | undefined;
  /** Everything asked of the engine since it opened, for a bug report; `undefined` where nothing was written down. */
  recording(): object | undefined;
  /** Plays a recording again, on an engine of its own. Rejects for what is no recording, or is of another catalogue. */
  replay(recording: unknown): Promise<Replayed>;
}

/** What the package's engine may have beyond its first face. */
interface Grown {
  recommend(ask: Ask): SongId[];
  configure(settings: Settings): void;
  interests(k: number): readonly Interest[];
  lessOf(index: number): void;
  muted(): readonly Pick<Interest, "songs">[];
  unmute(index: number): void;
  portrait(): Portrait;
  library(): readonly LibraryEntry[];
  similarity(songs: Iterable<SongId>): Float32Array;
  sessionVector(): Float32Array;
  near(song: SongId, k: number): Iterable<SongId>;
  replayFile(): object;
}

/** Opens the door. What an engine without the newer methods cannot tell is worked out from embeddings and history, or left out. */
export function doorOf(engine: Sottovoce): Door {
  const grown = engine as unknown as Partial<Grown>;
  return {
    recommend: ({ k, candidates, ...terms }) => (grown as Grown).recommend({ k, ...(candidates && { candidates }), ...(grown.configure && terms) }),
    explain: () => engine.explain(),
    configure(settings) {
      grown.configure?.(settings);
      return grown.configure !== undefined;
    },
    interests: (k) => grown.interests?.(k) ?? [],
    lessOf: (index) => grown.lessOf?.(index),
    muted: () => grown.muted?.() ?? [],
    unmute: (index) => grown.unmute?.(index),
    portrait: () => grown.portrait?.() ?? {},
    library: () => grown.library?.() ?? libraryOf(engine),
    similarity: (songs) => grown.similarity?.(songs) ?? likeness(songs.map((song) => engine.embedding(song))),
    sessionVector() {
      const vector = grown.sessionVector?.();
      return vector?.some((x) => x !== 0) ? vector : undefined;
    },
    near: (song, k) => [...(grown.near?.(song, k) ?? nearest(engine, song, k))],
    embedding: (song) => engine.embedding(song),
    recording: () => grown.replayFile?.(),
    replay: () => Promise.reject(new Error("This engine plays no recording again.")),
  };
}

function libraryOf(engine: Sottovoce): LibraryEntry[] {
  const rows = new Map<SongId, LibraryEntry>();
  for (const { song, at, feedback } of engine.history()) {
    const { plays, skips, liked, last } = rows.get(song) ?? { plays: 0, skips: 0, liked: false, last: 0 };
    rows.set(song, {
      song,
      plays: plays + Number(feedback.kind === "complete"),
      skips: skips + Number(feedback.kind === "skip"),
      liked: feedback.kind === "like" || (liked && feedback.kind !== "dislike"),
      last: Math.max(last, at),
    });
  }
  return [...rows.values()];
}

/** `(1 + cos) / 2`, row by row. */
function likeness(rows: readonly (Float32Array | undefined)[]): Float32Array {
  const n = rows.length;
  return Float32Array.from({ length: n * n }, (_, at) => {
    const [a, b] = [rows[Math.floor(at / n)], rows[at % n]];
    return a && b ? (1 + dot(a, b)) / 2 : 0;
  });
}

function nearest(engine: Sottovoce, song: SongId, k: number): SongId[] {
  const query = engine.embedding(song);
  if (!query) return [];
  const scored = [...engine.songs.keys()].map((id) => ({ id, score: dot(query, engine.embedding(id) ?? query) }));
  return scored.filter(({ id }) => id !== song).sort((a, b) => b.score - a.score).slice(0, k).map(({ id }) => id);
}

/** `⟨a, b⟩` over the shorter of the two. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length && i < b.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
