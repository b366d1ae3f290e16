// The instruments: each makes one note, alone, at full strength. Pure arithmetic, so that it runs in a worker and in tests.

import { seeded } from "../random.js";
import type { Voice } from "./kit.js";

/** Samples a second of everything here: enough for music without cymbals, and a third cheaper than 48 kHz. */
export const RATE = 32000;

const TAU = 2 * Math.PI;

/** What a note is made from. */
export interface Tone {
  readonly hertz: number;
  /** How long the key is held. */
  readonly seconds: number;
  /** Opening of the filters, 0 to 1. */
  readonly brightness: number;
}

/** Peaks of the instruments against each other: what rings on is played softer than what dies at once. */
const LEVELS: Record<Voice, number> = { felt: 0.8, tines: 0.72, pluck: 1.7, bell: 0.75, reed: 0.48, glow: 0.8, pad: 0.5, bass: 0.5 };

/** One note, with its ringing. */
export function sound(voice: Voice, tone: Tone): Float32Array {
  return levelled(VOICES[voice](tone), LEVELS[voice]);
}

/** Brings the peak to `level`. */
export function levelled(out: Float32Array, level: number): Float32Array {
  let peak = 1e-9;
  for (const value of out) peak = Math.max(peak, Math.abs(value));
  for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * (level / peak);
  return out;
}

const VOICES: Record<Voice, (tone: Tone) => Float32Array> = {
  /** A piano with felt between hammer and string. */
  felt({ hertz, brightness }) {
    const ring = 1.9 * (220 / hertz) ** 0.25;
    const out = new Float32Array(samples(ring));
    const soft = 1.15 - 0.5 * brightness;
    for (let k = 1; k <= 6; k++) {
      // Strings are stiff: high partials are a little sharp, and die sooner.
      partial(out, hertz * k * Math.sqrt(1 + 0.0004 * k * k), (k === 1 ? 0.8 : 0.5) / k ** (1 + soft), ring / (2.6 + 0.9 * k), k * 0.7);
    }
    const knock = seeded(9);
    for (let i = 0, dull = 0; i < 0.012 * RATE; i++) {
      dull += 0.18 * (knock() * 2 - 1 - dull);
      out[i] = (out[i] ?? 0) + dull * 0.5 * (1 - i / (0.012 * RATE));
    }
    return shaped(out, 0.007);
  },

  /** An electric piano: one sine bends another, less and less. */
  tines({ hertz, brightness }) {
    const ring = 1.7;
    const out = new Float32Array(samples(ring));
    const depth = 0.7 + 1.1 * brightness;
    for (let i = 0; i < out.length; i++) {
      const t = i / RATE;
      const body = Math.sin(TAU * hertz * t + depth * Math.exp(-t * 4.5) * Math.sin(TAU * hertz * t));
      const tine = 0.1 * Math.exp(-t * 22) * Math.sin(TAU * hertz * 7.02 * t);
      out[i] = (0.75 * body + tine) * Math.exp(-t * 2.6) * (1 + 0.1 * Math.sin(TAU * 4.6 * t));
    }
    return shaped(out, 0.004);
  },

  /** A plucked string: noise going round in a delay that dulls it (Karplus and Strong, 1983). */
  pluck({ hertz, brightness }) {
    const out = new Float32Array(samples(1.5));
    // Once round takes the line's samples, less half a sample for the mean of two, plus the all-pass's part of a sample:
    // without that part high strings are out of tune.
    const round = RATE / hertz + 0.5;
    const line = new Float32Array(Math.floor(round - 0.1));
    const rest = round - line.length;
    const tune = (1 - rest) / (1 + rest);
    const noise = seeded(Math.round(hertz * 8));
    let dull = 0;
    for (let i = 0; i < line.length; i++) {
      dull += (0.3 + 0.5 * brightness) * (noise() * 2 - 1 - dull);
      line[i] = dull;
    }
    let [before, passed, place] = [0, 0, 0];
    for (let i = 0; i < out.length; i++) {
      const now = line[place] ?? 0;
      const following = line[(place + 1) % line.length] ?? 0;
      const mean = 0.4985 * (now + following);
      passed = tune * (mean - passed) + before;
      before = mean;
      line[place] = passed;
      out[i] = now;
      place = (place + 1) % line.length;
    }
    return shaped(out, 0.002);
  },

  /** A small bell: partials where a struck bar has them. */
  bell({ hertz, brightness }) {
    const out = new Float32Array(samples(2.6));
    const high = 0.5 + 0.8 * brightness;
    for (const [ratio, level, fall] of [[1, 0.55, 1], [2.01, 0.16 * high, 0.7], [2.76, 0.24 * high, 0.5], [5.4, 0.1 * high, 0.2]] as const) {
      partial(out, hertz * ratio, level, fall, ratio);
    }
    return shaped(out, 0.005);
  },

  /** A harmonium: pipes in the ratios of an organ's stops, with a little air. */
  reed({ hertz, seconds, brightness }) {
    const out = new Float32Array(samples(seconds + 0.2));
    const stops = [[1, 0.5], [2, 0.24], [3, 0.13 + 0.1 * brightness], [4, 0.09], [6, 0.05 * brightness]] as const;
    // One turn of all pipes, drawn once and read over and over.
    const turn = Float32Array.from({ length: 2048 }, (_, i) =>
      stops.reduce((sum, [times, level]) => sum + (hertz * times < RATE * 0.45 ? level * Math.sin((TAU * times * i) / 2048 + times) : 0), 0),
    );
    const step = (2048 * hertz) / RATE;
    for (let i = 0, place = 0, sway = 0; i < out.length; i++) {
      if (i % 64 === 0) sway = step * (1 + 0.0016 * Math.sin((TAU * 5.1 * i) / RATE));
      place = (place + sway) % 2048;
      const whole = Math.floor(place);
      const here = turn[whole] ?? 0;
      out[i] = here + (place - whole) * ((turn[(whole + 1) % 2048] ?? 0) - here);
    }
    return held(out, seconds, 0.035, 0.14);
  },

  /** A lead that opens and closes: two saws, a moving low-pass. */
  glow({ hertz, seconds, brightness }) {
    const out = saws([hertz * 0.9955, hertz * 1.0045], seconds + 0.22);
    const open = 700 * 5 ** brightness;
    lowpass(out, (t) => open * (0.55 + 1.2 * Math.exp(-t * 7)) + hertz * 0.5, 0.35);
    return held(out, seconds, 0.012, 0.18);
  },

  /** A slow cloth of detuned saws. */
  pad({ hertz, seconds, brightness }) {
    const out = saws([hertz * 0.9935, hertz, hertz * 1.007], seconds + 0.8);
    const open = 420 + 900 * brightness;
    lowpass(out, (t) => open * (0.8 + 0.25 * Math.sin(TAU * 0.23 * t)), 0.6);
    return held(out, seconds, Math.min(0.55, seconds / 3), 0.75);
  },

  /** A round bass. */
  bass({ hertz, seconds }) {
    const out = new Float32Array(samples(seconds + 0.1));
    const step = (TAU * hertz) / RATE;
    for (let i = 0; i < out.length; i++) {
      const warm = 0.8 * Math.exp(-i / (0.25 * RATE));
      const wave = Math.sin(step * i) + (0.22 + 0.3 * warm) * Math.sin(2 * step * i) + 0.12 * warm * Math.sin(3 * step * i);
      out[i] = 0.75 * Math.tanh(1.2 * wave) * (0.62 + 0.38 * Math.exp(-i / (0.5 * RATE)));
    }
    return held(out, seconds, 0.01, 0.08);
  },
};

/** So many samples as a time takes. */
export function samples(seconds: number): number {
  return Math.max(1, Math.round(seconds * RATE));
}

/** Adds a sine that falls to 1/e in `fall` seconds; by rotation, which is many times cheaper than `Math.sin`. */
function partial(out: Float32Array, hertz: number, level: number, fall: number, phase: number): void {
  if (hertz > RATE * 0.45) return;
  const [cos, sin] = [Math.cos((TAU * hertz) / RATE), Math.sin((TAU * hertz) / RATE)];
  const keep = Math.exp(-1 / (fall * RATE));
  let [x, y] = [level * Math.cos(phase), level * Math.sin(phase)];
  for (let i = 0; i < out.length; i++) {
    out[i] = (out[i] ?? 0) + y;
    [x, y] = [keep * (x * cos - y * sin), keep * (x * sin + y * cos)];
  }
}

/** Saws of these pitches, their corners rounded (PolyBLEP) so that nothing folds back into hearing. */
function saws(pitches: readonly number[], seconds: number): Float32Array {
  const out = new Float32Array(samples(seconds));
  pitches.forEach((hertz, k) => {
    const step = hertz / RATE;
    for (let i = 0, phase = k * 0.37; i < out.length; i++) {
      phase += step;
      if (phase >= 1) phase -= 1;
      let corner = 0;
      if (phase < step) corner = 2 * (phase / step) - (phase / step) ** 2 - 1;
      else if (phase > 1 - step) corner = ((phase - 1) / step) ** 2 + 2 * ((phase - 1) / step) + 1;
      out[i] = (out[i] ?? 0) + (2 * phase - 1 - corner) / pitches.length;
    }
  });
  return out;
}

/** A state-variable low-pass whose corner may move (Simper's trapezoidal form, stable at any speed). */
function lowpass(out: Float32Array, corner: (t: number) => number, damping: number): void {
  let [a, b, g] = [0, 0, 0];
  for (let i = 0; i < out.length; i++) {
    // The corner moves slowly: every 32nd sample is often enough.
    if (i % 32 === 0) g = Math.tan((Math.PI * Math.min(corner(i / RATE), RATE * 0.45)) / RATE);
    const v = ((out[i] ?? 0) - b - (2 * damping + g) * a) / (1 + g * (g + 2 * damping));
    const band = g * v + a;
    const low = g * band + b;
    a = g * v + band;
    b = g * band + low;
    out[i] = low;
  }
}

/** Struck: a short rise, and a fade at the very end so that nothing clicks. */
function shaped(out: Float32Array, rise: number): Float32Array {
  const [up, down] = [rise * RATE, 0.06 * RATE];
  for (let i = 0; i < up; i++) out[i] = (out[i] ?? 0) * (i / up);
  for (let i = 1; i <= down && i <= out.length; i++) out[out.length - i] = (out[out.length - i] ?? 0) * (i / down);
  return out;
}

/** Blown or bowed: rise, hold, release. */
function held(out: Float32Array, seconds: number, rise: number, release: number): Float32Array {
  const rest = Math.max(rise, seconds);
  for (let i = 0; i < out.length; i++) {
    const t = i / RATE;
    const level = t < rise ? t / rise : t < rest ? 1 : Math.max(0, 1 - (t - rest) / release);
    out[i] = (out[i] ?? 0) * level * level * (3 - 2 * level);
  }
  return out;
}
