// Decides when state is written and where: lines at once, snapshots now and then; in memory when the store fails or another tab
// has it.

import type { Door } from "./door.js";
import { codeOf, SottovoceError } from "./errors.js";
import { apply, left, read, written } from "./journal.js";
import { blank, type Keeping, type Line, type State } from "./keeping.js";
import { hold } from "./lock.js";
import type { Store } from "./store.js";
import type { Storage } from "./types.js";

/** So many lines, or so many characters of them, are followed by a snapshot: what a start has to do again stays short. */
const LINES = 64;
const CHARACTERS_A_LINE = 4096;

/** What {@link Keeper} needs of the engine. Nothing here may hold the engine itself: it is let go when the page forgets it. */
export interface Kept {
  snapshot(): Uint8Array;
  restore(snapshot: Uint8Array): void;
  /** Told where state is kept from now on. */
  moved(storage: Storage): void;
}

/** Keeps the engine's snapshot and the page's notes in step with a {@link Store}. */
export class Keeper implements Keeping {
  state: State = blank();
  storage: Storage;
  readonly #store: Store;
  readonly #kept: Kept;
  #name = "";
  #release: (() => void) | undefined;
  /** Lines not written yet, each with who waits for it. */
  #waiting: { text: string; told: (storage: Storage) => void }[] = [];
  /** Lines since the last snapshot, long ones counting more. */
  #lines = 0;
  /** Lines read, to be told to the engine again. */
  #again: Line[] = [];
  /** Whether the next write has to be a snapshot. */
  #whole = false;
  #writing: Promise<void> | undefined;

  constructor(store: Store, storage: Storage, kept: Kept) {
    this.#store = store;
    this.storage = storage;
    this.#kept = kept;
  }

  async start(name: string): Promise<boolean> {
    this.#name = name;
    if (this.storage.kind === "memory") return false;
    await this.#hold(false);
    return this.#read();
  }

  redo(door: Door): void {
    for (const line of this.#again.splice(0)) apply(door, this.state, line);
    left(door, this.state);
  }

  async takeOver(): Promise<void> {
    await this.#hold(true);
    await this.#read();
  }

  append(line: Line): Promise<Storage> {
    return new Promise((told) => {
      this.#waiting.push({ text: JSON.stringify(line), told });
      this.#write();
    });
  }

  changed(): void {
    this.#whole = true;
    this.#write();
  }

  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async clear(): Promise<number> {
    await this.flush();
    this.state = blank();
    this.#again = [];
    // Another tab would write its state again.
    if (this.storage.kind === "memory" && this.storage.why === "elsewhere") await this.#hold(true);
    const left = await this.#store.clear();
    this.#whole = true;
    // Nothing in it is damaged any more.
    if (left === 0 && this.storage.kind === "memory" && this.storage.why === "damaged") this.#move({ kind: "kept" });
    return left;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#store.close();
    this.#release?.();
  }

  async #hold(steal: boolean): Promise<void> {
    this.#release = await hold(this.#name, steal, () => {
      this.#release = undefined;
      this.#fallBack("elsewhere");
    });
    if (steal) this.#move({ kind: "kept" });
    else if (!this.#release) this.#fallBack("elsewhere");
  }

  async #read(): Promise<boolean> {
    let problem: unknown;
    try {
      for (const { engine, page, journal } of (await this.#store.load()).slots) {
        try {
          const state = read(page);
          const lines = journal.map((text) => JSON.parse(text) as Line);
          this.#kept.restore(engine);
          this.state = state;
          // A journal that goes on behind an unreadable snapshot has numbers of its own.
          if (problem) this.#whole = true;
          this.#lines = lines.length;
          this.#again = lines;
          return true;
        } catch (error) {
          problem ??= error;
        }
      }
    } catch (error) {
      problem = error;
    }
    // The first thing that is kept is a snapshot: lines alone would follow nothing.
    this.#whole = true;
    // What is there stays untouched until the listener decides to delete it.
    if (problem) this.#fallBack(codeOf(problem) === "store/refused" ? "refused" : "damaged", problem);
    return false;
  }

  #write(): void {
    this.#writing ??= Promise.resolve().then(() => this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#whole || this.#waiting.length) {
      const batch = this.#waiting.splice(0);
      const { storage } = this;
      const full = storage.kind === "memory" && storage.why === "full";
      if (storage.kind === "kept" || full) {
        const lines = batch.map(({ text }) => text);
        const weight = lines.reduce((sum, { length }) => sum + 1 + length / CHARACTERS_A_LINE, this.#lines);
        const whole = this.#whole || weight > LINES;
        this.#whole = false;
        try {
          if (whole) await this.#store.save({ engine: this.#kept.snapshot(), page: written(this.state) }, lines);
          else await this.#store.append(lines);
          this.#lines = whole ? 0 : weight;
          if (full) this.#move({ kind: "kept" });
        } catch (error) {
          // What is missing now comes with the next snapshot, which a lone line would not.
          this.#lines = LINES;
          this.#fallBack(codeOf(error) === "store/full" ? "full" : "refused", error);
        }
      } else this.#whole = false;
      for (const { told } of batch) told(this.storage);
    }
    this.#writing = undefined;
  }

  #fallBack(why: "refused" | "full" | "damaged" | "elsewhere", cause?: unknown): void {
    const error = cause instanceof Error ? cause : new SottovoceError("store/elsewhere", "Another tab keeps the history.", "Close it, or take over here.");
    if (this.storage.kind === "memory" && this.storage.why === why) return;
    this.#move({ kind: "memory", why, error });
  }

  #move(storage: Storage): void {
    this.storage = storage;
    this.#kept.moved(storage);
  }
}
