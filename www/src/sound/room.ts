// A small warm room: eight delays that feed each other (a feedback delay network), duller with every turn.

import { RATE } from "./voices.js";

/** Mutually prime, in samples: 37 to 90 ms. */
const LENGTHS = [1187, 1381, 1583, 1801, 2053, 2311, 2579, 2887] as const;
const PREDELAY = 560;

/** The room's answer to `dry`, added to left and right with strength `level`. `seconds`: until it is a thousandth. */
export function addRoom(dry: Float32Array, left: Float32Array, right: Float32Array, level: number, seconds: number): void {
  const lines = LENGTHS.map((length) => new Float32Array(length));
  const places = new Int32Array(8);
  const dull = new Float64Array(8);
  const keep = LENGTHS.map((length) => 10 ** ((-3 * length) / (seconds * RATE)));
  const out = new Float64Array(8);
  for (let i = 0; i < dry.length; i++) {
    const input = i >= PREDELAY ? (dry[i - PREDELAY] ?? 0) : 0;
    let sum = 0;
    for (let k = 0; k < 8; k++) {
      const heard = lines[k]?.[places[k] ?? 0] ?? 0;
      dull[k] = (dull[k] ?? 0) + 0.42 * (heard - (dull[k] ?? 0));
      out[k] = (dull[k] ?? 0) * (keep[k] ?? 0);
      sum += out[k] ?? 0;
    }
    // Householder: every line hears all the others, and no energy is made.
    const shared = sum / 4;
    for (let k = 0; k < 8; k++) {
      const line = lines[k];
      const place = places[k] ?? 0;
      if (line) line[place] = (out[k] ?? 0) - shared + input;
      places[k] = place + 1 === LENGTHS[k] ? 0 : place + 1;
    }
    left[i] = (left[i] ?? 0) + level * ((out[0] ?? 0) - (out[2] ?? 0) + (out[4] ?? 0) - (out[6] ?? 0));
    right[i] = (right[i] ?? 0) + level * ((out[1] ?? 0) - (out[3] ?? 0) + (out[5] ?? 0) - (out[7] ?? 0));
  }
}
