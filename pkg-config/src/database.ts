// IndexedDB's requests and transactions as promises, and what goes wrong with them by name.

import { SottovoceError } from "./errors.js";

/** Why a browser keeps nothing, by name. @internal */
export function named(cause: unknown): SottovoceError {
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

/** Resolved once a transaction is over, and durable where that was asked for. @internal */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * Has the browser begin a new file of its log, by a database that is made and deleted again.
 *
 * Chromium's LevelDB goes on writing behind a record that a killed browser left half written, takes the two for one when it next reads
 * them, finds them corrupt, and deletes every database of the page. A log that begins anew has no such record. @internal
 */
export async function newLog(name: string): Promise<void> {
  (await openDb(name, 1, [])).close();
  await answer(indexedDB.deleteDatabase(name));
}
