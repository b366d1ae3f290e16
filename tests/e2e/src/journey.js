// The whole loop as a listener goes through it, and what was found on the way. Nothing here judges; `verdict` does.

import { audit } from "./audit.js";
import { openProfile, startBrowser } from "./browser.js";
import { panels } from "./panels.js";
import { Player, reordered, until } from "./player.js";
import { startWire } from "./wire.js";

const ROUND_PATIENCE = 180_000;

/** Goes through it against the server at `url`; `tell` hears of each step. */
export async function journey(url, tell = () => {}) {
  const wire = await startWire(url);
  const browser = await startBrowser();
  try {
    const { context, log } = await openProfile(browser);
    const found = await travel({ url, wire, context, log, tell });
    return { ...found, complaints: log.complaints };
  } finally {
    await browser.close();
    await wire.close();
  }
}

async function travel({ url, wire, context, log, tell }) {
  const found = {};
  const heard = new Set();
  const weigh = () => audit(wire.requests, { heard, etags: wire.etags });
  const reports = () => weigh().messages.filter(({ form, status }) => form === "report" && status === 201);

  tell("opening the player");
  const player = await Player.open(context, wire.url);
  found.consentAtFirst = await player.consent();
  const seenAtFirst = await player.historyCount();

  tell("play, skip, like, finish");
  await player.click("play");
  found.skips = [];
  for (let i = 0; i < 3; i += 1) found.skips.push(await act(player, heard, () => player.click("next")));
  await player.click("like");
  found.afterFinish = await act(player, heard, () => player.finish());
  await act(player, heard, () => player.finish());
  await act(player, heard, () => player.click("next"));
  found.historyCount = await player.historyCount();
  found.eventsHeard = found.historyCount - seenAtFirst;
  found.beforeConsent = { contributing: weigh().contributing.length, up: up(wire) };

  tell("consent, contribution");
  await player.setConsent(true);
  await until("a report on the wire", async () => {
    const button = player.part("contribute");
    if (reports().length === 0 && (await button.isEnabled())) await button.click({ timeout: 2_000 });
    return until("a report", () => reports().length > 0, { within: 3_000 });
  }, { within: ROUND_PATIENCE });

  tell("waiting until the round closes");
  const [{ round }] = reports();
  found.round = await until(`round ${round} to close`, () => closedRound(url, round), { within: ROUND_PATIENCE, every: 250 });
  found.pageSawClosed = await until("the page to say so", async () => (await player.roundState()) === "closed", { within: 30_000 }).catch(() => false);

  tell("weighing: ledger against wire against the browser's log");
  Object.assign(found, await settled(player, wire, () => bodies(log.requests)));

  tell("reload");
  // A song that came to its end meanwhile has been heard, too.
  found.historyCount = await player.historyCount();
  await player.reload();
  found.afterReload = { historyCount: await player.historyCount(), consent: await player.consent(), queue: (await player.queue()).length, ...(await settled(player, wire)) };

  tell("dial, scenes, taste, a recording");
  found.panels = await panels(player);

  tell("consent withdrawn");
  await player.setConsent(false);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = weigh().contributing.length;
  await act(player, heard, () => player.click("next"));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  found.afterWithdrawal = weigh().contributing.length - before;

  const { messages, violations } = weigh();
  const foreign = log.requests.filter((request) => !request.url.startsWith(wire.url) && !/^(data|blob):/.test(request.url));
  found.violations = [...violations, ...foreign.map((request) => `${request.method} ${request.url}: not our server`)];
  found.uplinks = { messages: messages.length, reports: reports().length, bytes: messages.reduce((sum, message) => sum + message.bytes, 0) };
  return found;
}

/** Does something that ends the song that is on, and waits for the next; tells whether the queue was ordered anew. */
async function act(player, heard, action) {
  const [title, before] = [await player.title(), await player.queue()];
  before.forEach((song) => heard.add(song));
  const began = Date.now();
  await action();
  await until("the next song", async () => (await player.title()) !== title);
  const changed = await until("the queue to be ordered anew", async () => reordered(before, await player.queue()), { within: 3_000 }).catch(() => false);
  return { changed, ms: Date.now() - began };
}

/** What went up, by the wire: every body of every request that is no GET. */
function up(wire) {
  return bodies(wire.requests.map(({ method, url, body }) => ({ method, url, bytes: body.length })));
}

function bodies(requests) {
  const sending = requests.filter((request) => request.method !== "GET" && request.method !== "HEAD");
  return { messages: sending.length, bytes: sending.reduce((sum, request) => sum + request.bytes, 0) };
}

/** The panel follows the wire within moments, and the rounds go on meanwhile: all are read at one moment, until they agree or never will. */
async function settled(player, wire, browser = () => up(wire)) {
  let read;
  await until("ledger and wire to agree", async () => {
    const ledger = await player.sent();
    read = { ledger, wire: up(wire), browserLog: browser() };
    return same(read.ledger, read.wire) && same(read.browserLog, read.wire);
  }, { within: 5_000 }).catch(() => false);
  return read;
}

function same(a, b) {
  return a.messages === b.messages && a.bytes === b.bytes;
}

/** The round as the server tells it, once it is closed. Asked directly, not through the wire that is being judged. */
async function closedRound(url, round) {
  const response = await fetch(new URL(`/v1/rounds/${round}`, url));
  const status = await response.json();
  return status.state === "closed" ? status : undefined;
}

/** The findings as one flat line for machines, and whether all of it holds. */
export function verdict(found) {
  const line = {
    check: "demo",
    queue_changed: found.skips.some((skip) => skip.changed),
    round_closed: found.round?.state === "closed",
    uplink_messages: found.uplinks.messages,
    reports: found.uplinks.reports,
    uplink_bytes: found.uplinks.bytes,
    events_sent: found.violations.length,
    events_heard: found.eventsHeard,
    round_updates: found.round?.updates,
    consent_off_requests: found.beforeConsent.contributing + found.beforeConsent.up.messages + found.afterWithdrawal,
    ledger_matches: same(found.ledger, found.wire) && same(found.ledger, found.browserLog) && same(found.afterReload.ledger, found.afterReload.wire),
    state_survives_reload: found.afterReload.historyCount === found.historyCount && found.afterReload.consent === true && found.afterReload.queue > 0,
    page_errors: found.complaints.length,
  };
  const holds =
    line.queue_changed &&
    line.round_closed &&
    line.reports > 0 &&
    line.uplink_bytes > 0 &&
    line.events_sent === 0 &&
    line.events_heard > 0 &&
    line.consent_off_requests === 0 &&
    found.consentAtFirst === false &&
    line.ledger_matches &&
    line.state_survives_reload &&
    line.page_errors === 0;
  return { line: { ...line, holds }, holds };
}
