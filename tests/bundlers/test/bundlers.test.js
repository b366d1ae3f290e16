// One tarball, untouched, in every place a web developer would put it; each project is built and run.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { noBrowser, startBrowser, visit } from "../src/browser.js";
import { serveCatalogue } from "../src/catalogue.js";
import { here, pack, project, run, tool } from "../src/workshop.js";

let tarball;
let browser;
let catalogue;

before(async () => {
  [tarball, browser, catalogue] = await Promise.all([pack(), noBrowser ? undefined : startBrowser(), serveCatalogue()]);
});
after(async () => {
  await Promise.all([browser?.close(), catalogue?.close()]);
});

/** A journey that went as it should; `comesBack`: what was heard was there after reopening. */
function assertJourney(report, comesBack = true) {
  assert.equal(report.failed, undefined);
  assert.equal(report.songs, 300);
  assert.equal(new Set(report.first).size, 10);
  assert.notDeepEqual(report.second, report.first, "a skip changes the queue");
  assert.ok(!report.second.includes(report.first[0]), "what was skipped does not come again");
  assert.deepEqual(report.reasons, report.second);
  assert.deepEqual([report.kept, report.seen], ["kept", 1]);
  if (comesBack) assert.equal(report.seenAgain, 1);
}

function assertWorker(report) {
  assert.equal(report.songs, 300);
  assert.equal(report.first.length, 10);
  assert.deepEqual([report.seen, report.portrait], [1, "engine/full"]);
  assert.deepEqual([report.aborted, report.code], ["no more", "consent/off"]);
}

/** Visits what `folder` holds, under the strict policy. */
async function visited(folder, policy) {
  const page = await serveCatalogue({ folder, policy });
  try {
    const { report, complaints, isolated } = await visit(browser, page.url);
    assert.deepEqual(complaints, []);
    assert.equal(isolated, false);
    return report;
  } finally {
    await page.close();
  }
}

describe("the tarball works in", { concurrency: 2 }, () => {
  test("node, import", async () => {
    const folder = await project("node-esm", tarball);
    const report = JSON.parse(await run(process.execPath, ["main.js", catalogue.url], { cwd: folder }));
    assertJourney(report);
    assert.deepEqual(report.inline, report.first.slice(0, 3), "inline is the same engine");
    assert.deepEqual(report.left, { stored: 0, cached: 0, pending: 0, secrets: 0, history: 0, ledger: 0, notes: 0 });
    assert.deepEqual(report.imported, { exact: true, events: 1, passedOver: 0 });
    assert.deepEqual(report.full, { first: report.first, near: 3, sameErrors: true });
    assert.equal(report.early, "init/missing");
    assert.deepEqual([report.slimSongs, report.slim.length, report.slimReasons], [300, 5, 5]);
  });

  test("node, require", async () => {
    const folder = await project("node-cjs", tarball);
    const report = JSON.parse(await run(process.execPath, ["main.js", catalogue.url], { cwd: folder }));
    assertJourney(report);
    assert.deepEqual([report.sameErrors, report.slimSongs], [true, 300]);
  });

  test("a plain script, under a strict policy", { skip: noBrowser }, async () => {
    const folder = await project("script", tarball);
    await cp(join(here, "projects/journey.js"), join(folder, "journey.js"));
    const report = await visited(folder);
    assertJourney(report);
    assertWorker(report.worker);
  });

  test("a plain script in relaxed SIMD", { skip: noBrowser }, async () => {
    const folder = await project("relaxed", tarball);
    await cp(join(here, "projects/journey.js"), join(folder, "journey.js"));
    const report = await visited(folder);
    assertJourney(report);
    assert.equal(report.sameErrors, true);
    assert.deepEqual(report.wasm, [report.known ? "sottovoce-relaxed.wasm" : "sottovoce.wasm"], "one file, the one this browser knows");
  });

  test("esbuild", { skip: noBrowser }, async () => {
    const folder = await project("esbuild", tarball);
    const { build } = await import("esbuild");
    const { warnings } = await build({
      entryPoints: [join(folder, "main.js")], outdir: join(folder, "dist"), bundle: true, minify: true, format: "esm", splitting: true,
      loader: { ".wasm": "file" }, publicPath: "/", logLevel: "silent",
    });
    assert.deepEqual(warnings, []);
    await cp(join(folder, "index.html"), join(folder, "dist/index.html"));
    assertJourney(await visited(join(folder, "dist")));
  });

  test("Rollup, with the engine inline", { skip: noBrowser }, async () => {
    const folder = await project("rollup", tarball);
    const args = ["main.js", "--dir", "dist", "--format", "es", "--plugin", "node-resolve", "--failAfterWarnings", "--silent"];
    await tool("rollup/dist/bin/rollup", args, { cwd: folder });
    await cp(join(folder, "index.html"), join(folder, "dist/index.html"));
    assertJourney(await visited(join(folder, "dist")));
  });

  test("webpack, worker included", { skip: noBrowser }, async () => {
    const folder = await project("webpack", tarball);
    await run(process.execPath, ["build.js"], { cwd: folder });
    await cp(join(folder, "index.html"), join(folder, "dist/index.html"));
    const report = await visited(join(folder, "dist"));
    assertJourney(report);
    assertWorker(report.worker);
  });

  test("Vite, with Vue and the worker, built and in development", { skip: noBrowser }, async () => {
    const folder = await project("vite", tarball);
    await tool("vite/bin/vite.js", ["build", "--logLevel", "error"], { cwd: folder });
    const built = await visited(join(folder, "dist"));
    assertJourney(built);
    assertWorker(built.worker);
    assert.equal(built.queues.length, 2);
    assert.notDeepEqual(built.queues[0], built.queues[1]);

    const { createServer } = await import("vite");
    process.env.VITE_SERVER = catalogue.url;
    const server = await createServer({ root: folder, configFile: false, logLevel: "error", server: { port: 0, host: "127.0.0.1", fs: { strict: false } } });
    try {
      await server.listen();
      const { report } = await visit(browser, server.resolvedUrls.local[0]);
      assertJourney(report);
      assertWorker(report.worker);
    } finally {
      await server.close();
    }
  });

  test("Next, rendered on the server and alive in the page", { skip: noBrowser }, async () => {
    const folder = await project("next", tarball);
    // Another bundler may have left its own mode in this process.
    const env = { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", NEXT_PUBLIC_SERVER: catalogue.url };
    await tool("next/dist/bin/next", ["build"], { cwd: folder, env });
    const next = spawn(process.execPath, [join(here, "node_modules/next/dist/bin/next"), "start", "-p", "0", "-H", "127.0.0.1"], { cwd: folder, env: { ...process.env, ...env } });
    try {
      const url = await spoken(next, /http:\/\/127\.0\.0\.1:\d+/);
      const rendered = await (await fetch(url)).text();
      assert.match(rendered, /data-code="server-7"/);
      assert.match(rendered, /data-status="opening"/);
      const { report, complaints } = await visit(browser, url);
      assert.equal(report.failed, undefined);
      assert.equal(report.queues.length, 2);
      assert.notDeepEqual(report.queues[0], report.queues[1]);
      assert.deepEqual([report.songs, report.reasons, report.ledger], [300, 5, 3]);
      assert.deepEqual(report.consents, { rounds: false, recall: true, learning: true });
      assert.deepEqual(complaints, []);
    } finally {
      next.kill();
      await once(next, "exit");
    }
  });

  test("workerd, with the module compiled beforehand", async () => {
    const folder = await project("workerd", tarball);
    const { build } = await import("esbuild");
    const beside = { name: "beside", setup: ({ onResolve }) => onResolve({ filter: /\.wasm$/ }, () => ({ path: "./sottovoce.wasm", external: true })) };
    await build({ entryPoints: [join(folder, "main.js")], outfile: join(folder, "dist/main.js"), bundle: true, format: "esm", conditions: ["workerd"], plugins: [beside], logLevel: "error" });
    const workerd = spawn(join(here, "node_modules/workerd/bin/workerd"), ["serve", "--control-fd=3", "config.capnp"], { cwd: folder, stdio: ["ignore", "ignore", "pipe", "pipe"] });
    try {
      const port = await spoken(workerd, /"port":(\d+)/, workerd.stdio[3]);
      assertJourney(await (await fetch(`http://127.0.0.1:${port}/?server=${encodeURIComponent(catalogue.url)}`)).json());
    } finally {
      workerd.kill();
      await once(workerd, "exit");
    }
  });
});

/** Waits until a process says what is looked for, and gives it. */
async function spoken(child, pattern, channel = child.stdout) {
  let said = "";
  child.stderr?.on("data", (data) => (said += data));
  const found = new Promise((resolve, reject) => {
    channel.on("data", (data) => {
      said += data;
      const match = pattern.exec(said);
      if (match) resolve(match[1] ?? match[0]);
    });
    child.once("exit", () => reject(new Error(`it ended: ${said}`)));
  });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`not in 120 s: ${said}`)), 120_000).unref());
  return Promise.race([found, late]);
}
