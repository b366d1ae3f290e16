// The source that is chosen, in front of the catalogue's own sounds: decks come from it, and what is proposed is what it has.

import type { Song, SongId } from "sottovoce";
import type { Deck, DeckEvents, Decks } from "../deck/deck.js";
import type { Ask, Door } from "../engine-door.js";
import type { Source } from "./source.js";

/** Decks from the chosen source; from `own` where none is chosen, or it has not the song. */
export class Sources implements Decks {
  readonly #own: Decks;
  #chosen: Source | undefined;
  #candidates: ReadonlySet<SongId> = new Set();

  constructor(own: Decks) {
    this.#own = own;
  }

  /** `undefined`: the catalogue's own sounds. */
  get chosen(): Source | undefined {
    return this.#chosen;
  }

  choose(source: Source | undefined): void {
    this.#chosen = source;
    this.#candidates = new Set(source?.candidates);
  }

  take(song: Song, events: DeckEvents): Promise<Deck> {
    const source = this.#chosen;
    return source?.has(song.id) ? source.take(song, events) : this.#own.take(song, events);
  }

  prepare(song: Song): void {
    const source = this.#chosen;
    if (source?.has(song.id)) source.prepare(song);
    else this.#own.prepare(song);
  }

  /** Songs like one: by the server's own lights where it has any, by the engine's on this device where it has none. */
  async similar(song: SongId, k: number, door: Pick<Door, "near">): Promise<Similar> {
    const theirs = await this.#chosen?.similar(song, k);
    return theirs ? { by: "server", songs: theirs.slice(0, k) } : { by: "engine", songs: this.#near(door, song, k) };
  }

  /** More are asked for than wanted, because some of them are elsewhere; and still more, until there are enough or no others. */
  #near(door: Pick<Door, "near">, song: SongId, k: number): SongId[] {
    if (!this.#chosen) return door.near(song, k);
    for (let n = k * MORE; ; n *= MORE) {
      const all = door.near(song, n);
      const here = all.filter((id) => this.#candidates.has(id));
      if (here.length >= k || all.length < n) return here.slice(0, k);
    }
  }

  /** The engine's door, through which only songs come that the chosen source can play. */
  within(door: Door): Door {
    const narrowed = (ask: Ask): Ask => {
      if (!this.#chosen) return ask;
      const candidates = ask.candidates ? ask.candidates.filter((song) => this.#candidates.has(song)) : [...this.#candidates];
      return { ...ask, candidates };
    };
    return {
      ...door,
      recommend: (ask) => door.recommend(narrowed(ask)),
      near: (song, k) => this.#near(door, song, k),
    };
  }
}

/** Songs like one, and who says so. */
export interface Similar {
  readonly by: "server" | "engine";
  readonly songs: readonly SongId[];
}

/** How many times more songs are asked for than wanted. */
const MORE = 16;
