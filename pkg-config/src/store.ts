// Where the listener's state survives a reload, as an interface; the IndexedDB one is fetched when it is asked for.

/** What is kept in one commit: the engine's snapshot, and everything else as JSON. */
export interface Saved {
  readonly engine: Uint8Array;
  readonly page: string;
}

/** What {@link Store.load} finds. */
export interface Loaded {
  /** Whole snapshots, newest first: the second is there for when the engine cannot read the first. */
  readonly slots: readonly (Saved & { /** The lines appended since that snapshot, in order. */ readonly journal: readonly string[] })[];
}

/** A place to keep state. Give {@link Sottovoce.open} one of your own, or name a built-in one. */
export interface Store {
  /** What is kept; no slots where nothing is. */
  load(): Promise<Loaded>;
  /**
   * Keeps a snapshot, which stands for all that was appended before, and for `lines`, which were not; resolved once it would
   * survive a crash.
   */
  save(saved: Saved, lines: readonly string[]): Promise<void>;
  /** Keeps some lines after the last snapshot, all or none; resolved once they would survive a crash. */
  append(lines: readonly string[]): Promise<void>;
  /** Forgets everything, and says how many records it finds on looking again. */
  clear(): Promise<number>;
  /** Lets go of the place. */
  close(): void;
}

/** Keeps state for as long as the page lives. */
export function memoryStore(): Store {
  let kept: (Saved & { journal: string[] }) | undefined;
  return {
    load: async () => ({ slots: kept ? [kept] : [] }),
    save: async (saved) => {
      kept = { ...saved, journal: [] };
    },
    append: async (lines) => {
      kept?.journal.push(...lines);
    },
    clear: async () => {
      kept = undefined;
      return kept ? 1 : 0;
    },
    close: () => {},
  };
}

/**
 * Keeps state in IndexedDB under `name`.
 *
 * @throws {@link SottovoceError} `store/refused` where the browser allows no storage; `store/newer` where a newer version of
 * this package wrote it; `store/damaged` from {@link Store.load} where neither slot is whole; `store/full` from
 * {@link Store.save} and {@link Store.append} where the quota is used up.
 */
export async function indexedDbStore(name: string): Promise<Store> {
  return (await import("./persist.js")).openStore(name);
}
