// From an embedding to a handful of traits that a listener can see and hear. Near embeddings have near traits.

import { seeded } from "./random.js";

/** Traits of a song, each spread evenly over 0 to 1 across the catalogue. */
export interface Traits {
  readonly tempo: number;
  /** Dark to bright scale. */
  readonly mood: number;
  readonly key: number;
  readonly harmony: number;
  readonly density: number;
  readonly swing: number;
  readonly brightness: number;
  readonly space: number;
  readonly register: number;
  readonly drive: number;
}

const NAMES = ["tempo", "mood", "key", "harmony", "density", "swing", "brightness", "space", "register", "drive"] as const;

/** Reads traits off embeddings by fixed random projections, scaled by how a sample of the catalogue is spread. */
export class TraitReader {
  readonly #directions: Float64Array[];
  readonly #spread: { mean: number; deviation: number }[];

  /** `sample`: embeddings of some songs, at least a few dozen for an even spread. */
  constructor(sample: readonly Float32Array[]) {
    const dimension = sample[0]?.length ?? 0;
    const random = seeded(7);
    this.#directions = NAMES.map(() => Float64Array.from({ length: dimension }, () => random() + random() + random() - 1.5));
    this.#spread = this.#directions.map((direction) => {
      const values = sample.map((row) => dot(direction, row));
      const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length);
      return { mean, deviation: Math.sqrt(variance) || 1 };
    });
  }

  /** The traits of one embedding. */
  read(embedding: Float32Array): Traits {
    const values = NAMES.map((name, i) => {
      const { mean, deviation } = this.#spread[i] ?? { mean: 0, deviation: 1 };
      const z = (dot(this.#directions[i] ?? new Float64Array(), embedding) - mean) / deviation;
      // The logistic curve nearest to the normal distribution's.
      return [name, 1 / (1 + Math.exp(-1.702 * z))];
    });
    return Object.fromEntries(values) as unknown as Traits;
  }
}

function dot(a: Float64Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
