// The player against a running server, judged one claim a test. `cargo xtask test --only e2e` starts the server.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { journey, verdict } from "../src/journey.js";

const url = process.env.SOTTOVOCE_URL;

describe("a listener's way through the player", { timeout: 480_000 }, () => {
  let found;

  before(async () => {
    assert.ok(url, "SOTTOVOCE_URL names no server; next: cargo xtask test --only e2e");
    found = await journey(url, (step) => console.error(`    ${step}`));
  }, { timeout: 450_000 });

  test("a skip orders the queue anew", () => {
    assert.ok(found.skips.some((skip) => skip.changed), JSON.stringify(found.skips));
  });

  test("every song that ended was heard by the engine", () => {
    assert.ok(found.eventsHeard >= 6, `${found.eventsHeard} events after 4 skips and 2 finished songs`);
  });

  test("consent is off by default, and without it nothing is asked or sent", () => {
    assert.equal(found.consentAtFirst, false);
    assert.deepEqual(found.beforeConsent, { contributing: 0, up: { messages: 0, bytes: 0 } });
  });

  test("with consent a masked report leaves, and its round closes", () => {
    assert.ok(found.uplinks.reports >= 1);
    assert.equal(found.round.state, "closed");
    assert.ok(found.round.updates >= 1);
    assert.ok(found.round.weights_to > found.round.weights_from, JSON.stringify(found.round));
    assert.ok(found.pageSawClosed, "the page never showed the round as closed");
  });

  test("nothing but messages of secure rounds ever left the device", () => {
    assert.deepEqual(found.violations, []);
  });

  test("the ledger says what the wire and the browser's own log saw", () => {
    assert.deepEqual(found.ledger, found.wire);
    assert.deepEqual(found.browserLog, found.wire);
  });

  test("a reload finds history, ledger and consent again", () => {
    assert.equal(found.afterReload.historyCount, found.historyCount);
    assert.equal(found.afterReload.consent, true);
    assert.deepEqual(found.afterReload.ledger, found.afterReload.wire);
    assert.ok(found.afterReload.queue > 0);
  });

  test("the dial lays a queue whose songs are less alike", () => {
    const { before, after } = found.panels.varied;
    assert.ok(after < before, `likeness ${before} at the start, ${after} on the varied side`);
  });

  test("scenes play lists of their own, and say what they are", () => {
    const { daily, dailyWords, radio } = found.panels;
    assert.ok(daily.length > 1 && radio.length > 1);
    assert.notDeepEqual(daily, radio);
    assert.match(dailyWords, /midnight/);
  });

  test("interests are shown, and less of one can be asked for and taken back", () => {
    assert.ok(found.panels.interests >= 1);
    assert.equal(found.panels.muted, 1);
    assert.ok(found.panels.path, "the session's path is not shown");
  });

  test("a recording played again makes the same lists", () => {
    assert.ok(found.panels.replay.equal, found.panels.replay.words);
  });

  test("consent withdrawn is silence", () => {
    assert.equal(found.afterWithdrawal, 0);
  });

  test("the page never complained", () => {
    assert.deepEqual(found.complaints, []);
  });

  test("all of it together is what the demo's check prints", () => {
    const { line, holds } = verdict(found);
    assert.ok(holds, JSON.stringify(line));
  });
});
