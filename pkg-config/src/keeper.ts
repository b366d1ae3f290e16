// Decides when state is written and where: coalesces saves, and falls back to memory when the store fails or another tab has it.

import { codeOf, SottovoceError } from "./errors.js";
import { hold, type Store } from "./store.js";
import type { Storage } from "./types.js";

/** Keeps the engine's snapshot and the page's notes in step with a {@link Store}. */
export class Keeper {
  /** The page's notes. */
  page: Record<string, unknown> = {};
  storage: Storage;
  readonly #store: Store;
  readonly #snapshot: () => Uint8Array;
  readonly #moved: (storage: Storage) => void;
  #name = "";
  #release: (() => void) | undefined;
  #dirty = false;
  #saving: Promise<void> | undefined;

  constructor(store: Store, storage: Storage, snapshot: () => Uint8Array, moved: (storage: Storage) => void) {
    this.#store = store;
    this.storage = storage;
    this.#snapshot = snapshot;
    this.#moved = moved;
  }

  /** Takes the lock and reads what is kept; true when there was something. Never throws for the store's sake. */
  async start(name: string, restore: (snapshot: Uint8Array) => void): Promise<boolean> {
    this.#name = name;
    if (this.storage.kind === "memory") return false;
    this.#release = await hold(name, false, () => this.#lost());
    if (!this.#release) this.#fallBack("elsewhere");
    return this.#read(restore);
  }

  /** Takes the lock away from the tab that has it. */
  async takeOver(restore: (snapshot: Uint8Array) => void): Promise<void> {
    this.#release = await hold(this.#name, true, () => this.#lost());
    this.#move({ kind: "kept" });
    await this.#read(restore);
  }

  /** Something changed: write it soon. Many changes in one turn are one write. */
  changed(): void {
    this.#dirty = true;
    this.#saving ??= Promise.resolve().then(() => this.#save());
  }

  /** Resolved once everything up to now is written. */
  async flush(): Promise<void> {
    while (this.#saving) await this.#saving;
  }

  /** Forgets everything; true when the store was read back empty. */
  async clear(): Promise<boolean> {
    await this.flush();
    this.page = {};
    // Another tab would write its state again.
    if (this.storage.kind === "memory" && this.storage.why === "elsewhere") {
      this.#release = await hold(this.#name, true, () => this.#lost());
      this.#move({ kind: "kept" });
    }
    const empty = await this.#store.clear();
    // Nothing in it is damaged any more.
    if (empty && this.storage.kind === "memory" && this.storage.why === "damaged") this.#move({ kind: "kept" });
    return empty;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#store.close();
    this.#release?.();
  }

  async #read(restore: (snapshot: Uint8Array) => void): Promise<boolean> {
    try {
      const saved = await this.#store.load();
      if (!saved) return false;
      restore(saved.engine);
      this.page = JSON.parse(saved.page) as Record<string, unknown>;
      return true;
    } catch (error) {
      // What is there stays untouched until the listener decides to delete it.
      this.#fallBack(codeOf(error) === "store/refused" ? "refused" : "damaged", error);
      return false;
    }
  }

  async #save(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      if (this.storage.kind === "memory" && this.storage.why !== "chosen" && this.storage.why !== "full") break;
      try {
        await this.#store.save({ engine: this.#snapshot(), page: JSON.stringify(this.page) });
        if (this.storage.kind === "memory" && this.storage.why === "full") this.#move({ kind: "kept" });
      } catch (error) {
        this.#fallBack(codeOf(error) === "store/full" ? "full" : "refused", error);
      }
    }
    this.#saving = undefined;
  }

  #lost(): void {
    this.#release = undefined;
    this.#fallBack("elsewhere");
  }

  #fallBack(why: "refused" | "full" | "damaged" | "elsewhere", cause?: unknown): void {
    const error =
      cause instanceof Error
        ? cause
        : new SottovoceError("store/elsewhere", "Another tab keeps the history.", "Close it, or take over here.");
    if (this.storage.kind === "memory" && this.storage.why === why) return;
    this.#move({ kind: "memory", why, error });
  }

  #move(storage: Storage): void {
    this.storage = storage;
    this.#moved(storage);
  }
}
