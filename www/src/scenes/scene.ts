// What a scene is: a place in the day that people ask their player for, as one list over the same engine.

import type { Song, SongId } from "sottovoce";
import type { Ask, Door } from "../engine-door.js";

/** Everything that a scene may look at. */
export interface Surroundings {
  readonly songs: ReadonlyMap<SongId, Song>;
  readonly door: Pick<Door, "library" | "near" | "interests" | "sessionVector" | "embedding">;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The song that it starts from. */
  readonly around: Song | undefined;
}

/** What to ask the engine for, and what to tell the listener about it. */
export interface Programme extends Ask {
  readonly words: string;
}

/** Why there is nothing to play, and what would help. */
export interface Nothing {
  readonly nothing: string;
}

/** One scene. */
export interface Scene {
  readonly id: string;
  /** On its button. */
  readonly name: string;
  /** What it plays, in a few words. */
  readonly hint: string;
  /** Starts from the song that is on. */
  readonly fromSong?: true;
  /** The list is made once a day and stays; others are laid anew after every song. */
  readonly daily?: true;
  compose(surroundings: Surroundings): Programme | Nothing;
}

export const DAY_MS = 86_400_000;

/** Songs in a list. */
export const LIST = 30;

/** The day in the listener's own time, as `2024-03-09`. */
export function dayOf(now: number): string {
  const date = new Date(now);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** The same songs, none twice. */
export function once(songs: Iterable<SongId>): SongId[] {
  return [...new Set(songs)];
}
