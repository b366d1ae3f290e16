/**
 * From a player's positions to an engine's events, without a decision left to the page: tell it what the player does, and the
 * engine hears of skips, plays and songs passed by.
 *
 * @packageDocumentation
 */
import { PASSING_MS, PlayTracker, type Feedback, type ListenEvent, type SongId } from "./index.js";

/** The part of `Sottovoce` that it talks to. */
export interface Observer {
  /** Takes an event. */
  observe(event: ListenEvent): unknown;
  /** Takes the last event back. */
  undo(): unknown;
}

/** A song that comes on. */
export interface On {
  readonly song: SongId;
  /** Its place in the slate. */
  readonly slot: number;
  /** Its length in milliseconds; 0 or NaN until it is known. */
  readonly durationMs: number;
}

/** A song that was on. */
interface Was {
  readonly on: On;
  readonly tracker: PlayTracker;
  readonly shownAt: number;
  readonly leftAt: number;
}

/** A position so close to the start or the end is at it. */
const EDGE_MS = 1500;

/**
 * One player, followed song by song.
 *
 * What counts: only sound that was really heard, once; time in pauses, in a sleeping tab and over sought stretches does not.
 * Heard to its end, or left in its last moments, a song is complete; left earlier it is a skip. In a run of skips, what was on for
 * less than a second was passed by, and the engine does not hear of it. Skipping and coming back within a second takes the skip
 * back. A song on repeat is complete each time round.
 *
 * ```ts
 * const listening = new Listening(engine);
 * listening.start({ song, slot, durationMs }, Date.now());
 * audio.onplay = () => listening.play(audio.currentTime * 1000, Date.now());
 * audio.onpause = () => listening.pause(audio.currentTime * 1000, Date.now());
 * audio.onseeking = () => listening.seek(audio.currentTime * 1000, Date.now());
 * audio.ontimeupdate = () => listening.tick(audio.currentTime * 1000, Date.now());
 * audio.onended = () => listening.ended(Date.now());
 * ```
 */
export class Listening {
  readonly #engine: Observer;
  #on: On | undefined;
  #tracker: PlayTracker | undefined;
  #shownAt = 0;
  #position = 0;
  #at = 0;
  #running = false;
  #rate = 1;
  /** The song before, while its skip can be taken back. */
  #before: Was | undefined;
  /** Whether the listener came here by skipping. */
  #bySkip = false;

  /** @param engine Told of every event; `Sottovoce` is one. */
  constructor(engine: Observer) {
    this.#engine = engine;
  }

  /** The song that is on. */
  get on(): On | undefined {
    return this.#on;
  }

  /** The share of it that was heard so far, 0 to 1. */
  get heard(): number {
    return this.#tracker?.heard ?? 0;
  }

  /** How fast the player plays; 1 to begin with. */
  set rate(rate: number) {
    this.#rate = rate;
    if (this.#tracker) this.#tracker.rate = rate;
  }

  /**
   * A song comes on. One that is still on was left for it.
   *
   * @returns `"back"` where the listener came back within a second, and the skip was taken back; else `"new"`.
   */
  start(on: On, at: number): "new" | "back" {
    const before = this.#before;
    const bounced = before?.on.song === on.song && at - before.leftAt < PASSING_MS;
    if (bounced) {
      this.#engine.undo();
      this.#begin(before.on, before.tracker, before.shownAt, at);
      this.#before = undefined;
      return "back";
    }
    if (this.#on) this.next(at);
    const tracker = new PlayTracker({ durationMs: on.durationMs || 0, at, bySkip: this.#bySkip });
    this.#begin(on, tracker, at, at);
    return "new";
  }

  /** The player learned the song's length. */
  lasts(durationMs: number): void {
    if (this.#tracker) this.#tracker.durationMs = durationMs || 0;
  }

  /** The sound starts, or goes on, at `position`. */
  play(position: number, at: number): void {
    this.#tracker?.play(position, at);
    this.#move(position, at);
    this.#running = true;
  }

  /** The sound stops at `position`. */
  pause(position: number, at: number): void {
    this.tick(position, at);
    this.#tracker?.pause(position, at);
    this.#running = false;
  }

  /** The listener jumps to `position`. */
  seek(position: number, at: number): void {
    this.#tracker?.seek(position, at);
    this.#move(position, at);
  }

  /** The sound has come to `position`. Call it a few times a second. */
  tick(position: number, at: number): void {
    if (this.#roundAgain(position, at)) {
      const { on, shownAt } = { on: this.#on!, shownAt: at - position };
      this.ended(shownAt);
      this.#bySkip = false;
      this.#begin(on, new PlayTracker({ durationMs: on.durationMs, at: shownAt }), shownAt, at);
      this.#tracker!.play(0, shownAt);
      this.#running = true;
    }
    this.#tracker?.tick(position, at);
    this.#move(position, at);
  }

  /** The song came to its end by itself. */
  ended(at: number): void {
    this.#judge(this.#tracker?.ended(at), at);
    this.#bySkip = false;
    this.#before = undefined;
  }

  /** The listener asked for another song. */
  next(at: number): void {
    const [on, tracker, shownAt] = [this.#on, this.#tracker, this.#shownAt];
    if (!on || !tracker) return;
    const feedback = tracker.next(at);
    this.#judge(feedback, at);
    this.#bySkip = true;
    // Passing a song by leaves the skip before it the one to take back.
    if (feedback) this.#before = feedback.kind === "skip" ? { on, tracker, shownAt, leftAt: at } : undefined;
  }

  /** The player is closed, or plays something else now: what was on is not judged. */
  stop(): void {
    this.#on = this.#tracker = this.#before = undefined;
    this.#running = this.#bySkip = false;
  }

  #begin(on: On, tracker: PlayTracker, shownAt: number, at: number): void {
    this.#on = on;
    this.#tracker = tracker;
    tracker.rate = this.#rate;
    this.#shownAt = shownAt;
    this.#running = false;
    this.#move(0, at);
  }

  #judge(feedback: Feedback | undefined, at: number): void {
    const [on, tracker, shownAt] = [this.#on, this.#tracker, this.#shownAt];
    this.#on = this.#tracker = undefined;
    this.#running = false;
    if (!on || !tracker || !feedback) return;
    this.#engine.observe({ song: on.song, slot: on.slot, shownAt, at, playedMs: tracker.playedMs, feedback });
  }

  /** Whether the song began anew by itself: from its end to its start, in about the time it takes. */
  #roundAgain(position: number, at: number): boolean {
    const tracker = this.#tracker;
    if (!tracker || !this.#running || !(tracker.durationMs > 0)) return false;
    const passed = (at - this.#at) * this.#rate;
    const toEnd = tracker.durationMs - this.#position;
    return (
      position < this.#position && toEnd <= passed + EDGE_MS && position <= passed + EDGE_MS && Math.abs(toEnd + position - passed) <= EDGE_MS
    );
  }

  #move(position: number, at: number): void {
    this.#position = position;
    this.#at = at;
  }
}
