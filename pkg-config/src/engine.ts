/// <reference lib="esnext.disposable" preserve="true" />
// What a listener and a page can do with an engine: tell it what was heard, agree or not, take part in rounds, take everything along or away.

import { SottovoceError } from "./errors.js";
import { eventRow } from "./event.js";
import type { Parts } from "./hands.js";
import { base64 } from "./open.js";
import type { EngineConfig, OpenOptions } from "./options.js";
import type { Imported } from "./portable.js";
import { coreConfig } from "./settings.js";
import { TakingPart } from "./taking-part.js";
import type { ReplayFile } from "./tape.js";
import type { Acknowledged, Erasure, HistoryColumns, Ledger, ListenEvent, PlayedEvent, SongId } from "./types.js";

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
export class Sottovoce extends TakingPart {
  /** The step of the personal weights where learning is allowed. */
  #rate: number;

  /** Only {@link Sottovoce.open} makes one. */
  protected constructor(...parts: never);
  /** @internal */
  protected constructor(...parts: Parts);
  protected constructor(...parts: Parts) {
    super(...parts);
    const [, { config }] = parts;
    this.#rate = config?.personalRate ?? 0.05;
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
    return Sottovoce.opened(options, (...parts) => new Sottovoce(...parts));
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
    const kept = this.keeper.append(["o", row, this.moment]);
    this.emit({ type: "change", cause: "observe" });
    return kept;
  }

  /** Takes the last event back; the song it was about, or `undefined` when there is none. */
  undo(): SongId | undefined {
    const song = this.alive.undo();
    if (song !== undefined) {
      void this.keeper.append(["u"]);
      this.emit({ type: "change", cause: "undo" });
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
    this.changed("import");
    return taken;
  }

  /** Changes settings of the running engine. They hold until it is closed. */
  configure(config: EngineConfig): void {
    this.alive.configure(coreConfig(config));
    this.#rate = config.personalRate ?? this.#rate;
    this.settle();
    this.emit({ type: "change", cause: "config" });
  }

  /** Less of this: mutes the interest at `index` of the last {@link Taste.interests}. Kept with the rest. */
  lessOf(index: number): void {
    this.full.lessOf(index);
    this.changed("interests");
  }

  /** Takes {@link Sottovoce.lessOf} back, by the index in {@link Taste.muted}. */
  unmute(index: number): void {
    this.full.unmute(index);
    this.changed("interests");
  }

  /** Fetches the shared weights if there are newer ones, and the songs that they have moved; true when there were. */
  async refresh({ signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    const newer = this.renew(await this.http.weights(signal));
    if (newer) await this.renewSongs(signal);
    return newer;
  }

  /** Everything that crossed the wire. */
  ledger(): Ledger {
    return { ...this.alive.ledger(), roundChecks: this.http.roundChecks };
  }

  /** Takes the kept state over from the tab that holds it, and goes on from there. */
  async takeOver(): Promise<void> {
    await this.keeper.takeOver();
    this.keeper.redo(this.alive);
    this.alive.setContext(this.moment);
    this.settle();
    this.emit({ type: "change", cause: "restore" });
  }

  /** Everything known about the listener, as plain JSON to read, and to give to {@link Sottovoce.importData}. */
  exportData(): Record<string, unknown> {
    const { notes, settings } = this.keeper.state;
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
    const { budget } = this.keeper.state.settings;
    this.keeper.state = state;
    // What may be told in all is this device's, as is what was told: neither comes from a file.
    if (budget) state.settings.budget = budget;
    this.alive.setContext(this.moment);
    this.settle();
    this.changed("import");
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
    if (!this.tape) throw new SottovoceError("replay/off", "Nothing was written down.", "Open the engine with record: true.");
    return this.tape.file(this.catalogue, this.manifest?.shards.map(({ etag }) => etag) ?? [], this.weightsVersion);
  }

  /**
   * Erases it all: engine, store, cached catalogue, pending updates, secrets of rounds. Consent is off afterwards. The account of what rounds told
   * goes too, so that a budget begins anew, as it would in another browser: what was told is told all the same.
   */
  async deleteData(): Promise<Erasure> {
    this.setConsent({ rounds: false, recall: false, learning: true });
    const { door } = this;
    const secrets = await this.eraseSecrets();
    door.deleteData();
    const stored = await this.keeper.clear();
    const cached = (await this.shelf?.clear()) ?? 0;
    this.settle();
    this.emit({ type: "change", cause: "delete" });
    this.emit({ type: "ledger" });
    // An engine that plays only has no way out at all.
    const pending = +!!door.outbox?.();
    const left = {
      stored, cached, pending, secrets, history: door.history().length, ledger: door.ledger().entries.length,
      notes: Object.keys(this.keeper.state.notes).length,
    };
    return { at: Date.now(), storeEmpty: !stored && !secrets, nothingPending: !pending, seen: door.seen(), left };
  }

  static {
    for (const name of ["dispose", "asyncDispose"] as const) {
      const symbol: symbol | undefined = Symbol[name];
      if (symbol) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
    }
  }

  /** The step of the personal weights as the listener's consent has it. @internal */
  protected settle(): void {
    this.door.configure?.({ personalRate: this.consents.learning ? this.#rate : 0 });
  }
}

/** Frees what the engine holds. */
export interface Sottovoce {
  /** Same as {@link Sottovoce.close}. */
  [Symbol.dispose](): void;
  /** Same as {@link Sottovoce.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
