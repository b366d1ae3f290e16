/**
 * Ranking only: load shards, observe, recommend, explain. No network, no rounds, no ledger, no store; its wasm is a smaller one.
 *
 * @packageDocumentation
 */
import start, { Recommender as Core } from "#slim-core";
import { SottovoceError, codeOf, type ErrorCode } from "./errors.js";
import { eventRow } from "./event.js";
import { loader, type WasmSource } from "./load.js";
import type { EngineConfig } from "./options.js";
import { songId, type Feedback, type ListenEvent, type SlotReason, type SongId } from "./types.js";

export { SottovoceError, codeOf, songId };
export type { EngineConfig, ErrorCode, Feedback, ListenEvent, SlotReason, SongId, WasmSource };

const load = loader((module) => start({ module_or_path: module }), () => new URL("./sottovoce-slim.wasm", import.meta.url));

/**
 * Loads the engine; {@link Recommender} can be made once it has. Idempotent: calls while it loads share one promise, later ones
 * cost nothing, and after a failure the next call tries again.
 *
 * @param source Where the wasm comes from; the file beside this module when left out. The first call decides.
 * @throws {@link SottovoceError} `wasm/blocked`, `wasm/unavailable`.
 */
export function init(source?: WasmSource): Promise<void> {
  return load.init(source);
}

/** The settings that ranking alone has; the same as the whole engine's. */
export type SlimConfig = Pick<
  EngineConfig, "pool" | "diversity" | "artistGap" | "session" | "halfLifeMinutes" | "noRepeat" | "explore" | "exploreBudget"
>;

/** What a {@link Recommender} is made with. */
export interface SlimOptions {
  /** The engine's settings. */
  readonly config?: SlimConfig;
}

/** In the engine's order, with the range of each. */
const SETTINGS = [
  ["pool", 1, 1e5],
  ["diversity", 0, 1],
  ["artistGap", 0, 100],
  ["session", 0, 100],
  ["halfLifeMinutes", 0.01, 1e6],
  ["noRepeat", 1, 1e4],
  ["explore", 0, 100],
  ["exploreBudget", 0, 1e9],
] as const satisfies readonly (readonly [keyof SlimConfig, number, number])[];

/** By the engine's numbers, from 1. */
const REFUSED = [
  ["decode/malformed", "the message is malformed"],
  ["decode/version", "the message is of another version of the protocol; update the older side"],
  ["decode/kind", "the message is of another kind than expected"],
  ["shard/dimension", "the shard's dimension is not that of the resident songs; delete the cached catalogue and load it again"],
  ["decode/too-long", "the message is too long"],
] as const;

/** By the engine's numbers. */
const REASONS = [
  ["taste", "Close to what you love"],
  ["session", "Fits what you are hearing now"],
  ["fresh", "Few have heard it yet"],
  ["popular", "Loved by many"],
  ["variety", "For a change"],
  ["boosted", "Brought forward by this service"],
] as const satisfies readonly (readonly [SlotReason["why"], string])[];

type Nine = readonly [number, number, number, number, number, number, number, number, number];

/** An error as the whole engine throws it. */
function refusal(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** The engine's numbers for its settings; NaN is the usual. */
function settings(config: SlimConfig): Float32Array {
  const given = new Map(Object.entries(config) as [string, number | undefined][]);
  const row = SETTINGS.map(([name, low, high]) => {
    const value = given.get(name);
    given.delete(name);
    if (value !== undefined && !(value >= low && value <= high)) throw refusal("config/invalid", `${name} is ${low} to ${high}`);
    return value ?? NaN;
  });
  for (const name of given.keys()) throw refusal("config/invalid", `no such field: ${name}; there are ${SETTINGS.map(([each]) => each).join(", ")}`);
  return Float32Array.from(row);
}

/**
 * A ranking in the page, for songs whose shards the page brings itself. Nothing is drawn: the same calls give the same list, and it
 * is the list of a whole engine that has no weights yet.
 *
 * ```ts
 * await init();
 * const engine = new Recommender();
 * engine.loadShard(new Uint8Array(await (await fetch("/v1/catalogue/shards/0/embeddings")).arrayBuffer()));
 * const [song] = engine.recommend({ k: 30 });
 * engine.observe({ song, slot: 0, shownAt: Date.now(), feedback: { kind: "skip", heard: 0.1 } });
 * ```
 */
export class Recommender {
  readonly #core: Core;

  /** @throws {@link SottovoceError} `init/missing` before {@link init} has finished; an `Error` with `config/invalid`. */
  constructor({ config = {} }: SlimOptions = {}) {
    if (!load.ready) throw new SottovoceError("init/missing", "Recommender was used before the engine was loaded.", "Await init() first.");
    this.#core = new Core(settings(config));
  }

  /** How many songs are resident. */
  get songs(): number {
    return this.#core.songs();
  }

  /**
   * Takes a shard of the catalogue in; how many songs were new.
   *
   * @throws an `Error` with a `code`: `decode/malformed`, `decode/version`, `decode/kind`, `decode/too-long`, `shard/dimension`.
   */
  loadShard(bytes: Uint8Array): number {
    const added = this.#core.loadShard(bytes);
    if (added < 0) throw refusal(...REFUSED[(-added - 1) as 0]);
    return added;
  }

  /**
   * Tells the engine what came of a song. The next {@link Recommender.recommend} knows it.
   *
   * @throws an `Error` with a `code`: `song/unknown`, `event/behaviour`.
   */
  observe(event: ListenEvent): void {
    const [song, slot, shownAt, at, behaviour, heard] = eventRow(event);
    if (behaviour < 0) throw refusal("event/behaviour", "feedback is skip, complete, like, dislike or ignore");
    if (!this.#core.observe(song, slot, shownAt, at, behaviour, heard)) throw refusal("song/unknown", "the song is not on this device; load its catalogue shard first");
  }

  /** Takes the last event back; the song it was about, or `undefined` when there is none or it is too long ago. */
  undo(): SongId | undefined {
    const song = this.#core.undo();
    return song < 0 ? undefined : (song as SongId);
  }

  /** The next songs, best first, no song twice: `k` of them, among `candidates` or all that are resident. */
  recommend({ k = 30, candidates }: { readonly k?: number; readonly candidates?: Iterable<SongId> } = {}): SongId[] {
    return Array.from(this.#core.recommend(candidates && Uint32Array.from(candidates), k, Date.now())) as SongId[];
  }

  /** Why each song of the last {@link Recommender.recommend} stands where it stands. There is no taste to know yet: `relevance` is 0. */
  explain(): SlotReason[] {
    const numbers = this.#core.explain();
    return Array.from({ length: numbers.length / 9 }, (_, slot) => {
      const [song, session, diversity, popularity, explore, weight, forgone, reason, rule] = numbers.subarray(9 * slot, 9 * slot + 9) as unknown as Nine;
      const [why, text] = REASONS[reason as 0];
      return {
        ...{ song: song as SongId, slot, relevance: 0, session, diversity, popularity, explore, weight, forgone, why },
        ...(rule && { rule: rule > 1 ? "gap-relaxed" : "passed-over" }),
        text: rule > 1 ? "The same artist again: little else was left" : text,
      };
    });
  }

  /** Frees the engine's memory; nothing else needs to, it is freed with the object too. */
  free(): void {
    this.#core.free();
  }

  static {
    const symbol: symbol | undefined = Symbol.dispose;
    if (symbol) Object.defineProperty(this.prototype, symbol, { value: this.prototype.free });
  }
}
