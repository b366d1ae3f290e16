/**
 * Ranking only: load shards, observe, recommend, explain. No network, no rounds, no ledger, no store; its wasm is a smaller one.
 *
 * @packageDocumentation
 */
import start, { Recommender as Core } from "#slim-core";
import { SottovoceError, codeOf, type ErrorCode } from "./errors.js";
import { coreConfig, coreContext } from "./settings.js";
import { eventRow } from "./event.js";
import { loader, type WasmSource } from "./load.js";
import type { EngineConfig } from "./options.js";
import { songId, type Context, type Feedback, type ListenEvent, type SlotReason, type SongId } from "./types.js";

export { SottovoceError, codeOf, songId };
export type { Context, EngineConfig, ErrorCode, Feedback, ListenEvent, SlotReason, SongId, WasmSource };

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

/** What a {@link Recommender} is made with. */
export interface SlimOptions {
  /** The engine's settings. */
  readonly config?: EngineConfig;
  /** Makes every draw repeatable; from the system's randomness when left out. */
  readonly seed?: bigint;
}

/**
 * A ranking in the page, for songs whose shards the page brings itself.
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

  /** @throws {@link SottovoceError} `init/missing` before {@link init} has finished. */
  constructor({ config = {}, seed = crypto.getRandomValues(new BigUint64Array(1))[0]! }: SlimOptions = {}) {
    if (!load.ready) throw new SottovoceError("init/missing", "Recommender was used before the engine was loaded.", "Await init() first.");
    this.#core = new Core(coreConfig(config), seed);
  }

  /** How many songs are resident. */
  get songs(): number {
    return this.#core.songs();
  }

  /** Takes a shard of the catalogue in; how many songs were new. */
  loadShard(bytes: Uint8Array): number {
    return this.#core.loadShard(bytes);
  }

  /** Tells the engine of the moment. */
  setContext(context: Context): void {
    this.#core.setContext(coreContext(context));
  }

  /** Tells the engine what came of a song. The next {@link Recommender.recommend} knows it. */
  observe(event: ListenEvent): void {
    this.#core.observe(...eventRow(event));
  }

  /** Takes the last event back; the song it was about, or `undefined` when there is none. */
  undo(): SongId | undefined {
    return this.#core.undo() as SongId | undefined;
  }

  /** The next songs, best first, no song twice: `k` of them, among `candidates` or all that are resident. */
  recommend({ k = 30, candidates }: { readonly k?: number; readonly candidates?: Iterable<SongId> } = {}): SongId[] {
    return Array.from(this.#core.recommend(candidates && Uint32Array.from(candidates), k, Date.now())) as SongId[];
  }

  /** Why each song of the last {@link Recommender.recommend} stands where it stands. */
  explain(): SlotReason[] {
    return this.#core.explain();
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
