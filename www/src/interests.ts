// What an interest is called: the genre, language and artists that its songs have in common. Pure.

import type { Interest, Song, SongId } from "sottovoce";
import { language } from "./view/words.js";

/** Shared by so many of its songs, a genre or language names an interest. */
const MOST = 0.6;
/** Sharing so many of their songs, two groups are one. */
const ALIKE = 0.6;

/** An interest's name, and whose songs are in it. */
export interface Label {
  readonly name: string;
  readonly artists: readonly string[];
}

/** Names a group of songs, most typical first. */
export function labelOf(songs: readonly Song[]): Label {
  const genres = ranked(songs.map(({ genre }) => genre));
  const languages = ranked(songs.map((song) => song.language));
  const artists = ranked(songs.map(({ artist }) => artist)).map(([artist]) => artist);
  const tongue = languages[0] && languages[0][1] >= MOST * songs.length && languages[0][0] !== "zxx" ? language(languages[0][0]) : "";
  const [first, second] = genres;
  const genre = first && first[1] >= MOST * songs.length ? first[0] : [first?.[0], second?.[0]].filter(Boolean).join(" and ");
  const name = [tongue, genre].filter(Boolean).join(" ");
  return { name: sentence(name || artists.slice(0, 2).join(" and ")), artists };
}

/** An interest to show. */
export interface Shown {
  /** Its place among the engine's interests. */
  readonly index: number;
  readonly weight: number;
  readonly songs: readonly SongId[];
  /** Its place among what was quieted: it is still part of what was heard, and stays where it stood. */
  readonly quieted?: number;
}

/** The interests a listener can tell apart: those with mostly the same songs count as one, under the heaviest. */
export function distinct(interests: readonly Interest[], quieted: readonly Pick<Interest, "songs">[]): Shown[] {
  const shown: Shown[] = [];
  interests.forEach(({ weight, songs, muted }, index) => {
    if (songs.length === 0) return;
    const twin = shown.findIndex((other) => sameSongs(songs, other.songs));
    const place = muted ?? quieted.findIndex((other) => sameSongs(songs, other.songs));
    if (twin < 0) shown.push({ index, weight, songs, ...(place >= 0 && { quieted: place }) });
    else shown[twin] = { ...shown[twin]!, weight: shown[twin]!.weight + weight };
  });
  return shown.sort((a, b) => b.weight - a.weight);
}

/** Whether most of the nearest songs are the same. */
function sameSongs(songs: readonly SongId[], others: readonly SongId[]): boolean {
  const length = Math.min(songs.length, others.length);
  const near = new Set(others.slice(0, length));
  return length > 0 && songs.slice(0, length).filter((song) => near.has(song)).length >= ALIKE * length;
}

/** Values by how often they occur; the earlier first among equals. */
function ranked(values: readonly (string | undefined)[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== undefined && value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

function sentence(text: string): string {
  return text.charAt(0).toLocaleUpperCase("en") + text.slice(1);
}
