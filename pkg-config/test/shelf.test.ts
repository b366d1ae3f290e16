// The catalogue between visits: a first visit is not kept waiting by what it writes, and what it writes is there at the next.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Http } from "../src/http.js";
import { shelfOf } from "../src/open.js";

const at = (path: string) => new URL(path, "https://music.example/");
const body = (text: string) => new TextEncoder().encode(text);
const textOf = (response: Response | undefined) => response?.text();

/** A Cache API in memory, and everything that was asked of it. */
function browser(): string[] {
  const asked: string[] = [];
  const all = new Map<string, Map<string, { bytes: ArrayBuffer; headers: Headers }>>();
  const cacheOf = (files: Map<string, { bytes: ArrayBuffer; headers: Headers }>) => ({
    async match(url: URL | Request) {
      const file = files.get(url instanceof Request ? url.url : url.href);
      return file && new Response(file.bytes, { headers: file.headers });
    },
    async put(url: URL, response: Response) {
      asked.push(`put ${url.pathname}`);
      files.set(url.href, { bytes: await response.arrayBuffer(), headers: response.headers });
    },
    async delete(url: URL | Request) {
      return files.delete(url instanceof Request ? url.url : url.href);
    },
    keys: async () => [...files.keys()].map((url) => new Request(url)),
  });
  Object.assign(globalThis, {
    caches: {
      has: async (name: string) => (asked.push("has"), all.has(name)),
      open: async (name: string) => {
        asked.push("open");
        const files = all.get(name) ?? new Map();
        all.set(name, files);
        return cacheOf(files);
      },
      delete: async (name: string) => all.delete(name),
    },
  });
  return asked;
}

function shelf(cacheBytes?: number) {
  return shelfOf("test", cacheBytes === undefined ? {} : { cacheBytes }) ?? assert.fail("no shelf");
}

test("a first visit asks once whether there is a cache, and writes only after a while", async () => {
  const asked = browser();
  const here = shelf();
  assert.equal(await here.match(at("a")), undefined);
  here.put(at("a"), body("one"), new Headers({ etag: '"1"' }));
  await sleep(20);
  assert.deepEqual(asked, ["has"]);
  await sleep(400);
  assert.deepEqual(asked, ["has", "open", "put /a"]);
  const kept = await shelf().match(at("a"));
  assert.equal(kept?.headers.get("etag"), '"1"');
  assert.equal(await textOf(kept), "one");
});

test("what was kept in this visit is found in it", async () => {
  browser();
  const here = shelf();
  here.put(at("a"), body("one"), new Headers());
  await here.flush();
  assert.equal(await textOf(await here.match(at("a"))), "one");
});

test("closing writes at once, and what came together stays within the cap", async () => {
  browser();
  const here = shelf(7);
  for (const name of ["a", "b", "c"]) here.put(at(name), body("123"), new Headers());
  await here.flush();
  const again = shelf(7);
  const found = await Promise.all(["a", "b", "c"].map(async (name) => textOf(await again.match(at(name)))));
  assert.deepEqual(found, ["123", "123", undefined]);
});

test("deleting leaves nothing, and what waited to be written is not written after it", async () => {
  const asked = browser();
  const here = shelf();
  here.put(at("a"), body("one"), new Headers());
  await here.flush();
  here.put(at("b"), body("two"), new Headers());
  assert.equal(await here.clear(), 0);
  await sleep(400);
  assert.deepEqual(asked.filter((each) => each.startsWith("put")), ["put /a"]);
  assert.equal(await shelf().match(at("a")), undefined);
});

test("shards of a catalogue that is no more go, after the new ones are there", async () => {
  browser();
  const before = shelf();
  before.put(at("old"), body("1"), new Headers());
  await before.flush();
  const here = shelf();
  here.put(at("new"), body("2"), new Headers());
  here.keepOnly(new Set([at("new").href]));
  await here.flush();
  const again = shelf();
  assert.equal(await again.match(at("old")), undefined);
  assert.equal(await textOf(await again.match(at("new"))), "2");
});

test("an ETag that is still right costs no request; another one is asked for with it", async () => {
  browser();
  const requests: (string | undefined)[] = [];
  const http = (here: ReturnType<typeof shelf>) =>
    new Http({
      server: at("/"), shelf: here, received: () => {}, reached: () => {},
      fetch: async (_, init) => {
        const held = new Headers(init?.headers).get("if-none-match") ?? undefined;
        requests.push(held);
        return held === '"1"' ? new Response(null, { status: 304 }) : new Response("one", { headers: { etag: '"1"' } });
      },
    });
  const first = shelf();
  await http(first).embeddings("a", { etag: '"1"' });
  await first.flush();
  const second = http(shelf());
  assert.deepEqual(await second.embeddings("a", { etag: '"1"' }), body("one"));
  assert.deepEqual(await second.embeddings("a", { etag: '"2"' }), body("one"));
  assert.deepEqual(requests, [undefined, '"1"']);
});

test("a browser that blocks site data is left in peace", async () => {
  Object.assign(globalThis, {
    caches: { has: () => Promise.reject(new DOMException("blocked", "SecurityError")), open: () => assert.fail("opened all the same") },
  });
  const here = shelf();
  here.put(at("a"), body("one"), new Headers());
  await here.flush();
  assert.equal(await here.match(at("a")), undefined);
  assert.equal(await here.clear(), 0);
});
