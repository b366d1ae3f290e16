// ListenBrainz: the JSON export, the lines in its archive, and answers of its API.

import { amount, isFields, text, time, type Fields } from "./fields.js";
import { Ending, NOT_A_SONG, type Reading } from "./play.js";

/** Whether a record looks like one of ListenBrainz's. */
export function isListenBrainz(record: Fields): boolean {
  return "track_metadata" in record;
}

/** A listen. `listened_at` is when it began. */
export function readListenBrainz(record: Fields): Reading {
  const song = record["track_metadata"];
  if (!isFields(song)) return undefined;
  // What is playing just now has no time yet.
  if (record["playing_now"] === true) return NOT_A_SONG;
  const at = time(record["listened_at"]);
  if (at === undefined) return undefined;
  const [title, artist, album] = [text(song["track_name"]), text(song["artist_name"]), text(song["release_name"])];
  if (!title || !artist) return NOT_A_SONG;
  const more = isFields(song["additional_info"]) ? song["additional_info"] : {};
  const durationMs = amount(more["duration_ms"]) ?? seconds(more["duration"]);
  const playedMs = seconds(more["duration_played"]);
  return {
    artist,
    title,
    at,
    when: "began",
    ending: Ending.Counted,
    ...(album && { album }),
    ...(durationMs !== undefined && durationMs > 0 && { durationMs }),
    ...(playedMs !== undefined && { playedMs }),
  };
}

function seconds(value: unknown): number | undefined {
  const found = amount(value);
  return found === undefined ? undefined : found * 1000;
}
