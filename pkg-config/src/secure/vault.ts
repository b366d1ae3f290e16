// Secrets of rounds at rest: in IndexedDB, sealed by AES-GCM under a key that no script can read out.
//
// What a page keeps here no other device may have: seeds that hide a report, keys of a committee's member, the account of what was spent.
// One record and no older one beside it, as the history has: an older account would be a budget spent twice.

import { answer, commits, openDb } from "../database.js";
import { SottovoceError } from "../errors.js";
import type { Vault } from "./types.js";

const VERSION = 1;
const STORE = "vault";
const [KEY, SEALED] = ["key", "sealed"];

/** The sealed vault as it lies in the store. */
interface Sealed {
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly bytes: ArrayBuffer;
}

/** Opens the vault of that name. The one who writes must hold the lock of {@link locked}. */
export async function openVault(name: string): Promise<Vault & { close(): void }> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle || !globalThis.indexedDB) {
    throw new SottovoceError("round/unavailable", "This browser cannot keep secrets for this page.", "Serve the page over https to take part in rounds.");
  }
  const db = await openDb(name, VERSION, [STORE]);
  const commit = commits(db, [STORE]);
  const about = new TextEncoder().encode(`sottovoce vault ${VERSION} ${name}`);
  let held: CryptoKey | undefined;

  const load = async () => {
    const found = await commit("readonly", (store) => [answer<unknown>(store.get(KEY)), answer<unknown>(store.get(SEALED))] as const);
    const [key, sealed] = await Promise.all(found);
    return { key: key instanceof CryptoKey ? key : undefined, sealed: sealed as Partial<Sealed> | undefined };
  };

  const read = async (): Promise<Uint8Array | undefined> => {
    const { key, sealed } = await load();
    held = key;
    if (sealed === undefined) return undefined;
    try {
      return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: sealed.iv!, additionalData: about }, key!, sealed.bytes!));
    } catch (cause) {
      // Without its key, cut short or changed: it is not told which, and it does not matter.
      throw damaged(cause);
    }
  };

  return {
    read,
    async write(bytes) {
      const key = (held ??= (await load()).key ?? (await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])));
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData: about }, key, bytes as Uint8Array<ArrayBuffer>);
      await commit("readwrite", (store) => {
        store.put(key, KEY);
        store.put({ iv, bytes: sealed } satisfies Sealed, SEALED);
      });
      const back = await read();
      if (!back) throw damaged();
      return back;
    },
    async erase() {
      held = undefined;
      return commit("readwrite", (store) => {
        store.clear();
        return answer(store.count());
      });
    },
    close: () => db.close(),
  };
}

/** What is kept and cannot be read; with it, all that may be spent counts as spent. */
export function damaged(cause?: unknown): SottovoceError {
  return new SottovoceError(
    "round/vault",
    "What this device keeps of its rounds cannot be read any more, so its whole budget counts as spent.",
    "Delete everything here to begin anew.",
    { cause },
  );
}
