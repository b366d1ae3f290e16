// Kills a real browser in the middle of its writes, again and again on one profile; whatever was acknowledged is there afterwards.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { executablePath, flags, noBrowser } from "../src/browser.js";
import { serveCatalogue } from "../src/catalogue.js";
import { pack, project } from "../src/workshop.js";

let profile;
let page;
let acknowledged = 0;
let opened;

before(async () => {
  if (noBrowser) return;
  const folder = await project("survive", await pack());
  profile = await mkdtemp(join(tmpdir(), "sottovoce-profile-"));
  page = await serveCatalogue({
    folder,
    told: (path) => {
      const said = /^\/acknowledged\/(\w+)$/.exec(path)?.[1];
      if (said === "open") opened?.();
      else if (said) acknowledged = Math.max(acknowledged, Number(said));
      return said !== undefined;
    },
  });
});
after(async () => {
  await page?.close();
  if (profile) await rm(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** A browser of its own process group on the profile, and its address for a debugger. */
async function start() {
  await rm(join(profile, "DevToolsActivePort"), { force: true });
  const child = spawn(executablePath, [...flags, "--headless=new", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], { detached: true, stdio: "ignore" });
  for (let i = 0; i < 1200; i++) {
    const port = await readFile(join(profile, "DevToolsActivePort"), "utf8").then((text) => text.split("\n")[0], () => undefined);
    if (port) return { child, browser: await chromium.connectOverCDP(`http://127.0.0.1:${port}`) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  kill(child);
  throw new Error("the browser did not start");
}

function kill(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It was gone already.
  }
}

/** Lets it end by itself. */
async function close({ child, browser }) {
  const closed = once(child, "exit");
  await browser.newBrowserCDPSession().then((session) => session.send("Browser.close")).catch(() => kill(child));
  await closed;
}

/** Opens the page that writes, and lets it for a while. */
async function write(browser, forMs) {
  const tab = await browser.contexts()[0].newPage();
  const complaints = [];
  tab.on("pageerror", (error) => complaints.push(String(error)));
  const ready = new Promise((resolve) => (opened = resolve));
  await tab.goto(`${page.url}?write`);
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`the page did not open: ${complaints}`)), 120_000).unref());
  await Promise.race([ready, late]);
  await new Promise((resolve) => setTimeout(resolve, forMs));
  assert.deepEqual(complaints, []);
  return tab;
}

async function look(browser) {
  const tab = await browser.contexts()[0].newPage();
  await tab.goto(page.url);
  const report = await (await tab.waitForFunction(() => globalThis.report, undefined, { timeout: 120_000 })).jsonValue();
  await tab.close();
  return report;
}

function assertKept({ seen, songs, storage, count }, least) {
  assert.equal(storage, "kept");
  assert.ok(seen >= least, `${least} were acknowledged, ${seen} are there`);
  // One more may have been written whose acknowledgement did not get out.
  assert.ok(seen <= least + 1, `${seen} are there, ${least} were acknowledged`);
  assert.deepEqual(songs, Array.from({ length: songs.length }, (_, i) => (seen - songs.length + i) % 300));
  assert.ok(count >= seen - 1, `the note says ${count}`);
}

test("the last acknowledged event survives the death of the browser", { skip: noBrowser }, async (t) => {
  // Different moments: within the first lines, around snapshots (every 64 lines), long after.
  for (const forMs of [30, 200, 450, 700]) {
    const { child, browser } = await start();
    await write(browser, forMs);
    const exit = once(child, "exit");
    kill(child);
    await exit;
    const least = acknowledged;
    const again = await start();
    try {
      const report = await look(again.browser);
      t.diagnostic(`${least} acknowledged, ${report.seen} there after the kill`);
      assertKept(report, least);
      acknowledged = report.seen;
    } finally {
      await close(again);
    }
  }
  assert.ok(acknowledged > 20, `only ${acknowledged} events in all`);
});

test("the last acknowledged event survives the death of its tab", { skip: noBrowser }, async (t) => {
  const { child, browser } = await start();
  try {
    for (const forMs of [100, 500]) {
      const tab = await write(browser, forMs);
      const crashed = new Promise((resolve) => tab.once("crash", resolve));
      tab.goto("chrome://crash").catch(() => {});
      await crashed;
      const report = await look(browser);
      t.diagnostic(`${acknowledged} acknowledged, ${report.seen} there after the crash`);
      assertKept(report, acknowledged);
      acknowledged = report.seen;
    }
  } finally {
    const closed = once(child, "exit");
    kill(child);
    await closed;
  }
});

/** The file behind which Chromium writes on; none where it keeps IndexedDB another way. */
async function logOfLevelDb() {
  const databases = join(profile, "Default", "IndexedDB");
  for (const folder of await readdir(databases)) {
    const log = (await readdir(join(databases, folder))).filter((name) => name.endsWith(".log")).sort().at(-1);
    if (log) return join(databases, folder, log);
  }
}

test("what is kept survives a kill in the middle of a record of the browser's own log", { skip: noBrowser }, async (t) => {
  const { child, browser } = await start();
  await write(browser, 300);
  const exit = once(child, "exit");
  kill(child);
  await exit;
  const log = await logOfLevelDb();
  if (!log) return t.skip("this browser keeps IndexedDB in no LevelDB");
  // The head of a record whose 300 bytes were not written any more: checksum, length, and that it is a whole one.
  await appendFile(log, Buffer.from([1, 2, 3, 4, 300 % 256, 300 >> 8, 1]));
  // Torn, LevelDB reads it once; what is written behind it by then is what the second time fails on.
  for (const time of ["first", "second"]) {
    const again = await start();
    try {
      const report = await look(again.browser);
      t.diagnostic(`${acknowledged} acknowledged, ${report.seen} there the ${time} time`);
      assertKept(report, acknowledged);
      acknowledged = report.seen;
    } finally {
      await close(again);
    }
  }
});
