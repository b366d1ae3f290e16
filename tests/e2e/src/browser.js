// Starting Chromium so that only this machine can be reached.

import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--autoplay-policy=no-user-gesture-required",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Starts `$CHROMIUM`, else the first Chromium that playwright knows. */
export function startBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM || undefined, channel: process.env.CHROMIUM ? undefined : "chromium", headless: true, chromiumSandbox: false, args: ARGUMENTS });
}

/** A fresh profile whose own log of requests and complaints is kept. */
export async function openProfile(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const log = { requests: [], complaints: [] };
  context.on("request", (request) => {
    log.requests.push({ method: request.method(), url: request.url(), bytes: request.postDataBuffer()?.length ?? 0 });
  });
  context.on("weberror", (error) => log.complaints.push(String(error.error())));
  context.on("console", (message) => {
    // A browser complains of every 409. In a secure round it is an answer: others were quicker, or the roster is closed.
    if (message.type() === "error" && !/status of 409 \(Conflict\)/.test(message.text())) log.complaints.push(message.text());
  });
  return { context, log };
}
