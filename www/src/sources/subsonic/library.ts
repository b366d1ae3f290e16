// All songs of a server. One search where the server can, album by album where it cannot.

import type { ServerSong } from "./answers.js";
import type { SubsonicClient } from "./client.js";

/** Songs or albums of a page. */
const PAGE = 500;
/** Albums asked for at a time. */
const AT_ONCE = 4;
/** Beyond this the device's memory is no place for a library. */
export const MOST_SONGS = 200_000;

/** What {@link scan} may be told. */
export interface ScanOptions {
  /** Told how many songs were found, and the share of albums seen where that is known. */
  readonly progress?: (songs: number, share: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/** Every song there is, each once; at most {@link MOST_SONGS}. */
export async function scan(client: SubsonicClient, options: ScanOptions = {}): Promise<ServerSong[]> {
  const found = new Map<string, ServerSong>();
  await bySearch(client, found, options);
  // An empty query finds all songs with OpenSubsonic and with most others; where it finds none, albums do.
  if (found.size === 0) await byAlbum(client, found, options);
  return [...found.values()];
}

async function bySearch(client: SubsonicClient, found: Map<string, ServerSong>, { progress, signal }: ScanOptions): Promise<void> {
  for (let offset = 0; found.size < MOST_SONGS; offset += PAGE) {
    const songs = await client.search("", PAGE, offset, signal);
    const before = found.size;
    add(found, songs);
    progress?.(found.size, undefined);
    // A server that ignores the offset would answer the same for ever.
    if (songs.length < PAGE || found.size === before) return;
  }
}

async function byAlbum(client: SubsonicClient, found: Map<string, ServerSong>, { progress, signal }: ScanOptions): Promise<void> {
  const total = await client.albumCount(signal);
  let seen = 0;
  for (let offset = 0; found.size < MOST_SONGS; offset += PAGE) {
    const albums = await client.albums(PAGE, offset, signal);
    const waiting = [...albums];
    const work = async () => {
      for (let album = waiting.shift(); album; album = waiting.shift()) {
        add(found, await client.album(album.id, signal));
        seen += 1;
        progress?.(found.size, total > 0 ? Math.min(1, seen / total) : undefined);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (albums.length < PAGE) return;
  }
}

function add(found: Map<string, ServerSong>, songs: readonly ServerSong[]): void {
  for (const song of songs) {
    const real = typeof song.id === "string" && typeof song.title === "string" && !song.isDir && !song.isVideo;
    if (real && found.size < MOST_SONGS) found.set(song.id, song);
  }
}
