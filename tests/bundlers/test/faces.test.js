// What the tarball looks like from outside: its exports, its types in every way of resolving them, its documentation.

import assert from "node:assert/strict";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { here, pack, project, tool } from "../src/workshop.js";

let tarball;
before(async () => {
  tarball = await pack();
});

describe("the tarball is right to", { concurrency: 2 }, () => {
  test("publint", async () => {
    const { publint } = await import("publint");
    const { formatMessage } = await import("publint/utils");
    const bytes = await readFile(tarball);
    const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) }, strict: true });
    assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
    assert.equal(pkg.dependencies, undefined);
    assert.equal(typeof pkg.sideEffects, "boolean");
  });

  test("are-the-types-wrong", async () => {
    // Files that are no script have no types: the wasm, and the worker's own script, which nobody imports.
    const excludeEntrypoints = ["sottovoce.wasm", "sottovoce-full.wasm", "sottovoce-slim.wasm", "sottovoce-relaxed.wasm", "worker-host", "worker-host-full"];
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))), { excludeEntrypoints });
    assert.deepEqual(analysis.problems, []);
    for (const entry of [".", "./full", "./slim", "./inline", "./relaxed", "./worker", "./listening", "./history", "./react", "./vue"]) assert.ok(entry in analysis.entrypoints, entry);
  });

  test("TypeDoc: every export is documented, every link leads somewhere", async () => {
    const home = join(here, "../../pkg-config");
    await tool("typedoc/bin/typedoc", ["--options", join(home, "typedoc.json"), "--emit", "none"], { cwd: home });
  });

  test("a strict TypeScript project, as import and as require", async () => {
    const folder = await project("types", tarball);
    for (const config of ["tsconfig.bundler.json", "tsconfig.node.json"]) await tool("typescript/bin/tsc", ["-p", config], { cwd: folder });
  });
});
