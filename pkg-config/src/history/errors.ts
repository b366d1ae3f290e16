// What can be wrong with a file, and where.

/** The codes of {@link HistoryError}. */
export type HistoryErrorCode =
  /** The file is none of the exports that can be read. */
  | "history/unknown-format"
  /** The file breaks its own format at {@link HistoryError.place}. */
  | "history/malformed"
  /** One record is longer than any listen can be. */
  | "history/too-long"
  /** The file could not be read to its end. */
  | "history/unreadable"
  /** The reading was called off. */
  | "history/aborted";

/** A place in a file. Bytes count from 0, lines and records from 1. */
export interface Place {
  readonly byte?: number;
  readonly line?: number;
  readonly record?: number;
}

/** A file that cannot be read, or not to its end. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";

  constructor(
    /** Stable; branch on this, not on the message. */
    readonly code: HistoryErrorCode,
    /** The file's name. */
    readonly file: string,
    what: string,
    /** The next thing to try, as a sentence. */
    readonly next: string,
    /** Where it went wrong, as closely as known. */
    readonly place: Place = {},
    options?: ErrorOptions,
  ) {
    super(`${file}${placeText(place)}: ${what} ${next}`, options);
  }
}

/** ` at line 3, byte 120, record 3`, with what is known; empty where nothing is. */
export function placeText({ line, byte, record }: Place): string {
  const words = [
    line !== undefined && `line ${line}`,
    byte !== undefined && `byte ${byte}`,
    record !== undefined && `record ${record}`,
  ].filter(Boolean);
  return words.length > 0 ? ` at ${words.join(", ")}` : "";
}
