import assert from "node:assert/strict";
import { test } from "node:test";
import { audit, songsIn } from "../src/audit.js";
import { formAt, looksUniform, readMessage } from "../src/messages.js";
import { randomBytes } from "node:crypto";

const KEY = "0123456789abcdef0123456789abcdef";

/** `[1, kind, [round, weights, values]]` as the engine writes it. */
function message(values, { kind = 64, round = 7, extra = [] } = {}) {
  const tensor = Buffer.from(Float32Array.from(values).buffer);
  const count = 3 + extra.length;
  return Buffer.concat([Buffer.from([0x83, 1, ...(kind < 24 ? [kind] : [0x18, kind]), 0x80 + count, round, 2, 0x58, tensor.length]), tensor, Buffer.from(extra)]);
}

const put = (body, url = `/v1/rounds/7/updates/${KEY}`) => ({ method: "PUT", url, headers: { "content-type": "application/vnd.sottovoce.v1+cbor" }, body, status: 201 });
const get = (url, headers = {}) => ({ method: "GET", url, headers, body: Buffer.alloc(0) });

/** `[1, kind, fields]` of byte strings and small whole numbers. */
function secure(kind, fields) {
  const one = (field) =>
    typeof field === "number" ? Buffer.from([field]) : Buffer.concat([Buffer.from([0x5a, 0, field.length >> 16, (field.length >> 8) & 255, field.length & 255]), field]);
  return Buffer.concat([Buffer.from([0x83, 1, 0x18, kind, 0x80 + fields.length]), ...fields.map(one)]);
}

const [name, hash, seal] = [Buffer.alloc(32, 0xab), Buffer.alloc(32, 1), Buffer.alloc(64, 2)];
const hex = "ab".repeat(32);
const join = secure(67, [hash, name, hash, hash, hash, Buffer.alloc(96 * 3), seal]);
const report = (body) => secure(68, [name, hash, body, seal]);

test("a weight update is read", () => {
  const at = formAt(`/v1/rounds/7/updates/${KEY}`);
  assert.deepEqual(readMessage(at, message([0.5, -0.25])).round, 7);
});

test("anything else, or anything more, is no weight update", () => {
  const read = (body) => readMessage(formAt(`/v1/rounds/7/updates/${KEY}`), body);
  assert.throws(() => read(message([1], { kind: 1 })), /kind 1/);
  assert.throws(() => read(message([1], { extra: [12] })), /nothing else/);
  assert.throws(() => read(Buffer.concat([message([1]), Buffer.from([12])])), /after the CBOR value/);
  assert.throws(() => read(Buffer.from('{"song":12}')), Error);
  const { violations } = audit([put(message([Number.NaN]))]);
  assert.match(violations[0], /finite/);
});

test("the messages of a secure round are read where they belong, and nowhere else", () => {
  const places = [
    [`/v1/members/${hex}`, secure(66, [name, hash, 9, seal])],
    [`/v1/rounds/7/joins/${hex}`, join],
    [`/v1/rounds/7/reports/${hex}`, report(randomBytes(20_000))],
    ["/v1/rounds/7/votes/3", secure(69, [3, hash, seal])],
    ["/v1/rounds/7/disclosures/3", secure(70, [3, hash, Buffer.alloc(64), seal])],
  ];
  const all = audit(places.map(([path, body]) => put(body, path)));
  assert.deepEqual(all.violations, []);
  assert.deepEqual(all.messages.map(({ form }) => form), ["member", "join", "report", "vote", "disclosure"]);
  for (const [path] of places) {
    const own = places.find(([place]) => place === path);
    for (const [, body] of places.filter((other) => other !== own)) {
      assert.equal(audit([put(body, path)]).violations.length, 1, path);
    }
    assert.equal(audit([put(Buffer.concat([own[1], Buffer.from([12])]), path)]).violations.length, 1, `${path}: more than the message`);
  }
  assert.equal(audit([put(join, `/v1/rounds/7/joins/${"cd".repeat(32)}`)]).violations.length, 1, "another's name");
});

test("a report that is not under masks is noticed", () => {
  const plain = Buffer.from(Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) / 100).buffer);
  assert.throws(() => looksUniform(plain), /not uniform/);
  assert.throws(() => looksUniform(Buffer.alloc(20_000)), /not uniform/);
  for (let i = 0; i < 50; i += 1) looksUniform(randomBytes(20_000));
  assert.equal(audit([put(report(plain), `/v1/rounds/7/reports/${hex}`)]).violations.length, 1);
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
  const { messages, violations, contributing } = audit(requests, { heard: [12], etags: new Set(['"a1"']) });
  assert.deepEqual(violations, []);
  assert.equal(messages.length, 1);
  assert.equal(messages[0].bytes, requests.at(-1).body.length);
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
