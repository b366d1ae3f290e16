// Plays a score into samples. Pure: the same score is the same sound.

import { stroke } from "./drums.js";
import { addRoom } from "./room.js";
import type { Score } from "./score.js";
import { RATE, samples, sound } from "./voices.js";

/** A piece, ready to be heard. */
export interface Piece {
  readonly rate: number;
  readonly left: Float32Array;
  readonly right: Float32Array;
  /** How loud each of {@link BARS} stretches is, 0 to 1. */
  readonly outline: Float32Array;
}

export const BARS = 88;

/** All pieces are equally loud, by this root mean square. */
const LOUDNESS = 0.115;

/** Plays it. Some tenths of a second of work for twenty of music. */
export function play(score: Score): Piece {
  const length = samples(score.seconds);
  const [left, right, dry] = [new Float32Array(length), new Float32Array(length), new Float32Array(length)];
  // Most notes come more than once.
  const made = new Map<string, Float32Array>();
  const once = (key: string, make: () => Float32Array) => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
  for (const { voice, at, seconds, pitch, gain, pan } of score.notes) {
    const note = once(`${voice} ${pitch} ${seconds.toFixed(2)}`, () =>
      sound(voice, { hertz: 440 * 2 ** ((pitch - 69) / 12), seconds, brightness: score.brightness }),
    );
    const turn = ((pan + 1) * Math.PI) / 4;
    mix(note, samples(at), [[left, gain * Math.cos(turn)], [right, gain * Math.sin(turn)]]);
    if (voice !== "bass") mix(note, samples(at), [[dry, gain]]);
  }
  for (const { drum, at, gain } of score.hits) {
    const hit = once(drum, () => stroke(drum));
    mix(hit, samples(at), [[left, gain * 0.5], [right, gain * 0.5]]);
    if (drum !== "kick") mix(hit, samples(at), [[dry, gain * 0.3]]);
  }
  addRoom(dry, left, right, 0.6 * score.space, 0.9 + 1.8 * score.space);
  finish(left, right);
  return { rate: RATE, left, right, outline: outlineOf(left, right) };
}

function mix(note: Float32Array, from: number, buses: readonly (readonly [Float32Array, number])[]): void {
  for (const [bus, gain] of buses) {
    const until = Math.min(note.length, bus.length - from);
    for (let i = 0; i < until; i++) bus[from + i] = (bus[from + i] ?? 0) + gain * (note[i] ?? 0);
  }
}

/** Equal loudness, rounded peaks, a fade at the end. */
function finish(left: Float32Array, right: Float32Array): void {
  let energy = 0;
  for (let i = 0; i < left.length; i++) energy += (left[i] ?? 0) ** 2 + (right[i] ?? 0) ** 2;
  const gain = LOUDNESS / (Math.sqrt(energy / (2 * left.length)) || 1);
  const fade = samples(0.5);
  for (const side of [left, right]) {
    for (let i = 0; i < side.length; i++) {
      side[i] = rounded((side[i] ?? 0) * gain) * Math.min(1, (side.length - i) / fade);
    }
  }
}

/** Leaves what is quiet as it is, and bends peaks so that none is over 0.9: a rational stand-in for `tanh`. */
function rounded(value: number): number {
  const x = Math.max(-3, Math.min(3, value / 0.9));
  return (0.9 * x * (27 + x * x)) / (27 + 9 * x * x);
}

function outlineOf(left: Float32Array, right: Float32Array): Float32Array {
  const stretch = Math.floor(left.length / BARS);
  const levels = Float32Array.from({ length: BARS }, (_, bar) => {
    let sum = 0;
    for (let i = bar * stretch; i < (bar + 1) * stretch; i += 4) sum += ((left[i] ?? 0) + (right[i] ?? 0)) ** 2;
    return Math.sqrt(sum / stretch);
  });
  const most = Math.max(...levels) || 1;
  return levels.map((level) => level / most);
}
