// IndexedDB's requests and transactions as promises, and what goes wrong with them by name.

import { SottovoceError } from "./errors.js";

/** Why a browser keeps nothing, by name. */
function named(cause: unknown): SottovoceError {
  const { name } = (cause ?? {}) as Partial<DOMException>;
  if (name === "VersionError") return new SottovoceError("store/newer", "A newer version of this player keeps the history.", "Reload the page.", { cause });
  return name === "QuotaExceededError"
    ? new SottovoceError("store/full", "There is no room left to keep the history.", "Free some space, or go on without.", { cause })
    : new SottovoceError("store/refused", "This browser keeps nothing for this page.", "Allow site data to have the history after a reload.", { cause });
}

/** Opens a database, with these stores where they are not there yet. @internal */
export function openDb(name: string, version: number, stores: readonly string[]): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    try {
      const request = indexedDB.open(name, version);
      let given = false;
      request.onupgradeneeded = () => {
        const { result: db } = request;
        for (const store of stores) if (!db.objectStoreNames.contains(store)) db.createObjectStore(store);
      };
      request.onsuccess = () => {
        const { result: db } = request;
        // A later version of this package in another tab must not wait for this one.
        db.onversionchange = () => db.close();
        if (given) db.close();
        else resolve(db);
      };
      request.onerror = () => reject(named(request.error));
      request.onblocked = () => {
        given = true;
        reject(new SottovoceError("store/elsewhere", "Another tab with an older version of this player keeps the history.", "Close it, then reload."));
      };
    } catch (cause) {
      reject(named(cause));
    }
  });
}

/** What a request gives. @internal */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Resolved once a transaction is over, and durable where that was asked for. */
function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

const LOG = "sottovoce:log";
let begun: Promise<unknown> | undefined;

/**
 * Has the browser begin a new file of its log, once a page, by a database that is made and deleted again; some five milliseconds. Never
 * fails: where it does, things are as they were.
 *
 * Chromium's LevelDB goes on writing behind a record that a killed browser left half written, takes the two for one when it next reads
 * them, finds them corrupt, and deletes every database of the page. A log that begins anew has no such record.
 */
function newLog(): Promise<unknown> {
  return (begun ??= openDb(LOG, 1, []).then((db) => {
    db.close();
    return answer(indexedDB.deleteDatabase(LOG));
  }).catch(() => {}));
}

/** A transaction's work, over the stores in the order in which they were named. @internal */
export type Commit = <T>(mode: IDBTransactionMode, work: (...stores: IDBObjectStore[]) => T) => Promise<T>;

/**
 * Runs transactions on these stores: resolved once one is durable, or rejected with a named error, and then nothing of it happened. Nothing
 * is written, and so nothing said to be kept, in a log that may be torn. @internal
 */
export function commits(db: IDBDatabase, stores: readonly string[]): Commit {
  const log = newLog();
  return async (mode, work) => {
    if (mode === "readwrite") await log;
    try {
      const transaction = db.transaction(stores as string[], mode, { durability: "strict" });
      const done = committed(transaction);
      try {
        const answer = work(...stores.map((store) => transaction.objectStore(store)));
        await done;
        return answer;
      } catch (error) {
        done.catch(() => {});
        // Over already, where it was the transaction that failed.
        if (mode === "readwrite") await Promise.resolve().then(() => transaction.abort()).catch(() => {});
        throw error;
      }
    } catch (cause) {
      throw named(cause);
    }
  };
}
