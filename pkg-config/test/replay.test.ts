// A recording of the real engine makes the same lists on another one.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, test } from "node:test";
import { Sottovoce, codeOf, init, memoryStore, replay, type ReplayFile } from "../src/index.js";
import { catalogueFetch } from "./catalogue.js";

const WASM = resolve("src/generated/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";
const options = { server: "http://songs.test/", fetch: catalogueFetch() };

before(async () => {
  if (!skip) await init(await readFile(WASM));
});

async function evening(engine: Sottovoce, events: number): Promise<number[][]> {
  const lists: number[][] = [];
  for (let i = 0; i < events; i++) {
    const list = engine.recommend({ k: 12 });
    lists.push(list);
    void engine.observe({ song: list[i % 3]!, slot: i % 3, shownAt: 1e6 * i, at: 1e6 * i + 900, feedback: i % 2 ? { kind: "complete" } : { kind: "skip", heard: 0.1 } });
    if (i % 5 === 4) engine.undo();
  }
  return lists;
}

test("same file, same lists: for a new listener, and for one who came back", { skip }, async () => {
  const store = memoryStore();
  for (const seed of [7n, 8n]) {
    const engine = await Sottovoce.open({ ...options, store, seed, record: true, context: { hour: 9, device: "phone" } });
    const lists = await evening(engine, 12);
    const file = JSON.parse(JSON.stringify(engine.replayFile())) as ReplayFile;
    assert.equal(file.state !== undefined, seed === 8n, "the second visit begins from the kept state");
    await engine.close();
    const played = await replay(file, options);
    assert.deepEqual(played, { same: true, lists });
  }
});

test("what differs is named", { skip }, async () => {
  const engine = await Sottovoce.open({ ...options, store: "memory", seed: 7n, record: true });
  await evening(engine, 4);
  const file = engine.replayFile();
  await engine.close();
  const last = file.calls.map(({ call }) => call).lastIndexOf("recommend");
  const calls = file.calls.map((each, i) => (i === last ? { ...each, answer: [1, 2, 3] } : each));
  const { same, difference } = await replay({ ...file, calls }, options);
  assert.equal(same, false);
  assert.deepEqual(difference?.recorded, [1, 2, 3]);
});

test("a recording of another catalogue, and what is none, are named errors", { skip }, async () => {
  const engine = await Sottovoce.open({ ...options, store: "memory", seed: 7n, record: true });
  const file = engine.replayFile();
  await engine.close();
  assert.equal(await replay(file, { ...options, fetch: catalogueFetch("other") }).then(() => "", codeOf), "replay/catalogue");
  assert.equal(await replay(file, { ...options, fetch: catalogueFetch("test", '"1"') }).then(() => "", codeOf), "replay/catalogue");
  for (const hostile of [null, {}, { ...file, seed: "x" }, { ...file, calls: [{ call: "free", args: [] }] }, { ...file, calls: [{ call: "constructor", args: [] }] }]) {
    assert.equal(await replay(hostile as ReplayFile, options).then(() => "", codeOf), "replay/malformed");
  }
});

test("without recording there is no file, and it says how to get one", { skip }, async () => {
  const engine = await Sottovoce.open({ ...options, store: "memory" });
  assert.throws(() => engine.replayFile(), (error) => codeOf(error) === "replay/off");
  await engine.close();
});
