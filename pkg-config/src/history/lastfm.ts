// Last.fm has no export of its own; these are the tables that the usual exporters make.

import { text, time } from "./fields.js";
import { Ending, NOT_A_SONG, type Reading } from "./play.js";

/** Which column holds what; -1 for none. */
export interface Columns {
  readonly artist: number;
  readonly title: number;
  readonly album: number;
  readonly at: number;
  /** A second column with a time, where the first may be empty. */
  readonly also: number;
}

const NAMES = {
  artist: ["artist", "artist name", "artist_name", "artistname"],
  title: ["track", "title", "song", "track name", "track_name", "trackname", "name"],
  album: ["album", "album name", "album_name", "albumname", "release"],
  at: ["uts", "timestamp", "unix timestamp", "unixtime", "date", "datetime", "utc_time", "time", "played at", "date_uts", "scrobble_time"],
} as const;

/** Columns by the names in a heading; `undefined` where the row is no heading. */
export function heading(row: readonly string[]): Columns | undefined {
  const names = row.map((cell) => cell.trim().toLowerCase());
  const find = (wanted: readonly string[], after = -1) => names.findIndex((name, i) => i > after && wanted.includes(name));
  const [artist, title, album] = [find(NAMES.artist), find(NAMES.title), find(NAMES.album)];
  // A heading names artist and song; a row of data would need a song called "track" by "artist".
  if (artist < 0 || title < 0) return undefined;
  const at = find(NAMES.at);
  return { artist, title, album, at, also: at < 0 ? -1 : find(NAMES.at, at) };
}

/**
 * Columns by what stands in them, for tables without a heading: a time, and names in the order artist, album, song (three of
 * them) or artist, song (two). `undefined` where it cannot be told.
 */
export function guessed(row: readonly string[]): Columns | undefined {
  const at = row.findIndex((cell) => time(cell) !== undefined);
  if (at < 0) return undefined;
  const [artist = -1, second = -1, third = -1, ...more] = row.flatMap((_, i) => (i === at || time(row[i]) !== undefined ? [] : [i]));
  if (second < 0 || more.length > 0) return undefined;
  return third < 0 ? { artist, title: second, album: -1, at, also: -1 } : { artist, title: third, album: second, at, also: -1 };
}

/** A scrobble. Last.fm counts only what was heard to the half, or for four minutes, so each one is a song that was heard. */
export function readScrobble(row: readonly string[], columns: Columns): Reading {
  const [artist, title, album] = [text(row[columns.artist]), text(row[columns.title]), text(row[columns.album])];
  const [first, second] = [row[columns.at], row[columns.also]];
  // What is playing just now has no time yet.
  if (artist && title && !text(first) && !text(second)) return NOT_A_SONG;
  const at = time(first) ?? time(second);
  if (!artist || !title || at === undefined) return undefined;
  return { artist, title, at, when: "began", ending: Ending.Counted, ...(album && { album }) };
}
