// What the engine can be told when it opens, and later.

import type { Addition } from "./additions.js";
import type { Sottovoce } from "./engine.js";
import type { Budget, RoundPolicy, Vault } from "./secure/types.js";
import type { Store } from "./store.js";
import type { Context, SongId } from "./types.js";

/** The engine's own settings; each has a default that suits a player. An unknown name is an error. */
export interface EngineConfig {
  /** Events remembered and learned from. 2000. */
  readonly history?: number;
  /** Candidates that reach the re-ranking. 500. */
  readonly pool?: number;
  /** How strongly the re-ranking weighs diversity, 0 (relevance alone) to 1. 0.3. */
  readonly diversity?: number;
  /** Slots between two songs of one artist, at least. 3. */
  readonly artistGap?: number;
  /** Weight of this session in the score. 1.5. */
  readonly session?: number;
  /** Minutes until an event counts half. 20. */
  readonly halfLifeMinutes?: number;
  /** A song among the last so many events is not proposed again. 40. */
  readonly noRepeat?: number;
  /** Weight of the bonus for songs that few have heard; 0 turns exploring off. 0.05. */
  readonly explore?: number;
  /** From so many plays on, a song gets no such bonus. 20. */
  readonly exploreBudget?: number;
  /** Step of the personal weights after each event; 0 switches it off. 0.05. */
  readonly personalRate?: number;
  /** How songs are set against each other: determinantal point process, maximal marginal relevance, sliding spectrum. `"dpp"`; the others in `sottovoce/full` only. */
  readonly method?: "dpp" | "mmr" | "ssd";
  /** How many of the slots before it a song should differ from; 0 is all of them. 0. In `sottovoce/full` only. */
  readonly window?: number;
  /** Songs of one artist in a slate, at most; 0 is no bound. 0. */
  readonly maxPerArtist?: number;
  /** Songs of one style in a slate, at most; 0 is no bound. 0. In `sottovoce/full` only. */
  readonly maxPerStyle?: number;
  /** How much more alike two songs of one style count than their embeddings say, 0 to 1. 0. In `sottovoce/full` only. */
  readonly stylePrior?: number;
  /** Whether each of the listener's interests has an equal share of the slate. False. */
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
  /**
   * What kind of rounds this device takes part in. `"secure"`, the default: {@link Sottovoce.participate}, whose updates are noised and masked, so
   * that the server can read their sum only. `"open"`: {@link Sottovoce.contribute}, whose updates are clipped and no more; for servers of
   * your own, and for experiments.
   */
  readonly rounds?: "secure" | "open";
  /** How much secure rounds may tell in all, where the listener has set nothing else (`setBudget`). `ε` = 8 at `δ` = 10⁻⁶. */
  readonly budget?: Budget;
  /** What this device asks of secure rounds before it joins one. */
  readonly roundPolicy?: RoundPolicy;
  /** The server's Ed25519 key, 32 bytes or 64 hexadecimal digits, which invitations must be signed with. Asked of the server the first time, when left out. */
  readonly serverKey?: Uint8Array | string;
  /**
   * Where secrets of secure rounds are kept, and the account of what they told. In IndexedDB, sealed, when left out; nowhere, and there are no
   * such rounds, with `store: "memory"`.
   */
  readonly vault?: Vault;
  /** Writes down every call, so that `replayFile()` can be asked for. Off, it costs nothing. */
  readonly record?: boolean;
  /** Told as the catalogue comes in, 0 to 1. */
  readonly progress?: (share: number) => void;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** What `useSottovoce` of `sottovoce/react` and of `sottovoce/vue` takes. */
export interface ComponentOptions extends OpenOptions {
  /** Opens another engine than that of `sottovoce`: `Sottovoce.open` of `sottovoce/full` or of `sottovoce/inline`. */
  readonly open?: (options: OpenOptions) => Promise<Sottovoce>;
}
