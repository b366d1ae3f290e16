// Lines read again, and the state beside the snapshot, versioned.

import type { Door } from "./door.js";
import type { Line, State } from "./keeping.js";

/** The version of {@link State}'s form. */
const FORMAT = 2;

/** Tells the engine what a line says; false where it will not hear of it (its song left the catalogue). */
export function apply(door: Door, state: State, line: Line): boolean {
  try {
    if (line[0] === "n") state.notes[line[1]] = line[2];
    else if (line[0] === "u") door.undo();
    else {
      door.setContext(line[2]);
      door.observe(...line[1]);
    }
    return true;
  } catch {
    return false;
  }
}

/** Counts a message that was on its way when the page was closed: whether it left is not known, and what left must not be missing. */
export function left(door: Door, { settings }: State): void {
  const { leaving } = settings;
  if (!leaving || !door.recordLeft) return;
  door.recordLeft(leaving.message, leaving.bytes, "It was on its way when this page was closed or told to stop, and may have left.", leaving.at);
  delete settings.leaving;
}

/** The state as JSON. */
export function written({ notes, settings }: State): string {
  return JSON.stringify([FORMAT, notes, settings]);
}

/** The state out of JSON of this format or an older one. Format 1 was the notes alone. */
export function read(json: string): State {
  const found = JSON.parse(json) as Record<string, unknown> | [number, State["notes"], State["settings"]];
  return Array.isArray(found) ? { notes: found[1], settings: found[2] } : { notes: found, settings: {} };
}
