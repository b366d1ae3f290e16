import assert from "node:assert/strict";
import { test } from "node:test";
import { audit, readUpdate, songsIn } from "../src/audit.js";

const KEY = "0123456789abcdef0123456789abcdef";

/** `[1, kind, [round, weights, values]]` as the engine writes it. */
function message(values, { kind = 64, round = 7, extra = [] } = {}) {
  const tensor = Buffer.from(Float32Array.from(values).buffer);
  const count = 3 + extra.length;
  return Buffer.concat([Buffer.from([0x83, 1, ...(kind < 24 ? [kind] : [0x18, kind]), 0x80 + count, round, 2, 0x58, tensor.length]), tensor, Buffer.from(extra)]);
}

const put = (body, url = `/v1/rounds/7/updates/${KEY}`) => ({ method: "PUT", url, headers: { "content-type": "application/vnd.sottovoce.v1+cbor" }, body, status: 201 });
const get = (url, headers = {}) => ({ method: "GET", url, headers, body: Buffer.alloc(0) });

test("a weight update is read", () => {
  const { round, weights, values } = readUpdate(message([0.5, -0.25]));
  assert.deepEqual([round, weights, [...values]], [7, 2, [0.5, -0.25]]);
});

test("anything else, or anything more, is no weight update", () => {
  assert.throws(() => readUpdate(message([1], { kind: 1 })), /kind 1/);
  assert.throws(() => readUpdate(message([1], { extra: [12] })), /nothing else/);
  assert.throws(() => readUpdate(Buffer.concat([message([1]), Buffer.from([12])])), /after the CBOR value/);
  assert.throws(() => readUpdate(message([Number.NaN])), /finite/);
  assert.throws(() => readUpdate(Buffer.from('{"song":12}')), Error);
});

test("the number of a song hidden among the weights is found", () => {
  const values = Float32Array.from([0, 0.1, 0, 0.2]);
  new Uint32Array(values.buffer)[2] = 4711;
  assert.deepEqual(songsIn(values, [0, 12, 4711]), [4711]);
  assert.deepEqual(songsIn(Float32Array.from([0, 0.1]), [0, 12, 4711]), []);
});

test("a listener's ordinary traffic is in order", () => {
  const requests = [
    get("/"),
    get("/assets/app-3f2a.js", { "user-agent": "x", "sec-fetch-mode": "cors" }),
    get("/v1/catalogue"),
    get("/v1/catalogue/shards/0/embeddings", { "if-none-match": '"a1"' }),
    get("/v1/tower/weights"),
    get("/v1/rounds/next"),
    put(message([0.5])),
  ];
  const { updates, violations, contributing } = audit(requests, { heard: [12], etags: new Set(['"a1"']) });
  assert.deepEqual(violations, []);
  assert.equal(updates.length, 1);
  assert.equal(updates[0].bytes, requests.at(-1).body.length);
  assert.equal(contributing.length, 2);
});

test("each way out is noticed", () => {
  const leaks = [
    get("/v1/candidates?k=100&seed=12"),
    get("/v1/catalogue?after=12"),
    get("/pixel.gif?song=12"),
    get("/v1/songs/12"),
    get("/v1/catalogue", { cookie: "song=12" }),
    get("/v1/catalogue", { "x-song": "12" }),
    get("/v1/catalogue", { "if-none-match": '"song-12"' }),
    get("/v1/catalogue", { referer: "http://127.0.0.1:1/?song=12" }),
    { ...get("/v1/catalogue"), body: Buffer.from([12]) },
    { ...put(message([0.5])), method: "POST" },
    put(message([0.5]), "/v1/events"),
    put(message([0.5]), `/v1/rounds/8/updates/${KEY}`),
    put(message([0.5]), "/v1/rounds/7/updates/song-12"),
    put(Buffer.from("{}")),
    { method: "UPGRADE", url: "/socket", headers: {}, body: Buffer.alloc(0) },
  ];
  for (const leak of leaks) {
    const { violations } = audit([leak], { heard: [12] });
    assert.equal(violations.length > 0, true, `${leak.method} ${leak.url} went unnoticed`);
  }
});
