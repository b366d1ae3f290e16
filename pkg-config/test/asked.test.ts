import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { MEDIA_TYPE } from "../src/http.js";
import { Sottovoce, codeOf, init, memoryStore, type FullOptions } from "../src/full.js";
import { DIMENSION, SONGS, shard } from "./catalogue.js";
import { list, message, tensor, uint } from "./cbor.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

/** A little server that answers every question with the same songs, and everything it was asked. */
const asked: { method: string; url: string; body: Buffer; headers: IncomingMessage["headers"] }[] = [];
let url = "";
let etag = '"0"';
let weights = 0;
let refuse = 0;
let hold: Promise<void> | undefined;
const server = createServer(async (request, response) => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const path = request.url ?? "";
  asked.push({ method: request.method ?? "", url: path, body: Buffer.concat(chunks), headers: request.headers });
  const titles = () => JSON.stringify(Array.from({ length: SONGS }, (_, id) => ({ id, title: `T${id}`, artist: `A${id % 50}`, artist_id: id % 50 })));
  const cbor = (body: Uint8Array) => response.writeHead(200, { "content-type": MEDIA_TYPE }).end(body);
  if (path === "/v1/catalogue") {
    const one = { index: 0, songs: SONGS, bytes: 0, etag, metadata: "/v1/s", embeddings: "/v1/e" };
    return response.end(JSON.stringify({ name: "test", songs: SONGS, dimension: DIMENSION, shards: [one] }));
  }
  if (path === "/v1/tower/weights") return cbor(message(2, list(uint(5), list(...[DIMENSION, 4, 8, 2, 2, 0].map(uint)), tensor(new Float32Array(weights).fill(0.01)))));
  if (request.method === "POST") {
    await hold;
    if (refuse) return response.writeHead(refuse).end("{}");
    if (path === "/v1/recall") return cbor(shard());
    if (path === "/v1/recall/songs") return response.end(titles());
  }
  if (path === "/v1/s") return response.end(titles());
  if (path === "/v1/e") return cbor(shard());
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

function open(options: FullOptions = {}): Promise<Sottovoce> {
  return Sottovoce.open({ server: url, store: "memory", seed: 7n, catalogue: "asked", ...options });
}

const posts = () => asked.filter(({ method }) => method === "POST");

test("without consent to recall nothing is downloaded and nothing is asked", { skip }, async () => {
  asked.length = 0;
  const engine = await open();
  assert.equal(engine.songs.size, 0);
  assert.deepEqual(engine.recommend(), []);
  assert.equal(await engine.fetchCandidates().then(() => "", codeOf), "consent/off");
  engine.setConsent(true); // for the rounds: another purpose
  assert.equal(await engine.fetchCandidates().then(() => "", codeOf), "consent/off");
  engine.setConsent({ recall: true });
  engine.setConsent({ recall: false });
  assert.equal(await engine.fetchCandidates().then(() => "", codeOf), "consent/off");
  await engine.close();
  assert.deepEqual(asked.map(({ method, url: path }) => `${method} ${path}`), ["GET /v1/catalogue", "GET /v1/tower/weights"]);
});

test("with consent one noised question brings songs and titles, and the ledger is what the server saw", { skip }, async () => {
  asked.length = 0;
  const engine = await open();
  const causes: string[] = [];
  engine.on("change", ({ cause }) => causes.push(cause));
  engine.setConsent({ recall: true });
  const [result, same] = await Promise.all([engine.fetchCandidates(), engine.fetchCandidates()]);
  assert.equal(result, same);
  assert.ok(result.kind === "asked");
  assert.deepEqual([result.songs, result.added, engine.songs.size], [SONGS, SONGS, SONGS]);
  assert.equal(engine.recommend({ k: 30 }).length, 30);
  assert.equal(engine.songs.get(engine.recommend({ k: 1 })[0]!)?.title.startsWith("T"), true);
  assert.deepEqual(posts().map(({ url: path }) => path), ["/v1/recall", "/v1/recall/songs"]);
  const [first, second] = posts();
  assert.deepEqual(first?.body, second?.body);
  // Envelope, number of songs, dimension; four directions of a byte a coordinate.
  assert.equal(first?.body.length, result.bytes);
  assert.equal(result.bytes, 11 + 4 * DIMENSION);
  for (const name of ["cookie", "referer", "authorization"]) assert.equal(first?.headers[name], undefined);
  const { sentMessages, sentBytes, entries } = engine.ledger();
  assert.deepEqual([sentMessages, sentBytes], [2, 2 * result.bytes]);
  assert.deepEqual(entries.filter(({ direction }) => direction === "up").map(({ message: name }) => name), ["recall query", "recall query"]);
  assert.deepEqual(entries.slice(-1).map(({ message: name }) => name), ["recall titles"]);
  assert.deepEqual(engine.recallAccount, { questions: 1, epsilon: 200 });
  assert.deepEqual(await engine.fetchCandidates(), { kind: "kept", why: "fresh" });
  assert.equal(posts().length, 2);
  assert.ok(causes.includes("songs"));
  await engine.close();
});

test("noise differs from device to device, though the seed be the same", { skip }, async () => {
  asked.length = 0;
  for (let i = 0; i < 2; i++) {
    const engine = await open();
    engine.setConsent({ recall: true });
    await engine.fetchCandidates();
    await engine.close();
  }
  const [a, , b] = posts();
  assert.equal(a?.body.length, b?.body.length);
  assert.notDeepEqual(a?.body, b?.body);
});

test("songs and account survive a restart, and another catalogue is asked anew", { skip }, async () => {
  const store = memoryStore();
  const first = await open({ store });
  first.setConsent({ recall: true });
  await first.fetchCandidates();
  const [song] = first.recommend({ k: 1 });
  await first.observe({ song: song!, slot: 0, shownAt: 1, at: 2, feedback: { kind: "complete" } });
  await first.close();
  asked.length = 0;
  const again = await open({ store });
  assert.deepEqual([again.songs.size, again.seen, again.consents.recall], [SONGS, 1, true]);
  assert.equal(again.recommend({ k: 30 }).length, 30);
  assert.equal((await again.fetchCandidates()).kind, "kept");
  assert.deepEqual(again.recallAccount, { questions: 1, epsilon: 200 });
  assert.equal(posts().length, 0);
  await again.close();
  etag = '"1"';
  const other = await open({ store });
  etag = '"0"';
  assert.equal(other.songs.size, 0);
  assert.equal((await other.fetchCandidates()).kind, "asked");
  assert.equal(other.recallAccount.questions, 2);
  await other.close();
});

test("a lost question is sent again as it was, a refused one is dropped", { skip }, async () => {
  asked.length = 0;
  const engine = await open();
  engine.setConsent({ recall: true });
  refuse = 503;
  assert.equal(await engine.fetchCandidates().then(() => "", codeOf), "server/busy");
  refuse = 0;
  assert.equal((await engine.fetchCandidates()).kind, "asked");
  assert.deepEqual(posts()[0]?.body, posts()[1]?.body);
  assert.equal(engine.recallAccount.questions, 1);
  await engine.close();
  const refused = await open();
  refused.setConsent({ recall: true });
  refuse = 422;
  assert.equal(await refused.fetchCandidates().then(() => "", codeOf), "server/refused");
  refuse = 0;
  assert.equal((await refused.fetchCandidates()).kind, "asked");
  assert.equal(refused.recallAccount.questions, 2);
  await refused.close();
});

test("consent withdrawn while a question is away stops it, and nothing comes in", { skip }, async () => {
  const engine = await open();
  engine.setConsent({ recall: true });
  let free = () => {};
  hold = new Promise((resolve) => (free = resolve));
  asked.length = 0;
  const away = engine.fetchCandidates().then(() => "", codeOf);
  while (posts().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  engine.setConsent({ recall: false });
  assert.equal(await away, "consent/off");
  free();
  hold = undefined;
  assert.equal(engine.songs.size, 0);
  assert.equal(posts().length, 1);
  await engine.close();
});

test("deleting takes the songs that were asked for, and a whole catalogue is never asked for", { skip }, async () => {
  const engine = await open();
  engine.setConsent({ recall: true });
  await engine.fetchCandidates();
  await engine.deleteData();
  assert.deepEqual([engine.songs.size, engine.recommend(), engine.consents.recall], [0, [], false]);
  assert.deepEqual(engine.recallAccount, { questions: 0, epsilon: 0 });
  await engine.close();
  asked.length = 0;
  const whole = await open({ catalogue: "whole" });
  whole.setConsent({ recall: true });
  assert.deepEqual(await whole.fetchCandidates(), { kind: "kept", why: "whole" });
  assert.deepEqual([whole.songs.size, posts().length], [SONGS, 0]);
  await whole.close();
});
