// A recording for a bug report, and what came of playing it again. Pure.

import type { Replayed } from "sottovoce";

/** The finding, for a reader. */
export interface Finding {
  readonly equal: boolean;
  readonly words: string;
  /** Songs side by side, from the first that differs; the last list where all are equal. */
  readonly rows: readonly { readonly slot: number; readonly recorded: number | undefined; readonly now: number | undefined }[];
}

/** Slots shown of a list. */
const SHOWN = 10;

/** What to tell of it. */
export function findingOf({ same, lists, difference }: Replayed): Finding {
  if (same || !difference) {
    const last = lists.at(-1) ?? [];
    const words = lists.length === 0 ? "The recording holds no list." : lists.length === 1 ? "Equal: its one list came out the same, song by song." : `Equal: all ${lists.length} lists came out the same, song by song. The last one:`;
    return { equal: same, words, rows: last.slice(0, SHOWN).map((song, slot) => ({ slot, recorded: song, now: song })) };
  }
  const { recorded, now } = difference;
  const length = Math.max(recorded.length, now.length);
  const first = Array.from({ length }, (_, i) => i).find((i) => recorded[i] !== now[i]) ?? 0;
  const rows = Array.from({ length: Math.min(SHOWN, length - first) }, (_, i) => ({ slot: first + i, recorded: recorded[first + i], now: now[first + i] }));
  return { equal: false, words: `Not equal: a list differs from place ${first + 1} on.`, rows };
}
