// What the tests of histories share: a small catalogue, and files out of texts.

import type { Findable, HistoryFile } from "../src/history/index.js";

/** Songs whose names have corners. */
export const SONGS: Findable[] = [
  { id: 1, title: "Valley and Anchor", artist: "The Borrowed Stations", album: "Dreaming", durationMs: 225_000, popularity: 0.5 },
  { id: 2, title: "La lune", artist: "Les toits", album: "Sans la lumière", durationMs: 317_000, popularity: 0.3 },
  { id: 3, title: "Con el silencio", artist: "Rocío Arrieta", durationMs: 200_000, popularity: 0.3 },
  { id: 4, title: "Bells", artist: "Björk & Ólafur", durationMs: 180_000, popularity: 0.3 },
  { id: 5, title: "Home", artist: "Ada Tarnham feat. Corin", durationMs: 180_000, popularity: 0.3 },
  { id: 6, title: "Home (Live at the Meadow)", artist: "Ada Tarnham", durationMs: 240_000, popularity: 0.9 },
  { id: 7, title: "!!!", artist: "???", durationMs: 100_000, popularity: 0.1 },
  { id: 8, title: "春よ、来い", artist: "松任谷由実", durationMs: 260_000, popularity: 0.4 },
  { id: 9, title: "Twice", artist: "Echo", album: "First", popularity: 0.2 },
  { id: 10, title: "Twice", artist: "Echo", album: "Second", popularity: 0.6 },
  { id: 11, title: "Short", artist: "Echo", durationMs: 20_000, popularity: 0.6 },
];

/** A file that holds these bytes, handed out in pieces of `piece` bytes. */
export function file(name: string, content: string | Uint8Array, piece = 65_536): HistoryFile {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return {
    name,
    size: bytes.length,
    stream() {
      let at = 0;
      return new ReadableStream({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, (at += piece)));
        },
      });
    },
  };
}

/** A record of Spotify's extended history. */
export function spotify(artist: string | null, title: string | null, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ts: "2023-01-05T10:11:12Z", username: "someone", platform: "ios", ms_played: 200_000, conn_country: "DE", ip_addr_decrypted: "192.0.2.1",
    master_metadata_track_name: title, master_metadata_album_artist_name: artist, master_metadata_album_album_name: null,
    spotify_track_uri: "spotify:track:0", episode_name: null, reason_start: "clickrow", reason_end: "trackdone", shuffle: false, skipped: false, ...more,
  };
}
