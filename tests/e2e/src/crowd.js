// A crowd of real pages in rounds: each a device of its own in one Chromium, before a pair of servers over one database. Tabs are closed and loaded
// anew in the middle of rounds, a server is killed once, and at the end everything that left is weighed. Nothing here judges; `crowdVerdict` does.

import { copyFile, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { audit } from "./audit.js";
import { openProfile, startBrowser } from "./browser.js";
import { fetchLog } from "./log.js";
import { due, mishaps } from "./mishaps.js";
import { until } from "./player.js";
import { makeWorld, startServer } from "./servers.js";
import { startWire } from "./wire.js";

const PAGE = fileURLToPath(new URL("../page", import.meta.url));
const SONGS = 24;
/** Pages that open at once. */
const ABREAST = 4;
/** A round of which a page was closed after joining waits for its deadline; a slow machine needs the rest. */
const ROUND_PATIENCE_MS = 40_000;
/** A killed server stays away for so long, so that the other has to do all by itself. */
const AWAY_MS = 3_000;
/** What a browser says by itself of an answer that is none to be glad of. The protocol has them: too late, too often, the store is busy; 502 is
 * the wire's own word of a server that is away. */
const STATUSES = /^Failed to load resource: the server responded with a status of (409|429|502|503)\b/;

/**
 * Lets `pages` pages go through `rounds` rounds. `program` is the server's, `site` the built package; `database` a PostgreSQL database for the pair
 * of servers. Without one there is a single server over SQLite. In `vertical` rounds the songs move too.
 */
export async function crowd({ program, site, database, pages, rounds, vertical = false, tell = () => {} }) {
  const began = Date.now();
  const off = Math.max(1, Math.round(pages * 0.15));
  const taking = pages - off;
  const [closed, reloaded] = [Math.max(1, Math.floor(taking / 4)), Math.max(1, Math.floor(taking / 3))];
  const left = taking - closed;
  const numbers = { pages, rounds, vertical, off, closed, reloaded, left, minimum: Math.max(2, Math.floor(left / 2)) };
  const open = { servers: [], devices: [], browser: undefined, place: await mkdtemp(join(tmpdir(), "sottovoce-crowd-")) };
  try {
    tell(`${database ? "two servers" : "one server"}, ${pages} pages, ${off} of them without consent`);
    await startServers(open, { program, site, database }, numbers);
    open.browser = await startBrowser();
    const found = await travel(open, numbers, tell);
    return { ...found, numbers, servers: open.servers.length, seconds: (Date.now() - began) / 1000 };
  } finally {
    await open.browser?.close();
    await Promise.all(open.devices.map(({ wire }) => wire.close()));
    await Promise.all(open.servers.map(({ kill }) => kill()));
    await rm(open.place, { recursive: true, force: true });
  }
}

/** Before the servers: the bare page and the package as it is published, and a world in a file of its own for each. */
async function startServers({ place, servers }, { program, site, database }, { rounds, vertical, left, minimum }) {
  const www = join(place, "www");
  await cp(PAGE, www, { recursive: true });
  await cp(site, join(www, "sottovoce"), { recursive: true });
  const world = join(place, "world.db");
  await makeWorld(program, world);
  const args = [
    "--www", www,
    "--cohort", String(left), "--minimum", String(minimum), "--committee", String(Math.min(left, 255)),
    // So much that all rounds, and as many again that come to nothing, stay below the package's own budget of 8.
    "--noise", Math.max(2, 1.8 * Math.sqrt(rounds)).toFixed(1),
    "--round-seconds", "20", "--report-seconds", "20", "--opening-seconds", "20",
    ...(vertical ? ["--vertical", "--block", "256"] : []),
  ];
  for (const state of database ? ["one.db", "other.db"] : ["one.db"]) {
    await copyFile(world, join(place, state));
    servers.push(await startServer(program, ["--state", join(place, state), ...args, ...(database ? ["--rounds", database] : [])]));
  }
}

async function travel(open, numbers, tell) {
  const { servers, browser, devices } = open;
  const { pages, rounds, off, closed, reloaded } = numbers;
  const pending = mishaps({ closed, reloaded, rounds });
  const told = { version: 0, closed: 0, reloaded: 0 };
  const happening = [];
  const urls = servers.map(({ url }) => url);

  /** Called for every request of a device, before it goes on; what it gives is waited for before the page hears the answer. */
  const passing = (device, request) => {
    const mishap = device.takesPart && device.befell === undefined && due(pending, request, told.version);
    if (!mishap) return undefined;
    device.befell = mishap.what;
    tell(`${mishap.what} page ${device.number} at its ${mishap.at}, version ${told.version}`);
    const done = (mishap.what === "close" ? device.end() : device.reload()).then(() => void (told[`${mishap.what === "close" ? "clos" : "reload"}ed`] += 1));
    happening.push(done);
    // Who reloads does not come back before its request is answered, nor hears of the answer.
    return done.catch(() => {});
  };

  for (let first = 0; first < pages; first += ABREAST) {
    const numbers = Array.from({ length: Math.min(ABREAST, pages - first) }, (_, i) => first + i);
    devices.push(...(await Promise.all(numbers.map((number) => Device.open(browser, urls, number, number >= pages - off, passing)))));
  }
  const laid = await places(urls.at(-1));
  tell(`${SONGS} songs each`);
  const kept = await Promise.all(devices.map((device) => device.hear()));
  const beforeConsent = sum(devices.map((device) => device.weigh().contributing.length));

  tell("consent");
  const agreeing = devices.filter(({ takesPart }) => takesPart);
  await Promise.all(agreeing.map((device) => device.call("agree")));
  let restart;
  await until(`version ${rounds}`, async () => {
    const version = Math.max(told.version, ...(await Promise.all(urls.map(newest))));
    if (version !== told.version) tell(`version ${version}`);
    told.version = version;
    if (!restart && version >= Math.ceil(rounds / 2)) {
      tell("a server is killed");
      restart = restarted(servers[0]);
    }
    return version >= rounds;
  }, { within: ROUND_PATIENCE_MS * rounds, every: 500 }).catch(async (error) => {
    for (const device of devices) tell(await device.describe());
    tell(JSON.stringify(await roundsOf(urls.at(-1)).catch(String)));
    throw error;
  });
  await Promise.all(happening);
  await restart;

  tell("weighing");
  await Promise.all(devices.filter(({ page }) => page).map((device) => device.call("stop")));
  const logs = await Promise.all(urls.map(fetchLog));
  for (const device of devices) {
    // A closed tab's ledger is in its profile: whoever opens the page there again sees it.
    if (!device.page) await device.look();
    device.found = await device.call("told");
  }
  return { beforeConsent, kept, logs, closed: told.closed, reloaded: told.reloaded, restarts: restart ? 1 : 0, moved: (await places(urls.at(-1))) !== laid, rounds: await roundsOf(urls.at(-1)), devices: devices.map((device) => device.summary()) };
}

/** Kills a server in whatever it is doing, and starts it again a little later. */
async function restarted(server) {
  await server.kill();
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
  await server.start();
}

/** The newest version by the log; a server that is away just now says nothing. */
async function newest(url) {
  try {
    const { records } = await (await fetch(new URL("/v1/log", url))).json();
    return records.at(-1)?.version ?? 0;
  } catch {
    return 0;
  }
}

/** Where the songs lie, as the names of the files that say it. */
async function places(url) {
  const { shards } = await (await fetch(new URL("/v1/catalogue", url))).json();
  return shards.map(({ etag }) => etag).join();
}

async function roundsOf(url) {
  const { rounds } = await (await fetch(new URL("/v1/rounds", url))).json();
  return rounds;
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

/** One page in a profile of its own behind a wire of its own, so that what it sends is told apart from the others'. */
class Device {
  /** Where nothing has befallen it yet. */
  befell = undefined;
  page = undefined;
  found = undefined;

  static async open(browser, servers, number, apart, passing) {
    const device = new Device();
    device.number = number;
    device.takesPart = !apart;
    // On Linux all of 127/8 is this machine: to the servers each device has an address of its own, as in life.
    const from = process.platform === "linux" ? `127.0.1.${1 + (number % 250)}` : undefined;
    device.wire = await startWire(servers, { from, passing: (request) => passing(device, request) });
    const { context, log } = await openProfile(browser, { viewport: { width: 200, height: 100 } });
    Object.assign(device, { context, log });
    await device.enter();
    return device;
  }

  async enter(hash = "") {
    const page = await this.context.newPage();
    await page.goto(this.wire.url + hash, { waitUntil: "load" });
    await ready(page);
    this.page = page;
  }

  look() {
    return this.enter("#look");
  }

  call(what, ...given) {
    return this.page.evaluate(([name, args]) => window.device[name](...args), [what, given]);
  }

  hear() {
    return this.call("hear", SONGS, 3, this.number % 3);
  }

  async reload() {
    await this.page.reload({ waitUntil: "load" });
    await ready(this.page);
  }

  /** Its process dies, as one does that the system takes away; then the tab is closed. */
  async end() {
    const { page } = this;
    this.page = undefined;
    const crashed = page.waitForEvent("crash", { timeout: 10_000 });
    const session = await this.context.newCDPSession(page);
    session.send("Page.crash").catch(() => {});
    await crashed;
    await page.close();
  }

  /** For who has to find out why nothing moves. */
  async describe() {
    const told = await this.page?.evaluate(() => window.device?.told()).catch(String);
    const last = this.wire.requests.slice(-6).map(({ at, method, url, status }) => `${new Date(at).toISOString().slice(11, 23)} ${method} ${url} ${status}`);
    return JSON.stringify({ number: this.number, befell: this.befell, told, last, complaints: this.log.complaints }, undefined, 1);
  }

  weigh() {
    return audit(this.wire.requests, { etags: this.wire.etags });
  }

  /** What it told, beside what passed. */
  summary() {
    const { messages, violations, contributing } = this.weigh();
    const bodies = this.wire.requests.filter(({ body }) => body.length > 0);
    const foreign = this.log.requests.filter(({ url }) => !url.startsWith(this.wire.url) && !/^(data|blob):/.test(url));
    return {
      number: this.number, takesPart: this.takesPart, befell: this.befell,
      ledger: { messages: this.found.sentMessages, bytes: this.found.sentBytes },
      wire: { messages: bodies.length, bytes: sum(bodies.map(({ body }) => body.length)) },
      told: this.found,
      contributing: contributing.length,
      blocks: this.wire.requests.filter(({ url, status }) => /\/blocks\/\d+$/.test(url) && status === 200).length,
      reports: messages.filter(({ form, status }) => form === "report" && status === 201).map(({ round }) => round),
      violations: [...violations, ...foreign.map(({ method, url }) => `${method} ${url}: not our server`)],
      complaints: this.log.complaints.filter((complaint) => !STATUSES.test(complaint)),
    };
  }
}

async function ready(page) {
  await page.waitForFunction(() => Boolean(window.device), undefined, { timeout: 120_000 });
}

/** The findings as one flat line for machines, and whether all of it holds. */
export function crowdVerdict({ numbers, servers, seconds, beforeConsent, kept, logs, closed, reloaded, restarts, moved, rounds, devices }) {
  const [first, ...others] = logs;
  const version = Math.min(...logs.map((log) => log.version));
  const apart = devices.filter(({ takesPart }) => !takesPart);
  const unequal = devices.filter(({ ledger, wire }) => ledger.messages !== wire.messages || ledger.bytes !== wire.bytes);
  // What pages were told themselves may lack the last round: they are stopped as soon as it is over.
  const summed = rounds.filter(({ state }) => state === "closed").map(({ updates }) => updates);
  const agree = others.every((log) => log.key === first.key && log.records.slice(0, version + 1).every(({ hash }, i) => hash === first.records[i]?.hash));
  const line = {
    check: "crowd",
    pages: numbers.pages,
    rounds: numbers.rounds,
    vertical: numbers.vertical,
    servers,
    version,
    log_faults: sum(logs.map(({ faults }) => faults.length)),
    servers_agree: agree,
    epsilon: first.records.at(-1)?.epsilon,
    rounds_abandoned: rounds.filter(({ state }) => state === "abandoned").length,
    killed: closed,
    reloaded,
    servers_killed: restarts,
    songs_moved: moved,
    blocks: sum(devices.map(({ blocks }) => blocks)),
    reports: sum(devices.map(({ reports }) => reports.length)),
    summed: sum(summed),
    uplink_bytes: sum(devices.map(({ wire }) => wire.bytes)),
    ledger_matches: unequal.length === 0,
    consent_off_requests: beforeConsent + sum(apart.map(({ contributing, wire }) => contributing + wire.messages)),
    violations: sum(devices.map(({ violations }) => violations.length)),
    page_errors: sum(devices.map(({ complaints }) => complaints.length)),
    seconds: Math.round(seconds),
  };
  const holds =
    line.version >= numbers.rounds &&
    line.log_faults === 0 &&
    line.servers_agree &&
    Number.isFinite(line.epsilon) &&
    line.killed === numbers.closed &&
    line.reloaded === numbers.reloaded &&
    line.servers_killed === 1 &&
    summed.every((updates) => updates >= numbers.minimum) &&
    devices.some(({ told }) => told.included > 0) &&
    // Whoever reported in a vertical round had fetched its block, and no other round has any.
    line.songs_moved === numbers.vertical &&
    devices.every(({ blocks, reports }) => (numbers.vertical ? blocks >= reports.length : blocks === 0)) &&
    line.ledger_matches &&
    line.consent_off_requests === 0 &&
    line.violations === 0 &&
    line.page_errors === 0 &&
    // Every page heard what it was given, kept it, and a page that came back has it still.
    kept.every((kind) => kind === "kept") &&
    devices.every(({ told, takesPart }) => told.seen === SONGS && told.storage === "kept" && told.consent === takesPart);
  return { line: { ...line, holds }, holds, unequal };
}
