// What the engine can be asked, without network, clock or storage: one line each over the wasm door.

import type { Door } from "./door.js";
import { SottovoceError } from "./errors.js";
import { feedbackOf } from "./event.js";
import type { RecommendOptions } from "./options.js";
import { coreConfig, coreContext, type CoreContext } from "./settings.js";
import type { Context, Interest, LibraryEntry, ListenEvent, Portrait, SlotReason, SongId } from "./types.js";

/** Asked for when nothing is said. */
const K = 30;

/** The engine's answers about songs and about the listener. {@link Sottovoce} is one; it adds what changes and what travels. */
export abstract class Taste {
  /** @internal */
  protected readonly door: Door;
  /** What the engine knows of the moment. @internal */
  protected moment: CoreContext = {};
  /** @internal */
  protected closed = false;

  /** @internal */
  protected constructor(door: Door) {
    // Reached from plain JavaScript only: types forbid it.
    if (!door) throw new SottovoceError("init/missing", "Sottovoce was used before the engine was loaded.", "Await Sottovoce.open() instead of new.");
    this.door = door;
  }

  /** The door, as long as it is open. @internal */
  protected get alive(): Door {
    if (this.closed) throw new SottovoceError("engine/closed", "This engine was closed.", "Open another one.");
    return this.door;
  }

  /** The door of the full engine. @internal */
  protected get full(): Door {
    const door = this.alive;
    // The smaller engine's door has no such method: it is types alone that give it one.
    if (!door.portrait) throw new SottovoceError("engine/full", "This engine was built to play; it cannot tell that.", 'Import from "sottovoce/full".');
    return door;
  }

  /** How many events the engine remembers. */
  get seen(): number {
    return this.alive.seen();
  }

  /** Version of the shared weights in use. */
  get weightsVersion(): number | undefined {
    return this.alive.weightsVersion();
  }

  /** Tells the engine of the moment. It stays on the device. */
  setContext(context: Context): void {
    this.alive.setContext((this.moment = coreContext(context)));
  }

  /** The next songs, best first, no song twice. */
  recommend({ k = K, candidates, around, config }: RecommendOptions = {}): SongId[] {
    const from = candidates && Uint32Array.from(candidates);
    const now = Date.now();
    const songs = this.alive.recommend(from, k, now, around === undefined && !config ? undefined : { ...coreConfig(config ?? {}), around });
    return Array.from(songs) as SongId[];
  }

  /** Why each song of the last {@link Taste.recommend} stands where it stands. */
  explain(): SlotReason[] {
    return this.alive.explain();
  }

  /** A song's embedding: where it lies among the others. A copy; `undefined` for a song that is not on this device. */
  embedding(song: SongId): Float32Array | undefined {
    return this.full.embedding(song);
  }

  /** The `k` songs nearest to a song, nearest first. */
  near(song: SongId, k = K): SongId[] {
    return Array.from(this.full.near(song, k)) as SongId[];
  }

  /** How alike songs are as the re-ranking sees them: n × n values, row by row; 1 is the same. */
  similarity(songs: Iterable<SongId>): Float32Array {
    return this.full.similarity(Uint32Array.from(songs));
  }

  /** Where this session stands among the songs, as of now. */
  sessionVector(): Float32Array {
    return this.full.sessionVector(Date.now());
  }

  /** What the engine thinks the listener likes, heaviest first, each with its `k` nearest songs. */
  interests(k = K): Interest[] {
    return this.full.interests(k);
  }

  /** What {@link Sottovoce.lessOf} muted, each with its `k` nearest songs. */
  muted(k = K): Pick<Interest, "songs">[] {
    return this.full.muted(k);
  }

  /** How the listener listens, in five dimensions and one. */
  portrait(): Portrait {
    return this.full.portrait();
  }

  /** Every song that was ever on, with what came of it. */
  library(): LibraryEntry[] {
    const { songs, plays, skips, liked, last } = this.full.library();
    return Array.from(songs, (song, i) => ({
      song: song as SongId, plays: plays[i]!, skips: skips[i]!, liked: !!liked[i], last: last[i]!,
    }));
  }

  /** The remembered events, oldest first. */
  history(): (ListenEvent & { readonly at: number })[] {
    return this.alive.history().map((row) => {
      const { song, slot, shownAt, at } = row;
      return { song: song as SongId, slot, shownAt, at, feedback: feedbackOf(row) };
    });
  }
}
