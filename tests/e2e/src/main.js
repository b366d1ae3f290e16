#!/usr/bin/env node
// The end-to-end driver's command line.

import { parseArgs } from "node:util";
import { journey, verdict } from "./journey.js";
import { screenshots } from "./screenshots.js";

const HELP = `Drives a running player in headless Chromium.

  node src/main.js --url http://127.0.0.1:7700 --check
      play, skip, queue, contribution, closed round, reload; prints one JSON line, exits 1 where something does not hold
  node src/main.js --url http://127.0.0.1:7700 --screenshot DIR
      pictures of the player, wide and narrow, light and dark

  --json   progress goes nowhere; stdout holds the JSON line alone either way
  CHROMIUM=/path/to/chromium names the browser.`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    check: { type: "boolean", default: false },
    screenshot: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help || !values.url || !(values.check || values.screenshot || values.json)) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

const tell = (step) => values.json || console.error(`    ${step}`);
try {
  if (values.screenshot) for (const path of await screenshots(values.url, values.screenshot)) tell(path);
  if (values.check || !values.screenshot) {
    const found = await journey(values.url, tell);
    const { line, holds } = verdict(found);
    for (const violation of found.violations) console.error(`left the device: ${violation}`);
    for (const complaint of found.complaints) console.error(`the page complained: ${complaint}`);
    if (!holds) console.error(JSON.stringify(found, (key, value) => (key === "requests" ? undefined : value), 2));
    console.log(JSON.stringify(line));
    process.exitCode = holds ? 0 : 1;
  }
} catch (error) {
  console.error(`error: ${error.message}`);
  console.log(JSON.stringify({ check: "demo", holds: false, error: error.message }));
  process.exitCode = 1;
}
