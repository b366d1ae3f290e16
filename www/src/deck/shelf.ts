// Finds the sound of a song: the catalogue's address where it has one, a generated piece otherwise. Keeps the last few pieces.

import type { Song } from "sottovoce";
import { compose } from "../sound/score.js";
import { outline, render } from "../sound/synth.js";
import type { Traits } from "../traits.js";
import type { Deck, DeckEvents } from "./deck.js";
import { openFile } from "./file.js";
import { MotifDeck } from "./motif.js";
import type { Output } from "./output.js";

const KEEP = 4;
const BARS = 88;

interface Piece {
  readonly buffer: AudioBuffer;
  readonly outline: Float32Array;
}

/** Where decks come from. */
export class Shelf {
  readonly #output: Output;
  readonly #traits: (song: Song) => Traits;
  readonly #pieces = new Map<number, Promise<Piece>>();

  constructor(output: Output, traits: (song: Song) => Traits) {
    this.#output = output;
    this.#traits = traits;
  }

  /** A deck with the song on it. */
  async take(song: Song, events: DeckEvents): Promise<Deck> {
    if (song.url) {
      // Audio that is gone is no reason for silence.
      const deck = await openFile(song.url, this.#output, events).catch(() => undefined);
      if (deck) return deck;
    }
    const piece = await this.#piece(song);
    return new MotifDeck(piece.buffer, piece.outline, this.#output, events);
  }

  /** Makes a song ready that may come next. */
  prepare(song: Song): void {
    if (!song.url) void this.#piece(song).catch(() => {});
  }

  #piece(song: Song): Promise<Piece> {
    const kept = this.#pieces.get(song.id);
    if (kept) return kept;
    const made = render(compose(song.id, song.genre, this.#traits(song))).then((buffer) => ({ buffer, outline: outline(buffer, BARS) }));
    this.#pieces.set(song.id, made);
    made.catch(() => this.#pieces.delete(song.id));
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= KEEP) break;
      this.#pieces.delete(oldest);
    }
    return made;
  }
}
