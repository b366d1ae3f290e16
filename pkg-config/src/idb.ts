// IndexedDB: two slots for snapshots written in turn, a journal of what came after, nothing more.
//
// A commit is one transaction, and durable ("strict") before it is told. The journal is cut only up to the OLDER slot, so that
// with a broken newer slot the older one and the whole journal still give the same state.

import { answer, commits, openDb } from "./database.js";
import { SottovoceError } from "./errors.js";
import type { Saved, Store } from "./store.js";

/** One of the two slots. Slots of format 1 have no `line`. @internal */
export interface Slot extends Saved {
  readonly sequence: number;
  /** The last line of the journal that the snapshot stands for. */
  readonly line?: number;
  readonly checksum: number;
}

/** A line of the journal, under its number. @internal */
export interface Entry {
  readonly text: string;
  readonly checksum: number;
}

/** FNV-1a, 32 bits: finds a torn or rotten record, not a forged one. @internal */
export function checksum({ engine, page }: Saved, line = 0): number {
  let hash = 0x811c9dc5 ^ line;
  // Plain loops: this runs over some hundred kilobytes.
  for (let i = 0; i < engine.length; i++) hash = Math.imul(hash ^ engine[i]!, 0x01000193);
  for (let i = 0; i < page.length; i++) hash = Math.imul(hash ^ page.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const NOTHING = new Uint8Array();

function entrySum(text: string, number: number): number {
  return checksum({ engine: NOTHING, page: text }, number);
}

/** The whole slots, newest first, and whether any was found broken. @internal */
export function sound(slots: readonly unknown[]): { slots: Slot[]; damaged: boolean } {
  const there = slots.filter((found) => found !== undefined);
  const slotsWhole = there.filter(whole).sort((a, b) => b.sequence - a.sequence);
  return { slots: slotsWhole, damaged: slotsWhole.length < there.length };
}

function whole(found: unknown): found is Slot {
  const slot = found as Partial<Slot> | null;
  return (
    typeof slot === "object" && slot !== null && Number.isSafeInteger(slot.sequence) &&
    slot.engine instanceof Uint8Array && typeof slot.page === "string" && checksum(slot as Saved, slot.line) === slot.checksum
  );
}

/** The lines after `line`, up to the first that is missing or broken. @internal */
export function following(line: number, numbers: readonly unknown[], entries: readonly unknown[]): string[] {
  const lines: string[] = [];
  const after = numbers.findIndex((number) => (number as number) > line);
  if (after < 0) return lines;
  for (let i = after; i < numbers.length; i++) {
    const entry = entries[i] as Partial<Entry> | null | undefined;
    const expected = line + lines.length + 1;
    if (numbers[i] !== expected || typeof entry?.text !== "string" || entry.checksum !== entrySum(entry.text, expected)) break;
    lines.push(entry.text);
  }
  return lines;
}

const SLOTS = "slots";
const JOURNAL = "journal";
/** 1 had slots only. */
const VERSION = 2;

/** See `indexedDbStore`. @internal */
export async function openStore(name: string): Promise<Store> {
  const db = await openDb(name, VERSION, [SLOTS, JOURNAL]);
  const commit = commits(db, [SLOTS, JOURNAL]);
  let sequence = 0;
  /** The last line in the journal, and the one up to which the newest slot stands for it. */
  let last = 0;
  let folded = 0;
  /** Whether there are lines behind a broken one: they must not follow the next. */
  let stale = false;
  const write = (journal: IDBObjectStore, lines: readonly string[]) => {
    if (stale) journal.delete(IDBKeyRange.lowerBound(last, true));
    lines.forEach((text, i) => {
      const number = last + i + 1;
      journal.put({ text, checksum: entrySum(text, number) } satisfies Entry, number);
    });
  };
  return {
    async load() {
      const [first, second, numbers, entries] = await Promise.all(
        await commit("readonly", (slots, journal) => [
          answer<unknown>(slots.get(0)), answer<unknown>(slots.get(1)), answer(journal.getAllKeys()), answer(journal.getAll() as IDBRequest<unknown[]>),
        ] as const),
      );
      const { slots: kept, damaged } = sound([first, second]);
      if (damaged && kept.length === 0) {
        throw new SottovoceError("store/damaged", "The listening history on this device cannot be read.", "Delete it to start anew.");
      }
      const found = kept.map(({ engine, page, line = 0 }) => ({ engine, page, journal: following(line, numbers, entries) }));
      sequence = kept[0]?.sequence ?? 0;
      folded = kept[0]?.line ?? 0;
      last = folded + (found[0]?.journal.length ?? 0);
      stale = ((numbers.at(-1) as number | undefined) ?? 0) > last;
      return { slots: found };
    },
    async save({ engine, page }, lines) {
      const line = last + lines.length;
      const next = sequence + 1;
      const slot: Slot = { engine, page, line, sequence: next, checksum: checksum({ engine, page }, line) };
      await commit("readwrite", (slots, journal) => {
        slots.put(slot, next % 2);
        // What the slot before stands for is needed no more.
        if (folded > 0) journal.delete(IDBKeyRange.upperBound(folded));
        write(journal, lines);
      });
      sequence = next;
      folded = last = line;
      stale = false;
    },
    async append(lines) {
      await commit("readwrite", (_, journal) => {
        write(journal, lines);
      });
      last += lines.length;
      stale = false;
    },
    async clear() {
      const counts = await commit("readwrite", (slots, journal) => {
        slots.clear();
        journal.clear();
        return [answer(slots.count()), answer(journal.count())];
      });
      sequence = last = folded = 0;
      return (await Promise.all(counts)).reduce((sum, count) => sum + count);
    },
    close: () => db.close(),
  };
}
