// A music server has songs and no embeddings. Those that the catalogue knows get their place from it; for the others a place is
// guessed from their neighbours, and said to be a guess; the rest can be played, but are never proposed.

import type { Addition, Song, SongId } from "sottovoce";
import { CatalogueIndex, artistKey, folded, leadArtist } from "sottovoce/history";
import type { ServerSong } from "./subsonic/answers.js";

/** How a song of the server got its place among the others. */
export type Placed = "known" | "by-artist" | "by-genre" | "nowhere";

/** A song of the server, as the player has it. */
export interface Linked {
  readonly id: SongId;
  readonly server: ServerSong;
  readonly placed: Placed;
}

/** A whole library. */
export interface Library {
  readonly songs: ReadonlyMap<SongId, Linked>;
  /** What the engine has to be told of: every song that the catalogue lacks. */
  readonly additions: readonly Addition[];
  /** What may be proposed. */
  readonly candidates: readonly SongId[];
  readonly counts: Readonly<Record<Placed, number>>;
  /** The song of that name. */
  find(name: Pick<ServerSong, "artist" | "title">): SongId | undefined;
}

/** The catalogue, as far as linking needs it. */
export interface Catalogue {
  readonly songs: ReadonlyMap<SongId, Song>;
  embedding(song: SongId): Float32Array | undefined;
}

/** Gives the same number to the same name, always. */
export type Numbering = (name: string) => SongId | undefined;

/** Links a server's songs. Two of one name are one song: the first is played. */
export function link(server: readonly ServerSong[], catalogue: Catalogue, numbering: Numbering): Library {
  const index = new CatalogueIndex(catalogue.songs.values());
  const songs = new Map<SongId, Linked>();
  const strangers: ServerSong[] = [];
  const places = new Neighbourhood();
  for (const song of server) {
    const artist = song.artist ?? "";
    const match = index.ofArtists ? undefined : index.find({ artist, title: song.title, album: song.album, ...(song.duration && { durationMs: song.duration * 1000 }) });
    // "By one of several artists" finds what someone heard; for what is played it has to be the song itself.
    if (!match || match.closeness === "credit") strangers.push(song);
    else if (!songs.has(match.song.id as SongId)) songs.set(match.song.id as SongId, { id: match.song.id as SongId, server: song, placed: "known" });
  }
  // Neighbours are sought in the whole catalogue: the artist's other songs need not be on the server.
  for (const song of catalogue.songs.values()) {
    const embedding = catalogue.embedding(song.id);
    if (embedding) places.add(song, embedding);
  }
  const additions: Addition[] = [];
  for (const song of strangers) {
    const id = numbering(nameOf(song));
    if (id === undefined || songs.has(id)) continue;
    const { placed, embedding, popularity, artistId } = places.guess(song);
    songs.set(id, { id, server: song, placed });
    if (embedding) additions.push({ song: described(id, song, popularity, artistId ?? id), embedding });
  }
  const all = [...songs.values()];
  const counts = { known: 0, "by-artist": 0, "by-genre": 0, nowhere: 0 };
  for (const { placed } of all) counts[placed] += 1;
  const names = new Map(all.map(({ id, server: song }) => [nameOf(song), id]));
  return {
    songs,
    additions,
    candidates: all.filter(({ placed }) => placed !== "nowhere").map(({ id }) => id),
    counts,
    find: (name) => names.get(nameOf(name)),
  };
}

/** What makes a song the same over servers and scans. */
export function nameOf({ artist = "", title }: Pick<ServerSong, "artist" | "title">): string {
  return `${folded(artist)}\u0000${folded(title)}`;
}

function described(id: SongId, { title, artist, album, genre, duration }: ServerSong, popularity: number, artistId: number): Song {
  return {
    id,
    title,
    artist: artist ?? "",
    artistId,
    album,
    genre,
    language: undefined,
    durationMs: duration === undefined ? undefined : duration * 1000,
    url: undefined,
    popularity,
  };
}

/** A running mean of places. */
class Mean {
  count = 0;
  popularity = 0;
  readonly #sum: Float32Array;

  constructor(readonly artistId: number, dimension: number) {
    this.#sum = new Float32Array(dimension);
  }

  add(row: Float32Array, popularity: number): void {
    this.count += 1;
    this.popularity += (popularity - this.popularity) / this.count;
    row.forEach((x, i) => {
      this.#sum[i] = (this.#sum[i] ?? 0) + x;
    });
  }

  /** Of the same length as the catalogue's rows: only the direction is a guess. */
  place(length: number): Float32Array | undefined {
    const own = norm(this.#sum);
    return own > 0 ? this.#sum.map((x) => (x * length) / own) : undefined;
  }
}

/** Where the catalogue's artists and genres lie. */
class Neighbourhood {
  readonly #artists = new Map<string, Mean>();
  readonly #genres = new Map<string, Mean>();
  #all: Mean | undefined;
  #lengths = 0;

  add(song: Song, row: Float32Array): void {
    this.#all ??= new Mean(song.artistId, row.length);
    this.#all.add(row, song.popularity);
    this.#lengths += norm(row);
    into(this.#artists, artistKey(leadArtist(song.artist)), song, row);
    if (song.genre) into(this.#genres, folded(song.genre), song, row);
  }

  /** The artist's middle, else the genre's; else the middle of all, where a song lies that nothing is known of. */
  guess({ artist, genre, genres }: ServerSong): { placed: Placed; embedding: Float32Array | undefined; popularity: number; artistId: number | undefined } {
    const byArtist = artist ? this.#artists.get(artistKey(leadArtist(artist))) : undefined;
    const names = [genre, ...(genres ?? []).map(({ name }) => name)].filter((name) => name !== undefined);
    const byGenre = names.map((name) => this.#genres.get(folded(name))).find((mean) => mean !== undefined);
    const mean = byArtist ?? byGenre ?? this.#all;
    const placed = byArtist ? "by-artist" : byGenre ? "by-genre" : "nowhere";
    const length = this.#all ? this.#lengths / this.#all.count : 1;
    return { placed, embedding: mean?.place(length), popularity: mean?.popularity ?? 0, artistId: byArtist?.artistId };
  }
}

function into(means: Map<string, Mean>, key: string, song: Song, row: Float32Array): void {
  const mean = means.get(key) ?? new Mean(song.artistId, row.length);
  means.set(key, mean);
  mean.add(row, song.popularity);
}

function norm(row: Float32Array): number {
  return Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
}
