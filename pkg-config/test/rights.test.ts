// The listener's say: consent by purpose, pause, export and import, deletion with proof; and what lies between page and core.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, beforeEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { Recommender } from "../src/generated/sottovoce.js";
import { Sottovoce, codeOf, init, memoryStore, songId, type EngineEvent, type OpenOptions } from "../src/index.js";
import { catalogueFetch, SONGS } from "./catalogue.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

before(async () => {
  if (!skip) await init(await readFile(WASM));
});
beforeEach(() => {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
});

const open = (options: OpenOptions = {}) => Sottovoce.open({ server: "http://songs.test/", fetch: catalogueFetch(), store: "memory", seed: 7n, ...options });

async function hear(engine: Sottovoce, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [song] = engine.recommend({ k: 1 });
    await engine.observe({ song: song!, slot: 0, shownAt: 1000 * i, at: 1000 * i + 900, feedback: i % 3 ? { kind: "complete" } : { kind: "skip", heard: 0.25 } });
  }
}

test("an event is told when it is kept, and survives without close or flush", { skip }, async () => {
  const engine = await open({ store: "indexeddb" });
  await engine.flush();
  assert.deepEqual(await engine.observe({ song: songId(5), slot: 0, shownAt: 1, at: 2, feedback: { kind: "like" } }), { kind: "kept" });
  engine.undo();
  assert.deepEqual(await engine.observe({ song: songId(6), slot: 1, shownAt: 3, at: 4, feedback: { kind: "skip", heard: 0.5 } }), { kind: "kept" });
  const again = await open({ store: "indexeddb" });
  assert.deepEqual(again.history().map(({ song, slot, feedback }) => ({ song, slot, feedback })), [{ song: 6, slot: 1, feedback: { kind: "skip", heard: 0.5 } }]);
  await Promise.all([engine.close(), again.close()]);
});

test("in memory an event is told not to be kept, and why", { skip }, async () => {
  const engine = await open();
  assert.deepEqual(await engine.observe({ song: songId(5), slot: 0, shownAt: 1, feedback: { kind: "like" } }), { kind: "memory", why: "chosen" });
  await engine.close();
});

test("paused, nothing is taken note of, here and after a restart, until it is resumed", { skip }, async () => {
  const store = memoryStore();
  const engine = await open({ store });
  const told: EngineEvent[] = [];
  engine.on("pause", (event) => told.push(event));
  await hear(engine, 2);
  engine.setConsent(true);
  engine.pause();
  assert.deepEqual(await engine.observe({ song: songId(5), slot: 0, shownAt: 1, feedback: { kind: "like" } }), { kind: "paused" });
  assert.equal(await engine.contribute().then(() => "", codeOf), "engine/paused");
  assert.equal(engine.seen, 2);
  assert.equal(engine.recommend({ k: 5 }).length, 5, "it still recommends");
  await engine.close();
  const again = await open({ store });
  assert.equal(again.paused, true);
  again.resume();
  await hear(again, 1);
  assert.equal(again.seen, 3);
  assert.deepEqual(told, [{ type: "pause", paused: true }]);
  await again.close();
});

test("consent is given purpose by purpose, and kept", { skip }, async () => {
  const store = memoryStore();
  const engine = await open({ store });
  const told: EngineEvent[] = [];
  engine.on("consent", (event) => told.push(event));
  assert.deepEqual(engine.consents, { rounds: false, recall: false, learning: true });
  engine.setConsent({ recall: true });
  engine.setConsent(true);
  engine.setConsent({ learning: false });
  assert.deepEqual(told.at(-1), { type: "consent", on: true, consents: { rounds: true, recall: true, learning: false } });
  await engine.close();
  const again = await open({ store });
  assert.deepEqual(again.consents, { rounds: true, recall: true, learning: false });
  await again.close();
});

test("without consent to learning the core is told to leave the personal weights alone", { skip }, async (t) => {
  const configured: unknown[] = [];
  const own = Recommender.prototype.configure as ((config: unknown) => void) | undefined;
  Object.assign(Recommender.prototype, { configure: (config: unknown) => configured.push(config) });
  t.after(() => Object.assign(Recommender.prototype, { configure: own }));
  const store = memoryStore();
  const engine = await open({ store, config: { personalRate: 0.2 } });
  engine.setConsent({ learning: false });
  engine.configure({ personalRate: 0.3, quota: true, method: "mmr" });
  engine.setConsent({ learning: true });
  engine.setConsent({ learning: false });
  await engine.close();
  const again = await open({ store });
  assert.deepEqual(configured, [
    { personalRate: 0.2 }, { personalRate: 0 }, { personalRate: 0.3, quota: 1, method: 1 }, { personalRate: 0 }, { personalRate: 0.3 }, { personalRate: 0 },
    { personalRate: 0 },
  ]);
  await again.close();
});

test("an export is plain JSON, and taken in elsewhere it is the same engine", { skip }, async () => {
  const engine = await open();
  await hear(engine, 9);
  engine.keep("queue", [1, 2]);
  engine.setConsent({ recall: true });
  const file = JSON.parse(JSON.stringify(engine.exportData())) as Record<string, unknown>;
  const other = await open({ seed: 7n });
  assert.deepEqual(await other.importData(file), { exact: true, events: 9, passedOver: 0 });
  assert.deepEqual(JSON.parse(JSON.stringify(other.exportData())), file);
  assert.deepEqual(other.kept("queue"), [1, 2]);
  assert.deepEqual(other.recommend({ k: 20 }), engine.recommend({ k: 20 }));
  await Promise.all([engine.close(), other.close()]);
});

test("an export without its state, or of the first format, is learned anew; songs that are gone are counted", { skip }, async () => {
  const engine = await open();
  await hear(engine, 6);
  const { state: _, ...readable } = engine.exportData();
  const other = await open();
  const history = [...(readable["history"] as object[]), { song: SONGS + 5, slot: 0, shownAt: 1, at: 2, behaviour: 1 }];
  assert.deepEqual(await other.importData({ ...readable, format: 1, history }), { exact: false, events: 6, passedOver: 1 });
  assert.deepEqual(other.history(), engine.history());
  await Promise.all([engine.close(), other.close()]);
});

test("a file gives no consent", { skip }, async () => {
  const engine = await open();
  engine.setConsent(true);
  const file = engine.exportData();
  const other = await open();
  await other.importData(file);
  assert.equal(other.consent, false);
  await Promise.all([engine.close(), other.close()]);
});

test("a hostile or broken import is a named error, and everything is as before", { skip }, async () => {
  const store = memoryStore();
  const engine = await open({ store });
  await hear(engine, 4);
  const before = engine.exportData();
  const valid = engine.exportData() as { state: string };
  const rows = before["history"] as object[];
  for (const [file, code] of [
    [null, "import/malformed"], ["text", "import/malformed"], [{}, "import/malformed"], [{ ...valid, format: 99 }, "import/newer"],
    [{ ...valid, catalogue: "another" }, "import/catalogue"], [{ ...valid, history: 7 }, "import/malformed"],
    [{ ...valid, state: "%%%" }, "import/malformed"], [{ ...valid, state: btoa("SOTV no snapshot") }, "import/malformed"],
    [{ ...valid, state: valid.state.slice(0, 40) + "AAAA" + valid.state.slice(44) }, "import/malformed"],
    [{ ...valid, state: undefined, history: [...rows, { song: "x" }] }, "import/malformed"],
    [{ ...valid, state: undefined, history: [{ song: 1, slot: 0, shownAt: 0, at: 0, behaviour: 77 }] }, "import/malformed"],
    [{ ...valid, page: 3 }, "import/malformed"],
  ] as const) {
    assert.equal(await engine.importData(file).then(() => "taken", codeOf), code, JSON.stringify(file)?.slice(0, 80));
    assert.deepEqual(engine.exportData(), before);
  }
  await engine.close();
});

test("deleted means counted: nothing in the store, the engine, the ledger, the notes", { skip }, async () => {
  const engine = await open({ store: "indexeddb" });
  await hear(engine, 5);
  engine.keep("queue", [1]);
  engine.setConsent({ rounds: true, recall: true, learning: false });
  engine.pause();
  const { left, seen, storeEmpty, nothingPending } = await engine.deleteData();
  assert.deepEqual(left, { stored: 0, history: 0, ledger: 0, pending: 0, secrets: 0, notes: 0, cached: 0 });
  assert.deepEqual({ seen, storeEmpty, nothingPending }, { seen: 0, storeEmpty: true, nothingPending: true });
  assert.deepEqual([engine.consents, engine.paused], [{ rounds: false, recall: false, learning: true }, false]);
  const again = await open({ store: "indexeddb" });
  assert.equal(again.seen, 0);
  assert.deepEqual(again.history(), []);
  await Promise.all([engine.close(), again.close()]);
});

test("an engine that the page forgets lets go of its store by itself", { skip: skip || !globalThis.gc }, async () => {
  let closed = false;
  const store = { ...memoryStore(), close: () => void (closed = true) };
  await (async () => {
    const engine = await open({ store });
    await hear(engine, 1);
    await engine.flush();
  })();
  for (let i = 0; i < 50 && !closed; i++) {
    globalThis.gc?.();
    await setTimeout(20);
  }
  assert.equal(closed, true);
});

test("`using` closes", { skip }, async () => {
  const engine = await open();
  await (engine as unknown as Record<symbol, () => Promise<void>>)[(Symbol as { asyncDispose?: symbol }).asyncDispose ?? Symbol.for("none")]?.();
  if ((Symbol as { asyncDispose?: symbol }).asyncDispose) assert.throws(() => engine.recommend(), (error) => codeOf(error) === "engine/closed");
  else await engine.close();
});

test("made with new, an engine names what was forgotten", () => {
  const Any = Sottovoce as unknown as new () => Sottovoce;
  assert.throws(() => new Any(), (error) => codeOf(error) === "init/missing");
});

test("a catalogue that is no catalogue is a named error", { skip }, async () => {
  for (const body of ["<html>", "{}", '{"name":"x","shards":7}']) {
    const fetch = async () => new Response(body);
    assert.equal(await open({ fetch }).then(() => "", codeOf), "server/malformed");
  }
  const broken: typeof fetch = async (input) => (String(input).endsWith("/e") ? new Response("no shard") : catalogueFetch()(input));
  const store = memoryStore();
  const engine = await open({ store });
  await hear(engine, 3);
  await engine.close();
  assert.match((await open({ store, fetch: broken }).then(() => "", codeOf)) ?? "", /^decode\//);
  const again = await open({ store });
  assert.equal(again.seen, 3, "the old state is kept");
  await again.close();
});
