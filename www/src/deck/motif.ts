// Plays a generated piece.

import type { Deck, DeckEvents } from "./deck.js";
import type { Output } from "./output.js";

const FADE = 0.08;

/** Plays a buffer; where no sound may come out, only its time passes. */
export class MotifDeck implements Deck {
  readonly durationMs: number;
  readonly outline: Float32Array;
  readonly #buffer: AudioBuffer;
  readonly #output: Output;
  readonly #events: DeckEvents;
  #from = 0;
  /** Runs from {@link #from} while it plays. */
  #clock: (() => number) | undefined;
  #silence: (() => void) | undefined;
  #left = false;

  constructor(buffer: AudioBuffer, outline: Float32Array, output: Output, events: DeckEvents) {
    this.#buffer = buffer;
    this.durationMs = buffer.duration * 1000;
    this.outline = outline;
    this.#output = output;
    this.#events = events;
  }

  get position(): number {
    return Math.min(this.durationMs, this.#from + (this.#clock?.() ?? 0));
  }

  async play(): Promise<boolean> {
    if (this.#clock) return true;
    // Time runs at once, so that a pause during the wait finds its place.
    this.#start(undefined);
    const way = await this.#output.open();
    if (!way || !this.#clock || this.#left) return way !== undefined;
    this.#halt();
    this.#start(way);
    return true;
  }

  pause(): void {
    this.#halt();
  }

  seek(position: number): void {
    const playing = this.#clock !== undefined;
    this.#halt();
    this.#from = Math.min(Math.max(position, 0), this.durationMs);
    if (playing) void this.play();
  }

  leave(): void {
    this.#left = true;
    this.#halt();
  }

  #start(way: { context: AudioContext; to: AudioNode } | undefined): void {
    const end = () => {
      this.#from = this.durationMs;
      this.#clock = this.#silence = undefined;
      if (!this.#left) this.#events.ended();
    };
    if (!way) {
      const began = performance.now();
      const timer = setTimeout(end, this.durationMs - this.#from);
      this.#clock = () => performance.now() - began;
      this.#silence = () => clearTimeout(timer);
      return;
    }
    const { context, to } = way;
    const source = new AudioBufferSourceNode(context, { buffer: this.#buffer });
    const fade = new GainNode(context, { gain: 0 });
    const began = context.currentTime;
    fade.gain.setValueAtTime(0, began);
    fade.gain.linearRampToValueAtTime(1, began + 0.02);
    source.connect(fade).connect(to);
    source.onended = end;
    source.start(0, this.#from / 1000);
    this.#clock = () => Math.max(0, context.currentTime - began) * 1000;
    this.#silence = () => {
      source.onended = null;
      fade.gain.setTargetAtTime(0, context.currentTime, FADE / 3);
      source.stop(context.currentTime + FADE * 2);
    };
  }

  #halt(): void {
    this.#from = this.position;
    this.#silence?.();
    this.#clock = this.#silence = undefined;
  }
}
