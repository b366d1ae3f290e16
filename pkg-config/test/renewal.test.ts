// Songs that rounds have moved: who gets newer weights gets the songs that belong to them, and only what has changed of them.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, test } from "node:test";
import type { Door } from "../src/door.js";
import { Http, MEDIA_TYPE } from "../src/http.js";
import { Sottovoce, init, replay, type OpenOptions } from "../src/index.js";
import { carry } from "../src/secure/carry.js";
import { DIMENSION, SONGS, catalogueFetch, shard } from "./catalogue.js";
import { list, message, tensor, uint } from "./cbor.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";

/** A server at some version of the weights; every second version moves the songs. */
let version = 5;
let length = 0;
const asked: string[] = [];
const network: typeof fetch = async (input, options) => {
  const { pathname } = new URL(String(input));
  asked.push(pathname);
  const moved = version >> 1;
  const bytes = (body: Uint8Array) => new Response(body as Uint8Array<ArrayBuffer>, { headers: { etag: `"${moved}"`, "content-type": MEDIA_TYPE } });
  if (pathname === "/v1/e") return bytes(shard(moved));
  if (pathname === "/v1/tower/weights") {
    const shape = list(...[DIMENSION, 4, 8, 2, 2, 0].map(uint));
    return bytes(message(2, list(uint(version), shape, tensor(Float32Array.from({ length }, (_, i) => ((i * 7 + version) % 13) / 50 - 0.1)))));
  }
  return catalogueFetch("test", `"${moved}"`)(input, options);
};
const open = (options: OpenOptions = {}) => Sottovoce.open({ server: "http://songs.test/", fetch: network, store: "memory", seed: 7n, ...options });

before(async () => {
  if (skip) return;
  await init(await readFile(WASM));
  // The engine itself says how many weights its shape needs.
  const said = await open().then(() => ({}), (error: { expected?: number }) => error);
  length = (said as { expected?: number }).expected ?? 0;
  assert.ok(length > 0, String(said));
});

test("newer weights bring the songs that they have moved, once, and nothing else", { skip }, async () => {
  version = 5;
  const engine = await open({ record: true });
  for (let i = 0; i < 6; i++) {
    const [song] = engine.recommend({ k: 1 });
    engine.observe({ song: song!, slot: 0, shownAt: 1000 * i, at: 1000 * i + 900, feedback: { kind: "complete" } });
  }
  const before = engine.recommend({ k: 30 });
  asked.length = 0;
  assert.equal(await engine.refresh(), false);
  assert.deepEqual(asked, ["/v1/tower/weights"]);

  version = 6;
  asked.length = 0;
  assert.equal(await engine.refresh(), true);
  assert.deepEqual(asked, ["/v1/tower/weights", "/v1/catalogue", "/v1/e"]);
  const after = engine.recommend({ k: 30 });
  assert.notDeepEqual(after, before);
  assert.deepEqual([engine.seen, engine.songs.size], [6, SONGS], "what was heard and what songs are called stays");

  // A recording goes on from there, over the songs as they are now.
  const file = engine.replayFile();
  assert.deepEqual(await replay(file, { server: "http://songs.test/", fetch: network }), { same: true, lists: [after] });

  version = 7;
  asked.length = 0;
  assert.equal(await engine.refresh(), true);
  assert.deepEqual(asked, ["/v1/tower/weights", "/v1/catalogue"], "songs that lie where they lay are not fetched");
  await engine.close();
});

test("a device fetches the songs before the block of a round that moves them", { skip }, async () => {
  const order: string[] = [];
  const answered: [number, number][] = [];
  const door = { roundAnswer: (status: number, body: Uint8Array) => answered.push([status, body.length]) } as unknown as Door;
  const fetched: typeof fetch = async (input) => {
    order.push(new URL(String(input)).pathname);
    return new Response(Uint8Array.of(1, 2, 3));
  };
  const http = new Http({ server: new URL("http://songs.test/"), fetch: fetched, received: () => {}, reached: () => {} });
  const means = {
    door, http, signal: new AbortController().signal, known: new Map(), left: () => {}, weights: () => {}, leaving: async () => {}, settled: () => {},
    keep: async (bytes: Uint8Array) => bytes,
    songs: async () => void order.push("songs"),
  };
  await carry({ kind: "get", path: "v1/rounds/3/rosters/ab" }, means);
  await carry({ kind: "get", path: "v1/rounds/3/blocks/0" }, means);
  assert.deepEqual(order, ["/v1/rounds/3/rosters/ab", "songs", "/v1/rounds/3/blocks/0"]);
  assert.deepEqual(answered, [[200, 3], [200, 3]]);
});
