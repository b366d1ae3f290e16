// How much of the privacy budget is spent. Pure: what the rounds say, as a meter can show it.

import type { RoundStatus } from "sottovoce";

/** What rounds with noise tell of it. Today's rounds clip and add none, and carry nothing of this. */
export interface NoisedRound {
  /** What this device's updates have cost so far, and what it is ready to spend. */
  readonly epsilonSpent: number;
  readonly epsilonBudget: number;
  readonly delta: number;
  /** What the next update would cost. */
  readonly epsilonNext: number;
}

/** The budget as it stands. */
export type Budget =
  /** Updates are clipped and not noised: there is no ε that could be spent. */
  | { readonly kind: "clipped"; /** Where a round told it. */ readonly clipNorm: number | undefined }
  | { readonly kind: "noised"; readonly share: number; readonly spent: number; readonly of: number; readonly delta: number; /** Updates that still fit. */ readonly left: number };

/** Reads the budget off the newest round. Numbers that make no sense count as no noise: a promise is shown only where it holds. */
export function budgetOf(round: (RoundStatus & { readonly privacy?: NoisedRound }) | undefined): Budget {
  const clipped: Budget = { kind: "clipped", clipNorm: round?.clipNorm };
  const noise = round?.privacy;
  if (!noise) return clipped;
  const { epsilonSpent: spent, epsilonBudget: of, epsilonNext: next, delta } = noise;
  if (![spent, of, next, delta].every(Number.isFinite) || spent < 0 || of <= 0 || next <= 0 || delta <= 0 || delta >= 1) return clipped;
  return { kind: "noised", share: Math.min(1, spent / of), spent, of, delta, left: Math.max(0, Math.floor((of - spent) / next + 1e-9)) };
}
