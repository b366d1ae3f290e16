// Counting names in bounded memory: as long as few differ the counts are exact, beyond that the rare ones give way.

/** Something counted. */
export interface Count<T> {
  readonly what: T;
  readonly count: number;
}

/**
 * The most frequent of many things, in a table of bounded size: whenever it is full, its rarer half is dropped. A count is never
 * above the truth, and as long as nothing was dropped it is the truth. The idea is Misra and Gries, "Finding repeated elements"
 * (1982), in its plainest form.
 */
export class Tally<T> {
  /** Everything counted, dropped or not. */
  total = 0;
  readonly #capacity: number;
  #counts = new Map<string, { what: T; count: number }>();
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = Math.max(2, capacity);
  }

  /** How many things were dropped to keep within bounds, counted as often as they came. 0: all counts are exact. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many different things are held. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts `what`, which is the same as before where `key` is. */
  add(key: string, what: T): void {
    this.total += 1;
    const held = this.#counts.get(key);
    if (held) {
      held.count += 1;
      return;
    }
    if (this.#counts.size >= this.#capacity) this.#halve();
    this.#counts.set(key, { what, count: 1 });
  }

  /** The most frequent `k`, the most frequent first. */
  top(k = Infinity): Count<T>[] {
    return [...this.#counts.values()].sort((a, b) => b.count - a.count).slice(0, k);
  }

  #halve(): void {
    const ranked = [...this.#counts].sort(([, a], [, b]) => b.count - a.count);
    const kept = ranked.slice(0, this.#capacity >> 1);
    this.#dropped += ranked.slice(kept.length).reduce((sum, [, { count }]) => sum + count, 0);
    this.#counts = new Map(kept);
  }
}
