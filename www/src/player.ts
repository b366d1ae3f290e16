// The player itself, without a page: what is on, what comes next, what was heard. Views watch it; the engine decides.

import { PlayTracker, type Feedback, type SlotReason, type Song, type SongId, type Sottovoce } from "sottovoce";
import type { Deck } from "./deck/deck.js";
import type { Output } from "./deck/output.js";
import type { Shelf } from "./deck/shelf.js";
import { IN_SIGHT, shiftOf, type Coming, type Shift } from "./shift.js";

/** Songs asked of the engine at a time. */
const SLATE = 30;
const HEARD_KEPT = 200;

/** What is on. */
export interface Current {
  readonly song: Song;
  readonly slot: number;
  readonly shownAt: number;
  liked: boolean;
  deck: Deck | undefined;
  /** Resolved once {@link Current.deck} is there. */
  readonly loaded: Promise<unknown>;
}

/** A song that was, and what the engine took from it. */
export interface Heard {
  readonly song: SongId;
  readonly slot: number;
  readonly at: number;
  readonly feedback: Feedback;
  /** What it did to the songs that were next. */
  readonly effect: Shift;
}

/** What may have changed. */
export type Aspect = "now" | "playing" | "queue" | "heard" | "volume";

interface Notes {
  readonly now: { readonly song: SongId; readonly slot: number; readonly liked: boolean } | undefined;
  readonly queue: readonly SlotReason[];
  readonly heard: readonly Heard[];
  readonly volume: number;
}

/** A listener's evening. */
export class Player {
  readonly engine: Sottovoce;
  now: Current | undefined;
  queue: Coming[] = [];
  heard: Heard[] = [];
  playing = false;
  /** False once play was asked for and no sound could come out. */
  audible = true;
  /** How the queue changed last. */
  shift: Shift = { up: 0, down: 0, fresh: 0 };
  readonly #output: Output;
  readonly #shelf: Shelf;
  readonly #watchers = new Set<(changed: ReadonlySet<Aspect>) => void>();
  readonly #changed = new Set<Aspect>();
  #tracker: PlayTracker | undefined;
  #metronome: ReturnType<typeof setInterval> | undefined;

  constructor(engine: Sottovoce, output: Output, shelf: Shelf) {
    this.engine = engine;
    this.#output = output;
    this.#shelf = shelf;
    engine.on("change", ({ cause }) => {
      if (cause === "restore") this.start();
      else if (cause === "weights") this.#requeue();
    });
  }

  /** Takes up where the last visit left off, or begins. */
  start(): void {
    const notes = this.engine.kept<Notes>("player");
    this.#output.volume = notes?.volume ?? 0.8;
    this.heard = [...(notes?.heard ?? [])];
    this.queue = (notes?.queue ?? []).flatMap((reason) => {
      const song = this.engine.songs.get(reason.song);
      return song ? [{ song, slot: reason.slot, reason }] : [];
    });
    const on = notes?.now && this.engine.songs.get(notes.now.song);
    if (this.queue.length === 0) this.#requeue();
    if (on && notes?.now) this.#putOn({ song: on, slot: notes.now.slot, reason: undefined }, { liked: notes.now.liked });
    else this.#advance(false);
    this.#tell("now", "playing", "queue", "heard", "volume");
  }

  /** Calls `watcher` after every change, at most once a turn. */
  watch(watcher: (changed: ReadonlySet<Aspect>) => void): void {
    this.#watchers.add(watcher);
  }

  get volume(): number {
    return this.#output.volume;
  }

  set volume(volume: number) {
    this.#output.volume = volume;
    this.#tell("volume");
  }

  get position(): number {
    return this.now?.deck?.position ?? 0;
  }

  get durationMs(): number {
    return this.now?.deck?.durationMs ?? 0;
  }

  async play(): Promise<void> {
    if (!this.now || this.playing) return;
    this.playing = true;
    this.#tell("playing");
    await this.#sound();
  }

  pause(): void {
    if (!this.playing) return;
    this.playing = false;
    clearInterval(this.#metronome);
    this.now?.deck?.pause();
    this.#tracker?.pause(this.position, Date.now());
    this.#tell("playing");
  }

  toggle(): void {
    if (this.playing) this.pause();
    else void this.play();
  }

  seek(position: number): void {
    const deck = this.now?.deck;
    if (!deck) return;
    const at = Date.now();
    this.#tracker?.tick(deck.position, at);
    deck.seek(position);
    this.#tracker?.seek(deck.position, at);
    this.#tell("now");
  }

  /** On to the next song. */
  next(): void {
    if (!this.now) return;
    const feedback = this.#left();
    if (feedback) this.#observe(feedback);
    this.#advance(true);
  }

  /** On to a song of the queue. */
  jump(song: SongId): void {
    const chosen = this.queue.find((coming) => coming.song.id === song);
    if (!chosen || !this.now) return;
    const feedback = this.#left();
    if (feedback) this.#observe(feedback);
    this.queue = this.queue.filter((coming) => coming.song.id !== song);
    this.#putOn(chosen, { bySkip: true });
    if (!this.playing) void this.play();
  }

  like(): void {
    if (!this.now || this.now.liked) return;
    this.now.liked = true;
    this.#observe({ kind: "like" });
    this.#tell("now");
  }

  /** Never again, and on to the next. */
  dislike(): void {
    if (!this.now) return;
    this.#observe({ kind: "dislike" });
    this.#advance(true);
  }

  /** Takes the last judgement back, and returns to its song if it ended that. */
  undo(): SongId | undefined {
    const undone = this.engine.undo();
    if (undone === undefined) return undefined;
    const last = this.heard.at(-1);
    this.heard = this.heard.slice(0, -1);
    const song = this.engine.songs.get(undone);
    if (last?.feedback.kind === "like") {
      if (this.now && this.now.song.id === undone) this.now.liked = false;
      this.#requeue();
    } else if (song) {
      this.#putOn({ song, slot: last?.slot ?? 0, reason: undefined }, {});
      this.#requeue();
    }
    this.#tell("now", "heard");
    return undone;
  }

  /** Lets the rest of the song pass at once, as if it had been heard. For tests. */
  async finish(): Promise<void> {
    const { now } = this;
    await now?.loaded;
    if (!now?.deck || !this.#tracker || this.now !== now) return;
    const at = Date.now();
    const rest = now.deck.durationMs - now.deck.position;
    this.#tracker.play(now.deck.position, at - rest);
    this.#ended();
  }

  /** Back to the very beginning, after everything was deleted. */
  reset(): void {
    this.pause();
    this.now?.deck?.leave();
    this.now = undefined;
    this.heard = [];
    this.queue = [];
    this.#requeue();
    this.#advance(false);
    this.#tell("heard");
  }

  #left(): Feedback | undefined {
    this.#tracker?.tick(this.position, Date.now());
    return this.#tracker?.next(Date.now());
  }

  #ended(): void {
    const feedback = this.#tracker?.ended(Date.now());
    if (feedback) this.#observe(feedback);
    this.#advance(false);
  }

  #observe(feedback: Feedback): void {
    const { now } = this;
    if (!now) return;
    const at = Date.now();
    this.engine.observe({ song: now.song.id, slot: now.slot, shownAt: now.shownAt, at, feedback });
    this.#requeue();
    this.heard = [...this.heard, { song: now.song.id, slot: now.slot, at, feedback, effect: this.shift }].slice(-HEARD_KEPT);
    this.#tell("heard");
  }

  #advance(bySkip: boolean): void {
    const [first, ...rest] = this.queue;
    if (!first) {
      this.pause();
      return;
    }
    this.queue = rest;
    this.#putOn(first, { bySkip });
    if (rest.length < IN_SIGHT) this.#requeue();
  }

  #putOn({ song, slot }: Coming, { bySkip = false, liked = false }: { bySkip?: boolean; liked?: boolean }): void {
    this.now?.deck?.leave();
    clearInterval(this.#metronome);
    const shownAt = Date.now();
    const taken = this.#shelf.take(song, {
      ended: () => this.now === current && this.#ended(),
      failed: () => this.now === current && this.#advance(false),
    });
    const loaded = taken.then(
      async (deck) => {
        if (this.now !== current) return deck.leave();
        current.deck = deck;
        this.#tracker = new PlayTracker({ durationMs: deck.durationMs, at: shownAt, bySkip });
        this.#tell("now");
        if (this.playing) await this.#sound();
        const next = this.queue[0];
        if (next) this.#shelf.prepare(next.song);
      },
      () => this.now === current && this.pause(),
    );
    const current: Current = { song, slot, shownAt, liked, deck: undefined, loaded };
    this.now = current;
    // Left before it could sound, it still was left.
    this.#tracker = new PlayTracker({ durationMs: 0, at: shownAt, bySkip });
    this.#tell("now", "queue");
  }

  async #sound(): Promise<void> {
    const { now } = this;
    const tracker = this.#tracker;
    if (!now?.deck || !tracker) return;
    tracker.play(now.deck.position, Date.now());
    clearInterval(this.#metronome);
    this.#metronome = setInterval(() => tracker.tick(this.position, Date.now()), 250);
    const audible = await now.deck.play();
    if (audible === this.audible) return;
    this.audible = audible;
    this.#tell("playing");
  }

  #requeue(): void {
    const before = this.queue;
    const songs = this.engine.recommend({ k: SLATE });
    const reasons = new Map(this.engine.explain().map((reason) => [reason.song, reason]));
    this.queue = songs.flatMap((id, slot) => {
      const song = this.engine.songs.get(id);
      return song && id !== this.now?.song.id ? [{ song, slot, reason: reasons.get(id) }] : [];
    });
    this.shift = shiftOf(before, this.queue);
    this.#tell("queue");
  }

  #tell(...aspects: Aspect[]): void {
    if (this.#changed.size === 0) {
      queueMicrotask(() => {
        const changed = new Set(this.#changed);
        this.#changed.clear();
        this.#keep();
        for (const watcher of this.#watchers) watcher(changed);
      });
    }
    for (const aspect of aspects) this.#changed.add(aspect);
  }

  #keep(): void {
    const { now, queue, heard, volume } = this;
    const notes: Notes = {
      now: now && { song: now.song.id, slot: now.slot, liked: now.liked },
      queue: queue.flatMap(({ reason }) => (reason ? [reason] : [])),
      heard,
      volume,
    };
    this.engine.keep("player", notes);
  }
}
