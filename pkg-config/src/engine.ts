/// <reference lib="esnext.disposable" preserve="true" />
// The engine with its hands: fetch, clock and storage around the wasm core, which has none of them.

import { Recommender } from "./generated/sottovoce.js";
import { shardOf, type Addition } from "./additions.js";
import { SottovoceError, codeOf } from "./errors.js";
import { Http, type Manifest } from "./http.js";
import { init } from "./init.js";
import { contribute } from "./rounds.js";
import { Keeper } from "./keeper.js";
import { indexedDbStore, memoryStore, type Store } from "./store.js";
import type {
  Context, Contribution, EngineEvent, Erasure, Feedback, Ledger, ListenEvent, RoundStatus, SlotReason, Song, SongId, Storage,
} from "./types.js";

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
  /** What the engine may know of the moment. */
  readonly context?: Context;
  /** The engine's settings. */
  readonly config?: EngineConfig;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Told as the catalogue comes in, 0 to 1. */
  readonly progress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** By the engine's numbers. */
const KINDS = ["skip", "complete", "like", "dislike"] as const satisfies readonly Feedback["kind"][];

/** The engine's numbers for devices. */
const DEVICES = ["phone", "tablet", "desktop", "car", "speaker", "tv", "other"] as const satisfies readonly Context["device"][];

type EventOf<T extends EngineEvent["type"]> = Extract<EngineEvent, { type: T }>;

/**
 * A listener's own recommender. Everything it learns stays on the device, unless the listener consents to contributing; then
 * one clipped update a round leaves, and nothing else. {@link Sottovoce.ledger} lists it all.
 *
 * ```ts
 * const engine = await Sottovoce.open({ server: "https://music.example" });
 * const [song] = engine.recommend({ k: 30 });
 * engine.observe({ song, slot: 0, shownAt: Date.now(), feedback: { kind: "skip", heard: 0.1 } });
 * engine.recommend({ k: 30 }); // another queue, at once
 * ```
 */
export class Sottovoce {
  readonly #core: Recommender;
  readonly #http: Http;
  /** Set before {@link Sottovoce.open} gives the engine out. */
  #keeper!: Keeper;
  readonly #songs = new Map<SongId, Song>();
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  /** Aborts all that only consent allows. */
  #consented = new AbortController();
  #contributing: Promise<Contribution> | undefined;
  #catalogue = "";
  #online = true;
  #closed = false;

  private constructor(core: Recommender, options: OpenOptions) {
    this.#core = core;
    this.#http = new Http({
      server: serverOf(options),
      fetch: options.fetch ?? fetch.bind(globalThis),
      cache: nameOf(options),
      received: (message, bytes, meaning) => {
        core.recordDownload(message, bytes, meaning, Date.now());
        this.#emit({ type: "ledger" });
      },
      reached: (online) => {
        if (online === this.#online) return;
        this.#online = online;
        this.#emit({ type: "connection", online });
      },
    });
  }

  /**
   * Loads the engine, the listener's kept state and the catalogue. With a catalogue in the cache it opens without a network
   * too. It never asks for a round, with or without consent.
   *
   * State is kept by the catalogue's name: a song's number means something only within its catalogue, so another catalogue
   * begins another history.
   *
   * Storage that is refused, damaged or held by another tab does not fail it: it then works in memory, and
   * {@link Sottovoce.storage} says why.
   *
   * @throws {@link SottovoceError} `wasm/…`, `server/…`; the engine's own errors for a catalogue it cannot read.
   */
  static async open(options: OpenOptions = {}): Promise<Sottovoce> {
    await init();
    const seed = options.seed ?? crypto.getRandomValues(new BigUint64Array(1))[0]!;
    const core = new Recommender(options.config ?? {}, seed);
    const engine = new Sottovoce(core, options);
    try {
      const manifest = await engine.#http.manifest(options.signal);
      // What came down so far is in the ledger of the engine that the kept state replaces.
      const { entries } = core.ledger() as Ledger;
      const name = `${nameOf(options)}:${manifest.name}`;
      const { store, storage } = await storeOf(options, name);
      engine.#keeper = new Keeper(store, storage, () => core.snapshot(), (now) => engine.#emit({ type: "storage", storage: now }));
      const restored = await engine.#keeper.start(name, (snapshot) => core.restore(snapshot));
      if (restored) for (const { message, bytes, meaning, at } of entries) core.recordDownload(message, bytes, meaning, at);
      if (options.context) engine.setContext(options.context);
      await engine.#load(manifest, options);
      await engine.refresh().catch(onlyServer);
      engine.#keeper.changed();
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The catalogue's name. */
  get catalogue(): string {
    return this.#catalogue;
  }

  /** Every song of the catalogue. */
  get songs(): ReadonlyMap<SongId, Song> {
    return this.#songs;
  }

  /** Whether the last request reached the server. */
  get online(): boolean {
    return this.#online;
  }

  /** Where state is kept just now. */
  get storage(): Storage {
    return this.#keeper.storage;
  }

  /** How many events the engine remembers. */
  get seen(): number {
    return this.#alive.seen();
  }

  /** Version of the shared weights in use. */
  get weightsVersion(): number | undefined {
    return this.#alive.weightsVersion();
  }

  /** A song's embedding: where it lies among the others. A copy; `undefined` for a song that is not on this device. */
  embedding(song: SongId): Float32Array | undefined {
    return this.#alive.embedding(song);
  }

  /**
   * Adds songs of the listener's own that the catalogue lacks, until this engine is closed: they are recommended and learned from
   * like the others. Ids are the caller's to choose, apart from the catalogue's and always the same for the same song, because the
   * history is kept by them. A song that is here already is renewed. Nothing of it leaves the device.
   *
   * @returns how many were new.
   */
  addSongs(additions: readonly Addition[]): number {
    if (additions.length === 0) return 0;
    let added: number;
    try {
      added = this.#alive.loadShard(shardOf(additions));
    } catch {
      // An engine from before songs were described.
      added = this.#alive.loadShard(shardOf(additions, false));
    }
    for (const { song } of additions) this.#songs.set(song.id, song);
    return added;
  }

  /** Tells the engine of the moment. It stays on the device. */
  setContext(context: Context): void {
    const { hour, weekday, device, locale } = context;
    this.#alive.setContext({ hour, weekday, device: device && DEVICES.indexOf(device), locale: locale && localeOf(locale) });
  }

  /**
   * The next songs, best first, no song twice.
   *
   * @param options `k`: how many, 30 when left out. `candidates`: choose among these; among the whole catalogue, on the device,
   * when left out.
   */
  recommend({ k = 30, candidates }: { k?: number; candidates?: Iterable<SongId> } = {}): SongId[] {
    const from = candidates && Uint32Array.from(candidates);
    return Array.from(this.#alive.recommend(from, k, Date.now())) as SongId[];
  }

  /** Why each song of the last {@link Sottovoce.recommend} stands where it stands. */
  explain(): SlotReason[] {
    return this.#alive.explain() as SlotReason[];
  }

  /** Tells the engine what came of a song. The next {@link Sottovoce.recommend} knows it. */
  observe({ song, slot, shownAt, at = Date.now(), feedback }: ListenEvent): void {
    const heard = feedback.kind === "skip" ? feedback.heard : 1;
    this.#alive.observe(song, slot, shownAt, at, KINDS.indexOf(feedback.kind), heard);
    this.#changed("observe");
  }

  /** Takes the last event back; the song it was about, or `undefined` when there is none. */
  undo(): SongId | undefined {
    const song = this.#alive.undo();
    if (song !== undefined) this.#changed("undo");
    return song as SongId | undefined;
  }

  /** The remembered events, oldest first. */
  history(): Required<ListenEvent>[] {
    const rows = this.#alive.history() as { song: SongId; slot: number; shownAt: number; at: number; behaviour: number; heard?: number }[];
    return rows.map(({ behaviour, heard = 1, ...rest }) => {
      const kind = KINDS[behaviour] ?? "complete";
      return { ...rest, feedback: kind === "skip" ? { kind, heard } : { kind } };
    });
  }

  /** Whether the listener lets updates leave this device. */
  get consent(): boolean {
    return this.#alive.consent();
  }

  /** Gives or withdraws that consent. Withdrawn, whatever is on its way is stopped. */
  setConsent(on: boolean): void {
    this.#alive.setConsent(on);
    if (!on) {
      this.#consented.abort(new SottovoceError("consent/off", "The listener withdrew consent.", "Ask again before contributing."));
      this.#consented = new AbortController();
    }
    this.#keeper.changed();
    this.#emit({ type: "consent", on });
  }

  /**
   * Takes part in the open round, if there is one: fetches its weights, learns here, sends one clipped update.
   * Calls while it runs share its outcome.
   *
   * @throws {@link SottovoceError} `consent/off` before any request where there is no consent; `server/…`.
   */
  contribute({ signal }: { signal?: AbortSignal } = {}): Promise<Contribution> {
    this.#contributing ??= this.#contribute(signal).finally(() => {
      this.#contributing = undefined;
    });
    return this.#contributing;
  }

  /**
   * The server's newest rounds.
   *
   * @throws {@link SottovoceError} `consent/off` where there is no consent: asking would already tell that someone is here.
   */
  async rounds({ signal }: { signal?: AbortSignal } = {}): Promise<RoundStatus[]> {
    this.#assertConsent();
    return this.#http.rounds(this.#withConsent(signal));
  }

  /** Fetches the shared weights if there are newer ones; true when there were. */
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    const held = this.#alive.weightsVersion();
    const bytes = await this.#http.weights(signal);
    if (this.#closed) return false;
    const { version } = this.#core.receive(bytes) as { version: number };
    const newer = version !== held;
    if (newer) this.#changed("weights");
    return newer;
  }

  /** Everything that crossed the wire. */
  ledger(): Ledger {
    return { ...(this.#alive.ledger() as Omit<Ledger, "roundChecks">), roundChecks: this.#http.roundChecks };
  }

  /** A note of the page's own (a queue, a volume), kept, exported and erased with the rest. `undefined` when there is none. */
  kept<T>(key: string): T | undefined {
    return this.#keeper.page[key] as T | undefined;
  }

  /** Keeps such a note. It must be JSON. */
  keep(key: string, value: unknown): void {
    this.#keeper.page[key] = value;
    this.#keeper.changed();
  }

  /** Resolved once everything up to now would survive a crash. */
  flush(): Promise<void> {
    return this.#keeper.flush();
  }

  /** Takes the kept state over from the tab that holds it, and goes on from there. */
  async takeOver(): Promise<void> {
    await this.#keeper.takeOver((snapshot) => this.#alive.restore(snapshot));
    this.#emit({ type: "change", cause: "restore" });
  }

  /** Everything known about the listener, as plain JSON. */
  exportData(): Record<string, unknown> {
    return { ...(this.#alive.exportData() as Record<string, unknown>), page: this.#keeper.page };
  }

  /** Erases it all: engine, store, cached catalogue, pending updates. Consent is off afterwards. */
  async deleteData(): Promise<Erasure> {
    this.setConsent(false);
    this.#core.deleteData();
    const storeEmpty = await this.#keeper.clear();
    await this.#http.forget();
    this.#emit({ type: "change", cause: "delete" });
    this.#emit({ type: "ledger" });
    return { at: Date.now(), storeEmpty, nothingPending: this.#core.outbox() === undefined, seen: this.#core.seen() };
  }

  /** Calls `listener` on every event of that type, until the returned function is called. */
  on<T extends EngineEvent["type"]>(type: T, listener: (event: EventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Keeps what is left to keep and frees the engine's memory. Anything called later throws `engine/closed`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#consented.abort();
    await (this.#keeper as Keeper | undefined)?.close();
    this.#core.free();
  }

  static {
    for (const name of ["dispose", "asyncDispose"] as const) {
      const symbol: symbol | undefined = Symbol[name];
      if (symbol) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
    }
  }

  get #alive(): Recommender {
    if (this.#closed) throw new SottovoceError("engine/closed", "This engine was closed.", "Open another one.");
    return this.#core;
  }

  async #load({ name, shards, songs: total }: Manifest, { progress, signal }: OpenOptions): Promise<void> {
    this.#catalogue = name;
    let loaded = 0;
    for (const { metadata, embeddings, etag } of shards) {
      const [songs, bytes] = await Promise.all([
        this.#http.songs(metadata, signal),
        this.#http.embeddings(embeddings, etag, signal),
      ]);
      loaded += this.#core.loadShard(bytes);
      for (const song of songs) this.#songs.set(song.id, song);
      progress?.(total > 0 ? loaded / total : 1);
    }
  }

  async #contribute(signal?: AbortSignal): Promise<Contribution> {
    this.#assertConsent();
    const result = await contribute(this.#core, this.#http, {
      signal: this.#withConsent(signal),
      changed: () => {
        this.#keeper.changed();
        this.#emit({ type: "ledger" });
      },
      durable: () => this.#keeper.flush(),
    });
    this.#emit({ type: "contribution", result });
    return result;
  }

  #assertConsent(): void {
    if (!this.#alive.consent()) {
      throw new SottovoceError("consent/off", "The listener has not consented to contributing.", "Ask, then call setConsent(true).");
    }
  }

  #withConsent(signal?: AbortSignal): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#consented.signal]) : this.#consented.signal;
  }

  #changed(cause: EventOf<"change">["cause"]): void {
    this.#keeper.changed();
    this.#emit({ type: "change", cause });
  }

  #emit(event: EngineEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) listener(event as never);
  }
}

export interface Sottovoce {
  /** Same as {@link Sottovoce.close}. */
  [Symbol.dispose](): void;
  /** Same as {@link Sottovoce.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}

function nameOf({ name = "default" }: OpenOptions): string {
  return `sottovoce:${name}`;
}

function serverOf({ server = "/" }: OpenOptions): URL {
  const url = new URL(server, globalThis.location?.href);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

async function storeOf({ store = "indexeddb" }: OpenOptions, name: string): Promise<{ store: Store; storage: Storage }> {
  if (store === "memory") return { store: memoryStore(), storage: { kind: "memory", why: "chosen" } };
  if (store !== "indexeddb") return { store, storage: { kind: "kept" } };
  try {
    return { store: await indexedDbStore(name), storage: { kind: "kept" } };
  } catch (error) {
    return { store: memoryStore(), storage: { kind: "memory", why: "refused", error: error as Error } };
  }
}

/** Few enough buckets that a locale says little; the engine looks at the lowest four bits. */
function localeOf(locale: string): number {
  return [...locale].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) & 0xffff, 0);
}

/** Without the server, or with one that has no weights, those at hand have to do. */
function onlyServer(error: unknown): void {
  if (!codeOf(error)?.startsWith("server/")) throw error;
}
