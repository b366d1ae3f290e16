import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { startWire } from "../src/wire.js";

test("the wire passes everything on and keeps what went up", async () => {
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on("data", (chunk) => (bytes += chunk.length));
    request.on("end", () => response.writeHead(request.method === "PUT" ? 201 : 200, { etag: '"e1"' }).end(`${request.method} ${request.url} ${bytes}`));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const wire = await startWire(`http://127.0.0.1:${server.address().port}`);
  try {
    const got = await fetch(`${wire.url}/v1/catalogue?x=1`);
    assert.equal(await got.text(), "GET /v1/catalogue?x=1 0");
    const body = new Uint8Array(200_000).fill(7);
    const put = await fetch(`${wire.url}/v1/rounds/1/updates/k`, { method: "PUT", body });
    assert.equal(put.status, 201);
    assert.equal(await put.text(), "PUT /v1/rounds/1/updates/k 200000");
    assert.deepEqual(wire.requests.map(({ method, url, status }) => [method, url, status]), [
      ["GET", "/v1/catalogue?x=1", 200],
      ["PUT", "/v1/rounds/1/updates/k", 201],
    ]);
    assert.deepEqual(new Uint8Array(wire.requests[1].body), body);
    assert.equal(wire.etags.has('"e1"'), true);
  } finally {
    await wire.close();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a server that is gone is a 502, not a hang", async () => {
  const wire = await startWire("http://127.0.0.1:1");
  try {
    assert.equal((await fetch(`${wire.url}/`)).status, 502);
  } finally {
    await wire.close();
  }
});

/** A server that answers everything with its name. */
async function named(name) {
  const server = createServer((request, response) => request.resume().on("end", () => response.end(name)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const end = () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
  return { url: `http://127.0.0.1:${server.address().port}`, end };
}

test("several servers take turns, and who is gone is passed over", async () => {
  const [a, b] = [await named("a"), await named("b")];
  const wire = await startWire([a.url, b.url]);
  const ask = async () => (await fetch(wire.url, { method: "PUT", body: "x" })).text();
  try {
    assert.deepEqual([await ask(), await ask(), await ask()], ["a", "b", "a"]);
    await a.end();
    assert.deepEqual(await Promise.all([ask(), ask(), ask(), ask()]), ["b", "b", "b", "b"]);
    assert.equal(wire.requests.length, 7);
  } finally {
    await wire.close();
    await b.end();
  }
});

test("an answer is held back while what was told of its request is under way", async () => {
  const server = await named("a");
  const steps = [];
  let go;
  const passing = ({ url }) => (url === "/held" ? new Promise((resolve) => (go = resolve)) : undefined);
  const wire = await startWire(server.url, { passing });
  try {
    const held = fetch(`${wire.url}/held`).then(() => steps.push("held"));
    while (!go) await new Promise((resolve) => setTimeout(resolve, 5));
    await fetch(`${wire.url}/other`).then(() => steps.push("other"));
    go();
    await held;
    assert.deepEqual(steps, ["other", "held"]);
  } finally {
    await wire.close();
    await server.end();
  }
});
