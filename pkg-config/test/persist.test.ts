// What survives: every operation of every commit is made to fail or to be the last one that happens, and what was acknowledged
// has to be there afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IDBFactory, IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import { codeOf } from "../src/errors.js";
import { checksum, openStore } from "../src/idb.js";
import { Keeper } from "../src/keeper.js";
import type { Line } from "../src/keeping.js";
import type { Store } from "../src/store.js";
import type { Storage } from "../src/types.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** A fresh machine. */
function machine(): void {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
}

/** An engine whose whole knowledge is the list of songs it was told. */
class Told {
  songs: number[] = [];
  readonly snapshot = () => bytes(JSON.stringify(this.songs));
  restore(snapshot: Uint8Array): void {
    const songs = JSON.parse(text(snapshot)) as unknown;
    if (!Array.isArray(songs)) throw Object.assign(new Error("no list"), { code: "snapshot/malformed" });
    this.songs = songs as number[];
  }
  setContext(): void {}
  undo(): void {
    this.songs.pop();
  }
  observe(song: number): void {
    this.songs.push(song);
  }
}

const line = (song: number): Line => ["o", [song, 0, 0, 0, 1, 1], {}];

interface Visit {
  readonly engine: Told;
  readonly keeper: Keeper;
  readonly told: Storage[];
}

/** A page that opens. Locks are not what is tested here, and node has none. */
async function visit(store?: Store): Promise<Visit> {
  const engine = new Told();
  const told: Storage[] = [];
  const keeper = new Keeper(store ?? (await openStore("test")), { kind: "kept" }, {
    snapshot: engine.snapshot, restore: (snapshot) => engine.restore(snapshot), moved: (storage) => told.push(storage),
  });
  await keeper.start("test");
  keeper.redo(engine as never);
  return { engine, keeper, told };
}

async function observe({ engine, keeper }: Visit, song: number): Promise<boolean> {
  engine.observe(song);
  return (await keeper.append(line(song))).kind === "kept";
}

test("events come back without a snapshot of their own, over many visits", async () => {
  machine();
  const all: number[] = [];
  for (let round = 0; round < 5; round++) {
    const here = await visit();
    assert.deepEqual(here.engine.songs, all);
    for (let i = 0; i < 50; i++) {
      all.push(round * 100 + i);
      assert.ok(await observe(here, round * 100 + i));
    }
    // No close: the tab is just gone.
  }
  assert.deepEqual((await visit()).engine.songs, all);
});

test("an undo and a note are lines too", async () => {
  machine();
  const here = await visit();
  await observe(here, 1);
  await observe(here, 2);
  here.engine.undo();
  await here.keeper.append(["u"]);
  await here.keeper.append(["n", "volume", 0.3]);
  const again = await visit();
  assert.deepEqual(again.engine.songs, [1]);
  assert.deepEqual(again.keeper.state.notes, { volume: 0.3 });
});

test("lines of one turn are one commit, and each is acknowledged", async () => {
  machine();
  const store = await openStore("test");
  let commits = 0;
  const here = await visit({ ...store, append: (lines) => (commits++, store.append(lines)) });
  await observe(here, 0);
  const kept = await Promise.all([1, 2, 3].map((song) => observe(here, song)));
  assert.deepEqual(kept, [true, true, true]);
  assert.equal(commits, 1);
});

/** Operations of IndexedDB that change something. */
const WRITES = ["put", "delete", "clear"] as const;

/** Runs `work`; the write numbered `at` throws, and with `dead` every later one does too: the tab was killed there. */
async function failing(at: number, name: "QuotaExceededError" | "AbortError", dead: boolean, work: () => Promise<void>): Promise<number> {
  let count = 0;
  const originals = WRITES.map((write) => IDBObjectStore.prototype[write]);
  WRITES.forEach((write, i) => {
    IDBObjectStore.prototype[write] = function (this: IDBObjectStore, ...args: never[]) {
      count++;
      if (count === at || (dead && count > at)) {
        const { transaction } = this;
        try {
          // Whatever the transaction did before must go with it.
          transaction.abort();
        } catch {
          // It was over already.
        }
        throw new DOMException("made to fail", name);
      }
      return (originals[i] as (...args: never[]) => IDBRequest).apply(this, args);
    } as never;
  });
  try {
    await work();
  } finally {
    WRITES.forEach((write, i) => (IDBObjectStore.prototype[write] = originals[i] as never));
  }
  return count;
}

test("killed at any write, the last acknowledged event is there", async () => {
  // Long enough for snapshots (every 64 lines, or asked for) and for both slots to be written several times.
  const play = async (acknowledged: number[]) => {
    const here = await visit();
    for (let song = 1; song <= 90; song++) {
      if (song % 20 === 0) here.keeper.changed();
      if (await observe(here, song)) acknowledged.push(song);
    }
    await here.keeper.flush();
  };
  machine();
  const writes = await failing(Number.MAX_SAFE_INTEGER, "AbortError", false, () => play([]));
  assert.ok(writes > 90, `${writes} writes`);
  for (let at = 1; at <= writes; at++) {
    machine();
    const acknowledged: number[] = [];
    await failing(at, "AbortError", true, () => play(acknowledged));
    const { engine, told } = await visit();
    assert.deepEqual(told, [], "nothing was found broken");
    assert.deepEqual(engine.songs.slice(0, acknowledged.length), acknowledged, `killed at write ${at}`);
    // Never more than the one that was on its way.
    assert.ok(engine.songs.length <= acknowledged.length + 1, `killed at write ${at}`);
  }
});

test("a quota that is used up for one write is told, and nothing acknowledged is lost", async () => {
  for (let at = 1; ; at++) {
    machine();
    const acknowledged: number[] = [];
    let heard: Storage[] = [];
    let here!: Visit;
    const writes = await failing(at, "QuotaExceededError", false, async () => {
      here = await visit();
      heard = here.told;
      for (let song = 1; song <= 20; song++) {
        if (song === 10) here.keeper.changed();
        if (await observe(here, song)) acknowledged.push(song);
      }
      await here.keeper.flush();
    });
    if (writes < at) return assert.ok(at > 20);
    assert.ok(heard[0]?.kind === "memory" && heard[0].why === "full");
    assert.equal(codeOf(heard[0].error), "store/full");
    assert.ok(await observe(here, 21));
    assert.deepEqual(heard.at(-1), { kind: "kept" }, "with room again, it is kept again");
    const { engine } = await visit();
    assert.deepEqual(engine.songs, Array.from({ length: 21 }, (_, i) => i + 1), `failed at ${at}`);
    assert.ok(acknowledged.length >= 19);
  }
});

test("any record may rot: the state is the newest that is whole, or the damage is named and left alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fc.nat(), fc.boolean(), async (events, which, inSlots) => {
      machine();
      const here = await visit();
      for (let song = 1; song <= events; song++) {
        if (song % 15 === 0) here.keeper.changed();
        await observe(here, song);
      }
      const rotted = await rot(inSlots ? "slots" : "journal", which);
      const { engine, keeper } = await visit();
      const expected = Array.from({ length: events }, (_, i) => i + 1);
      assert.deepEqual(engine.songs, expected.slice(0, engine.songs.length), "a beginning of what happened");
      if (inSlots && rotted) {
        // One slot of two: the journal behind the other makes up for it. The only one: it is told, and stays as it is.
        if (keeper.storage.kind === "kept") assert.equal(engine.songs.length, events);
        else assert.equal(keeper.storage.why, "damaged");
      } else assert.equal(keeper.storage.kind, "kept");
      // What comes now is kept whatever was broken before.
      if (keeper.storage.kind === "kept") {
        const songs = [...engine.songs, 999];
        assert.ok(await observe({ engine, keeper, told: [] }, 999));
        assert.deepEqual((await visit()).engine.songs, songs);
      }
    }),
    { numRuns: 60 },
  );
});

/** Changes one byte of one record; false where there is none. */
async function rot(table: "slots" | "journal", which: number): Promise<boolean> {
  const db = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("test");
    request.onsuccess = () => resolve(request.result);
  });
  const records = db.transaction(table, "readwrite").objectStore(table);
  const get = <T>(request: IDBRequest<T>) => new Promise<T>((resolve) => (request.onsuccess = () => resolve(request.result)));
  const keys = await get(records.getAllKeys());
  const key = keys[which % Math.max(1, keys.length)];
  if (key === undefined) return false;
  const record = (await get(records.get(key))) as { engine?: Uint8Array; text?: string };
  if (record.engine) record.engine[which % record.engine.length]! ^= 1;
  else record.text = record.text!.replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
  await get(records.put(record, key));
  db.close();
  return true;
}

test("a snapshot that the engine refuses is passed over for the one before, with all lines since", async () => {
  machine();
  const store = await openStore("test");
  await store.load();
  await store.save({ engine: bytes("[1]"), page: "[2,{},{}]" }, []);
  await store.append([JSON.stringify(line(2))]);
  await store.save({ engine: bytes('{"hostile":true}'), page: "[2,{},{}]" }, []);
  await store.append([JSON.stringify(line(3))]);
  const { engine, keeper } = await visit();
  assert.deepEqual(engine.songs, [1, 2, 3]);
  assert.equal(keeper.storage.kind, "kept");
});

test("where no snapshot can be read, memory it is: the error is named and what is there stays", async () => {
  machine();
  const store = await openStore("test");
  await store.load();
  await store.save({ engine: bytes('{"hostile":true}'), page: "[2,{},{}]" }, []);
  const here = await visit();
  const [storage] = here.told;
  assert.ok(storage?.kind === "memory" && storage.why === "damaged");
  assert.equal(codeOf(storage.error), "snapshot/malformed");
  assert.equal(await observe(here, 5), false);
  await here.keeper.flush();
  assert.equal(text((await store.load()).slots[0]!.engine), '{"hostile":true}');
  // Deleting is the way out.
  assert.equal(await here.keeper.clear(), 0);
  assert.equal(here.keeper.storage.kind, "kept");
  assert.ok(await observe(here, 6));
  assert.deepEqual((await visit()).engine.songs, [5, 6]);
});

test("a database of the first version is read, and goes on as one of the second", async () => {
  machine();
  const saved = { engine: bytes("[1,2]"), page: '{"volume":0.5}' };
  await new Promise<void>((resolve) => {
    const request = indexedDB.open("test", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("slots").put({ ...saved, sequence: 7, checksum: checksum(saved) }, 1);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  const here = await visit();
  assert.deepEqual(here.engine.songs, [1, 2]);
  assert.deepEqual(here.keeper.state, { notes: { volume: 0.5 }, settings: {} });
  assert.ok(await observe(here, 3));
  assert.deepEqual((await visit()).engine.songs, [1, 2, 3]);
});

test("a database of a newer version is left alone, by name", async () => {
  machine();
  await new Promise<void>((resolve) => {
    const request = indexedDB.open("test", 99);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  assert.equal(await openStore("test").then(() => "", codeOf), "store/newer");
});

test("an older tab in the way is told instead of waited for", async () => {
  machine();
  const old = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("test", 1);
    request.onsuccess = () => resolve(request.result);
  });
  assert.equal(await openStore("test").then(() => "", codeOf), "store/elsewhere");
  old.close();
});

test("random lives: observes, undos, notes, snapshots and kills leave exactly what was acknowledged", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("observe" as const) }, fc.constant("undo" as const), fc.constant("changed" as const), fc.constant("kill" as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      machine();
      let here = await visit();
      const expected: number[] = [];
      let song = 0;
      for (const step of steps) {
        if (step === "observe") {
          expected.push(++song);
          assert.ok(await observe(here, song));
        } else if (step === "undo") {
          expected.pop();
          here.engine.undo();
          await here.keeper.append(["u"]);
        } else if (step === "changed") here.keeper.changed();
        else here = await visit();
      }
      assert.deepEqual((await visit()).engine.songs, expected);
    }),
    { numRuns: 40 },
  );
});
