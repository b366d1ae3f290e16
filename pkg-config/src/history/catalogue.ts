// Finds the song of the catalogue that a listen was. Exact first, then careful; never a wrong one rather than none.

import { artistKey, asWritten, folded, isLive, leadArtist, listedArtists, plainTitle, spelled } from "./names.js";

/** What must be known of a song to find it. */
export interface Findable {
  readonly id: number;
  readonly title: string;
  readonly artist: string;
  readonly album?: string | undefined;
  readonly durationMs?: number | undefined;
  /** Chooses between recordings that bear the same names. */
  readonly popularity?: number;
}

/** What is looked for. */
export interface Wanted {
  readonly artist: string;
  readonly title: string;
  readonly album?: string | undefined;
  readonly durationMs?: number | undefined;
}

/**
 * How sure a match is: `exact` but for case and spaces; `folded`, but for accents, punctuation and "the"; `recording`, but for what
 * says which recording it is (guests, remaster, live); `credit`, by one of several artists; `artist`, in a catalogue whose songs
 * are artists.
 */
export type Closeness = "exact" | "folded" | "recording" | "credit" | "artist";

/** A song that was found. */
export interface Match<S extends Findable = Findable> {
  readonly song: S;
  readonly closeness: Closeness;
}

/** From this share on of songs that are named like their artist, the catalogue is one of artists. */
const OF_ARTISTS = 0.9;
/** Two recordings whose lengths differ by less are one. */
const SAME_LENGTH_MS = 4000;

/** The catalogue, by the names of its songs. */
export class CatalogueIndex<S extends Findable = Findable> {
  /** Whether each song of it stands for an artist, as in listening data that knows no songs. */
  readonly ofArtists: boolean;
  readonly #songs: readonly S[];
  readonly #exact = new Map<string, number[]>();
  readonly #folded = new Map<string, number[]>();
  readonly #recording = new Map<string, number[]>();
  readonly #credit = new Map<string, number[]>();

  constructor(songs: Iterable<S>) {
    this.#songs = [...songs];
    const alike = this.#songs.filter(({ title, artist }) => folded(title) === folded(artist)).length;
    this.ofArtists = this.#songs.length > 1 && alike >= OF_ARTISTS * this.#songs.length;
    this.#songs.forEach((song, i) => this.#add(song, i));
  }

  /** How many songs there are. */
  get size(): number {
    return this.#songs.length;
  }

  /** The song that is meant, or `undefined` where it is not here or cannot be told from another. */
  find(wanted: Wanted): Match<S> | undefined {
    if (this.ofArtists) return this.#byArtist(wanted);
    const { artist, title } = wanted;
    const lead = artistKey(leadArtist(artist));
    return (
      this.#among(this.#exact, pair(asWritten(artist), asWritten(title)), wanted, "exact") ??
      this.#among(this.#folded, pair(artistKey(artist), folded(title)), wanted, "folded") ??
      this.#among(this.#recording, pair(lead, folded(plainTitle(title))), wanted, "recording") ??
      this.#byCredit(wanted)
    );
  }

  #add({ artist, title }: S, i: number): void {
    if (this.ofArtists) return put(this.#credit, artistKey(artist), i);
    const plain = folded(plainTitle(title));
    put(this.#exact, pair(asWritten(artist), asWritten(title)), i);
    put(this.#folded, pair(artistKey(artist), folded(title)), i);
    put(this.#recording, pair(artistKey(leadArtist(artist)), plain), i);
    for (const one of listedArtists(artist)) put(this.#credit, pair(artistKey(one), plain), i);
  }

  /** "A & B" here, "A" there, or the other way round: only where the titles agree and one song alone is meant. */
  #byCredit(wanted: Wanted): Match<S> | undefined {
    const plain = folded(plainTitle(wanted.title));
    const names = [leadArtist(wanted.artist), ...listedArtists(wanted.artist)].map(artistKey);
    const found = new Set(names.flatMap((name, i) => [...(this.#credit.get(pair(name, plain)) ?? []), ...((i > 0 && this.#recording.get(pair(name, plain))) || [])]));
    const artists = new Set([...found].map((i) => artistKey(this.#songs[i]?.artist ?? "")));
    return artists.size === 1 ? this.#choose([...found], wanted, "credit") : undefined;
  }

  #byArtist(wanted: Wanted): Match<S> | undefined {
    const [name, lead] = [artistKey(wanted.artist), artistKey(leadArtist(wanted.artist))];
    const found = this.#credit.get(name) ?? this.#credit.get(lead);
    return found && this.#choose(found, { artist: wanted.artist, title: wanted.artist }, "artist");
  }

  #among(index: ReadonlyMap<string, number[]>, key: string, wanted: Wanted, closeness: Closeness): Match<S> | undefined {
    const found = index.get(key);
    return found && this.#choose(found, wanted, closeness);
  }

  /** Of songs with the same names, the one on the same album, of the same length, or else the one heard most. */
  #choose(found: readonly number[], wanted: Wanted, closeness: Closeness): Match<S> | undefined {
    let songs = found.flatMap((i) => this.#songs[i] ?? []);
    if (songs.length > 1 && closeness === "folded") {
      // Names that differ in more than punctuation are two songs, though they fold into one.
      const same = songs.filter(({ title }) => spelled(title) === spelled(wanted.title));
      if (same.length > 0) songs = same;
      else if (new Set(songs.map(({ title }) => spelled(title))).size > 1) return undefined;
    }
    songs = preferred(songs, ({ title }) => isLive(title) === isLive(wanted.title));
    if (closeness === "recording" || closeness === "credit") songs = preferred(songs, ({ title }) => folded(title) === folded(plainTitle(title)));
    const { album, durationMs } = wanted;
    if (album) songs = preferred(songs, (song) => song.album !== undefined && folded(song.album) === folded(album));
    if (durationMs) songs = preferred(songs, (song) => song.durationMs !== undefined && Math.abs(song.durationMs - durationMs) < SAME_LENGTH_MS);
    const song = songs.reduce<S | undefined>((best, each) => (best && (best.popularity ?? 0) >= (each.popularity ?? 0) ? best : each), undefined);
    return song && { song, closeness };
  }
}

function pair(artist: string, title: string): string {
  return `${artist}\u0000${title}`;
}

function put(index: Map<string, number[]>, key: string, i: number): void {
  const held = index.get(key);
  if (held) held.push(i);
  else index.set(key, [i]);
}

function preferred<S>(songs: S[], wish: (song: S) => boolean): S[] {
  if (songs.length < 2) return songs;
  const kept = songs.filter(wish);
  return kept.length > 0 ? kept : songs;
}
