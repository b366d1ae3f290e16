// What an engine asks of whoever keeps its state; and the one that keeps nothing.

import type { Door } from "./door.js";
import type { EventRow } from "./event.js";
import type { CoreContext } from "./settings.js";
import type { Consents, Song, Storage } from "./types.js";

/** What the engine was told, as a line of the journal. Short names: a line is written after every event. */
export type Line =
  /** An event, and the moment it came in. */
  | readonly ["o", EventRow, CoreContext]
  /** The last event was taken back. */
  | readonly ["u"]
  /** A note of the page. */
  | readonly ["n", key: string, value: unknown];

/** Songs that were asked for, and where asking stands; of `sottovoce/full` alone. */
export interface Asked {
  /** The shards' ETags: of another catalogue the songs mean nothing. */
  readonly of: string;
  /** The engine's part, base64. */
  readonly state: string;
  readonly songs: readonly Song[];
}

/** What the listener set; JSON has no infinity. */
export interface KeptBudget {
  readonly epsilon: number | null;
  readonly delta?: number;
}

/** A message that was about to leave, and of which nothing more is known. */
export interface Leaving {
  readonly message: string;
  readonly bytes: number;
  readonly at: number;
}

/** The state beside the engine's snapshot. */
export interface State {
  /** The page's notes. */
  notes: Record<string, unknown>;
  /** What only this package knows: of the listener's will, and of what is on its way just now. */
  settings: { paused?: boolean; consents?: Pick<Consents, "recall" | "learning">; budget?: KeptBudget; asked?: Asked; leaving?: Leaving };
}

/** Keeps an engine's state, somewhere or nowhere. */
export interface Keeping {
  state: State;
  readonly storage: Storage;
  /** Takes up the kept snapshot, if there is one. Never throws for the store's sake. */
  start(name: string): Promise<boolean>;
  /** Tells the engine what happened after that snapshot, and what may have left by then; its songs must be there. */
  redo(door: Door): void;
  /** Writes a line soon; those of one turn together. Resolved with where it is kept. */
  append(line: Line): Promise<Storage>;
  /** More changed than a line can say: writes a snapshot soon. */
  changed(): void;
  /** Resolved once everything up to now is written. */
  flush(): Promise<void>;
  /** Takes the kept state over from the tab that holds it. */
  takeOver(): Promise<void>;
  /** Forgets everything; how many records are left. */
  clear(): Promise<number>;
  close(): Promise<void>;
}

/** State before anything was said. */
export const blank = (): State => ({ notes: {}, settings: {} });

/** Keeps state for as long as the engine lives. */
export function keepNothing(): Keeping {
  const storage: Storage = { kind: "memory", why: "chosen" };
  const nothing = async () => {};
  return {
    state: blank(),
    storage,
    start: async () => false,
    redo() {},
    append: async () => storage,
    changed() {},
    flush: nothing,
    takeOver: nothing,
    async clear() {
      this.state = blank();
      return 0;
    },
    close: nothing,
  };
}
