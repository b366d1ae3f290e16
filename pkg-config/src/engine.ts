/// <reference lib="esnext.disposable" preserve="true" />
// The engine with its hands: fetch, clock and storage around the wasm core, which has none of them.

import { Recommender } from "./generated/sottovoce.js";
import type { Addition } from "./additions.js";
import { ask, filesOf, load, type Coming } from "./catalogue.js";
import type { Door } from "./door.js";
import { SottovoceError, codeOf } from "./errors.js";
import { Http, type Manifest } from "./http.js";
import { eventRow } from "./event.js";
import { init } from "./init.js";
import type { Kept } from "./keeper.js";
import { keepNothing, type Keeping } from "./keeping.js";
import { base64, serverOf, shelfOf, SOON_MS, type Shelves } from "./open.js";
import type { EngineConfig, OpenOptions } from "./options.js";
import type { Imported } from "./portable.js";
import { coreConfig } from "./settings.js";
import type { ReplayFile, Tape } from "./tape.js";
import { Taste } from "./taste.js";
import type {
  Acknowledged, Consents, Contribution, EngineEvent, Erasure, HistoryColumns, Ledger, ListenEvent, PlayedEvent, RoundStatus, Song, SongId, Storage,
} from "./types.js";

/** The event of that type. */
export type EventOf<T extends EngineEvent["type"]> = Extract<EngineEvent, { type: T }>;

/** Closes what an engine held that the page let go of without closing it: the lock between tabs, the database. */
const forgotten = globalThis.FinalizationRegistry && new FinalizationRegistry<Keeping>((keeper) => void keeper.close());

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
export class Sottovoce extends Taste {
  readonly #http: Http;
  readonly #shelf: Shelves | undefined;
  readonly #tape: Tape | undefined;
  /** Set before {@link Sottovoce.open} gives the engine out. */
  #keeper!: Keeping;
  readonly #songs = new Map<SongId, Song>();
  /** Song lists that nobody has looked at yet. */
  readonly #lists: (() => Song[])[] = [];
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  /** Aborts all that only consent allows. */
  #consented = new AbortController();
  #contributing: Promise<Contribution> | undefined;
  #manifest: Manifest | undefined;
  /** The step of the personal weights where learning is allowed. */
  #rate: number;

  /** Only {@link Sottovoce.open} makes one. */
  protected constructor(...parts: never);
  /** @internal */
  protected constructor(door: Door, options: OpenOptions, http: Http, shelf: Shelves | undefined, tape: Tape | undefined);
  protected constructor(door: Door, options: OpenOptions, http: Http, shelf: Shelves | undefined, tape: Tape | undefined) {
    super(door);
    this.#http = http;
    this.#shelf = shelf;
    this.#tape = tape;
    this.#rate = options.config?.personalRate ?? 0.05;
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
  static open(options: OpenOptions = {}): Promise<Sottovoce> {
    // Not by way of `this`: hooks and callers take `open` off its class.
    return Sottovoce.opened(options, Sottovoce);
  }

  /** Opens an engine of this kind, with so many shards on their way at once. @internal */
  protected static async opened(options: OpenOptions, Kind: typeof Sottovoce, ahead?: number): Promise<Sottovoce> {
    const prefix = `sottovoce:${options.name ?? "default"}`;
    const { store = "indexeddb" } = options;
    // What needs no other is on its way at once: the engine, the catalogue, the weights, the parts that are fetched when asked for.
    const loading = Promise.all([options.record ? import("./tape.js") : undefined, store === "memory" ? undefined : import("./persist.js"), init()]);
    const shelf = shelfOf(prefix, options);
    const early: [message: string, bytes: number, meaning: string, at: number][] = [];
    let there: Sottovoce | undefined;
    const http = new Http({
      server: serverOf(options.server),
      fetch: options.fetch ?? fetch.bind(globalThis),
      shelf,
      received: (message, bytes, meaning) => {
        const down: (typeof early)[0] = [message, bytes, meaning, Date.now()];
        // The ledger of an engine that has not taken up its kept state yet would be lost with it.
        if (!there) early.push(down);
        else if (!there.closed) {
          there.door.recordDownload(...down);
          there.#emit({ type: "ledger" });
        }
      },
      reached: (online) => {
        if (there) there.#emit({ type: "connection", online });
      },
    });
    const coming = ask(http, options, ahead);
    const [taping, persist] = await loading;
    const seed = options.seed ?? crypto.getRandomValues(new BigUint64Array(1))[0]!;
    const core = new Recommender(coreConfig(options.config ?? {}), seed) as unknown as Door;
    const tape = taping?.record(core, { seed, config: options.config ?? {} });
    const engine = new Kind(tape?.door ?? core, options, http, shelf, tape);
    try {
      const manifest = await coming.manifest;
      const name = `${prefix}:${manifest.name}`;
      const kept = Sottovoce.#kept(engine.door, forgotten ? new WeakRef(engine) : { deref: () => engine });
      engine.#keeper = store === "memory" ? keepNothing() : await persist!.keeping(store, name, kept);
      forgotten?.register(engine, engine.#keeper, engine);
      await engine.#keeper.start(name);
      for (const down of early) core.recordDownload(...down);
      there = engine;
      engine.#learning();
      engine.#manifest = manifest;
      await engine.bring(coming, options);
      shelf?.keepOnly(filesOf(manifest, http));
      if (options.additions) await engine.addSongs(options.additions);
      engine.#keeper.redo(engine.door);
      if (options.context) engine.setContext(options.context);
      await engine.#renew(coming.weights).catch(onlyServer);
      engine.#keeper.changed();
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The catalogue's name. */
  get catalogue(): string {
    return this.#manifest?.name ?? "";
  }

  /** Every song of the catalogue. Read out of the server's lists soon after opening, or when first asked for. */
  get songs(): ReadonlyMap<SongId, Song> {
    for (let list; (list = this.#lists[0]); this.#lists.shift()) for (const song of list()) this.#songs.set(song.id, song);
    return this.#songs;
  }

  /** Whether the last request reached the server. */
  get online(): boolean {
    return this.#http.online;
  }

  /** Where state is kept just now. */
  get storage(): Storage {
    return this.#keeper.storage;
  }

  /**
   * Tells the engine what came of a song. The next {@link Sottovoce.recommend} knows it, at once; the promise is resolved once
   * the event would survive a crash, or at once with the reason why it would not. It never rejects. While paused, nothing
   * is taken note of. A skip says what share was heard, or how long it sounded ({@link PlayedEvent}).
   */
  observe(event: ListenEvent | PlayedEvent): Promise<Acknowledged> {
    const door = this.alive;
    if (this.paused) return Promise.resolve({ kind: "paused" });
    const row = eventRow(event, () => this.songs.get(event.song)?.durationMs);
    door.observe(...row);
    const kept = this.#keeper.append(["o", row, this.moment]);
    this.#emit({ type: "change", cause: "observe" });
    return kept;
  }

  /**
   * Adds songs of the listener's own that the catalogue lacks, until this engine is closed: they are recommended and learned from
   * like the others. Ids are the caller's to choose, apart from the catalogue's and always the same for the same song, because the
   * history is kept by them. A song that is here already is renewed. Nothing of it leaves the device.
   *
   * @returns how many were new.
   */
  async addSongs(additions: readonly Addition[]): Promise<number> {
    if (additions.length === 0) return 0;
    const { shardOf } = await import("./additions.js");
    const added = this.alive.loadShard(shardOf(additions));
    // A list that is read later would describe them its own way.
    void this.songs;
    for (const { song } of additions) this.#songs.set(song.id, song);
    return added;
  }

  /** Takes the last event back; the song it was about, or `undefined` when there is none. */
  undo(): SongId | undefined {
    const song = this.alive.undo();
    if (song !== undefined) {
      void this.#keeper.append(["u"]);
      this.#emit({ type: "change", cause: "undo" });
    }
    return song as SongId | undefined;
  }

  /**
   * Takes a listening history in, of any order and length, without a step of learning for each row.
   *
   * @returns how many rows were taken; those of songs that are not in the catalogue are passed over.
   */
  importHistory({ songs, at, behaviour, heard }: HistoryColumns): number {
    const taken = this.full.importHistory(songs, at, behaviour, heard);
    this.#changed("import");
    return taken;
  }

  /** Changes settings of the running engine. They hold until it is closed. */
  configure(config: EngineConfig): void {
    this.alive.configure(coreConfig(config));
    this.#rate = config.personalRate ?? this.#rate;
    this.#learning();
    this.#emit({ type: "change", cause: "config" });
  }

  /** Less of this: mutes the interest at `index` of the last {@link Taste.interests}. Kept with the rest. */
  lessOf(index: number): void {
    this.full.lessOf(index);
    this.#changed("interests");
  }

  /** Takes {@link Sottovoce.lessOf} back, by the index in {@link Taste.muted}. */
  unmute(index: number): void {
    this.full.unmute(index);
    this.#changed("interests");
  }

  /** Whether the listener lets updates leave this device; the same as `consents.rounds`. */
  get consent(): boolean {
    return this.alive.consent();
  }

  /** What the listener agreed to, purpose by purpose. */
  get consents(): Consents {
    return { recall: false, learning: true, ...this.#keeper.state.settings.consents, rounds: this.consent };
  }

  /**
   * Gives or withdraws consent, for the purposes named; a bare boolean means the rounds. Withdrawn from the rounds, whatever is
   * on its way is stopped. Withdrawn from learning, events still order the queue and are remembered, but the personal weights
   * stay as they are.
   */
  setConsent(given: boolean | Partial<Consents>): void {
    const { rounds, recall, learning } = { ...this.consents, ...(typeof given === "boolean" ? { rounds: given } : given) };
    this.alive.setConsent(rounds);
    this.#keeper.state.settings.consents = { recall, learning };
    if (!rounds) this.#stop(new SottovoceError("consent/off", "The listener withdrew consent.", "Ask again before contributing."));
    this.#learning();
    this.#keeper.changed();
    this.#emit({ type: "consent", on: rounds, consents: this.consents });
  }

  /** Whether the engine takes no notes just now. */
  get paused(): boolean {
    return !!this.#keeper.state.settings.paused;
  }

  /** From now on nothing is taken note of and nothing is contributed, here and after a reload, until {@link Sottovoce.resume}. */
  pause(): void {
    this.#stop(new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first."));
    this.#pausing(true);
  }

  /** Takes notes again. */
  resume(): void {
    this.#pausing(false);
  }

  /**
   * Takes part in the open round, if there is one: fetches its weights, learns here, sends one clipped update.
   * Calls while it runs share its outcome.
   *
   * @throws {@link SottovoceError} `consent/off` before any request where there is no consent; `engine/paused`; `server/…`.
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
    return (await import("./rounds.js")).rounds(this.#http, this.#withConsent(signal));
  }

  /** Fetches the shared weights if there are newer ones; true when there were. */
  refresh({ signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    return this.#renew(this.#http.weights(signal));
  }

  async #renew(weights: Promise<Uint8Array>): Promise<boolean> {
    const held = this.weightsVersion;
    const bytes = await weights;
    if (this.closed) return false;
    const newer = this.door.receive(bytes).version !== held;
    if (newer) this.#changed("weights");
    return newer;
  }

  /** Everything that crossed the wire. */
  ledger(): Ledger {
    return { ...this.alive.ledger(), roundChecks: this.#http.roundChecks };
  }

  /** A note of the page's own (a queue, a volume), kept, exported and erased with the rest. `undefined` when there is none. */
  kept<T>(key: string): T | undefined {
    return this.#keeper.state.notes[key] as T | undefined;
  }

  /** Keeps such a note. It must be JSON. */
  keep(key: string, value: unknown): void {
    this.#keeper.state.notes[key] = value;
    void this.#keeper.append(["n", key, value]);
  }

  /** Resolved once everything up to now would survive a crash. */
  flush(): Promise<void> {
    return this.#keeper.flush();
  }

  /** Takes the kept state over from the tab that holds it, and goes on from there. */
  async takeOver(): Promise<void> {
    await this.#keeper.takeOver();
    this.#keeper.redo(this.alive);
    this.alive.setContext(this.moment);
    this.#learning();
    this.#emit({ type: "change", cause: "restore" });
  }

  /** Everything known about the listener, as plain JSON to read, and to give to {@link Sottovoce.importData}. */
  exportData(): Record<string, unknown> {
    const { notes, settings } = this.#keeper.state;
    return {
      ...this.alive.exportData(),
      format: 2, catalogue: this.catalogue, consents: this.consents, paused: !!settings.paused, page: notes,
      state: base64(this.door.snapshot()),
    };
  }

  /**
   * Takes in what {@link Sottovoce.exportData} gave, in the place of all that is known here. With its `state` it is the same
   * engine again; without, as written by hand or by an older version, it is learned anew from the `history`. Consent for the
   * rounds is never taken from a file.
   *
   * @throws {@link SottovoceError} `import/…`; everything is as before then.
   */
  async importData(data: unknown): Promise<Imported> {
    const { take } = await import("./portable.js");
    const { imported, state } = take(this.alive, data, this.catalogue);
    this.#keeper.state = state;
    this.alive.setContext(this.moment);
    this.#learning();
    this.#changed("import");
    await this.flush();
    return imported;
  }

  /**
   * Everything asked of the engine since it opened, for a bug report: given to `replay` of `sottovoce/replay`, it makes the same
   * lists again. It holds the listening history; it goes nowhere by itself.
   *
   * @throws {@link SottovoceError} `replay/off` unless opened with `record: true`.
   */
  replayFile(): ReplayFile {
    if (!this.#tape) throw new SottovoceError("replay/off", "Nothing was written down.", "Open the engine with record: true.");
    return this.#tape.file(this.catalogue, this.#manifest?.shards.map(({ etag }) => etag) ?? [], this.weightsVersion);
  }

  /** Erases it all: engine, store, cached catalogue, pending updates. Consent is off afterwards. */
  async deleteData(): Promise<Erasure> {
    this.setConsent({ rounds: false, recall: false, learning: true });
    await this.#contributing?.catch(() => {});
    const { door } = this;
    door.deleteData();
    const stored = await this.#keeper.clear();
    const cached = (await this.#shelf?.clear()) ?? 0;
    this.#learning();
    this.#emit({ type: "change", cause: "delete" });
    this.#emit({ type: "ledger" });
    // An engine that plays only has no way out at all.
    const pending = +!!door.outbox?.();
    const left = {
      stored, cached, pending, history: door.history().length, ledger: door.ledger().entries.length,
      notes: Object.keys(this.#keeper.state.notes).length,
    };
    return { at: Date.now(), storeEmpty: !stored, nothingPending: !pending, seen: door.seen(), left };
  }

  /** Calls `listener` on every event of that type, until the returned function is called. */
  on<T extends EngineEvent["type"]>(type: T, listener: (event: EventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Keeps what is left to keep and frees the engine's memory. Anything called later throws `engine/closed`. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.#stop();
    await (this.#keeper as Keeping | undefined)?.close();
    await this.#shelf?.flush();
    forgotten?.unregister(this);
    this.door.free();
  }

  static {
    for (const name of ["dispose", "asyncDispose"] as const) {
      const symbol: symbol | undefined = Symbol[name];
      if (symbol) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
    }
  }

  /** What a larger engine works with. @internal */
  protected get hands() {
    void this.songs;
    return { http: this.#http, songs: this.#songs, keeper: this.#keeper, emit: (event: EngineEvent) => this.#emit(event) };
  }

  /** Brings the songs in. @internal */
  protected bring(coming: Coming, options: OpenOptions): Promise<void> {
    return load(coming, this.#http, this.door, (songs) => this.#describe(songs), options);
  }

  /** What the keeper may hold. Not the engine itself, nor a closure beside one that does: the page may let go of it. */
  static #kept(door: Door, engine: { deref(): Sottovoce | undefined }): Kept {
    return {
      snapshot: () => door.snapshot(),
      restore: (snapshot) => door.restore(snapshot),
      moved: (storage) => {
        const there = engine.deref();
        if (there) there.#emit({ type: "storage", storage });
      },
    };
  }

  async #contribute(signal?: AbortSignal): Promise<Contribution> {
    this.#assertConsent();
    if (this.paused) throw new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first.");
    const allowed = this.#withConsent(signal);
    const { contribute } = await import("./rounds.js");
    const result = await contribute(this.full, this.#http, {
      signal: allowed,
      changed: () => {
        this.#keeper.changed();
        this.#emit({ type: "ledger" });
      },
      durable: () => this.flush(),
    });
    this.#emit({ type: "contribution", result });
    return result;
  }

  /** Reads a list after the first slate, and those of a long download while the next is on its way. */
  #describe(list: () => Song[]): void {
    this.#lists.push(list);
    setTimeout(() => {
      try {
        void this.songs;
      } catch {
        // It is told to whoever asks for the songs.
      }
    }, SOON_MS);
  }

  #assertConsent(): void {
    if (!this.consent) {
      throw new SottovoceError("consent/off", "The listener has not consented to contributing.", "Ask, then call setConsent(true).");
    }
  }

  #withConsent(signal?: AbortSignal): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#consented.signal]) : this.#consented.signal;
  }

  #stop(why?: Error): void {
    this.#consented.abort(why);
    this.#consented = new AbortController();
  }

  #pausing(paused: boolean): void {
    this.#keeper.state.settings.paused = paused;
    this.#keeper.changed();
    this.#emit({ type: "pause", paused });
  }

  /** The step of the personal weights as the listener's consent has it. */
  #learning(): void {
    this.door.configure?.({ personalRate: this.consents.learning ? this.#rate : 0 });
  }

  #changed(cause: EventOf<"change">["cause"]): void {
    this.#keeper.changed();
    this.#emit({ type: "change", cause });
  }

  #emit(event: EngineEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) listener(event as never);
  }
}

/** Frees what the engine holds. */
export interface Sottovoce {
  /** Same as {@link Sottovoce.close}. */
  [Symbol.dispose](): void;
  /** Same as {@link Sottovoce.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Without the server, or with one that has no weights, those at hand have to do. */
function onlyServer(error: unknown): void {
  if (!codeOf(error)?.startsWith("server/")) throw error;
}
