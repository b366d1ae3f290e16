// Secure rounds from the package's face: consent before all else, nothing of the vault in exports, deletion that reaches it, the same across a worker.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, beforeEach, test } from "node:test";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { Recommender } from "../src/generated/sottovoce.js";
import { Sottovoce, codeOf, init, memoryStore, type EngineEvent, type OpenOptions, type Privacy } from "../src/index.js";
import { connect } from "../src/worker.js";
import { serve } from "../src/worker/host.js";
import type { Port } from "../src/worker/wire.js";
import { catalogueFetch } from "./catalogue.js";
import { browserLike, FakeEngine, FakeServer } from "./device.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

/** What of the engine is not real here: its rounds. */
const ROUNDS = [
  "roundErrand", "roundAnswer", "roundKept", "roundStream", "roundSent", "roundState", "explainUpload", "vault", "restoreVault", "forgetVault", "setBudget", "setRoundPolicy", "trustServer",
] as const;
const engines = new WeakMap<object, FakeEngine>();
const engineOf = (core: object) => engines.get(core) ?? (engines.set(core, new FakeEngine()), engines.get(core)!);
/** Every request. */
let server = new FakeServer();

before(async () => {
  if (skip) return;
  await init(await readFile(WASM));
  const real = Recommender.prototype as unknown as Record<string, (...args: never[]) => unknown>;
  for (const name of ROUNDS) {
    real[name] = function (this: object, ...args: never[]) {
      return (engineOf(this)[name] as (...args: never[]) => unknown)(...args);
    };
  }
  for (const name of ["setConsent", "deleteData"] as const) {
    const own = real[name]!;
    real[name] = function (this: object, ...args: never[]) {
      (engineOf(this)[name] as (...args: never[]) => unknown)(...args);
      return own.apply(this, args);
    };
  }
});

beforeEach(() => {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
  browserLike();
  server = new FakeServer();
});

const network: typeof fetch = async (input, options) => {
  const { pathname } = new URL(String(input));
  return /^\/v1\/(rounds|log|members)/.test(pathname) ? server.fetch(input, options) : catalogueFetch()(input, options);
};
const open = (options: OpenOptions = {}) => Sottovoce.open({ server: "http://songs.test/", fetch: network, seed: 7n, ...options });

test("without consent nothing is asked, not even for the server's key", { skip }, async () => {
  const engine = await open();
  assert.equal(await engine.participate().then(() => "", codeOf), "consent/off");
  engine.setConsent(true);
  engine.setConsent(false);
  assert.equal(await engine.participate().then(() => "", codeOf), "consent/off");
  assert.deepEqual([await engine.privacy(), engine.explainUpload()], [{ epsilon: 0, budget: 8, left: 8, delta: 1e-6, rounds: 0, roundsLeft: undefined }, undefined]);
  await engine.close();
  assert.deepEqual(server.seen, []);
});

test("with consent a round is gone through, told step by step, and shared by whoever asks meanwhile", { skip }, async () => {
  const engine = await open();
  const told: (EngineEvent & { type: "round" })["state"][] = [];
  engine.on("round", ({ state }) => told.push(state));
  engine.setConsent(true);
  const [outcome, same] = await Promise.all([engine.participate({ rounds: 1 }), engine.participate()]);
  assert.deepEqual(outcome, { rounds: 1, included: 1, ended: "rounds" });
  assert.equal(same, outcome);
  assert.deepEqual([...new Set(told.map(({ phase }) => phase))], ["idle", "joining", "roster", "training", "masking", "reporting", "outcome"]);
  assert.ok(told.some(({ participating }) => participating));
  assert.equal(told.at(-1)?.participating, false);
  assert.deepEqual(engine.roundState().outcome, { round: 12, fate: "included" });
  assert.equal((await engine.privacy()).rounds, 1);
  await engine.close();
  const again = await open();
  assert.equal((await again.privacy()).epsilon, 1, "it is known after a reload, before anything is asked");
  await again.close();
});

test("consent withdrawn, a pause and closing each end it by their name", { skip }, async () => {
  server.instead = ({ path }) => (path.includes("rosters") ? new Response(null, { status: 204, headers: { "retry-after": "60" } }) : undefined);
  const waiting = async () => {
    const engine = await open();
    if (engine.paused) engine.resume();
    engine.setConsent(true);
    const running = engine.participate();
    while (!server.seen.some(({ path }) => path.includes("rosters"))) await new Promise((later) => setTimeout(later, 5));
    return { engine, running };
  };
  const first = await waiting();
  first.engine.setConsent({ rounds: false });
  assert.equal((await first.running).ended, "consent");
  await first.engine.close();
  server.seen.length = 0;
  const second = await waiting();
  second.engine.pause();
  assert.equal((await second.running).ended, "paused");
  assert.equal(await second.engine.participate().then(() => "", codeOf), "engine/paused");
  await second.engine.close();
  server.seen.length = 0;
  const third = await waiting();
  await third.engine.close();
  assert.equal((await third.running).ended, "closed");
});

/** Lets the server have a body, and its page wait for the answer. */
function onItsWay(): { bytes: number; answer: () => void } {
  const way = { bytes: 0, answer: () => {} };
  server.instead = ({ method, body }) => {
    if (method !== "PUT") return undefined;
    way.bytes = body.length / 2;
    return new Promise((resolve) => (way.answer = () => resolve(new Response(null, { status: 201 }))));
  };
  return way;
}

async function taken(engine: Sottovoce, way: { bytes: number }): Promise<void> {
  engine.setConsent(true);
  engine.participate().catch(() => {});
  while (way.bytes === 0) await new Promise((later) => setTimeout(later, 5));
  assert.equal(engine.ledger().sentBytes, 0);
}

test("what was on its way when the page was gone counts as having left, once", { skip }, async () => {
  const way = onItsWay();
  await taken(await open(), way);
  // Another page: that one's locks are gone with it.
  browserLike();
  for (let i = 0; i < 2; i++) {
    const engine = await open();
    const { entries, sentMessages, sentBytes } = engine.ledger();
    assert.deepEqual([sentMessages, sentBytes], [1, way.bytes]);
    const line = entries.find(({ direction }) => direction === "up");
    assert.equal(line?.message, "join");
    assert.match(line!.meaning, /may have left/);
    await engine.close();
  }
});

test("what was on its way when consent was withdrawn counts as having left", { skip }, async () => {
  const [way, engine] = [onItsWay(), await open()];
  await taken(engine, way);
  const running = engine.participate();
  engine.setConsent(false);
  way.answer();
  assert.equal((await running).ended, "consent");
  assert.deepEqual([engine.ledger().sentMessages, engine.ledger().sentBytes], [1, way.bytes]);
  await engine.close();
});

test("consent withdrawn in the same breath ends what has hardly begun, and nothing is asked", { skip }, async () => {
  const engine = await open();
  engine.setConsent(true);
  const running = engine.participate();
  engine.setConsent(false);
  assert.deepEqual(await running, { rounds: 0, included: 0, ended: "consent" });
  await engine.close();
  assert.deepEqual(server.seen, []);
});

test("a device of secure rounds sends nothing in the open, and one of open rounds has no part in secure ones", { skip }, async () => {
  const secure = await open();
  secure.setConsent(true);
  assert.equal(await secure.contribute().then(() => "", codeOf), "round/mode");
  await secure.close();
  const plain = await open({ rounds: "open", name: "open" });
  plain.setConsent(true);
  assert.equal(await plain.participate().then(() => "", codeOf), "round/mode");
  await plain.close();
  const forgetful = await open({ store: "memory" });
  forgetful.setConsent(true);
  assert.equal(await forgetful.participate().then(() => "", codeOf), "round/unavailable");
  await forgetful.close();
  assert.deepEqual(server.seen, []);
});

test("no export holds anything of the vault, and no import changes it", { skip }, async () => {
  const engine = await open();
  engine.setConsent(true);
  engine.setBudget({ epsilon: 2 });
  await engine.participate({ rounds: 1 });
  const file = JSON.stringify(engine.exportData());
  const [report] = server.puts("reports");
  for (const secret of [report!.body, String([...Buffer.from(report!.body, "hex")]), "vault", "trusted"]) assert.equal(file.includes(secret), false);
  await engine.importData(JSON.parse(file));
  const { epsilon, budget } = await engine.privacy();
  assert.deepEqual([epsilon, budget], [1, 2]);
  await engine.close();
});

test("the listener's budget is kept, and may be without bound", { skip }, async () => {
  const engine = await open({ budget: { epsilon: 4, delta: 1e-5 } });
  const budgets = async (of: Sottovoce): Promise<Partial<Privacy>> => (({ budget, delta, left }) => ({ budget, delta, left }))(await of.privacy());
  assert.deepEqual(await budgets(engine), { budget: 4, delta: 1e-5, left: 4 });
  engine.setBudget({ epsilon: Infinity });
  assert.deepEqual(await budgets(engine), { budget: Infinity, delta: 1e-6, left: Infinity });
  await engine.close();
  const again = await open({ budget: { epsilon: 4 } });
  assert.equal((await again.privacy()).budget, Infinity);
  await again.close();
});

test("deleted means the secrets too, and with them the account", { skip }, async () => {
  const engine = await open();
  engine.setConsent(true);
  await engine.participate({ rounds: 1 });
  const { left, storeEmpty } = await engine.deleteData();
  assert.deepEqual([left.secrets, storeEmpty], [0, true]);
  assert.deepEqual(await engine.privacy(), { epsilon: 0, budget: 8, left: 8, delta: 1e-6, rounds: 0, roundsLeft: undefined });
  await engine.close();
  const again = await open();
  assert.equal((await again.privacy()).epsilon, 0);
  await again.close();
});

test("a page may keep the vault itself", { skip }, async () => {
  let kept: Uint8Array | undefined;
  const vault = { read: async () => kept, write: async (bytes: Uint8Array) => (kept = bytes.slice()), erase: async () => ((kept = undefined), 0) };
  const engine = await open({ store: memoryStore(), vault });
  engine.setConsent(true);
  assert.equal((await engine.participate({ rounds: 1 })).included, 1);
  assert.ok(kept);
  await engine.deleteData();
  assert.equal(kept, undefined);
  await engine.close();
});

test("across a worker it is the same", { skip }, async (t) => {
  const real = globalThis.fetch;
  globalThis.fetch = network;
  t.after(() => (globalThis.fetch = real));
  const { port1, port2 } = new MessageChannel();
  t.after(() => [port1, port2].forEach((port) => port.close()));
  serve(port2 as unknown as Port, { Sottovoce, init });
  port1.start();
  port2.start();
  const engine = await connect(port1 as unknown as Parameters<typeof connect>[0], { server: "http://songs.test/", seed: 7n }, { end: () => {} });
  const phases = new Set<string>();
  engine.on("round", ({ state }) => phases.add(state.phase));
  assert.equal(await engine.participate().then(() => "", codeOf), "consent/off");
  await engine.setConsent(true);
  await engine.setBudget({ epsilon: Infinity });
  assert.deepEqual(await engine.participate({ rounds: 1, idle: true }), { rounds: 1, included: 1, ended: "rounds" });
  assert.ok(phases.has("outcome"));
  assert.equal((await engine.privacy()).budget, Infinity);
  assert.equal((await engine.roundState()).included, 1);
  const gone = new AbortController();
  const running = engine.participate({ signal: gone.signal });
  gone.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
  await engine.close();
});
