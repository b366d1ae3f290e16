// A file's bytes go in, what its records say comes out. Readers are pushed, so that an archive can feed them as a file does.

import type { HistoryErrorCode, Place } from "./errors.js";
import { isListenBrainz, readListenBrainz } from "./listenbrainz.js";
import { isFields } from "./fields.js";
import { isSpotify, readSpotify } from "./spotify.js";
import type { Reading } from "./play.js";

/** What a record said, and where it stands. */
export type Told = (reading: Reading, place: Place) => void;

/** Takes a file piece by piece. Throws {@link Fault} where the file breaks its format; what was told before stands. */
export interface Reader {
  write(bytes: Uint8Array): void;
  /** The file is over. */
  end(): void;
}

/** What went wrong, before it is known in which file. */
export class Fault extends Error {
  override readonly name = "Fault";

  constructor(
    readonly code: HistoryErrorCode,
    what: string,
    readonly next: string,
    readonly place: Place = {},
    options?: ErrorOptions,
  ) {
    super(what, options);
  }
}

/** No listen is longer. A bound on memory, whatever the file holds. */
export const LONGEST_RECORD = 1 << 18;

/** A record of any of the JSON exports. */
export function readRecord(record: unknown): Reading {
  if (!isFields(record)) return undefined;
  if (isSpotify(record)) return readSpotify(record);
  if (isListenBrainz(record)) return readListenBrainz(record);
  return undefined;
}

/** How many times a byte occurs. */
export function occurrences(bytes: Uint8Array, byte: number): number {
  let count = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
}

/** The byte of a line's end. */
export const NEWLINE = 10;
