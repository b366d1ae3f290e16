// What lineup and scenes ask of the engine. Apart from it, so that a music server can narrow the answers and tests can stand in.

import type { EngineConfig, Interest, LibraryEntry, Portrait, RecommendOptions, SlotReason, SongId, Sottovoce } from "sottovoce";

/** What a list is asked for with. */
export interface Ask extends RecommendOptions {
  readonly k: number;
  readonly candidates?: readonly SongId[];
}

/** The engine, as a lineup and its scenes see it; each method is the engine's own of that name. */
export interface Door {
  recommend(ask: Ask): SongId[];
  explain(): readonly SlotReason[];
  configure(config: EngineConfig): void;
  interests(k: number): readonly Interest[];
  library(): readonly LibraryEntry[];
  near(song: SongId, k: number): SongId[];
  sessionVector(): Float32Array;
  embedding(song: SongId): Float32Array | undefined;
}

/** The engine's door. */
export function doorOf(engine: Sottovoce): Door {
  return {
    recommend: (ask) => engine.recommend(ask),
    explain: () => engine.explain(),
    configure: (config) => engine.configure(config),
    interests: (k) => engine.interests(k),
    library: () => engine.library(),
    near: (song, k) => engine.near(song, k),
    sessionVector: () => engine.sessionVector(),
    embedding: (song) => engine.embedding(song),
  };
}

/** The dimensions of the portrait, in the order in which they are told. */
export const DIMENSIONS = ["explore", "diverse", "newSong", "niche", "unique", "focused"] as const satisfies readonly (keyof Portrait)[];
export type Dimension = (typeof DIMENSIONS)[number];

/** `⟨a, b⟩` over the shorter of the two. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length && i < b.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Whether a vector points anywhere: before anything happened, the session's is all zeros. */
export function points(vector: Float32Array): boolean {
  return vector.some((x) => x !== 0);
}
