import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { SubsonicClient } from "../src/sources/subsonic/client.js";
import { SubsonicError } from "../src/sources/subsonic/errors.js";
import { scan } from "../src/sources/subsonic/library.js";
import { maySendPlain, tokenOf } from "../src/sources/subsonic/auth.js";

const PASSWORD = "sésame";

/** A server that can be modern, old, or strange, and remembers what it was asked. */
let kind: "modern" | "old" | "no-tokens" | "page" = "modern";
let wholeSearch = true;
const SONGS = Array.from({ length: 1203 }, (_, i) => ({ id: `s${i}`, title: `Song ${i}`, artist: `Artist ${i % 7}`, duration: 200 }));
const asked: { method: string; path: string; query: URLSearchParams; form: URLSearchParams }[] = [];
let stars = new Set<string>();
let url = "";

const server = createServer(async (request: IncomingMessage, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const form = new URLSearchParams(body);
  asked.push({ method: request.method ?? "", path: pathname, query: searchParams, form });
  const given = (name: string) => searchParams.get(name) ?? form.get(name);
  const answer = (more: object, status = "ok", code = 200) => response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify({ "subsonic-response": { status, version: kind === "old" ? "1.12.0" : "1.16.1", type: kind === "modern" ? "navidrome" : undefined, serverVersion: "1", ...more } }));
  const fail = (code: number, message: string) => answer({ error: { code, message } }, "failed");
  if (kind === "page") return response.writeHead(200, { "content-type": "text/html" }).end("<h1>hello</h1>");
  const method = pathname.replace(/^\/music\/rest\//, "");
  if (method === "getOpenSubsonicExtensions") return kind === "modern" ? answer({ openSubsonicExtensions: [{ name: "formPost", versions: [1] }, { name: "apiKeyAuthentication", versions: [1] }] }) : fail(kind === "old" ? 10 : 0, "?");
  if (!admitted(given)) return fail(kind === "old" && !given("p") ? 10 : kind === "no-tokens" && given("t") ? 41 : 40, "Wrong username or password");
  switch (method) {
    case "ping":
      return answer({});
    case "search3": {
      const [count, offset] = [Number(given("songCount")), Number(given("songOffset"))];
      return answer({ searchResult3: { song: wholeSearch || given("query") !== "" ? SONGS.slice(offset, offset + count) : [] } });
    }
    case "getArtists":
      return answer({ artists: { index: [{ artist: [{ albumCount: 100 }, { albumCount: 21 }] }] } });
    case "getAlbumList2":
      return answer({ albumList2: { album: Array.from({ length: 121 }, (_, i) => ({ id: `a${i}` })).slice(Number(given("offset")), Number(given("offset")) + Number(given("size"))) } });
    case "getAlbum": {
      const i = Number(given("id")?.slice(1));
      return answer({ album: { song: SONGS.slice(10 * i, 10 * i + 10) } });
    }
    case "star":
    case "unstar":
      stars = new Set(method === "star" ? [given("id") ?? ""] : []);
      return answer({});
    case "getStarred2":
      return answer({ starred2: { song: SONGS.filter(({ id }) => stars.has(id)) } });
    case "scrobble":
      return answer({});
    default:
      return answer({ error: { code: 0, message: "Unknown method" } }, "failed", 404);
  }
});

function admitted(given: (name: string) => string | null): boolean {
  if (given("apiKey")) return kind === "modern" && given("apiKey") === "key";
  if (given("u") !== "me") return false;
  if (given("t")) return kind === "modern" && JSON.stringify(tokenOf("me", PASSWORD, given("s") ?? "")).includes(`"${given("t")}"`);
  return given("p") === `enc:${Buffer.from(PASSWORD).toString("hex")}` && kind !== "modern";
}

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/music`;
});
after(() => server.close());
beforeEach(() => {
  [kind, wholeSearch] = ["modern", true];
  asked.length = 0;
});

const enter = (password = PASSWORD) => SubsonicClient.connect(url, { kind: "password", user: "me", password });
const code = (expected: string) => (error: unknown) => error instanceof SubsonicError && error.code === expected && error.next !== "" && !error.message.includes(PASSWORD);

test("the token is the API's: md5 of password and salt", () => {
  // The example of the API's own documentation.
  assert.deepEqual(tokenOf("joe", "sesame", "c19b2d"), { kind: "token", user: "joe", token: "26719a1196d2a940705a59634eb18eab", salt: "c19b2d" });
});

test("a modern server: a token, by form, and never the password", async () => {
  const client = await enter();
  assert.equal(client.connection.credentials.kind, "token");
  await client.star("s1", true);
  const star = asked.at(-1);
  assert.equal(star?.method, "POST");
  assert.equal([...(star?.query ?? [])].length, 0, "nothing stands in the address");
  const everything = JSON.stringify(asked.map(({ query, form }) => [[...query], [...form]]));
  assert.ok(!everything.includes(PASSWORD) && !everything.includes(Buffer.from(PASSWORD).toString("hex")));
  const again = await SubsonicClient.resume(JSON.parse(JSON.stringify(client.connection)));
  assert.deepEqual((await again.starred()).map(({ id }) => id), ["s1"]);
  await again.star("s1", false);
  assert.deepEqual(await again.starred(), []);
});

test("an old server, and one that cannot do tokens: the password itself, on this machine only", async () => {
  for (const each of ["old", "no-tokens"] as const) {
    kind = each;
    assert.equal((await enter()).connection.credentials.kind, "plain");
  }
  assert.ok(maySendPlain(new URL("https://music.example")) && maySendPlain(new URL("http://localhost:1")));
  assert.ok(!maySendPlain(new URL("http://nas.local")) && !maySendPlain(new URL("http://192.168.0.2")));
});

test("an API key, where the server takes them", async () => {
  const client = await SubsonicClient.connect(url, { kind: "key", key: "key" });
  assert.match(client.streamUrl("s1"), /\/music\/rest\/stream\?.*id=s1.*apiKey=key/);
  kind = "no-tokens";
  await assert.rejects(SubsonicClient.connect(url, { kind: "key", key: "key" }), code("subsonic/unsupported"));
});

test("what goes wrong has a name and a next step", async () => {
  await assert.rejects(enter("wrong"), code("subsonic/refused"));
  kind = "old";
  await assert.rejects(enter("wrong"), code("subsonic/refused"));
  kind = "page";
  await assert.rejects(enter(), code("subsonic/no-server"));
  await assert.rejects(SubsonicClient.connect("http://127.0.0.1:9", { kind: "key", key: "k" }), code("subsonic/away"));
  for (const address of ["", "ftp://x", "not an address"]) await assert.rejects(SubsonicClient.connect(address, { kind: "key", key: "k" }), code("subsonic/away"), address);
});

test("the whole library: by search in pages, or album by album", async () => {
  const client = await enter();
  const told: [number, number | undefined][] = [];
  assert.equal((await scan(client, { progress: (songs, share) => told.push([songs, share]) })).length, SONGS.length);
  assert.deepEqual(told.map(([songs]) => songs), [500, 1000, 1203]);
  wholeSearch = false;
  const songs = await scan(client, { progress: (found, share) => told.push([found, share]) });
  assert.equal(new Set(songs.map(({ id }) => id)).size, SONGS.length);
  assert.equal(told.at(-1)?.[1], 1);
});

test("a server that answers the same for ever is asked twice", async () => {
  const client = await enter();
  let calls = 0;
  const stuck = { search: async () => (calls++, SONGS.slice(0, 500)) } as unknown as SubsonicClient;
  assert.equal((await scan(stuck)).length, 500);
  assert.equal(calls, 2);
  assert.ok(client);
});

test("what a server lacks is no error", async () => {
  const client = await enter();
  assert.equal(await client.similar("s1", 5), undefined);
});

test("scrobbles say when, and whether the song was heard", async () => {
  const client = await enter();
  await client.nowPlaying("s3");
  await client.scrobble("s3", 1_700_000_000_123.4);
  const [now, heard] = asked.slice(-2).map(({ form }) => Object.fromEntries(form));
  assert.equal(now?.["submission"], "false");
  assert.deepEqual([heard?.["submission"], heard?.["time"]], ["true", "1700000000123"]);
});
