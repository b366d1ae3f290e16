// What each song of a list got its place for, as lengths that add up. Pure.

import type { SlotReason } from "sottovoce";

/** The parts of a reason, in the order in which they are drawn, and what they are called. */
export const PARTS = [
  ["relevance", "taste"],
  ["session", "this session"],
  ["diversity", "variety"],
  ["explore", "new"],
  ["popularity", "known"],
] as const satisfies readonly (readonly [keyof SlotReason, string])[];

export type Part = (typeof PARTS)[number][0];

/** How long each part is: of 1, the longest song's whole. */
export type Lengths = Readonly<Record<Part, number>>;

/**
 * The parts in one unit. Relevance, session, popularity and exploring already are what the score adds up; the selection weighs the
 * logarithm of what a song adds to those before it (`diversity`, `d²`) against that score by `diversity : 1 − diversity`.
 */
function weighed(reason: SlotReason, diversity: number): Lengths {
  const against = Math.min(diversity, 0.95) / (1 - Math.min(diversity, 0.95));
  return { ...reason, diversity: against * Math.log(Math.max(reason.diversity, 1e-4)) };
}

/**
 * Each part's length, for every reason: how much more of it a song has than the one that has least of it. So no part is negative,
 * the lengths of a song add up, and they compare the songs of the list with each other, which is all that an order can tell.
 */
export function lengthsOf(reasons: readonly SlotReason[], diversity: number): Lengths[] {
  const rows = reasons.map((reason) => weighed(reason, diversity));
  const least = (part: Part) => Math.min(...rows.map((row) => row[part]));
  const floor = Object.fromEntries(PARTS.map(([part]) => [part, least(part)])) as Lengths;
  const above = rows.map((row) => Object.fromEntries(PARTS.map(([part]) => [part, row[part] - floor[part]])) as Lengths);
  const whole = (row: Lengths) => PARTS.reduce((sum, [part]) => sum + row[part], 0);
  const longest = Math.max(1e-9, ...above.map(whole));
  return above.map((row) => Object.fromEntries(PARTS.map(([part]) => [part, row[part] / longest])) as Lengths);
}
