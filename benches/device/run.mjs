// Serves the bench page with the built npm package and a made-up catalogue, opens it in headless Chromium, and prints one JSON
// object an operation: {"op", "unit", "own": [samples], "peer": {"name", "samples"}}. `cargo xtask bench device` judges them.
//
//   node benches/device/run.mjs --world FOLDER [--peers]

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startBrowser } from "../../tests/e2e/src/browser.js";

const { values } = parseArgs({ options: { world: { type: "string" }, peers: { type: "boolean", default: false } } });
if (!values.world) throw new Error("no --world; next: cargo xtask bench device");

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = join(root, "benches/device");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".map": "application/json" };

/** The file behind an address; the few that there are. */
function fileOf(path) {
  const shard = /^\/v1\/catalogue\/shards\/(\d+)\/(songs|embeddings)$/.exec(path);
  if (shard) return join(values.world, `${shard[2]}-${shard[1]}`);
  if (path === "/v1/catalogue") return join(values.world, "catalogue");
  if (path === "/v1/tower/weights") return join(values.world, "weights");
  if (path === "/cbor.js") return join(root, "tests/e2e/src/cbor.js");
  if (/^\/dist\/[\w.-]+$/.test(path)) return join(root, "pkg-config", path);
  return /^\/[\w-]+\.(html|js)$/.test(path) ? join(here, path) : undefined;
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const file = fileOf(pathname);
  if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
  response.writeHead(200, {
    "content-type": TYPES[extname(file)] ?? (pathname.endsWith("songs") || pathname.endsWith("catalogue") ? "application/json" : "application/vnd.sottovoce.v1+cbor"),
    etag: '"1"',
    // Isolated pages have a clock of 5 µs, others of 100 µs.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await startBrowser();
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html${values.peers ? "?peers" : ""}`);
  await page.waitForFunction(() => window.result, null, { timeout: 300_000 });
  const result = await page.evaluate(() => window.result);
  if (result.error) throw new Error(result.error);
  if (!result.isolated) throw new Error("the page is not isolated; its clock is too coarse");
  console.error(`${result.songs} songs${result.agrees === undefined ? "" : `; own and peer agree on ${(100 * result.agrees).toFixed(1)} % of the songs chosen`}`);
  if (result.agrees < 0.95) throw new Error("own and peer do not do the same work");
  for (const [op, own] of Object.entries(result.ops)) {
    console.log(JSON.stringify({ op, unit: "ms", own, ...(result.peer && op === "skip_to_queue" ? { peer: result.peer } : {}) }));
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
