// Finds the sound of a song: the catalogue's address where it has one, a generated piece otherwise. Keeps the last few pieces.

import type { Song } from "sottovoce";
import type { Band } from "../sound/band.js";
import { compose } from "../sound/score.js";
import type { Traits } from "../traits.js";
import type { Deck, Decks, DeckEvents } from "./deck.js";
import { openFile } from "./file.js";
import { MotifDeck } from "./motif.js";
import type { Output } from "./output.js";

const KEEP = 4;

interface Recording {
  readonly buffer: AudioBuffer;
  readonly outline: Float32Array;
}

/** Where decks come from. */
export class Shelf implements Decks {
  readonly #output: Output;
  readonly #traits: (song: Song) => Traits;
  readonly #band: Band;
  readonly #recordings = new Map<number, Promise<Recording>>();

  constructor(output: Output, band: Band, traits: (song: Song) => Traits) {
    this.#output = output;
    this.#band = band;
    this.#traits = traits;
  }

  /** A deck with the song on it. */
  async take(song: Song, events: DeckEvents): Promise<Deck> {
    if (song.url) {
      // Audio that is gone is no reason for silence.
      const deck = await openFile(song.url, this.#output, events).catch(() => undefined);
      if (deck) return deck;
    }
    const { buffer, outline } = await this.#record(song);
    return new MotifDeck(buffer, outline, this.#output, events);
  }

  /** Makes a song ready that may come next. */
  prepare(song: Song): void {
    if (!song.url) void this.#record(song).catch(() => {});
  }

  #record(song: Song): Promise<Recording> {
    const kept = this.#recordings.get(song.id);
    if (kept) return kept;
    const made = this.#band.play(compose(song.id, song.genre, this.#traits(song))).then(({ rate, left, right, outline }) => {
      const buffer = new AudioBuffer({ numberOfChannels: 2, length: left.length, sampleRate: rate });
      [left, right].forEach((side, channel) => buffer.copyToChannel(side as Float32Array<ArrayBuffer>, channel));
      return { buffer, outline };
    });
    this.#recordings.set(song.id, made);
    made.catch(() => this.#recordings.delete(song.id));
    for (const oldest of this.#recordings.keys()) {
      if (this.#recordings.size <= KEEP) break;
      this.#recordings.delete(oldest);
    }
    return made;
  }
}
