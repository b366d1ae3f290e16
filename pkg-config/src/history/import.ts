// Files in, a listener's history out: columns for the engine, and a report of what came of every record.

import type { HistoryColumns } from "../types.js";
import { CatalogueIndex, type Closeness, type Findable, type Match } from "./catalogue.js";
import { HistoryError, type Place } from "./errors.js";
import { folded } from "./names.js";
import { AnyReader } from "./open.js";
import { Behaviour, judge, Ending, NOT_A_SONG, type Play, type Reading } from "./play.js";
import { Fault } from "./reader.js";
import { Tally, type Count } from "./tally.js";

/** A file of the listener's; the browser's `File` is one. */
export interface HistoryFile {
  readonly name: string;
  readonly size: number;
  /** Its bytes. */
  stream(): ReadableStream<Uint8Array>;
}

/** What came of the files. */
export interface HistoryReport {
  /** Records seen: the sum of the next six. */
  readonly records: number;
  /** Listens of songs that are in the catalogue: what the columns hold. */
  readonly matched: number;
  /** Listens of songs that are not in it. */
  readonly unmatched: number;
  /** The same listen again, from files that overlap. */
  readonly twice: number;
  /** Podcasts, audiobooks, what had no name. */
  readonly notSongs: number;
  /** Records that say too little or are broken. */
  readonly unreadable: number;
  readonly complete: number;
  readonly skips: number;
  /** Different songs among the matched listens. */
  readonly songs: number;
  /** First and last matched listen. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** How the matched songs were found. */
  readonly closeness: Readonly<Record<Closeness, number>>;
  /** What the catalogue lacks, most heard first. At most {@link NAMES_KEPT} each. */
  readonly unmatchedSongs: readonly Count<{ readonly artist: string; readonly title: string }>[];
  readonly unmatchedArtists: readonly Count<string>[];
  /** Unmatched listens whose names were too many to keep. 0: the lists are whole and their counts exact. */
  readonly beyond: number;
  /** Where the first few unreadable records stand. */
  readonly unreadableAt: readonly { readonly file: string; readonly place: Place }[];
  /** Files that could not be read to their end; what came before the place counts. */
  readonly errors: readonly HistoryError[];
  readonly bytes: number;
}

/** How many different names of unmatched songs, and of artists, are kept. */
export const NAMES_KEPT = 20_000;
const PLACES_KEPT = 20;
/** Names looked up before, so that a favourite is found a thousand times at the price of once. */
const LOOKED_UP = 50_000;
/** Two listens of a song that end within this time are one, told twice. */
const TWICE_MS = 30_000;

/** What {@link readHistory} may be told. */
export interface ReadOptions {
  /** Told now and then how far it is, 0 to 1. */
  readonly progress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads exports of listening histories and finds their songs in a catalogue. Nothing leaves the device: no network is touched.
 * Memory is bounded by the catalogue and by 17 bytes a matched listen, not by the files.
 *
 * Takes Spotify's extended streaming history and the one of account data, ListenBrainz's JSON, JSON lines and archives, and the
 * usual Last.fm tables; several at once, also zipped.
 *
 * ```ts
 * const { columns, report } = await readHistory(input.files, engine.songs.values());
 * engine.importHistory(columns);
 * ```
 *
 * @throws {@link HistoryError} `history/aborted`. A file that cannot be read is in {@link HistoryReport.errors}, and the others
 * are read all the same.
 */
export async function readHistory(
  files: Iterable<HistoryFile>,
  catalogue: Iterable<Findable>,
  options: ReadOptions = {},
): Promise<{ columns: HistoryColumns; report: HistoryReport }> {
  const list = [...files];
  const gathering = new Gathering(new CatalogueIndex(catalogue));
  const total = list.reduce((sum, { size }) => sum + size, 0);
  for (const file of list) await readFile(file, gathering, total, options);
  options.progress?.(1);
  return gathering.result();
}

async function readFile(file: HistoryFile, gathering: Gathering, total: number, { progress, signal }: ReadOptions): Promise<void> {
  const before = gathering.records;
  const reader = new AnyReader((reading, place) => gathering.take(reading, file.name, place));
  const stream = file.stream().getReader();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await stream.read();
      if (done) break;
      gathering.bytes += value.length;
      reader.write(value);
      progress?.(total > 0 ? Math.min(1, gathering.bytes / total) : 1);
    }
    reader.end();
    if (gathering.records > before && gathering.understood(file.name) === 0) {
      throw new Fault("history/unknown-format", "none of its records is a listen.", "Give a Spotify streaming history, a Last.fm table (CSV) or a ListenBrainz export.");
    }
  } catch (cause) {
    if (signal?.aborted) throw new HistoryError("history/aborted", file.name, "the reading was called off.", "Start again whenever you like.", {}, { cause });
    gathering.errors.push(
      cause instanceof Fault
        ? new HistoryError(cause.code, file.name, cause.message, cause.next, cause.place, { cause: cause.cause })
        : new HistoryError("history/unreadable", file.name, "the file could not be read.", "See whether it is still there, and try again.", {}, { cause }),
    );
  } finally {
    await stream.cancel().catch(() => {});
  }
}

/** A column that grows. */
class Column<A extends Float64Array | Uint32Array | Float32Array | Uint8Array> {
  #values: A;
  length = 0;

  constructor(readonly make: (length: number) => A) {
    this.#values = make(1024);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = this.make(this.length * 2);
      larger.set(this.#values as never);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(i: number): number {
    return this.#values[i] ?? 0;
  }
}

/** What came of looking a song up: it, or the keys it is counted by. */
interface Found {
  readonly match: Match | undefined;
  readonly missing: { readonly artist: string; readonly song: string };
}

/** What has been read so far. */
class Gathering {
  bytes = 0;
  records = 0;
  readonly errors: HistoryError[] = [];
  readonly #index: CatalogueIndex;
  readonly #songs = new Column((n) => new Uint32Array(n));
  /** When each listen ended. */
  readonly #at = new Column((n) => new Float64Array(n));
  /** How long it sounded; NaN where that is not told. */
  readonly #played = new Column((n) => new Float32Array(n));
  readonly #endings = new Column((n) => new Uint8Array(n));
  /** Lengths of songs that the catalogue does not tell, by the longest time they took to end by themselves. */
  readonly #lengths = new Map<number, number>();
  readonly #looked = new Map<string, Found>();
  readonly #understood = new Map<string, number>();
  readonly #closeness: Record<Closeness, number> = { exact: 0, folded: 0, recording: 0, credit: 0, artist: 0 };
  readonly #missing = new Tally<{ artist: string; title: string }>(NAMES_KEPT);
  readonly #missingArtists = new Tally<string>(NAMES_KEPT);
  readonly #unreadableAt: { file: string; place: Place }[] = [];
  #notSongs = 0;
  #unreadable = 0;

  constructor(index: CatalogueIndex) {
    this.#index = index;
  }

  /** How many records of a file could be understood. */
  understood(file: string): number {
    return this.#understood.get(file) ?? 0;
  }

  take(reading: Reading, file: string, place: Place): void {
    this.records += 1;
    if (reading === undefined) {
      this.#unreadable += 1;
      if (this.#unreadableAt.length < PLACES_KEPT) this.#unreadableAt.push({ file, place });
      return;
    }
    this.#understood.set(file, this.understood(file) + 1);
    if (reading === NOT_A_SONG) this.#notSongs += 1;
    else this.#play(reading);
  }

  result(): { columns: HistoryColumns; report: HistoryReport } {
    const order = this.#inOrder();
    const n = order.length;
    const columns = { songs: new Uint32Array(n), at: new Float64Array(n), behaviour: new Uint8Array(n), heard: new Float32Array(n) };
    let skips = 0;
    order.forEach((from, to) => {
      const song = this.#songs.at(from);
      const played = this.#played.at(from);
      const { behaviour, heard } = judge(this.#endings.at(from) as Ending, Number.isNaN(played) ? undefined : played, this.#lengths.get(song));
      columns.songs[to] = song;
      columns.at[to] = this.#at.at(from);
      columns.behaviour[to] = behaviour;
      columns.heard[to] = heard;
      if (behaviour === Behaviour.Skip) skips += 1;
    });
    const report: HistoryReport = {
      records: this.records,
      matched: n,
      unmatched: this.#missing.total,
      twice: this.#songs.length - n,
      notSongs: this.#notSongs,
      unreadable: this.#unreadable,
      complete: n - skips,
      skips,
      songs: new Set(columns.songs).size,
      from: columns.at[0],
      to: columns.at[n - 1],
      closeness: this.#closeness,
      unmatchedSongs: this.#missing.top(),
      unmatchedArtists: this.#missingArtists.top(),
      beyond: this.#missing.dropped,
      unreadableAt: this.#unreadableAt,
      errors: this.errors,
      bytes: this.bytes,
    };
    return { columns, report };
  }

  #play(play: Play): void {
    const { match, missing } = this.#find(play);
    if (!match) {
      this.#missing.add(missing.song, { artist: play.artist, title: play.title });
      this.#missingArtists.add(missing.artist, play.artist);
      return;
    }
    const { song, closeness } = match;
    const length = this.#learnLength(song, play);
    this.#closeness[closeness] += 1;
    this.#songs.push(song.id);
    this.#at.push(play.when === "ended" ? play.at : play.at + (play.playedMs ?? length ?? 0));
    this.#played.push(play.playedMs ?? NaN);
    this.#endings.push(play.ending);
  }

  #find(play: Play): Found {
    const key = `${play.artist}\u0000${play.title}\u0000${play.album ?? ""}`;
    const looked = this.#looked.get(key);
    if (looked) return looked;
    if (this.#looked.size >= LOOKED_UP) this.#looked.clear();
    const match = this.#index.find(play);
    const artist = match ? "" : folded(play.artist);
    const found: Found = { match, missing: { artist, song: match ? "" : `${artist}\u0000${folded(play.title)}` } };
    this.#looked.set(key, found);
    return found;
  }

  /** The catalogue's length first; else the export's; else the longest time in which the song came to its end by itself. */
  #learnLength(song: Findable, { durationMs, playedMs = 0, ending }: Play): number | undefined {
    if (this.#index.ofArtists) return undefined;
    const told = song.durationMs ?? durationMs;
    const known = told ?? Math.max(this.#lengths.get(song.id) ?? 0, ending === Ending.Done ? playedMs : 0);
    if (known > 0) this.#lengths.set(song.id, known);
    return known > 0 ? known : undefined;
  }

  /** Oldest first, without listens that are told twice. */
  #inOrder(): number[] {
    const order = Array.from({ length: this.#songs.length }, (_, i) => i).sort((a, b) => this.#at.at(a) - this.#at.at(b) || a - b);
    const last = new Map<number, number>();
    return order.filter((i) => {
      const [song, at] = [this.#songs.at(i), this.#at.at(i)];
      const before = last.get(song);
      last.set(song, at);
      return before === undefined || at - before >= TWICE_MS;
    });
  }
}
