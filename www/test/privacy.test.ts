import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RoundStatus } from "sottovoce";
import { budgetOf, type NoisedRound } from "../src/budget.js";
import { findingOf } from "../src/replay.js";

const ROUND: RoundStatus = {
  round: 1, state: "open", updates: 0, cohort: 8, openedAt: 0, closesAt: 1, closedAt: undefined, weightsFrom: 1, weightsTo: undefined, clipNorm: 2,
};
const NOISE: NoisedRound = { epsilonSpent: 1.5, epsilonBudget: 6, epsilonNext: 0.5, delta: 1e-6 };

describe("the privacy budget", () => {
  test("is no budget while rounds only clip", () => {
    assert.deepEqual(budgetOf(ROUND), { kind: "clipped", clipNorm: 2 });
    assert.deepEqual(budgetOf(undefined), { kind: "clipped", clipNorm: undefined });
  });

  test("shows what is spent and how many updates still fit", () => {
    assert.deepEqual(budgetOf({ ...ROUND, privacy: NOISE }), { kind: "noised", share: 0.25, spent: 1.5, of: 6, delta: 1e-6, left: 9 });
    const over = budgetOf({ ...ROUND, privacy: { ...NOISE, epsilonSpent: 7 } });
    assert.ok(over.kind === "noised" && over.share === 1 && over.left === 0);
  });

  test("believes no promise that makes no sense", () => {
    for (const wrong of [{ epsilonSpent: -1 }, { epsilonBudget: 0 }, { epsilonNext: 0 }, { delta: 1 }, { delta: 0 }, { epsilonSpent: Number.NaN }]) {
      assert.equal(budgetOf({ ...ROUND, privacy: { ...NOISE, ...wrong } }).kind, "clipped", JSON.stringify(wrong));
    }
  });
});

describe("a recording played again", () => {
  test("is equal where every list is, and shows the last", () => {
    const { equal, words, rows } = findingOf({ same: true, lists: [[1, 2], [3, 4]] });
    assert.ok(equal && words.includes("all 2 lists"));
    assert.deepEqual(rows, [{ slot: 0, recorded: 3, now: 3 }, { slot: 1, recorded: 4, now: 4 }]);
    assert.match(findingOf({ same: true, lists: [] }).words, /no list/);
  });

  test("shows a difference from its first place on", () => {
    const { equal, words, rows } = findingOf({ same: false, lists: [[1, 2, 4]], difference: { call: 0, recorded: [1, 2, 3, 5], now: [1, 2, 4] } });
    assert.ok(!equal && words.includes("place 3"));
    assert.deepEqual(rows, [{ slot: 2, recorded: 3, now: 4 }, { slot: 3, recorded: 5, now: undefined }]);
  });
});
