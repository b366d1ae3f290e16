// Events in the engine's numbers, and back.

import type { Row } from "./door.js";
import type { Feedback, ListenEvent, PlayedEvent } from "./types.js";

/** By the engine's numbers. */
export const KINDS = ["skip", "complete", "like", "dislike", "ignore"] as const satisfies readonly Feedback["kind"][];

/** An event as the engine takes it. */
export type EventRow = [song: number, slot: number, shownAt: number, at: number, behaviour: number, heard: number];

/** The engine's numbers for an event; `lengthOf` is asked where a skip says only how long it sounded. */
export function eventRow({ song, slot, shownAt, at = Date.now(), playedMs, feedback }: ListenEvent | PlayedEvent, lengthOf?: () => number | undefined): EventRow {
  const { kind } = feedback;
  // Without a length the quotient is no number; the engine takes 0 to 1.
  const heard = kind === "skip" ? feedback.heard ?? (Math.min(1, playedMs! / (lengthOf?.() || NaN)) || 0) : 1;
  return [song, slot, shownAt, at, KINDS.indexOf(kind), heard];
}

/** What was done, out of the engine's numbers. */
export function feedbackOf({ behaviour, heard = 1 }: Row): Feedback {
  const kind = KINDS[behaviour] ?? "complete";
  return kind === "skip" ? { kind, heard } : { kind };
}
