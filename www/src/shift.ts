// How one queue became another. Pure.

import type { SlotReason, Song } from "sottovoce";

/** A song to come, and why. */
export interface Coming {
  readonly song: Song;
  readonly slot: number;
  readonly reason: SlotReason | undefined;
}

/** How one queue became another, over the songs in sight. */
export interface Shift {
  readonly up: number;
  readonly down: number;
  readonly fresh: number;
}

/** How many songs are in sight. */
export const IN_SIGHT = 12;

/** How the songs in sight changed places. */
export function shiftOf(before: readonly Coming[], after: readonly Coming[]): Shift {
  const was = new Map(before.map((coming, i) => [coming.song.id, i]));
  let [up, down, fresh] = [0, 0, 0];
  after.slice(0, IN_SIGHT).forEach((coming, i) => {
    const place = was.get(coming.song.id);
    if (place === undefined || place >= IN_SIGHT) fresh++;
    else if (place > i) up++;
    else if (place < i) down++;
  });
  return { up, down, fresh };
}
