/// <reference lib="esnext.disposable" preserve="true" />
// What a listener and a page can do with an engine: tell it what was heard, agree or not, take part in rounds, take everything along or away.

import { SottovoceError } from "./errors.js";
import { eventRow } from "./event.js";
import { Hands, type Parts } from "./hands.js";
import { base64 } from "./open.js";
import type { EngineConfig, OpenOptions } from "./options.js";
import type { Imported } from "./portable.js";
import { coreConfig } from "./settings.js";
import type { ReplayFile } from "./tape.js";
import type {
  Acknowledged, Consents, Contribution, Erasure, HistoryColumns, Ledger, ListenEvent, PlayedEvent, RoundStatus, SongId,
} from "./types.js";

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
export class Sottovoce extends Hands {
  /** Aborts all that only consent allows. */
  #consented = new AbortController();
  #contributing: Promise<Contribution> | undefined;
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

  /** Whether the listener lets updates leave this device; the same as `consents.rounds`. */
  get consent(): boolean {
    return this.alive.consent();
  }

  /** What the listener agreed to, purpose by purpose. */
  get consents(): Consents {
    return { recall: false, learning: true, ...this.keeper.state.settings.consents, rounds: this.consent };
  }

  /**
   * Gives or withdraws consent, for the purposes named; a bare boolean means the rounds. Withdrawn from the rounds, whatever is
   * on its way is stopped. Withdrawn from learning, events still order the queue and are remembered, but the personal weights
   * stay as they are.
   */
  setConsent(given: boolean | Partial<Consents>): void {
    const { rounds, recall, learning } = { ...this.consents, ...(typeof given === "boolean" ? { rounds: given } : given) };
    this.alive.setConsent(rounds);
    this.keeper.state.settings.consents = { recall, learning };
    if (!rounds) this.#stop(new SottovoceError("consent/off", "The listener withdrew consent.", "Ask again before contributing."));
    this.settle();
    this.keeper.changed();
    this.emit({ type: "consent", on: rounds, consents: this.consents });
  }

  /** Whether the engine takes no notes just now. */
  get paused(): boolean {
    return !!this.keeper.state.settings.paused;
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
    return (await import("./rounds.js")).rounds(this.http, this.#withConsent(signal));
  }

  /** Fetches the shared weights if there are newer ones; true when there were. */
  refresh({ signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    return this.renew(this.http.weights(signal));
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
    this.keeper.state = state;
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

  /** Erases it all: engine, store, cached catalogue, pending updates. Consent is off afterwards. */
  async deleteData(): Promise<Erasure> {
    this.setConsent({ rounds: false, recall: false, learning: true });
    await this.#contributing?.catch(() => {});
    const { door } = this;
    door.deleteData();
    const stored = await this.keeper.clear();
    const cached = (await this.shelf?.clear()) ?? 0;
    this.settle();
    this.emit({ type: "change", cause: "delete" });
    this.emit({ type: "ledger" });
    // An engine that plays only has no way out at all.
    const pending = +!!door.outbox?.();
    const left = {
      stored, cached, pending, history: door.history().length, ledger: door.ledger().entries.length,
      notes: Object.keys(this.keeper.state.notes).length,
    };
    return { at: Date.now(), storeEmpty: !stored, nothingPending: !pending, seen: door.seen(), left };
  }

  static {
    for (const name of ["dispose", "asyncDispose"] as const) {
      const symbol: symbol | undefined = Symbol[name];
      if (symbol) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
    }
  }

  /** @internal */
  protected halt(): void {
    this.#stop();
  }

  /** The step of the personal weights as the listener's consent has it. @internal */
  protected settle(): void {
    this.door.configure?.({ personalRate: this.consents.learning ? this.#rate : 0 });
  }

  async #contribute(signal?: AbortSignal): Promise<Contribution> {
    this.#assertConsent();
    if (this.paused) throw new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first.");
    const allowed = this.#withConsent(signal);
    const { contribute } = await import("./rounds.js");
    const result = await contribute(this.full, this.http, {
      signal: allowed,
      changed: () => {
        this.keeper.changed();
        this.emit({ type: "ledger" });
      },
      durable: () => this.flush(),
    });
    this.emit({ type: "contribution", result });
    return result;
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
    this.keeper.state.settings.paused = paused;
    this.keeper.changed();
    this.emit({ type: "pause", paused });
  }
}

/** Frees what the engine holds. */
export interface Sottovoce {
  /** Same as {@link Sottovoce.close}. */
  [Symbol.dispose](): void;
  /** Same as {@link Sottovoce.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
