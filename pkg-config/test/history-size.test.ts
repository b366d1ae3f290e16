import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** A heap that ten megabytes of JSON, read whole, do not fit in. */
const HEAP = 16;

test("a file is never whole in memory: 10 MB are read in a heap of 16 MB", () => {
  assert.ok(existsSync(path("dist/history.js")), "this one reads with the built package; next: npm run build -w pkg-config");
  const node = (...words: string[]) => spawnSync(process.execPath, [`--max-old-space-size=${HEAP}`, "--max-semi-space-size=1", ...words], { encoding: "utf8" });
  for (const kind of ["spotify", "lastfm"]) {
    const { status, stdout, stderr } = node(path("fuzz/history-size.mjs"), "--megabytes", "10", "--songs", "500", "--kind", kind);
    assert.equal(status, 0, stderr);
    const { records, megabytes, errors } = JSON.parse(stdout) as Record<string, number>;
    assert.ok((megabytes ?? 0) >= 10 && (records ?? 0) > 10_000 && errors === 0, stdout);
  }
  const whole = node("-e", `JSON.parse("[" + Array(16e3).fill(JSON.stringify({ ts: "x".repeat(500), a: 1, b: [1] })).join() + "]")`);
  assert.notEqual(whole.status, 0, "the bound bounds nothing: the whole file fits in this heap");
});
