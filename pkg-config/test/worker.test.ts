// Both sides of the worker over a message channel, with the real engine behind it.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { codeOf, init, songId, Sottovoce, SottovoceError, type EngineEvent } from "../src/index.js";
import { connect, type RemoteSottovoce } from "../src/worker.js";
import { serve } from "../src/worker/host.js";
import type { Port, Sendable } from "../src/worker/wire.js";
import { catalogueFetch } from "./catalogue.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";
const real = globalThis.fetch;
/** Every port that was opened. */
const ports: MessagePort[] = [];
/** What the network is just now; an engine holds on to the fetch it found. */
let network: typeof fetch = catalogueFetch();

before(async () => {
  if (!skip) await init(await readFile(WASM));
  // The host has the fetch of its own scope; a function cannot travel.
  globalThis.fetch = (...args) => network(...args);
});
after(() => {
  globalThis.fetch = real;
  // A test that failed halfway must not keep the process waiting.
  for (const port of ports) port.close();
});

/** A worker in this thread: everything still goes through a structured clone. */
async function open(options: Sendable = {}, extra: Partial<Parameters<typeof connect>[2]> = {}): Promise<{ engine: RemoteSottovoce; ended: () => boolean }> {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  let ended = false;
  serve(port2 as unknown as Port, { Sottovoce, init });
  port2.start();
  port1.start();
  const end = () => {
    ended = true;
    port1.close();
  };
  try {
    const engine = await connect(port1 as unknown as Parameters<typeof connect>[0], { server: "http://songs.test/", store: "memory", seed: 7n, ...options }, { end, ...extra });
    return { engine, ended: () => ended };
  } catch (error) {
    end();
    throw error;
  }
}

test("the same names, each with a promise; songs are at hand", { skip }, async () => {
  const shares: number[] = [];
  const { engine, ended } = await open({}, { progress: (share) => shares.push(share) });
  assert.deepEqual(shares, [1]);
  assert.equal(engine.catalogue, "test");
  assert.equal(engine.songs.get(songId(3))?.title, "T3");
  const first = await engine.recommend({ k: 5, candidates: new Set([1, 2, 3, 4, 5, 6].map(songId)) });
  assert.equal(first.length, 5);
  assert.equal((await engine.explain()).length, 5);
  assert.deepEqual(await engine.observe({ song: first[0]!, slot: 0, shownAt: 1, at: 2, feedback: { kind: "skip", heard: 0.1 } }), { kind: "memory", why: "chosen" });
  assert.equal(await engine.seen, 1);
  assert.deepEqual(await engine.storage, { kind: "memory", why: "chosen" });
  await engine.keep("volume", 0.4);
  assert.equal(await engine.kept<number>("volume"), 0.4);
  assert.equal(await engine.undo(), first[0]);
  await engine.close();
  assert.equal(ended(), true);
});

test("events come across, until nobody listens", { skip }, async () => {
  const { engine } = await open();
  const told: EngineEvent[] = [];
  const stop = engine.on("change", (event) => told.push(event));
  await engine.observe({ song: songId(1), slot: 0, shownAt: 1, feedback: { kind: "like" } });
  stop();
  await engine.undo();
  assert.deepEqual(told, [{ type: "change", cause: "observe" }]);
  await engine.close();
});

test("errors keep their code and what to do next", { skip }, async () => {
  const { engine } = await open();
  const error = await engine.contribute().catch((each: unknown) => each);
  assert.ok(error instanceof SottovoceError);
  assert.equal(error.code, "consent/off");
  assert.match(error.next, /setConsent/);
  const unknown = await engine.observe({ song: songId(9999), slot: 0, shownAt: 1, feedback: { kind: "like" } }).catch((each: unknown) => each);
  assert.equal(codeOf(unknown), "song/unknown");
  await engine.close();
});

test("opening that fails is told", { skip }, async () => {
  network = async () => {
    throw new TypeError("no network");
  };
  assert.equal(await open().then(() => "", codeOf), "server/away");
  network = catalogueFetch();
});

test("an abort reaches across, and answers at once", { skip }, async () => {
  let aborted = false;
  const { engine } = await open();
  network = (_, options) => new Promise((_, reject) => options?.signal?.addEventListener("abort", () => {
    aborted = true;
    reject(options.signal?.reason as Error);
  }));
  const stop = new AbortController();
  const refreshing = engine.refresh({ signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 20);
  await assert.rejects(refreshing, /enough/);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(aborted, true);
  await assert.rejects(engine.refresh({ signal: AbortSignal.abort(new Error("before")) }), /before/);
  network = catalogueFetch();
  await engine.close();
});

test("columns are handed over, not copied; embeddings come whole", { skip }, async () => {
  const { engine } = await open();
  assert.equal((await engine.embedding(songId(3)))?.length, 16);
  const columns = { songs: Uint32Array.of(1, 2), at: Float64Array.of(1e12, 2e12), behaviour: Uint8Array.of(1, 0), heard: Float32Array.of(1, 0.2) };
  const taken = await engine.importHistory(columns).catch(() => 2);
  assert.equal(taken, 2);
  assert.deepEqual([columns.songs.length, columns.at.length, columns.heard.length], [0, 0, 0]);
  await engine.close();
});

test("nothing but the engine's face can be called", { skip }, async () => {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  serve(port2 as unknown as Port, { Sottovoce, init });
  port2.start();
  const answers: { id: number; failed?: { message: string } }[] = [];
  port1.addEventListener("message", ({ data }) => answers.push(data as never));
  port1.start();
  const ask = (question: object) => port1.postMessage(question);
  ask({ id: 1, open: { server: "http://songs.test/", store: "memory" } });
  while (!answers.some(({ id }) => id === 1)) await new Promise((resolve) => setTimeout(resolve, 5));
  ask({ id: 2, call: "constructor", args: [], signalled: false });
  ask({ id: 3, read: "door" });
  while (!answers.some(({ id }) => id === 3)) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(answers.find(({ id }) => id === 2)?.failed?.message ?? "", /cannot be called/);
  assert.match(answers.find(({ id }) => id === 3)?.failed?.message ?? "", /cannot be read/);
  ask({ id: 4, close: true });
  while (!answers.some(({ id }) => id === 4)) await new Promise((resolve) => setTimeout(resolve, 5));
  port1.close();
});
