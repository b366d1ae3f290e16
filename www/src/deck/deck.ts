// A deck plays one song, wherever its sound comes from.

import type { Song } from "sottovoce";

/** One song, ready to play. Positions are milliseconds. */
export interface Deck {
  readonly durationMs: number;
  /** How loud each stretch is, 0 to 1; `undefined` where the sound is not ours to look into. */
  readonly outline: Float32Array | undefined;
  readonly position: number;
  /** Resolves with false where the browser lets nothing sound yet; time passes all the same. */
  play(): Promise<boolean>;
  pause(): void;
  seek(position: number): void;
  /** Stops for good, softly. */
  leave(): void;
}

/** What a deck is made with. */
export interface DeckEvents {
  /** The song came to its end by itself. */
  readonly ended: () => void;
  /** The sound cannot be had. */
  readonly failed: (error: Error) => void;
}

/** Where decks come from: the shelf of generated pieces and addresses, or a music server. */
export interface Decks {
  /** A deck with the song on it. */
  take(song: Song, events: DeckEvents): Promise<Deck>;
  /** Makes a song ready that may come next. */
  prepare(song: Song): void;
}
