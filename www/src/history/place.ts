// Where something stands in a file, in words. The package's entry for histories has the same; the page does not load it for this.

import type { Place } from "sottovoce/history";

/** ` at line 3`, the most telling part of a place. */
export function placeText({ line, record, byte }: Place): string {
  if (line !== undefined) return ` at line ${line}`;
  if (record !== undefined) return ` at record ${record}`;
  return byte === undefined ? "" : ` at byte ${byte}`;
}
