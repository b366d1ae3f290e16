// Where the listener's state survives a reload: IndexedDB, two slots written in turn, newest whole one read.

import { SottovoceError } from "./errors.js";

/** What is kept: the engine's snapshot, and the page's own notes as JSON, in one commit. */
export interface Saved {
  readonly engine: Uint8Array;
  readonly page: string;
}

/** A place to keep state. Give {@link Sottovoce.open} one of your own, or name a built-in one. */
export interface Store {
  /** The newest whole state, or `undefined` when there is none. */
  load(): Promise<Saved | undefined>;
  /** Keeps it; resolved once it would survive a crash. */
  save(saved: Saved): Promise<void>;
  /** Forgets everything, and says whether reading back found nothing. */
  clear(): Promise<boolean>;
  /** Lets go of the place. */
  close(): void;
}

/** One of the two slots. @internal */
export interface Slot extends Saved {
  readonly sequence: number;
  readonly checksum: number;
}

/** FNV-1a, 32 bits, over both parts: finds a torn or rotten slot, not a forged one. @internal */
export function checksum({ engine, page }: Saved): number {
  let hash = 0x811c9dc5;
  // Plain loops: this runs over some hundred kilobytes after every event.
  for (let i = 0; i < engine.length; i++) hash = Math.imul(hash ^ engine[i]!, 0x01000193);
  for (let i = 0; i < page.length; i++) hash = Math.imul(hash ^ page.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The whole slot with the highest sequence, and whether any slot was found broken. @internal */
export function newest(slots: readonly unknown[]): { slot: Slot | undefined; damaged: boolean } {
  let slot: Slot | undefined;
  let damaged = false;
  for (const found of slots) {
    if (found === undefined) continue;
    if (!whole(found)) damaged = true;
    else if (!slot || found.sequence > slot.sequence) slot = found;
  }
  return { slot, damaged };
}

function whole(found: unknown): found is Slot {
  const slot = found as Partial<Slot> | null;
  return (
    typeof slot === "object" && slot !== null && Number.isSafeInteger(slot.sequence) &&
    slot.engine instanceof Uint8Array && typeof slot.page === "string" && checksum(slot as Saved) === slot.checksum
  );
}

/** Keeps state for as long as the page lives. */
export function memoryStore(): Store {
  let kept: Saved | undefined;
  return {
    load: async () => kept,
    save: async (saved) => {
      kept = saved;
    },
    clear: async () => {
      kept = undefined;
      return true;
    },
    close: () => {},
  };
}

const TABLE = "slots";

/**
 * Keeps state in IndexedDB under `name`.
 *
 * @throws {@link SottovoceError} `store/refused` where the browser allows no storage; `store/damaged` from `load` where neither
 * slot is whole; `store/full` from `save` where the quota is used up.
 */
export async function indexedDbStore(name: string): Promise<Store> {
  const db = await openDb(name);
  let sequence = 0;
  const table = (mode: IDBTransactionMode) => {
    const transaction = db.transaction(TABLE, mode, { durability: "strict" });
    return { slots: transaction.objectStore(TABLE), done: committed(transaction) };
  };
  return {
    async load() {
      const { slots, done } = table("readonly");
      const found = await Promise.all([answer(slots.get(0)), answer(slots.get(1)), done]);
      const { slot, damaged } = newest(found.slice(0, 2));
      if (!slot && damaged) {
        throw new SottovoceError("store/damaged", "The listening history on this device cannot be read.", "Delete it to start anew.");
      }
      sequence = slot?.sequence ?? 0;
      return slot;
    },
    async save(saved) {
      const slot: Slot = { engine: saved.engine, page: saved.page, sequence: ++sequence, checksum: checksum(saved) };
      const { slots, done } = table("readwrite");
      slots.put(slot, sequence % 2);
      await done;
    },
    async clear() {
      const { slots, done } = table("readwrite");
      slots.clear();
      const left = answer(slots.count());
      await done;
      return (await left) === 0;
    },
    close: () => db.close(),
  };
}

function openDb(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown) =>
      reject(new SottovoceError("store/refused", "This browser keeps nothing for this page.", "Allow site data to have the history after a reload.", { cause }));
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => refuse(request.error);
    } catch (cause) {
      refuse(cause);
    }
  });
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => {
      const cause = transaction.error;
      reject(
        cause?.name === "QuotaExceededError"
          ? new SottovoceError("store/full", "There is no room left to keep the history.", "Free some space, or go on without.", { cause })
          : cause,
      );
    };
  });
}

/**
 * Holds the Web Lock `name`, so that two tabs never write over each other. `lost` is called when another tab takes it away.
 * Without Web Locks every caller holds it.
 *
 * @returns a function that lets go, or `undefined` when another tab holds it.
 * @internal
 */
export async function hold(name: string, steal: boolean, lost: () => void): Promise<(() => void) | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return () => {};
  let release = () => {};
  const forAsLong = new Promise<void>((resolve) => {
    release = resolve;
  });
  return new Promise((resolve) => {
    // A tab that is just reloading still holds the lock for a moment.
    const options: LockOptions = steal ? { steal } : { signal: AbortSignal.timeout(600) };
    let held = false;
    locks
      .request(name, options, () => {
        held = true;
        resolve(release);
        return forAsLong;
      })
      .catch(() => (held ? lost() : resolve(undefined)));
  });
}
