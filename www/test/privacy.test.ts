import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Privacy, RoundState, RoundStatus } from "sottovoce";
import { budgetOf } from "../src/budget.js";
import { findingOf } from "../src/replay.js";
import { lastWords, partWords, roundChip, seatWords, serverWords, stageOf, STAGES } from "../src/round-words.js";
import { columnsOf, reach } from "../src/upload.js";

const ROUND: RoundStatus = {
  round: 7, state: "open", secure: true, stage: "joining", joined: 3, noise: 1, updates: 0, cohort: 8, openedAt: 0, closesAt: 61_000, closedAt: undefined, weightsFrom: 1,
  weightsTo: undefined, clipNorm: 2,
};
const STATE: RoundState = { phase: "idle", enlisted: false, included: 0, participating: true };
const PRIVACY: Privacy = { epsilon: 1.5, budget: 6, left: 4.5, delta: 1e-6, rounds: 3, roundsLeft: 9 };

describe("the privacy budget", () => {
  test("has no meter where no noise is asked for, and says what that means", () => {
    for (const privacy of [undefined, { ...PRIVACY, budget: Infinity, left: Infinity, roundsLeft: undefined }]) {
      const { kind, share, words } = budgetOf(privacy);
      assert.deepEqual([kind, share], ["none", 0]);
      assert.match(words, /the sum alone hides you/);
    }
    assert.match(budgetOf({ ...PRIVACY, budget: Infinity, left: Infinity }).words, /3 rounds so far\. Noise was added all the same: ε = 1\.50/);
  });

  test("shows what is spent and how many rounds still fit at least", () => {
    const { kind, share, chip, words } = budgetOf(PRIVACY);
    assert.deepEqual([kind, share, chip], ["left", 0.25, "ε 1.50 of 6"]);
    assert.match(words, /δ = 10⁻⁶, for good\. 3 rounds so far\. At least 9 rounds more fit/);
    assert.equal(budgetOf({ ...PRIVACY, epsilon: 0, rounds: 0, roundsLeft: undefined }).chip, "ε 0 of 6");
    assert.match(budgetOf({ ...PRIVACY, delta: 3e-7 }).words, /3\.0e-7/);
  });

  test("is used up when nothing is left, and for good after a round without noise", () => {
    assert.deepEqual([budgetOf({ ...PRIVACY, epsilon: 6, left: 0 }).kind, budgetOf({ ...PRIVACY, epsilon: 6, left: 0 }).share], ["spent", 1]);
    const { kind, words } = budgetOf({ ...PRIVACY, epsilon: Infinity, left: 0 });
    assert.equal(kind, "spent");
    assert.match(words, /has no bound/);
  });
});

describe("a round in words", () => {
  test("goes through its stages, and is done when the sum was opened with this device in it", () => {
    const phases = ["joining", "roster", "training", "masking", "reporting", "outcome"] as const;
    assert.deepEqual(phases.map((phase) => stageOf({ ...STATE, phase }).at), [0, 1, 2, 3, 4, 5]);
    assert.equal(new Set(phases.map((phase) => partWords({ ...STATE, phase }))).size, phases.length);
    assert.deepEqual(stageOf({ ...STATE, outcome: { round: 7, fate: "included" } }), { at: -1, done: STAGES.length });
    assert.deepEqual(stageOf({ ...STATE, outcome: { round: 7, fate: "missed" } }), { at: -1, done: 0 });
    assert.match(lastWords({ ...STATE, outcome: { round: 7, fate: "missed" } }, ROUND), /Nothing of it was used/);
    assert.match(lastWords({ ...STATE, outcome: { round: 7, fate: "included" } }, { ...ROUND, weightsTo: 2 }), /sum of round 7.*nobody saw it alone\. It went into version 2/);
    assert.equal(lastWords(STATE, ROUND), "");
    assert.equal(roundChip({ ...STATE, phase: "training" }, ROUND), "learning");
    assert.equal(roundChip(STATE, ROUND), "open");
  });

  test("says what it waits for, and why it takes no part", () => {
    const waits = (["elsewhere", "battery", "metered", "hidden", "offline", "server", "vault"] as const).map((waiting) => partWords({ ...STATE, waiting }));
    assert.equal(new Set(waits).size, 7);
    const why = (code: string) => partWords({ ...STATE, why: code, whyText: "something else was wrong" });
    assert.match(why("round/budget"), /budget/);
    assert.match(why("round/open"), /in the open/);
    assert.match(why("round/refused"), /Something else was wrong\.$/);
    assert.match(why("round/later"), /next round/);
  });

  test("tells how many are in it, and of the committee", () => {
    assert.equal(serverWords(ROUND, 0), "3 of 8 devices joined, at most 1:01 left.");
    assert.equal(serverWords({ ...ROUND, stage: "reporting", updates: 2 }, 70_000), "2 of 3 updates.");
    assert.match(serverWords({ ...ROUND, stage: "opening", updates: 3 }, 0), /committee/);
    assert.equal(serverWords({ ...ROUND, state: "closed", stage: undefined, updates: 3, weightsTo: 2 }, 0), "3 updates went into version 2 of the shared model, as one sum.");
    assert.match(serverWords({ ...ROUND, state: "abandoned" }, 0), /Nothing was opened/);
    assert.equal(seatWords(STATE), "");
    assert.match(seatWords({ ...STATE, service: { round: 7, task: "disclosed" } }), /round 7: It has given the keys that open the sum/);
  });
});

describe("what would leave", () => {
  test("is drawn in columns that leave no value out", () => {
    const values = Float32Array.from({ length: 1003 }, (_, i) => Math.sin(i) * (i === 500 ? 9 : 1));
    const columns = columnsOf(values, 100);
    assert.equal(columns.length, 100);
    assert.equal(Math.min(...columns.map(({ low }) => low)), Math.min(...values));
    assert.equal(Math.max(...columns.map(({ high }) => high)), Math.max(...values));
    assert.equal(reach(columns), Math.max(...values.map(Math.abs)));
    assert.deepEqual(columnsOf(Float32Array.of(1, -2), 100), [{ low: 1, high: 1 }, { low: -2, high: -2 }]);
    assert.deepEqual([columnsOf(new Float32Array(), 100), reach([])], [[], 0]);
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
