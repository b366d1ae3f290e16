// Taking an export in again. Loaded when it is asked for.

import type { Door, Row } from "./door.js";
import { SottovoceError } from "./errors.js";
import type { State } from "./keeping.js";
import { fromBase64 } from "./open.js";
import type { CoreContext } from "./settings.js";
import type { Consents } from "./types.js";

/** What {@link Sottovoce.importData} did. */
export interface Imported {
  /** Whether it is the same engine again; otherwise it was learned anew from the history. */
  readonly exact: boolean;
  /** Events the engine remembers now. */
  readonly events: number;
  /** Events left out, as their songs are not in the catalogue. */
  readonly passedOver: number;
}

/** The newest form of an export. 1 had neither `state` nor `consents`. */
const FORMAT = 2;

interface Export {
  readonly format: number;
  readonly catalogue?: string;
  readonly history: readonly Row[];
  readonly page?: State["notes"];
  readonly consents?: Partial<Consents>;
  readonly paused?: boolean;
  readonly state?: string;
}

/** Puts the export in the place of what the engine knows; the engine is as before if it throws. */
export function take(door: Door, data: unknown, catalogue: string): { imported: Imported; state: State } {
  const found = checked(data, catalogue);
  const before = door.snapshot();
  const consent = door.consent();
  try {
    const imported = found.state === undefined ? learned(door, found.history) : exact(door, found.state);
    // A file gives no consent.
    door.setConsent(consent);
    const { recall = false, learning = true } = found.consents ?? {};
    return { imported, state: { notes: { ...found.page }, settings: { paused: found.paused === true, consents: { recall, learning } } } };
  } catch (cause) {
    door.restore(before);
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function exact(door: Door, state: string): Imported {
  door.restore(fromBase64(state));
  return { exact: true, events: door.history().length, passedOver: 0 };
}

function learned(door: Door, history: readonly Row[]): Imported {
  door.deleteData();
  let passedOver = 0;
  for (const { song, slot = 0, shownAt, at, behaviour, heard = 1, ...moment } of history) {
    if (![song, slot, shownAt, at, behaviour, heard].every(Number.isFinite)) throw new TypeError("a row of the history has no number where one belongs");
    door.setContext(contextOf(moment));
    try {
      door.observe(song, slot, shownAt, at, behaviour, heard);
    } catch (error) {
      if ((error as { code?: string }).code !== "song/unknown") throw error;
      passedOver++;
    }
  }
  return { exact: false, events: door.history().length, passedOver };
}

/** Only what is a context: a file may hold anything. */
function contextOf({ hour, weekday, device, locale, scene }: Omit<Row, "song" | "slot" | "shownAt" | "at" | "behaviour">): CoreContext {
  return { hour, weekday, device, locale, scene };
}

function checked(data: unknown, catalogue: string): Export {
  if (typeof data !== "object" || data === null) throw malformed("it is no object");
  const found = data as Partial<Export>;
  if (typeof found.format !== "number") throw malformed("it names no format");
  if (found.format > FORMAT) {
    throw new SottovoceError("import/newer", `The export is of format ${found.format}, the newest known is ${FORMAT}.`, "Reload the page for a newer player.");
  }
  if (found.catalogue !== undefined && found.catalogue !== catalogue) {
    throw new SottovoceError("import/catalogue", `The export is of the catalogue "${found.catalogue}", this is "${catalogue}".`, "Open the player it came from.");
  }
  if (!Array.isArray(found.history)) throw malformed("its history is no list");
  if (found.state !== undefined && typeof found.state !== "string") throw malformed("its state is no text");
  if (found.page !== undefined && (typeof found.page !== "object" || found.page === null)) throw malformed("its notes are no object");
  return found as Export;
}

function malformed(detail: string, cause?: unknown): SottovoceError {
  return new SottovoceError("import/malformed", `This is no export of a listening history: ${detail}.`, "Choose the file that exportData() gave.", { cause });
}
