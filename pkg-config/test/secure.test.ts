// A device's part in secure rounds, carried by the page: over a fake engine and a fake server, with a real vault in a fake IndexedDB.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { codeOf, SottovoceError } from "../src/errors.js";
import { hindrance } from "../src/secure/moment.js";
import { Party } from "../src/secure/party.js";
import { keyStream } from "../src/secure/stream.js";
import type { Vault } from "../src/secure/types.js";
import { openVault } from "../src/secure/vault.js";
import { browserLike, FakeEngine, fakeLocks, FakeServer, hostOf, type Seen } from "./device.js";

beforeEach(() => {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
  browserLike();
});

const forever = () => new AbortController().signal;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const withdrawn = new SottovoceError("consent/off", "Withdrawn.", "Ask.");

async function until(there: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !there(); i++) await new Promise((later) => setTimeout(later, 5));
  assert.ok(there(), "it did not come");
}

test("a whole round: invited, joined, charged, masked, reported, told", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  const moved: string[] = [];
  const party = new Party(hostOf(engine, server, { moved: () => moved.push(engine.roundState().phase) }));
  assert.deepEqual(await party.participate({ rounds: 1 }, forever()), { rounds: 1, included: 1, ended: "rounds" });
  assert.deepEqual(server.seen.map(({ method, path }) => `${method} ${path.replace(/\d+$/, "N")}`), [
    "GET v1/log/key", "GET v1/rounds/next", "PUT v1/rounds/12/joins/N", "GET v1/rounds/12/rosters/N", "PUT v1/rounds/12/reports/N", "GET v1/rounds/12/outcomes/N",
  ]);
  assert.deepEqual([...new Set(moved)], ["idle", "joining", "roster", "training", "masking", "reporting", "outcome"]);
  assert.deepEqual(engine.ledger.map(({ message }) => message), ["join", "report"]);
  assert.equal(engine.stream?.length, 40);
  assert.deepEqual(engine.policy, { survivors: 3, members: 1, apart: 1 });
  assert.deepEqual(await party.privacy(), { epsilon: 1, budget: 8, left: 7, delta: 1e-6, rounds: 1, roundsLeft: 7 });
  assert.equal(party.participating, false);
  await party.close();
});

test("closed between any two errands and opened anew, it is one device with one report and one charge", async () => {
  // Counts what a whole round does, to be cut at each of it.
  const all = 3 + 5 + 1 + 1;
  for (let at = 1; at <= all; at++) {
    Object.assign(globalThis, { indexedDB: new IDBFactory() });
    const server = new FakeServer();
    const gone = new AbortController();
    const cut = new FakeEngine();
    let errands = 0;
    const own = cut.roundErrand.bind(cut);
    cut.roundErrand = () => {
      if (++errands > at) gone.abort(new Error("the tab is gone"));
      return own();
    };
    const first = new Party(hostOf(cut, server));
    await first.participate({ rounds: 1, signal: gone.signal }, forever()).catch(() => {});
    await first.close();
    const engine = new FakeEngine();
    const second = new Party(hostOf(engine, server));
    assert.deepEqual(await second.participate({ rounds: 1 }, forever()).catch((error: unknown) => error), gone.signal.aborted && cut.kept.step === "over" ? { rounds: 0, included: 0, ended: "rounds" } : { rounds: 1, included: 1, ended: "rounds" });
    await second.close();
    const joins = new Set(server.puts("joins").map(({ path, body }) => path + body));
    const reports = new Set(server.puts("reports").map(({ path, body }) => path + body));
    assert.equal(joins.size, 1, `cut after ${at} errands: one name`);
    assert.equal(reports.size, 1, `cut after ${at} errands: the same report, byte for byte`);
    assert.equal(engine.kept.charged, 1, `cut after ${at} errands: charged once`);
  }
});

test("a lost connection costs nothing: the same bytes go out again", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  let lost = 0;
  server.instead = ({ method, path }) => {
    if (method === "PUT" && path.includes("reports") && lost++ < 1) throw new TypeError("connection lost");
    return undefined;
  };
  const waits = new Set<string | undefined>();
  const party = new Party(hostOf(engine, server, { moved: () => waits.add(party.waiting) }));
  assert.equal((await party.participate({ rounds: 1 }, forever())).included, 1);
  const bodies = server.puts("reports").map(({ body }) => body);
  assert.equal(bodies.length, 2);
  assert.equal(new Set(bodies).size, 1);
  assert.ok(waits.has("offline"));
  await party.close();
});

test("a round that is over is an answer, a server that is busy is waited for as long as it says", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  const asked: number[] = [];
  server.instead = ({ path }) => {
    if (path.includes("rosters") && asked.push(Date.now()) === 1) return new Response(null, { status: 503, headers: { "retry-after": "0.2" } });
    return path.includes("rosters") && asked.length === 2 ? new Response(null, { status: 204, headers: { "retry-after": "0.3" } }) : path.includes("reports") ? new Response("{}", { status: 409 }) : undefined;
  };
  const party = new Party(hostOf(engine, server));
  assert.deepEqual(await party.participate({ rounds: 1 }, forever()), { rounds: 1, included: 0, ended: "rounds" });
  assert.ok(asked[1]! - asked[0]! >= 190, "the busy server is left alone");
  assert.ok(asked[2]! - asked[1]! >= 290, "and so is the one that has nothing yet");
  assert.deepEqual(engine.calls.slice(-3), ["roster 200", "charge", "keep"].concat("report 409").slice(-3));
  await party.close();
});

test("refusals for good reach the engine with their status", async () => {
  for (const status of [400, 404, 422]) {
    Object.assign(globalThis, { indexedDB: new IDBFactory() });
    const [engine, server] = [new FakeEngine(), new FakeServer()];
    server.instead = ({ path }) => (path.includes("joins") ? new Response("{}", { status }) : undefined);
    const party = new Party(hostOf(engine, server));
    await party.participate({ rounds: 1 }, forever());
    assert.ok(engine.calls.includes(`join ${status}`));
    await party.close();
  }
});

test("consent withdrawn stops it at once, drops what waits here and at rest, and nothing more is asked", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  const consented = new AbortController();
  server.instead = ({ path }) => (path.includes("rosters") ? new Response(null, { status: 204, headers: { "retry-after": "60" } }) : undefined);
  const party = new Party(hostOf(engine, server));
  const running = party.participate({}, consented.signal);
  await until(() => server.seen.some(({ path }) => path.includes("rosters")));
  engine.setConsent(false);
  consented.abort(withdrawn);
  assert.deepEqual(await running, { rounds: 0, included: 0, ended: "consent" });
  await party.drop();
  const asked = server.seen.length;
  await new Promise((later) => setTimeout(later, 50));
  assert.equal(server.seen.length, asked);
  const vault = await openVault("sottovoce:test:vault");
  assert.equal((JSON.parse(new TextDecoder().decode(await vault.read())) as { step: string }).step, "offer");
  vault.close();
  await party.close();
});

test("a signal of the page's own rejects with its reason, and the round goes on the next time", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  const own = new AbortController();
  let rosters = 0;
  server.instead = ({ path }) => {
    if (!path.includes("rosters") || ++rosters > 1) return undefined;
    own.abort(new Error("enough"));
    return undefined;
  };
  const party = new Party(hostOf(engine, server));
  await assert.rejects(party.participate({ signal: own.signal }, forever()), /enough/);
  assert.equal((await party.participate({ rounds: 1 }, forever())).included, 1);
  assert.equal(new Set(server.puts("joins").map(({ path, body }) => path + body)).size, 1);
  assert.equal(server.puts("reports").length, 1);
  await party.close();
});

test("the server's key is asked for, or given; another one than before is an error with a name", async () => {
  const server = new FakeServer();
  const first = new Party(hostOf(new FakeEngine(), server));
  await first.participate({ rounds: 1 }, forever());
  await first.close();
  server.key = "cd".repeat(32);
  const second = new Party(hostOf(new FakeEngine(), server));
  assert.equal(await second.participate({}, forever()).then(() => "", codeOf), "round/server-key");
  await second.close();
  const given = new Party(hostOf(new FakeEngine(), server, { key: "ab".repeat(32) }));
  server.seen.length = 0;
  const stop = new AbortController();
  void given.participate({}, stop.signal);
  await new Promise((later) => setTimeout(later, 50));
  stop.abort(withdrawn);
  assert.ok(server.seen.every(({ path }) => path !== "v1/log/key"));
  await given.close();
  const wrong = new Party(hostOf(new FakeEngine(), server, { key: "no key" }));
  assert.equal(await wrong.participate({}, forever()).then(() => "", codeOf), "round/server-key");
  await wrong.close();
});

test("the vault is sealed: nothing of it can be read in the store, its key cannot be taken out, and what was changed is refused", async () => {
  const vault = await openVault("v");
  assert.equal(await vault.read(), undefined);
  const secret = new TextEncoder().encode("a secret that is long enough to be looked for");
  assert.deepEqual(await vault.write(secret), secret);
  assert.deepEqual(await vault.read(), secret);
  vault.close();
  const records = await stored("v");
  const key = records["key"] as CryptoKey;
  assert.equal(key.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("raw", key));
  const sealed = records["sealed"] as { iv: Uint8Array; bytes: ArrayBuffer };
  assert.equal(Buffer.from(sealed.bytes).includes(Buffer.from(secret.subarray(0, 8))), false);
  const again = await openVault("v");
  assert.deepEqual(await again.read(), secret, "another visit reads it");
  await again.write(secret);
  assert.notDeepEqual((await stored("v"))["sealed"], sealed, "never twice under one nonce");
  new Uint8Array(sealed.bytes)[3]! ^= 1;
  await put("v", "sealed", sealed);
  assert.equal(await again.read().then(() => "", codeOf), "round/vault");
  await put("v", "sealed", { odd: 1 });
  assert.equal(await again.read().then(() => "", codeOf), "round/vault");
  assert.equal(await again.erase(), 0);
  assert.equal(await again.read(), undefined);
  assert.deepEqual(await stored("v"), {});
  again.close();
});

test("a vault that cannot be read is an error with a name, and the budget counts as spent", async () => {
  const server = new FakeServer();
  const first = new Party(hostOf(new FakeEngine(), server));
  await first.participate({ rounds: 1 }, forever());
  await first.close();
  const name = "sottovoce:test:vault";
  const sealed = (await stored(name))["sealed"] as { bytes: ArrayBuffer };
  await put(name, "sealed", { ...sealed, bytes: sealed.bytes.slice(0, 20) });
  server.seen.length = 0;
  const party = new Party(hostOf(new FakeEngine(), server));
  assert.deepEqual((await party.privacy()).left, 0);
  assert.equal(await party.participate({}, forever()).then(() => "", codeOf), "round/vault");
  assert.deepEqual(server.seen, [], "and nothing is asked");
  assert.equal(await party.erase(), 0);
  await party.close();
});

test("a vault of a newer version is left alone, by name", async () => {
  const server = new FakeServer();
  const first = new Party(hostOf(new FakeEngine(), server));
  await first.participate({ rounds: 1 }, forever());
  await first.close();
  const [engine, before] = [new FakeEngine(), await stored("sottovoce:test:vault")];
  engine.restoreVault = () => {
    throw Object.assign(new Error("newer"), { code: "vault/version" });
  };
  const party = new Party(hostOf(engine, server));
  assert.equal(await party.participate({}, forever()).then(() => "", codeOf), "store/newer");
  assert.deepEqual(await stored("sottovoce:test:vault"), before);
  await party.close();
});

test("without a cipher, without a store or without locks there are no secure rounds, and it is said before anything is asked", async (t) => {
  const server = new FakeServer();
  const refused = async (extra = {}) => {
    const party = new Party(hostOf(new FakeEngine(), server, extra));
    const code = await party.participate({}, forever()).then(() => "", codeOf);
    assert.equal(await party.erase(), 0);
    await party.close();
    return code;
  };
  assert.equal(await refused({ vault: "none" }), "round/unavailable");
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
  t.after(() => Object.defineProperty(globalThis, "crypto", own));
  Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: crypto.getRandomValues.bind(crypto) }, configurable: true, writable: true });
  assert.equal(await refused(), "round/unavailable");
  Object.defineProperty(globalThis, "crypto", own);
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  assert.equal(await refused(), "round/unavailable");
  assert.deepEqual(server.seen, []);
});

test("a full store is waited for: nothing leaves before it is kept", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  let kept: Uint8Array | undefined;
  let full = 1;
  const vault: Vault = {
    read: async () => kept,
    write: async (bytes) => {
      if (full-- > 0) throw new SottovoceError("store/full", "Full.", "Free some.");
      return (kept = bytes);
    },
    erase: async () => 0,
  };
  const waits = new Set<string | undefined>();
  const party = new Party(hostOf(engine, server, { vault, moved: () => waits.add(party.waiting) }));
  assert.equal((await party.participate({ rounds: 1 }, forever())).included, 1);
  assert.ok(waits.has("vault"));
});

test("a second tab waits for the first, and then goes on as the same device", async () => {
  browserLike(fakeLocks());
  const server = new FakeServer();
  server.instead = ({ path }) => (path.includes("outcomes") ? new Response(null, { status: 204, headers: { "retry-after": "60" } }) : undefined);
  const [stop, engine] = [new AbortController(), new FakeEngine()];
  const first = new Party(hostOf(engine, server));
  const running = first.participate({}, stop.signal);
  await until(() => server.seen.some(({ path }) => path.includes("outcomes")));
  const [other, waits] = [new FakeEngine(), new Set<string | undefined>()];
  const second = new Party(hostOf(other, server, { moved: () => waits.add(second.waiting) }));
  const later = second.participate({ rounds: 1 }, forever());
  await until(() => waits.has("elsewhere"));
  assert.equal(other.calls.length, 0);
  server.instead = () => undefined;
  stop.abort(new SottovoceError("engine/paused", "Paused.", "Resume."));
  assert.equal((await running).ended, "paused");
  assert.equal((await later).included, 1);
  // What the first one sent may be sent again; never anything else.
  for (const what of ["joins", "reports"]) assert.equal(new Set(server.puts(what).map(({ path, body }) => path + body)).size, 1);
  await Promise.all([first.close(), second.close()]);
});

test("looking at the account never puts an older one over a newer", async () => {
  const server = new FakeServer();
  const engine = new FakeEngine();
  const first = new Party(hostOf(engine, server));
  await first.participate({ rounds: 1 }, forever());
  assert.equal((await first.privacy()).rounds, 1);
  // Asked for at every step, before, while and after: what is read at rest is behind what the engine knows.
  Object.assign(engine.kept, { step: "offer", fate: undefined });
  let asked: Promise<unknown> = first.privacy();
  const own = engine.roundErrand.bind(engine);
  engine.roundErrand = () => {
    asked = Promise.all([asked, first.privacy()]);
    return own();
  };
  await first.participate({ rounds: 1 }, forever());
  await asked;
  assert.equal((await first.privacy()).rounds, 2);
  assert.equal(engine.kept.step, "over");
  await first.close();
});

test("erased in one tab, the other that takes part stops and writes nothing more", { skip: !globalThis.BroadcastChannel }, async () => {
  const server = new FakeServer();
  server.instead = ({ path }) => (path.includes("rosters") ? new Response(null, { status: 204, headers: { "retry-after": "60" } }) : undefined);
  const [stop, engine] = [new AbortController(), new FakeEngine()];
  const party: Party = new Party(hostOf(engine, server, { withdraw: () => (engine.setConsent(false), stop.abort(withdrawn), void party.drop().catch(() => {})) }));
  const running = party.participate({}, stop.signal);
  await until(() => server.seen.some(({ path }) => path.includes("rosters")));
  const other = new Party(hostOf(new FakeEngine(), server));
  assert.equal(await other.erase(), 0);
  assert.equal((await running).ended, "consent");
  await Promise.all([party.close(), other.close()]);
  assert.deepEqual(await stored("sottovoce:test:vault"), {});
});

test("a tab whose history another one keeps takes no part until it is its own", async () => {
  const server = new FakeServer();
  let mine = false;
  const party = new Party(hostOf(new FakeEngine(), server, { mine: () => mine }));
  const running = party.participate({ rounds: 1 }, forever());
  await until(() => party.waiting === "elsewhere");
  assert.deepEqual(server.seen, []);
  mine = true;
  assert.equal((await running).included, 1);
  await party.close();
});

test("consent withdrawn in one tab is withdrawn in the one that takes part", { skip: !globalThis.BroadcastChannel }, async () => {
  const server = new FakeServer();
  server.instead = ({ path }) => (path.includes("rosters") ? new Response(null, { status: 204, headers: { "retry-after": "60" } }) : undefined);
  const [stop, engine] = [new AbortController(), new FakeEngine()];
  const party = new Party(hostOf(engine, server, { withdraw: () => (engine.setConsent(false), stop.abort(withdrawn)) }));
  const running = party.participate({}, stop.signal);
  await until(() => server.seen.some(({ path }) => path.includes("rosters")));
  const other = new Party(hostOf(new FakeEngine(), server));
  await other.drop();
  assert.equal((await running).ended, "consent");
  assert.equal(engine.on, false);
  await Promise.all([party.close(), other.close()]);
});

test("an invitation is asked for by its tag, and one that has not changed is looked at all the same", async () => {
  const [engine, server] = [new FakeEngine(), new FakeServer()];
  const tags: (string | null)[] = [];
  server.instead = ({ path, headers }: Seen) => {
    if (path !== "v1/rounds/next") return undefined;
    tags.push(headers.get("if-none-match"));
    return tags.length === 1 ? new Response(Uint8Array.of(1), { headers: { etag: '"o"' } }) : new Response(null, { status: 304 });
  };
  const own = engine.roundAnswer.bind(engine);
  let looks = 0;
  // The first look comes to nothing: nothing was heard yet.
  engine.roundAnswer = (status, body) => (engine.kept.step === "offer" && ++looks === 1 ? undefined : own(status, body));
  const party = new Party(hostOf(engine, server));
  await party.participate({ rounds: 1 }, forever());
  assert.deepEqual(tags, [null, '"o"']);
  assert.ok(engine.calls.includes("offer 200"));
  await party.close();
});

test("a bad moment holds back what has not begun, and only that", async () => {
  const platform = (more: object) => Object.defineProperty(globalThis, "navigator", { value: { locks: fakeLocks(), ...more }, configurable: true });
  platform({ getBattery: async () => ({ charging: false }) });
  assert.equal(await hindrance({}), "battery");
  assert.equal(await hindrance({ charging: false }), undefined);
  platform({ getBattery: () => Promise.reject(new Error("not allowed")), connection: { saveData: true } });
  assert.equal(await hindrance({}), "metered");
  assert.equal(await hindrance({ unmetered: false }), undefined);
  platform({ connection: { type: "cellular" } });
  assert.equal(await hindrance({}), "metered");
  platform({});
  assert.equal(await hindrance({ visible: true }), undefined, "node tells of no page");
  platform({ connection: { saveData: true } });
  const server = new FakeServer();
  const stop = new AbortController();
  const party = new Party(hostOf(new FakeEngine(), server));
  const running = party.participate({}, stop.signal);
  await until(() => party.waiting === "metered");
  stop.abort(withdrawn);
  await running;
  assert.deepEqual(server.seen, []);
  const under = new FakeEngine();
  Object.assign(under.kept, { step: "join", name: 99, trusted: Array.from(Buffer.from("ab".repeat(32), "hex")) });
  const joined = new Party(hostOf(under, server));
  const going = joined.participate({ rounds: 1 }, forever());
  await until(() => server.puts("reports").length === 1);
  assert.equal((await going).included, 1);
  await Promise.all([party.close(), joined.close()]);
});

test("the browser's stream is that of the standard: AES-128 in counter mode, NIST SP 800-38A's key, counter 0", async () => {
  const key = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
  const { createCipheriv } = await import("node:crypto");
  const expected = createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(100));
  assert.equal(hex(await keyStream(key, 100)), expected.toString("hex"));
  // The first block is AES of zeros under that key (openssl enc -aes-128-ecb).
  assert.equal(hex(await keyStream(key, 16)), "7df76b0c1ab899b33e42f047b91b546f");
  assert.equal((await keyStream(key.subarray(0, 5), 16)).length, 0, "what the browser will not do is left to the engine");
});

function db<T>(name: string, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name);
    opening.onsuccess = () => {
      const request = work(opening.result.transaction("vault", "readwrite").objectStore("vault"));
      request.onsuccess = () => {
        opening.result.close();
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    };
  });
}

async function stored(name: string): Promise<Record<string, unknown>> {
  const keys = await db(name, (store) => store.getAllKeys());
  const values = await db(name, (store) => store.getAll() as IDBRequest<unknown[]>);
  return Object.fromEntries(keys.map((key, i) => [String(key), values[i]]));
}

const put = (name: string, key: string, value: unknown) => db(name, (store) => store.put(value, key));
