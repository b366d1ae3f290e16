#!/usr/bin/env node
// The end-to-end driver's command line.

import { parseArgs } from "node:util";
import { crowd, crowdVerdict } from "./crowd.js";
import { journey, verdict } from "./journey.js";
import { screenshots } from "./screenshots.js";

const HELP = `Drives a running player in headless Chromium.

  node src/main.js --url http://127.0.0.1:7700 --check
      play, skip, queue, contribution, closed round, reload; prints one JSON line, exits 1 where something does not hold
  node src/main.js --url http://127.0.0.1:7700 --screenshot DIR
      pictures of the player, wide and narrow, light and dark
  node src/main.js --crowd 20 --rounds 10 --database postgres://...
      starts two servers of its own and lets 20 bare pages go through 10 rounds, some of them killed or reloaded on the way; the same kind of line;
      --vertical: rounds that move the songs too

  --json   progress goes nowhere; stdout holds the JSON line alone either way
  CHROMIUM=/path/to/chromium names the browser; for a crowd SOTTOVOCE_SERVER the server's program and SOTTOVOCE_PACKAGE the built package.`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    check: { type: "boolean", default: false },
    screenshot: { type: "string" },
    crowd: { type: "string" },
    rounds: { type: "string", default: "10" },
    vertical: { type: "boolean", default: false },
    database: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

const { SOTTOVOCE_SERVER: program, SOTTOVOCE_PACKAGE: site } = process.env;
const drives = values.crowd ? program && site : values.url && (values.check || values.screenshot || values.json);
if (values.help || !drives) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

const tell = (step) => values.json || console.error(`    ${step}`);

async function throng() {
  const found = await crowd({ program, site, database: values.database, pages: Number(values.crowd), rounds: Number(values.rounds), vertical: values.vertical, tell });
  const { line, holds, unequal } = crowdVerdict(found);
  for (const { number, violations, complaints } of found.devices) {
    for (const violation of violations) console.error(`left page ${number}: ${violation}`);
    for (const complaint of complaints) console.error(`page ${number} complained: ${complaint}`);
  }
  for (const { number, befell, ledger, wire } of unequal) console.error(`page ${number}${befell ? ` (${befell})` : ""}: ${JSON.stringify({ ledger, wire })}`);
  for (const { faults } of found.logs) for (const fault of faults) console.error(`the log: ${fault}`);
  if (!holds) console.error(JSON.stringify({ ...found, logs: found.logs.map(({ key, version, faults }) => ({ key, version, faults })) }, undefined, 1));
  console.log(JSON.stringify(line));
  process.exitCode = holds ? 0 : 1;
}

try {
  if (values.crowd) await throng();
  else if (values.screenshot) for (const path of await screenshots(values.url, values.screenshot)) tell(path);
  if (!values.crowd && (values.check || !values.screenshot)) {
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
  console.log(JSON.stringify({ check: values.crowd ? "crowd" : "demo", holds: false, error: error.message }));
  process.exitCode = 1;
}
