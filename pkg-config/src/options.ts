// What the engine can be told when it opens, and later.

import type { Addition } from "./additions.js";
import type { Store } from "./store.js";
import type { Context, SongId } from "./types.js";

/** The engine's own settings; each has a default that suits a player. An unknown name is an error. */
export interface EngineConfig {
  /** Events remembered and learned from. 500. */
  readonly history?: number;
  /** Candidates that reach the re-ranking. 500. */
  readonly pool?: number;
  /** How strongly relevance weighs against diversity. 1. */
  readonly relevance?: number;
  /** How much of the likeness of two songs the re-ranking sees, 0 to 1. 0.9. */
  readonly similarity?: number;
  /** Slots between two songs of one artist, at least. 3. */
  readonly artistGap?: number;
  /** Weight of this session in the score. 1.5. */
  readonly session?: number;
  /** Minutes until an event counts half. 20. */
  readonly halfLifeMinutes?: number;
  /** A song among the last so many events is not proposed again. 40. */
  readonly noRepeat?: number;
  /** Step of the personal weights after each event; 0 switches it off. 0.05. */
  readonly personalRate?: number;
  /** How songs are set against each other: determinantal point process, maximal marginal relevance, sliding spectrum. `"dpp"`. */
  readonly method?: "dpp" | "mmr" | "ssd";
  /** Slots that a song is compared with, looking back; 0 compares with all. */
  readonly window?: number;
  /** Songs of one artist in a slate, at most. */
  readonly maxPerArtist?: number;
  /** Whether each of the listener's interests gets an equal part of the slate. */
  readonly quota?: boolean;
  /** Weight of the task "heard to the end" in the score. */
  readonly complete?: number;
  /** Weight of the task "liked" in the score. */
  readonly like?: number;
  /** Weight of the task "skipped" in the score; it takes away. */
  readonly skip?: number;
}

/** What {@link Sottovoce.recommend} takes. */
export interface RecommendOptions {
  /** How many songs. 30. */
  readonly k?: number;
  /** Choose among these; among the whole catalogue, on the device, when left out. */
  readonly candidates?: Iterable<SongId>;
  /** A song to stay around (radio): it takes the place of the listener's taste, for this call. */
  readonly around?: SongId;
  /** Settings for this call only. */
  readonly config?: EngineConfig;
}

/** What {@link Sottovoce.open} takes. */
export interface OpenOptions {
  /** The server's address; the page's own origin when left out. */
  readonly server?: string | URL;
  /** Where state is kept: `"indexeddb"` (the default), `"memory"`, or a place of your own. */
  readonly store?: "indexeddb" | "memory" | Store;
  /** Sets apart several engines on one origin. */
  readonly name?: string;
  /** Makes every draw repeatable, for tests; from the system's randomness when left out. */
  readonly seed?: bigint;
  /** Songs of the listener's own, for the engine to have before it takes up its history; see `addSongs`. */
  readonly additions?: readonly Addition[];
  /** What the engine may know of the moment. */
  readonly context?: Context;
  /** The engine's settings. */
  readonly config?: EngineConfig;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Bytes of catalogue that may be cached on the device. 256 MiB; 0 caches nothing. */
  readonly cacheBytes?: number;
  /** Writes down every call, so that {@link Sottovoce.replayFile} can be asked for. Off, it costs nothing. */
  readonly record?: boolean;
  /** Told as the catalogue comes in, 0 to 1. */
  readonly progress?: (share: number) => void;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}
