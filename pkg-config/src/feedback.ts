// What a listener thought of a song, read off the player's positions. Pure: the clock comes in as an argument.

import type { Feedback } from "./types.js";

/** Heard to this share when it ends by itself, a song counts as complete; less means that someone sought ahead. */
export const COMPLETE_AT_END = 0.8;
/** Left by hand, a song counts as complete from this share on: only the fade was missed. */
export const COMPLETE_BY_HAND = 0.95;
/** In a run of skips, a song that was on for less was passed by, not judged. */
export const PASSING_MS = 1000;
/** A position that runs ahead of the clock by more was sought, whatever the player says. */
const SLACK_MS = 1500;

/** What {@link PlayTracker} must know of a song when it comes on. */
export interface PlayStart {
  /** The song's length. */
  readonly durationMs: number;
  /** When it came on. */
  readonly at: number;
  /** Whether the listener came here by skipping the song before. */
  readonly bySkip?: boolean;
}

/**
 * Follows one song from the moment it comes on, and says what came of it.
 *
 * Positions are milliseconds into the song, times are milliseconds of any one clock. Only what was really heard counts, once:
 * pauses, seeks, a sleeping tab and hearing the same bars twice do not make a song more heard than it was.
 *
 * ```ts
 * const tracker = new PlayTracker({ durationMs: 180_000, at: Date.now() });
 * tracker.play(0, Date.now());
 * audio.ontimeupdate = () => tracker.tick(audio.currentTime * 1000, Date.now());
 * audio.onended = () => observe(tracker.ended(Date.now()));
 * nextButton.onclick = () => observe(tracker.next(Date.now()));
 * ```
 */
export class PlayTracker {
  readonly #start: PlayStart;
  /** Stretches heard, sorted, apart from each other. */
  #heard: [from: number, to: number][] = [];
  #position = 0;
  #at: number;
  #running = false;
  #durationMs: number;
  #playedMs = 0;
  /** How fast it plays: 2 is twice as fast. Positions that run ahead by more than that were sought. */
  rate = 1;

  constructor(start: PlayStart) {
    this.#start = start;
    this.#at = start.at;
    this.#durationMs = start.durationMs;
  }

  /** The song's length. Set it when the player learns it late; what was heard before counts in full. */
  get durationMs(): number {
    return this.#durationMs;
  }

  /** Sets it. */
  set durationMs(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /** How much of the song's time has sounded in all; hearing the same bars twice counts twice. */
  get playedMs(): number {
    return this.#playedMs;
  }

  /** The share of the song heard so far, 0 to 1. */
  get heard(): number {
    const total = this.#heard.reduce((sum, [from, to]) => sum + to - from, 0);
    // A stream has no end to have heard a share of.
    return this.#durationMs > 0 && this.#durationMs < Infinity ? Math.min(1, total / this.#durationMs) : 0;
  }

  /** The sound starts, or goes on, at `position`. */
  play(position: number, at: number): void {
    this.#move(position, at);
    this.#running = true;
  }

  /** The sound stops at `position`. */
  pause(position: number, at: number): void {
    this.tick(position, at);
    this.#running = false;
  }

  /** The listener jumps to `position`; call {@link tick} first with where the sound was. */
  seek(position: number, at: number): void {
    this.#move(position, at);
  }

  /** The sound has come to `position`. Call it a few times a second; fewer calls lose nothing unless there was a seek between. */
  tick(position: number, at: number): void {
    const moved = position - this.#position;
    if (this.#running && moved > 0 && moved <= (at - this.#at) * this.rate + SLACK_MS) this.#hear(this.#position, position);
    this.#move(position, at);
  }

  /** The song came to its end by itself. */
  ended(at: number): Feedback {
    this.tick(this.#durationMs, at);
    this.#running = false;
    const { heard } = this;
    return heard >= COMPLETE_AT_END ? { kind: "complete" } : { kind: "skip", heard };
  }

  /**
   * The listener asked for another song. `undefined` when this one was only passed by: in a run of skips, on for less than
   * {@link PASSING_MS}, it was not judged and the engine should not hear of it.
   */
  next(at: number): Feedback | undefined {
    this.#running = false;
    const { heard } = this;
    if (heard >= COMPLETE_BY_HAND) return { kind: "complete" };
    if (this.#start.bySkip && at - this.#start.at < PASSING_MS) return undefined;
    return { kind: "skip", heard };
  }

  #move(position: number, at: number): void {
    // A player that does not know its position says NaN.
    this.#position = Math.max(position || 0, 0);
    this.#at = at;
  }

  #hear(from: number, to: number): void {
    // Until the length is known, everything may be part of it.
    if (this.#durationMs > 0) to = Math.min(to, this.#durationMs);
    if (to <= from) return;
    this.#playedMs += to - from;
    const apart = this.#heard.filter(([a, b]) => {
      const touches = a <= to && b >= from;
      if (touches) [from, to] = [Math.min(from, a), Math.max(to, b)];
      return !touches;
    });
    this.#heard = [...apart, [from, to] as [number, number]].sort((x, y) => x[0] - y[0]);
  }
}
