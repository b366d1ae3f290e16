// A headless Chromium that reaches this machine only.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/** The browser's program, where there is one. */
export const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", chromium.executablePath()].find((path) => path && existsSync(path));

/** Why there is no browser, or false. */
export const noBrowser = executablePath ? false : "no Chromium; name one in CHROMIUM";

/** What it is started with. */
export const flags = [
  "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Starts it. */
export function startBrowser() {
  return chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: flags });
}

/** Opens `url`, waits for what the page reports, and gives it with everything the page complained of. */
export async function visit(browser, url, { timeout = 120_000 } = {}) {
  const context = await browser.newContext();
  const complaints = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The catalogue here has no weights: a 404 is its way to say so.
    if (message.type() === "error" && !/404/.test(message.text())) complaints.push(message.text());
  });
  try {
    await page.goto(url, { timeout });
    const report = await page
      .waitForFunction(() => globalThis.report, undefined, { timeout })
      .then((handle) => handle.jsonValue(), (error) => ({ failed: `${error.message}\n${complaints.join("\n")}` }));
    return { report, complaints, isolated: await page.evaluate(() => crossOriginIsolated), html: await page.content() };
  } finally {
    await context.close();
  }
}
