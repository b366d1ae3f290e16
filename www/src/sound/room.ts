// A small warm room: eight delays that feed each other (a feedback delay network), duller with every turn.

import { RATE } from "./voices.js";

/** Mutually prime, in samples: 37 to 90 ms. */
const LENGTHS = [1187, 1381, 1583, 1801, 2053, 2311, 2579, 2887] as const;
const PREDELAY = 560;

/** Shorter than every delay: within a block no line hears what the block makes, and each is one plain loop. */
const BLOCK = 1024;

/** The room's answer to `dry`, added to left and right with strength `level`. `seconds`: until it is a thousandth. */
export function addRoom(dry: Float32Array, left: Float32Array, right: Float32Array, level: number, seconds: number): void {
  const lines = LENGTHS.map((length, k) => ({
    delay: new Float32Array(length),
    out: new Float32Array(BLOCK),
    place: 0,
    dull: 0,
    keep: 10 ** ((-3 * length) / (seconds * RATE)),
    side: k % 2 === 0 ? left : right,
    level: k % 4 < 2 ? level : -level,
  }));
  const shared = new Float32Array(BLOCK);
  for (let start = 0; start < dry.length; start += BLOCK) {
    const count = Math.min(BLOCK, dry.length - start);
    shared.fill(0);
    for (const line of lines) {
      const { delay, out, keep } = line;
      let { place, dull } = line;
      for (let i = 0; i < count; i++) {
        dull += 0.42 * ((delay[place] ?? 0) - dull);
        out[i] = dull * keep;
        shared[i] = (shared[i] ?? 0) + dull * keep;
        if (++place === delay.length) place = 0;
      }
      line.dull = dull;
    }
    for (const line of lines) {
      const { delay, out, side } = line;
      for (let i = 0; i < count; i++) {
        const from = start + i - PREDELAY;
        // Householder: every line hears all the others, and no energy is made.
        delay[line.place] = (out[i] ?? 0) - (shared[i] ?? 0) / 4 + (from >= 0 ? (dry[from] ?? 0) : 0);
        side[start + i] = (side[start + i] ?? 0) + line.level * (out[i] ?? 0);
        if (++line.place === delay.length) line.place = 0;
      }
    }
  }
}
