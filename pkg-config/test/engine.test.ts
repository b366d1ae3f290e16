import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { MEDIA_TYPE } from "../src/http.js";
import { Sottovoce, codeOf, init, memoryStore, songId, type OpenOptions } from "../src/index.js";
import { DIMENSION, SONGS, shard } from "./catalogue.js";
import { float, list, message, tensor, uint } from "./cbor.js";

const [ATTENTION, HIDDEN] = [4, 8];
const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

/** A little server with the product's addresses, and everything it was asked. */
const asked: { method: string; url: string; bytes: number; headers: IncomingMessage["headers"] }[] = [];
let url = "";
let roundOpen = true;
let round = 9;
let late = false;
let refuse = 0;
let weights = 0;
const server = createServer(async (request, response) => {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Uint8Array).length;
  const path = request.url ?? "";
  asked.push({ method: request.method ?? "", url: path, bytes, headers: request.headers });
  if (refuse) return response.writeHead(refuse).end("{}");
  const cbor = (body: Uint8Array, status = 200) => response.writeHead(status, { "content-type": MEDIA_TYPE }).end(body);
  if (path === "/v1/catalogue") {
    const shard = { index: 0, songs: SONGS, bytes: 0, etag: '"0"', metadata: "/v1/s", embeddings: "/v1/e" };
    return response.end(JSON.stringify({ name: "test", songs: SONGS, dimension: DIMENSION, shards: [shard] }));
  }
  if (path === "/v1/s") return response.end(JSON.stringify(Array.from({ length: SONGS }, (_, id) => ({ id, title: `T${id}`, artist: `A${id % 50}`, artist_id: id % 50 }))));
  if (path === "/v1/e") return cbor(shard());
  if (path === "/v1/tower/weights") return cbor(message(2, list(uint(5), list(...[DIMENSION, ATTENTION, HIDDEN, 2, 2, 0].map(uint)), tensor(new Float32Array(weights).fill(0.01)))));
  if (path === "/v1/rounds") return response.end(JSON.stringify({ rounds: [{ round: 9, state: "open", updates: 1, cohort: 4, opened_at: 1, closes_at: 2, closed_at: null, weights_from: 5, weights_to: null, clip_norm: 1 }] }));
  if (path === "/v1/rounds/next") {
    if (!roundOpen) return response.writeHead(204, { "retry-after": "7" }).end();
    return cbor(message(3, list(uint(round), uint(5), uint(4), uint(2 ** 41), uint(1), uint(8), float(0.05), uint(4), uint(64), float(1), float(0))));
  }
  if (request.method === "PUT") {
    const [answered, status, code] = late ? [round, 2, 409] : [round, 0, 201];
    if (late) [late, round] = [false, round + 1];
    return cbor(message(4, list(uint(answered), uint(status))), code);
  }
  return response.writeHead(404).end("{}");
});

before(async () => {
  if (skip) return;
  await init(await readFile(WASM));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The engine itself says how many weights its shape needs.
  const said = await open().then(() => ({}), (error: { expected?: number }) => error);
  weights = (said as { expected?: number }).expected ?? 0;
  assert.ok(weights > 0, String(said));
});

after(() => {
  server.closeAllConnections();
  server.close();
});

function open(options: OpenOptions = {}): Promise<Sottovoce> {
  return Sottovoce.open({ server: url, store: "memory", seed: 7n, rounds: "open", ...options });
}

/** Hears `count` songs: likes some, skips some. */
function hear(engine: Sottovoce, count: number): void {
  for (let i = 0; i < count; i++) {
    const [song] = engine.recommend({ k: 1 });
    assert.ok(song !== undefined);
    engine.observe({ song, slot: 0, shownAt: 1000 * i, at: 1000 * i + 900, feedback: i % 3 ? { kind: "complete" } : { kind: "skip", heard: 0.1 } });
  }
}

test("a skip changes the queue, undo changes it back, and every song has its reason", { skip }, async () => {
  const engine = await open();
  const first = engine.recommend({ k: 30 });
  assert.equal(new Set(first).size, 30);
  const reasons = engine.explain();
  assert.deepEqual(reasons.map(({ song }) => song), first);
  assert.ok(reasons.every(({ text, diversity }) => text && Number.isFinite(diversity)));
  const [song] = first;
  assert.ok(song !== undefined);
  engine.observe({ song, slot: 0, shownAt: Date.now(), feedback: { kind: "skip", heard: 0.05 } });
  assert.notDeepEqual(engine.recommend({ k: 30 }), first);
  assert.equal(engine.seen, 1);
  assert.equal(engine.undo(), song);
  assert.equal(engine.undo(), undefined);
  assert.equal(engine.seen, 0);
  await engine.close();
});

test("without consent nothing about rounds is asked, and nothing goes up", { skip }, async () => {
  asked.length = 0;
  const engine = await open();
  hear(engine, 12);
  await engine.refresh();
  assert.equal(await engine.contribute().then(() => "", codeOf), "consent/off");
  assert.equal(await engine.rounds().then(() => "", codeOf), "consent/off");
  engine.setConsent(true);
  engine.setConsent(false);
  assert.equal(await engine.contribute().then(() => "", codeOf), "consent/off");
  await engine.close();
  assert.deepEqual(asked.filter((each) => each.url.includes("rounds") || each.method !== "GET" || each.bytes > 0), []);
});

test("with consent one update goes up, and the ledger is what the server saw", { skip }, async () => {
  asked.length = 0;
  const engine = await open();
  hear(engine, 12);
  engine.setConsent(true);
  const [result, same] = await Promise.all([engine.contribute(), engine.contribute()]);
  assert.equal(result, same);
  assert.ok(result.kind === "sent" && result.status === "accepted" && result.examples > 0);
  assert.equal((await engine.contribute()).kind, "nothing-to-learn");
  const up = asked.filter(({ method }) => method === "PUT");
  assert.equal(up.length, 1);
  assert.match(up[0]?.url ?? "", /^\/v1\/rounds\/9\/updates\/[0-9a-f]{32}$/);
  const { sentMessages, sentBytes, entries } = engine.ledger();
  assert.deepEqual([sentMessages, sentBytes], [1, up[0]?.bytes]);
  assert.deepEqual(entries.filter(({ direction }) => direction === "up").map(({ bytes }) => bytes), [up[0]?.bytes]);
  assert.equal((await engine.rounds())[0]?.cohort, 4);
  assert.equal(engine.ledger().roundChecks.messages, 1);
  await engine.close();
});

test("an update that could not be sent waits, under its key, and survives a restart", { skip }, async () => {
  const store = memoryStore();
  const engine = await open({ store });
  hear(engine, 6);
  engine.setConsent(true);
  asked.length = 0;
  const broken: typeof fetch = async (input, options) => {
    if (options?.method === "PUT") throw new TypeError("connection lost");
    return fetch(input, options);
  };
  await engine.close();
  const cut = await open({ store, fetch: broken });
  assert.equal(await cut.contribute().then(() => "", codeOf), "server/away");
  assert.equal(cut.ledger().sentMessages, 0);
  await cut.close();
  const again = await open({ store });
  assert.equal(again.seen, 6);
  const result = await again.contribute();
  assert.ok(result.kind === "sent" && result.status === "accepted");
  assert.equal(again.ledger().sentMessages, 1);
  await again.close();
});

test("a round that closed meanwhile is no loss: the next one gets an update of its own", { skip }, async () => {
  const engine = await open();
  hear(engine, 6);
  engine.setConsent(true);
  asked.length = 0;
  late = true;
  const result = await engine.contribute();
  assert.ok(result.kind === "sent" && result.status === "accepted" && result.round === 10);
  const keys = asked.filter(({ method }) => method === "PUT").map(({ url }) => url.split("/").at(-1));
  assert.equal(new Set(keys).size, 2);
  assert.equal(engine.ledger().sentMessages, 2);
  round = 9;
  await engine.close();
});

test("no open round says when to ask again", { skip }, async () => {
  const engine = await open();
  engine.setConsent(true);
  roundOpen = false;
  assert.deepEqual(await engine.contribute(), { kind: "no-round", retryAfterMs: 7000 });
  roundOpen = true;
  await engine.close();
});

test("after deletion nothing is left, here or in the store", { skip }, async () => {
  const store = memoryStore();
  const engine = await open({ store });
  hear(engine, 8);
  engine.keep("queue", [1, 2]);
  engine.setConsent(true);
  const exported = engine.exportData();
  assert.deepEqual((exported["page"] as Record<string, unknown>)["queue"], [1, 2]);
  assert.deepEqual(JSON.parse(JSON.stringify(exported)), exported);
  const { storeEmpty, nothingPending, seen } = await engine.deleteData();
  assert.deepEqual({ storeEmpty, nothingPending, seen }, { storeEmpty: true, nothingPending: true, seen: 0 });
  assert.deepEqual(await store.load(), { slots: [] });
  assert.equal(engine.consent, false);
  assert.equal(engine.kept("queue"), undefined);
  assert.equal(engine.ledger().entries.length, 0);
  assert.deepEqual(engine.history(), []);
  await engine.close();
});

test("what came down is told byte for byte, before and after a restart", { skip }, async () => {
  const store = memoryStore();
  const expected = ["catalogue", "song list", "catalogue shard", "tower weights"];
  for (const visits of [1, 2]) {
    const engine = await open({ store });
    const down = engine.ledger().entries.map(({ message }) => message).sort();
    assert.deepEqual(down, Array.from({ length: visits }, () => expected).flat().sort());
    assert.ok(engine.ledger().entries.every(({ bytes, meaning, direction }) => bytes > 0 && meaning && direction === "down"));
    await engine.close();
  }
});

test("history comes back as it went in", { skip }, async () => {
  const engine = await open();
  const event = { song: songId(3), slot: 2, shownAt: 100, at: 200, feedback: { kind: "skip", heard: 0.25 } } as const;
  engine.observe(event);
  const [back] = engine.history();
  assert.deepEqual({ song: back?.song, slot: back?.slot, shownAt: back?.shownAt, at: back?.at, feedback: back?.feedback }, event);
  await engine.close();
});

test("a skip may say how long it sounded: the share comes of the song's length, and is 0 where none is known", { skip }, async () => {
  const engine = await open();
  const [known, unknown] = [songId(3), songId(4)];
  await engine.addSongs([{ song: { ...engine.songs.get(known)!, durationMs: 200_000 }, embedding: new Float32Array(DIMENSION).fill(0.1) }]);
  const skip = { slot: 0, shownAt: 100, at: 200, feedback: { kind: "skip" } } as const;
  engine.observe({ ...skip, song: known, playedMs: 50_000 });
  engine.observe({ ...skip, song: known, playedMs: 900_000 });
  engine.observe({ ...skip, song: unknown, playedMs: 50_000 });
  // What the page says itself goes before what can be made out.
  engine.observe({ ...skip, song: known, playedMs: 50_000, feedback: { kind: "skip", heard: 0.5 } });
  assert.deepEqual(engine.history().map(({ feedback }) => feedback), [0.25, 1, 0, 0.5].map((heard) => ({ kind: "skip", heard })));
  await engine.close();
});

test("errors name themselves: unknown song, closed engine, server away", { skip }, async () => {
  const engine = await open();
  assert.throws(() => engine.observe({ song: songId(SONGS), slot: 0, shownAt: 0, feedback: { kind: "like" } }), (error) => codeOf(error) === "song/unknown");
  await engine.close();
  assert.throws(() => engine.recommend(), (error) => codeOf(error) === "engine/closed");
  refuse = 503;
  assert.equal(await open().then(() => "", codeOf), "server/busy");
  refuse = 0;
  assert.equal(await open({ server: "http://127.0.0.1:9" }).then(() => "", codeOf), "server/away");
});
