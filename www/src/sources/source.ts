// Where music comes from. The player plays whatever source is chosen; the engine chooses among what the source has.

import type { Song, SongId } from "sottovoce";
import type { Deck, DeckEvents, Decks } from "../deck/deck.js";
import type { Output } from "../deck/output.js";

/** Plays the sound at an address: the browser's own element, or a library around it. */
export type OpenAddress = (url: string, output: Output, events: DeckEvents) => Promise<Deck>;

/** A place that music comes from, beside the catalogue's own. */
export interface Source extends Decks {
  /** For the listener. */
  readonly name: string;
  /** What may be proposed: the songs that this source can play. */
  readonly candidates: readonly SongId[];
  /** Whether it can play a song. */
  has(song: SongId): boolean;
  /** A song came on. */
  began(song: Song): Promise<void>;
  /** A song was heard; `at`: when it began, in milliseconds. */
  heard(song: Song, at: number): Promise<void>;
  /** The listener likes a song, or does no longer. */
  liked(song: Song, on: boolean): Promise<void>;
  /** Songs like one, by the source's own lights; `undefined` where it has none, and the engine's answer serves. */
  similar(song: SongId, count: number): Promise<readonly SongId[] | undefined>;
}
