// How much of the privacy budget is spent. Pure: what the engine's account says, as a meter and words can show it.

import type { Privacy } from "sottovoce";
import { count } from "./view/words.js";

/** What the listener may choose as ε; the last asks for no noise. */
export const CHOICES = [1, 2, 4, 8, Infinity] as const;

/**
 * What this player begins with. A handful of devices, as in a demo, learns nothing under noise; so none is asked for, and the page says what that
 * means.
 */
export const INITIAL = Infinity;

/** The budget as it stands. */
export interface Budget {
  /** `none`: no noise is asked for, so there is nothing to measure. `spent`: nothing is left. */
  readonly kind: "none" | "left" | "spent";
  /** How full the meter is, 0 to 1. */
  readonly share: number;
  readonly chip: string;
  readonly words: string;
}

/** Puts the account into words. */
export function budgetOf(privacy: Privacy | undefined): Budget {
  const { epsilon, budget, left, delta, rounds, roundsLeft } = privacy ?? { epsilon: 0, budget: INITIAL, left: INITIAL, delta: 1e-6, rounds: 0, roundsLeft: undefined };
  const taken = rounds > 0 ? ` ${count(rounds, "round")} so far.` : "";
  if (budget === Infinity) {
    const words = "No noise is asked for: the sum alone hides you among the others. In a round of a few devices that is little, for who knows all the other updates knows yours too.";
    const noised = rounds > 0 && epsilon < Infinity ? ` Noise was added all the same: ε = ${figure(epsilon)}.` : "";
    return { kind: "none", share: 0, chip: "no bound", words: `${words}${taken}${noised}` };
  }
  if (epsilon === Infinity) {
    return { kind: "spent", share: 1, chip: "used up", words: `A round without noise was joined before, and what it may have told has no bound. So no budget is left, and no further update leaves this device.${taken}` };
  }
  const promise = `All your updates together tell of you at most ε = ${figure(epsilon)} of ${figure(budget)}, at δ = ${power(delta)}, for good.`;
  const share = Math.min(1, epsilon / budget);
  if (left <= 0) return { kind: "spent", share: 1, chip: "used up", words: `${promise}${taken} No further update leaves this device.` };
  const fit = roundsLeft === undefined ? "" : roundsLeft > 0 ? ` At least ${count(roundsLeft, "round")} more ${roundsLeft === 1 ? "fits" : "fit"}.` : " Another round like those may not fit.";
  return { kind: "left", share, chip: `ε ${figure(epsilon)} of ${figure(budget)}`, words: `${promise}${taken}${fit}` };
}

function figure(epsilon: number): string {
  return Number.isInteger(epsilon) ? String(epsilon) : epsilon.toFixed(2);
}

/** `10⁻⁶` for a power of ten. */
function power(delta: number): string {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const exponent = -Math.log10(delta);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? `10⁻${[...String(Math.round(exponent))].map((digit) => digits[+digit]).join("")}` : delta.toExponential(1);
}
