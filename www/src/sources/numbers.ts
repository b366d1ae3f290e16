// Numbers for songs that the catalogue lacks: the history is kept by numbers, so a name keeps its own for good.

import { songId, type SongId } from "sottovoce";

/** Beyond every catalogue's numbers that can be met here, and low enough for the engine's tables. */
export const FIRST = 1 << 20;
/** As many as a library may have of them. */
const MOST = 50_000;

/** Where numbers are kept; the browser's `localStorage` is one. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Names and their numbers, kept from visit to visit. */
export class Numbers {
  readonly #names = new Map<string, SongId>();
  readonly #shelf: Shelf;
  readonly #key: string;
  #kept = 0;

  constructor(shelf: Shelf, key: string) {
    this.#shelf = shelf;
    this.#key = key;
    for (const name of read(shelf, key)) this.#add(name);
    this.#kept = this.#names.size;
  }

  /** The name's number: the one it has, or the next. `undefined` once there are too many. */
  of(name: string): SongId | undefined {
    return this.#names.get(name) ?? (this.#names.size < MOST ? this.#add(name) : undefined);
  }

  /** Keeps what is new. Without room it holds for this visit only. */
  keep(): void {
    if (this.#names.size === this.#kept) return;
    try {
      this.#shelf.setItem(this.#key, JSON.stringify([...this.#names.keys()]));
      this.#kept = this.#names.size;
    } catch {
      // A full store is no reason to stop the music.
    }
  }

  /** Forgets every name. */
  clear(): void {
    this.#names.clear();
    this.#kept = 0;
    this.#shelf.removeItem(this.#key);
  }

  #add(name: string): SongId {
    const number = songId(FIRST + this.#names.size);
    this.#names.set(name, number);
    return number;
  }
}

function read(shelf: Shelf, key: string): string[] {
  try {
    const names: unknown = JSON.parse(shelf.getItem(key) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
