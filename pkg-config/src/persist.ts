// Everything about state that outlives the page, in one part of the package that is loaded on demand.

import type { Keeping } from "./keeping.js";
import { openStore } from "./idb.js";
import { Keeper, type Kept } from "./keeper.js";
import { memoryStore, type Store } from "./store.js";

export { openStore };

/** Keeps state in IndexedDB or in a store of the page's own; in memory, and says why, where that is refused. */
export async function keeping(store: "indexeddb" | Store, name: string, kept: Kept): Promise<Keeping> {
  if (store !== "indexeddb") return new Keeper(store, { kind: "kept" }, kept);
  try {
    return new Keeper(await openStore(name), { kind: "kept" }, kept);
  } catch (error) {
    return new Keeper(memoryStore(), { kind: "memory", why: "refused", error: error as Error }, kept);
  }
}
