// Events in the engine's numbers, and back.

import type { Row } from "./door.js";
import type { Feedback, ListenEvent } from "./types.js";

/** By the engine's numbers. */
export const KINDS = ["skip", "complete", "like", "dislike", "ignore"] as const satisfies readonly Feedback["kind"][];

/** An event as the engine takes it. */
export type EventRow = [song: number, slot: number, shownAt: number, at: number, behaviour: number, heard: number, playedMs?: number];

/** The engine's numbers for an event. */
export function eventRow({ song, slot, shownAt, at = Date.now(), playedMs, feedback }: ListenEvent): EventRow {
  const row: EventRow = [song, slot, shownAt, at, KINDS.indexOf(feedback.kind), feedback.kind === "skip" ? feedback.heard : 1];
  if (playedMs !== undefined) row.push(playedMs);
  return row;
}

/** What was done, out of the engine's numbers. */
export function feedbackOf({ behaviour, heard = 1 }: Row): Feedback {
  const kind = KINDS[behaviour] ?? "complete";
  return kind === "skip" ? { kind, heard } : { kind };
}
