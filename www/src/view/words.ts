// Numbers and names as people read them.

import type { Song } from "sottovoce";

/** `0:07`, `3:41`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** `812 B`, `4.1 kB`, `2.30 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}

/** `1 message`, `4 messages`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** `now`, `4 min ago`, `Tue 21:04`. */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return new Date(at).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });
}

/** `21:04:13`. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}

/** `English` for `en`; the text itself where it is no language. */
export function language(tag: string): string {
  // BCP 47's tag for what has no words.
  if (tag === "zxx") return "instrumental";
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Who it is by; its genre in catalogues of artists, where title and artist are the same. */
export function byline({ title, artist, genre }: Pick<Song, "title" | "artist" | "genre">): string {
  return artist !== title ? artist : (genre ?? "");
}
