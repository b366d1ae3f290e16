// What leaves, as a picture can show it. Pure.

/** The smallest and the largest of a run of values. */
export interface Column {
  readonly low: number;
  readonly high: number;
}

/** Values in so many columns, in order: a column stands for a run of them. */
export function columnsOf(values: Float32Array, columns: number): Column[] {
  const n = Math.min(columns, values.length);
  return Array.from({ length: n }, (_, i) => {
    const run = values.subarray(Math.floor((i * values.length) / n), Math.floor(((i + 1) * values.length) / n));
    return { low: run.reduce((a, b) => Math.min(a, b), Infinity), high: run.reduce((a, b) => Math.max(a, b), -Infinity) };
  });
}

/** The largest magnitude in any of the columns. */
export function reach(...rows: readonly (readonly Column[])[]): number {
  return rows.flat().reduce((most, { low, high }) => Math.max(most, Math.abs(low), Math.abs(high)), 0);
}
