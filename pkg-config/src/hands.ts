/// <reference lib="esnext.disposable" preserve="true" />
// The engine's hands: fetch, clock and storage around the wasm core, which has none of them; and how it is opened.

import { Recommender } from "./generated/sottovoce.js";
import type { Addition } from "./additions.js";
import { ask, filesOf, load, type Coming } from "./catalogue.js";
import type { Door } from "./door.js";
import { codeOf } from "./errors.js";
import { Http, type Manifest } from "./http.js";
import { init } from "./init.js";
import type { Kept } from "./keeper.js";
import { keepNothing, type Keeping } from "./keeping.js";
import { serverOf, shelfOf, SOON_MS, type Shelves } from "./open.js";
import type { OpenOptions } from "./options.js";
import { coreConfig } from "./settings.js";
import type { Tape } from "./tape.js";
import { Taste } from "./taste.js";
import type { EngineEvent, Song, SongId, Storage } from "./types.js";

/** The event of that type. */
export type EventOf<T extends EngineEvent["type"]> = Extract<EngineEvent, { type: T }>;

/** What an engine is made of. @internal */
export type Parts = readonly [door: Door, options: OpenOptions, http: Http, shelf: Shelves | undefined, tape: Tape | undefined];

/** Closes what an engine held that the page let go of without closing it: the lock between tabs, the database. */
const forgotten = globalThis.FinalizationRegistry && new FinalizationRegistry<Keeping>((keeper) => void keeper.close());

/** What an engine holds and hears, whatever it is asked: the catalogue's songs, the page's notes, events. {@link Sottovoce} is one. */
export abstract class Hands extends Taste {
  /** @internal */
  protected readonly http: Http;
  /** @internal */
  protected readonly shelf: Shelves | undefined;
  /** @internal */
  protected readonly tape: Tape | undefined;
  /** Set before an engine is given out. @internal */
  protected keeper!: Keeping;
  /** @internal */
  protected manifest: Manifest | undefined;
  readonly #songs = new Map<SongId, Song>();
  /** Song lists that nobody has looked at yet. */
  readonly #lists: (() => Song[])[] = [];
  readonly #listeners = new Map<string, Set<(event: never) => void>>();

  /** @internal */
  protected constructor(...[door, , http, shelf, tape]: Parts) {
    super(door);
    this.http = http;
    this.shelf = shelf;
    this.tape = tape;
  }

  /** Opens an engine that `made` makes, with so many shards on their way at once. @internal */
  protected static async opened<E extends Hands>(options: OpenOptions, made: (...parts: Parts) => E, ahead?: number): Promise<E> {
    const prefix = `sottovoce:${options.name ?? "default"}`;
    const { store = "indexeddb" } = options;
    // What needs no other is on its way at once: the engine, the catalogue, the weights, the parts that are fetched when asked for.
    const loading = Promise.all([options.record ? import("./tape.js") : undefined, store === "memory" ? undefined : import("./persist.js"), init()]);
    const shelf = shelfOf(prefix, options);
    const early: [message: string, bytes: number, meaning: string, at: number][] = [];
    let there: E | undefined;
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
          there.emit({ type: "ledger" });
        }
      },
      reached: (online) => {
        if (there) there.emit({ type: "connection", online });
      },
    });
    const coming = ask(http, options, ahead);
    const [taping, persist] = await loading;
    const seed = options.seed ?? crypto.getRandomValues(new BigUint64Array(1))[0]!;
    const core = new Recommender(coreConfig(options.config ?? {}), seed) as unknown as Door;
    const tape = taping?.record(core, { seed, config: options.config ?? {} });
    const engine = made(tape?.door ?? core, options, http, shelf, tape);
    try {
      const manifest = await coming.manifest;
      const name = `${prefix}:${manifest.name}`;
      const kept = Hands.#kept(engine.door, forgotten ? new WeakRef(engine) : { deref: () => engine });
      engine.keeper = store === "memory" ? keepNothing() : await persist!.keeping(store, name, kept);
      forgotten?.register(engine, engine.keeper, engine);
      await engine.keeper.start(name);
      for (const down of early) core.recordDownload(...down);
      there = engine;
      engine.settle();
      engine.manifest = manifest;
      await engine.bring(coming, options);
      shelf?.keepOnly(filesOf(manifest, http));
      if (options.additions) await engine.addSongs(options.additions);
      engine.keeper.redo(engine.door);
      if (options.context) engine.setContext(options.context);
      await coming.weights.then((weights) => engine.renew(weights)).catch(onlyServer);
      engine.keeper.changed();
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The catalogue's name. */
  get catalogue(): string {
    return this.manifest?.name ?? "";
  }

  /** Every song of the catalogue. Read out of the server's lists soon after opening, or when first asked for. */
  get songs(): ReadonlyMap<SongId, Song> {
    for (let list; (list = this.#lists[0]); this.#lists.shift()) for (const song of list()) this.#songs.set(song.id, song);
    return this.#songs;
  }

  /** Whether the last request reached the server. */
  get online(): boolean {
    return this.http.online;
  }

  /** Where state is kept just now. */
  get storage(): Storage {
    return this.keeper.storage;
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

  /** A note of the page's own (a queue, a volume), kept, exported and erased with the rest. `undefined` when there is none. */
  kept<T>(key: string): T | undefined {
    return this.keeper.state.notes[key] as T | undefined;
  }

  /** Keeps such a note. It must be JSON. */
  keep(key: string, value: unknown): void {
    this.keeper.state.notes[key] = value;
    void this.keeper.append(["n", key, value]);
  }

  /** Resolved once everything up to now would survive a crash. */
  flush(): Promise<void> {
    return this.keeper.flush();
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
    await this.halt();
    await (this.keeper as Keeping | undefined)?.close();
    await this.shelf?.flush();
    forgotten?.unregister(this);
    this.door.free();
  }

  /** Ends what is under way, before the engine is freed. @internal */
  protected abstract halt(): Promise<void> | void;

  /** Brings the engine in line with what the listener agreed to, once that is known. @internal */
  protected abstract settle(): void;

  /** The catalogue's songs, to be added to. @internal */
  protected get known(): Map<SongId, Song> {
    void this.songs;
    return this.#songs;
  }

  /** Takes weights in; true when they are newer. @internal */
  protected renew(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    const held = this.weightsVersion;
    const newer = this.door.receive(bytes).version !== held;
    if (newer) this.changed("weights");
    return newer;
  }

  /** Brings the songs to where rounds have moved them; see `renewal.ts`. @internal */
  protected async renewSongs(signal?: AbortSignal): Promise<void> {
    const { renewSongs } = await import("./renewal.js");
    this.manifest = await renewSongs(this.manifest, () => this.alive, this.http, signal);
  }

  /** Brings the songs in. @internal */
  protected bring(coming: Coming, options: OpenOptions): Promise<void> {
    return load(coming, this.http, this.door, (songs) => this.#describe(songs), options);
  }

  /** What the keeper may hold. Not the engine itself, nor a closure beside one that does: the page may let go of it. */
  static #kept(door: Door, engine: { deref(): Hands | undefined }): Kept {
    return {
      snapshot: () => door.snapshot(),
      restore: (snapshot) => door.restore(snapshot),
      moved: (storage) => {
        const there = engine.deref();
        if (there) there.emit({ type: "storage", storage });
      },
    };
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

  /** Keeps what more changed than a line can say, and tells why. @internal */
  protected changed(cause: EventOf<"change">["cause"]): void {
    this.keeper.changed();
    this.emit({ type: "change", cause });
  }

  /** @internal */
  protected emit(event: EngineEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) listener(event as never);
  }
}

/** Without the server, or with one that has no weights, those at hand have to do. */
function onlyServer(error: unknown): void {
  if (!codeOf(error)?.startsWith("server/")) throw error;
}
