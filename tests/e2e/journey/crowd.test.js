// A small crowd in vertical rounds, judged one claim a test; `cargo xtask demo --crowd 20 --rounds 10` is the large one. `cargo xtask test --only e2e` names server, package
// and, where the machine has one, a PostgreSQL database; without it there is one server over SQLite.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { crowd, crowdVerdict } from "../src/crowd.js";

const { SOTTOVOCE_SERVER: program, SOTTOVOCE_PACKAGE: site, SOTTOVOCE_POSTGRES: database } = process.env;

describe("a crowd of pages in rounds", { timeout: 480_000 }, () => {
  let found;
  let verdict;

  before(async () => {
    assert.ok(program && site, "SOTTOVOCE_SERVER and SOTTOVOCE_PACKAGE are not named; next: cargo xtask test --only e2e");
    found = await crowd({ program, site, database, pages: 5, rounds: 2, vertical: true, tell: (step) => console.error(`    ${step}`) });
    verdict = crowdVerdict(found);
  }, { timeout: 450_000 });

  test("two versions are published, and the log of them holds", () => {
    assert.ok(verdict.line.version >= 2);
    assert.deepEqual(found.logs.map(({ faults }) => faults), found.logs.map(() => []));
  });

  test("both servers tell the same history, also the one that was killed", () => {
    assert.ok(verdict.line.servers_agree);
    assert.equal(found.restarts, 1);
  });

  test("a tab is closed in the middle of a round, another is loaded anew, and the rounds go on", () => {
    assert.deepEqual([found.closed, found.reloaded], [1, 1]);
    assert.ok(verdict.line.summed >= 4, `${verdict.line.summed} reports in two sums`);
  });

  test("the songs lie elsewhere than before, and whoever reported had fetched the block that a round is about", () => {
    assert.ok(found.moved);
    for (const { blocks, reports } of found.devices) assert.ok(blocks >= reports.length, `${blocks} blocks, ${reports.length} reports`);
  });

  test("every ledger says what its own wire saw, whatever befell the page", () => {
    assert.deepEqual(verdict.unequal.map(({ number, ledger, wire }) => ({ number, ledger, wire })), []);
  });

  test("consent off is silence", () => {
    assert.equal(verdict.line.consent_off_requests, 0);
  });

  test("nothing but messages of secure rounds left, and no page complained", () => {
    for (const { violations, complaints } of found.devices) assert.deepEqual({ violations, complaints }, { violations: [], complaints: [] });
  });

  test("all of it together is what the demo prints", () => {
    assert.ok(verdict.holds, JSON.stringify(verdict.line));
  });
});
