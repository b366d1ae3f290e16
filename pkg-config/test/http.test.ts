import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Http, MEDIA_TYPE, retryAfter } from "../src/http.js";
import { codeOf } from "../src/errors.js";
import { offer, rounds, send } from "../src/rounds.js";

/** A real server for one test, and what it was asked. */
async function served(answer: (request: IncomingMessage, response: ServerResponse) => void, use: (http: Http, log: Log) => Promise<void>) {
  const log: Log = { received: [], online: [], requests: [] };
  const server = createServer((request, response) => {
    log.requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const http = new Http({
    server: new URL(`http://127.0.0.1:${port}/`),
    fetch,
    received: (message, bytes) => log.received.push([message, bytes]),
    reached: (online) => log.online.push(online),
  });
  try {
    await use(http, log);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

interface Log {
  received: [string, number][];
  online: boolean[];
  requests: { method: string; url: string; headers: IncomingMessage["headers"] }[];
}

async function codeThrown(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(() => undefined, codeOf);
}

test("a download says nothing of who asks, and is told byte for byte", () =>
  served(
    (_, response) => response.end("12345"),
    async (http, { received, requests }) => {
      assert.equal((await http.weights()).length, 5);
      assert.deepEqual(received, [["tower weights", 5]]);
      const { url, headers } = requests[0] ?? assert.fail();
      assert.equal(url, "/v1/tower/weights");
      assert.equal(headers.accept, MEDIA_TYPE);
      for (const name of ["cookie", "referer", "authorization"]) assert.equal(headers[name], undefined);
    },
  ));

test("an update goes out under its key, and a closed round still gives its receipt", () =>
  served(
    (_, response) => {
      response.statusCode = 409;
      response.end("late");
    },
    async (http, { requests }) => {
      let left = 0;
      const receipt = await send(http, { round: 3, key: "ab", bytes: new Uint8Array([1, 2]) }, () => left++);
      assert.equal(new TextDecoder().decode(receipt), "late");
      assert.equal(left, 1);
      assert.equal(`${requests[0]?.method} ${requests[0]?.url}`, "PUT /v1/rounds/3/updates/ab");
      assert.equal(requests[0]?.headers["content-type"], MEDIA_TYPE);
      assert.equal(requests[0]?.headers["content-length"], "2");
    },
  ));

test("no round, a busy server and a refusal are told apart", () =>
  served(
    (request, response) => {
      response.statusCode = { "/v1/rounds/next": 204, "/v1/rounds": 429 }[request.url ?? ""] ?? 422;
      response.setHeader("retry-after", "2");
      response.end(response.statusCode === 422 ? JSON.stringify({ title: "Norm over C", next: "Clip it." }) : undefined);
    },
    async (http) => {
      assert.deepEqual(await offer(http), { retryAfterMs: 2000 });
      const busy = await rounds(http, new AbortController().signal).catch((error: unknown) => error);
      assert.equal(codeOf(busy), "server/busy");
      assert.equal((busy as { retryAfterMs?: number }).retryAfterMs, 2000);
      const refused = await send(http, { round: 1, key: "ab", bytes: new Uint8Array(1) }, () => {}).catch((error: Error) => error);
      assert.equal(codeOf(refused), "server/refused");
      assert.match((refused as Error).message, /Norm over C.*Clip it\./);
    },
  ));

test("a server that is away says so, and an update that did not arrive is not counted", async () => {
  let online = true;
  // The discard port: nobody listens there.
  const http = new Http({
    server: new URL("http://127.0.0.1:9/"), fetch, received: () => {}, reached: (now) => (online = now),
  });
  let left = 0;
  assert.equal(await codeThrown(send(http, { round: 1, key: "ab", bytes: new Uint8Array(1) }, () => left++)), "server/away");
  assert.equal(left, 0);
  assert.equal(online, false);
});

test("a catalogue that points elsewhere is not followed", () =>
  served(
    (_, response) => response.end("[]"),
    async (http, { requests }) => {
      assert.equal(await codeThrown(http.embeddings("https://tracker.example/shard", {})), "server/foreign");
      assert.equal(requests.length, 0);
      // Two slashes are not another host.
      await http.songs("//v1/songs");
      assert.equal(requests[0]?.url, "/v1/songs");
    },
  ));

test("a song list is read when it is asked for; what is none fails at once, what rots inside fails there", () => {
  const bodies: Record<string, string> = {
    "/v1/good": '[{"id":3,"title":"T"}]', "/v1/spaced": ' [{"id":3}]\n', "/v1/page": "<html>", "/v1/object": "{}", "/v1/cut": '[{"id":3},', "/v1/rotten": '[{"id":}]',
  };
  return served(
    ({ url }, response) => response.end(bodies[url ?? ""]),
    async (http) => {
      assert.deepEqual((await http.songs("v1/good"))().map(({ id, title, album }) => [id, title, album]), [[3, "T", undefined]]);
      assert.equal((await http.songs("v1/spaced"))().length, 1);
      for (const name of ["page", "object", "cut"]) assert.equal(await codeThrown(http.songs(`v1/${name}`)), "server/malformed", name);
      const rotten = await http.songs("v1/rotten");
      assert.throws(rotten, (error) => codeOf(error) === "server/malformed");
    },
  );
});

test("Retry-After in seconds, as a date, and missing", () => {
  const of = (value?: string) => ({ headers: new Headers(value === undefined ? {} : { "retry-after": value }) });
  assert.equal(retryAfter(of("3")), 3000);
  assert.equal(retryAfter(of("Thu, 01 Jan 1970 00:00:09 GMT"), 1000), 8000);
  assert.equal(retryAfter(of("soon")), 5000);
  assert.equal(retryAfter(of()), 5000);
});
