// What all that was ever heard comes to. Pure.

import type { LibraryEntry } from "sottovoce";

/** The library in figures. */
export interface Sum {
  readonly songs: number;
  readonly plays: number;
  readonly skips: number;
  readonly loved: number;
}

/** The figures. */
export function sumOf(library: readonly LibraryEntry[]): Sum {
  const sum = (part: (entry: LibraryEntry) => number) => library.reduce((total, entry) => total + part(entry), 0);
  return { songs: library.length, plays: sum(({ plays }) => plays), skips: sum(({ skips }) => skips), loved: sum(({ liked }) => Number(liked)) };
}

/** The songs that were heard out most, liked ones first among equals; at most `most`. */
export function dearest(library: readonly LibraryEntry[], most: number): LibraryEntry[] {
  const dear = library.filter(({ plays, liked }) => plays > 0 || liked);
  return dear.sort((a, b) => b.plays - a.plays || Number(b.liked) - Number(a.liked) || b.last - a.last).slice(0, most);
}
