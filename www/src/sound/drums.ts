// Small drums, played softly.

import { seeded } from "../random.js";
import type { Drum } from "./kit.js";
import { levelled, RATE, samples } from "./voices.js";

const LEVELS: Record<Drum, number> = { kick: 1.5, brush: 1.5, hat: 1.4, rim: 1.7, shaker: 1.3 };

/** One stroke, at full strength. */
export function stroke(drum: Drum): Float32Array {
  return levelled(DRUMS[drum](), LEVELS[drum]);
}

const DRUMS: Record<Drum, () => Float32Array> = {
  kick() {
    const out = new Float32Array(samples(0.34));
    for (let i = 0, phase = 0; i < out.length; i++) {
      const t = i / RATE;
      phase += (2 * Math.PI * (46 + 90 * Math.exp(-t * 32))) / RATE;
      out[i] = Math.sin(phase) * Math.exp(-t * 13) * Math.min(1, t / 0.002);
    }
    return out;
  },
  brush: () => hiss(0.22, 1700, 0.55, 17, 0.004),
  hat: () => hiss(0.08, 8200, 0.9, 62, 0.001),
  rim: () => hiss(0.06, 2500, 0.16, 85, 0.0005),
  shaker: () => hiss(0.11, 5600, 0.5, 42, 0.012),
};

/** Noise around a pitch: `damping` 1 is wide, towards 0 it rings. */
function hiss(seconds: number, hertz: number, damping: number, fall: number, rise: number): Float32Array {
  const out = new Float32Array(samples(seconds));
  const noise = seeded(Math.round(hertz));
  const g = Math.tan((Math.PI * hertz) / RATE);
  let [a, b] = [0, 0];
  for (let i = 0; i < out.length; i++) {
    const t = i / RATE;
    const v = (noise() * 2 - 1 - b - (2 * damping + g) * a) / (1 + g * (g + 2 * damping));
    const band = g * v + a;
    a = g * v + band;
    b += 2 * g * band;
    out[i] = band * Math.exp(-t * fall) * Math.min(1, t / rise);
  }
  return out;
}
