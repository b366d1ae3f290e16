// The player itself, without a page: what is on, what comes next, what was heard. Views watch it; the engine decides.

import { PlayTracker, type Feedback, type SlotReason, type Song, type SongId, type Sottovoce } from "sottovoce";
import type { Deck, Decks } from "./deck/deck.js";
import type { Output } from "./deck/output.js";
import type { Door } from "./engine-door.js";
import { Lineup, type LineupNotes } from "./lineup.js";
import type { Scene } from "./scenes/scene.js";
import { IN_SIGHT, shiftOf, type Coming, type Shift } from "./shift.js";

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
  /** Songs that were passed over right after it. */
  readonly over?: number;
}

/** What may have changed. */
export type Aspect = "now" | "playing" | "queue" | "heard" | "volume" | "scene";

interface Notes {
  readonly now: { readonly song: SongId; readonly slot: number; readonly liked: boolean } | undefined;
  readonly queue: readonly SlotReason[];
  readonly heard: readonly Heard[];
  readonly judged: number;
  readonly volume: number;
  readonly lineup?: LineupNotes;
}

/** A listener's evening. */
export class Player {
  readonly engine: Sottovoce;
  /** Which scene is on, and how varied its list is. */
  readonly lineup: Lineup;
  now: Current | undefined;
  queue: Coming[] = [];
  /** The latest of what was heard, oldest first. */
  heard: Heard[] = [];
  /** How many songs were ever judged here. */
  judged = 0;
  playing = false;
  /** False once play was asked for and no sound could come out. */
  audible = true;
  /** How the queue changed last. */
  shift: Shift = { up: 0, down: 0, fresh: 0 };
  readonly #output: Output;
  readonly #decks: Decks;
  readonly #watchers = new Set<(changed: ReadonlySet<Aspect>) => void>();
  readonly #changed = new Set<Aspect>();
  /** What came on while nothing was noted: the engine does not know to leave it out. */
  readonly #unnoted = new Set<SongId>();
  #tracker: PlayTracker | undefined;
  #metronome: ReturnType<typeof setInterval> | undefined;

  constructor(engine: Sottovoce, door: Door, output: Output, decks: Decks) {
    this.engine = engine;
    this.lineup = new Lineup(door, engine.songs);
    this.#output = output;
    this.#decks = decks;
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
    this.judged = notes?.judged ?? this.heard.length;
    this.lineup.restore(notes?.lineup, Date.now());
    this.queue = (notes?.queue ?? []).flatMap((reason) => {
      const song = this.engine.songs.get(reason.song);
      return song ? [{ song, slot: reason.slot, reason }] : [];
    });
    const on = notes?.now && this.engine.songs.get(notes.now.song);
    if (this.queue.length === 0) this.#requeue();
    if (on && notes?.now) this.#putOn({ song: on, slot: notes.now.slot, reason: undefined }, { liked: notes.now.liked });
    else this.#advance(false);
    this.#tell("now", "playing", "queue", "heard", "volume", "scene");
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
    // What stood before it was seen and passed over.
    const before = this.queue.slice(0, Math.min(this.queue.indexOf(chosen), IN_SIGHT));
    if (feedback) this.#observe(feedback, before);
    this.queue = this.queue.filter((coming) => coming.song.id !== song);
    this.#putOn(chosen, { bySkip: true });
    if (!this.playing) void this.play();
  }

  like(): void {
    if (!this.now || this.now.liked || this.engine.paused) return;
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
    const last = this.heard.at(-1);
    // What was passed over on the way to the next song goes with the judgement before it.
    for (let over = last?.over ?? 0; over > 0; over--) this.engine.undo();
    const undone = this.engine.undo();
    if (undone === undefined) return undefined;
    this.heard = this.heard.slice(0, -1);
    this.judged = Math.max(0, this.judged - 1);
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

  /** Begins a scene, from the song that is on where it needs one. Answers why it cannot, where it cannot. */
  enter(scene: Scene, around: Song | undefined = this.now?.song): string | undefined {
    const refusal = this.lineup.enter(scene, around, Date.now());
    if (refusal === undefined) this.#requeue();
    return refusal;
  }

  get diversity(): number {
    return this.lineup.diversity;
  }

  /** How much variety the queue has, 0 to 1. The queue is laid anew at once. */
  set diversity(diversity: number) {
    this.lineup.diversity = diversity;
    this.#requeue();
  }

  /** Puts a song on, whatever the queue says; what was on is not judged by it. */
  put(song: Song): void {
    this.queue = this.queue.filter((coming) => coming.song.id !== song.id);
    this.#putOn({ song, slot: 0, reason: undefined }, {});
  }

  /** Lays the queue anew, after the engine learned something that was no event. */
  renew(): void {
    this.#requeue();
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
    this.judged = 0;
    this.queue = [];
    this.#unnoted.clear();
    this.lineup.restore(undefined, Date.now());
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

  #observe(feedback: Feedback, passedOver: readonly Coming[] = []): void {
    const { now } = this;
    if (!now) return;
    if (this.engine.paused) {
      this.#unnoted.add(now.song.id);
      return;
    }
    const at = Date.now();
    void this.engine.observe({ song: now.song.id, slot: now.slot, shownAt: now.shownAt, at, feedback });
    for (const { song, slot } of passedOver) void this.engine.observe({ song: song.id, slot, shownAt: now.shownAt, at, feedback: { kind: "ignore" } });
    this.#requeue();
    this.judged++;
    this.heard = [...this.heard, { song: now.song.id, slot: now.slot, at, feedback, effect: this.shift, over: passedOver.length }].slice(-HEARD_KEPT);
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
    this.lineup.passed(song.id);
    const shownAt = Date.now();
    const taken = this.#decks.take(song, {
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
        if (next) this.#decks.prepare(next.song);
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
    this.queue = this.lineup.form(this.now?.song.id, Date.now()).filter(({ song }) => !this.#unnoted.has(song.id));
    this.shift = shiftOf(before, this.queue);
    this.#tell("queue", "scene");
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
    const { now, queue, heard, judged, volume } = this;
    const notes: Notes = {
      now: now && { song: now.song.id, slot: now.slot, liked: now.liked },
      queue: queue.flatMap(({ reason }) => (reason ? [reason] : [])),
      heard,
      judged,
      volume,
      lineup: this.lineup.notes,
    };
    this.engine.keep("player", notes);
  }
}
