// Spotify's two exports: the extended streaming history, and the year that comes with the account's data.

import { amount, text, time, type Fields } from "./fields.js";
import { Ending, NOT_A_SONG, type Reading } from "./play.js";

/** Ends that the listener chose. `backbtn` is none: it mostly starts the same song again. */
const LEFT = new Set(["fwdbtn", "clickrow", "playbtn", "remote", "uriopen", "popup"]);

/** Whether a record looks like one of Spotify's. */
export function isSpotify(record: Fields): boolean {
  return "ms_played" in record || "msPlayed" in record;
}

/** A listen of either export. */
export function readSpotify(record: Fields): Reading {
  return "ms_played" in record ? extended(record) : account(record);
}

/** `Streaming_History_Audio_*.json`. `ts` is when the song stopped. */
function extended(record: Fields): Reading {
  const at = time(record["ts"]);
  const playedMs = amount(record["ms_played"]);
  if (at === undefined || playedMs === undefined) return undefined;
  const title = text(record["master_metadata_track_name"]);
  const artist = text(record["master_metadata_album_artist_name"]);
  // Podcasts, audiobooks, and songs that Spotify no longer knows.
  if (!title || !artist) return NOT_A_SONG;
  const album = text(record["master_metadata_album_album_name"]);
  return { artist, title, at, when: "ended", playedMs, ending: endingOf(record), ...(album && { album }) };
}

function endingOf({ reason_end: reason, skipped }: Fields): Ending {
  if (reason === "trackdone") return Ending.Done;
  if (skipped === true || skipped === 1 || (typeof reason === "string" && LEFT.has(reason))) return Ending.Left;
  return Ending.Unsaid;
}

/** `StreamingHistory0.json`, `StreamingHistory_music_0.json`: less is told. */
function account(record: Fields): Reading {
  const at = time(record["endTime"]);
  const playedMs = amount(record["msPlayed"]);
  if (at === undefined || playedMs === undefined) return undefined;
  if ("podcastName" in record || "bookName" in record) return NOT_A_SONG;
  const [title, artist] = [text(record["trackName"]), text(record["artistName"])];
  if (!title || !artist) return NOT_A_SONG;
  return { artist, title, at, when: "ended", playedMs, ending: Ending.Unsaid };
}
