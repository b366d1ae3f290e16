// JSON in one piece: a list of records, or an answer of ListenBrainz's API. @streamparser/json reads it, because JSON.parse needs
// all of it at once and a parser of our own is no recommender's business.

import { JSONParser } from "@streamparser/json";
import { Fault, LONGEST_RECORD, NEWLINE, occurrences, readRecord, type Reader, type Told } from "./reader.js";

/** Records at the top of a list, or under these keys. */
const PATHS = { list: "$.*", answer: "$.payload.listens.*" } as const;

/** Reads a list record by record and keeps none. */
export class JsonReader implements Reader {
  readonly #parser: JSONParser;
  /** Bytes and line ends before the piece that is being read. */
  #bytes = 0;
  #lines = 0;
  #records = 0;
  #recordAt = 0;
  /** Where the last token began. */
  #tokenAt = 0;
  #over = false;

  constructor(shape: keyof typeof PATHS, told: Told) {
    this.#parser = new JSONParser({ paths: [PATHS[shape]], keepStack: false });
    this.#parser.onToken = ({ offset }) => {
      this.#tokenAt = offset;
    };
    this.#parser.onValue = ({ value }) => {
      this.#records += 1;
      told(readRecord(value), { record: this.#records, byte: this.#recordAt });
      this.#recordAt = this.#tokenAt + 1;
    };
    this.#parser.onEnd = () => {
      this.#over = true;
    };
  }

  write(bytes: Uint8Array): void {
    // After the list only white space may follow; the parser would take it for the beginning of another.
    if (this.#over) return this.#rest(bytes);
    let failure: Error | undefined;
    this.#parser.onError = (error) => {
      failure ??= error;
    };
    try {
      this.#parser.write(bytes);
    } catch (error) {
      failure ??= error as Error;
    }
    if (failure) throw this.#fault(failure, bytes);
    this.#bytes += bytes.length;
    this.#lines += occurrences(bytes, NEWLINE);
    if (!this.#over && this.#bytes - this.#recordAt > LONGEST_RECORD) {
      throw new Fault("history/too-long", "one record goes on for more than 256 kB.", "Check that this is a listening history.", {
        byte: this.#recordAt,
        record: this.#records + 1,
      });
    }
  }

  end(): void {
    if (this.#over) return;
    throw new Fault("history/malformed", "the file ends in the middle of the list.", "Download or export it again; it was cut off.", {
      line: this.#lines + 1,
      byte: this.#bytes,
      record: this.#records + 1,
    });
  }

  #fault(failure: Error, bytes: Uint8Array): Fault {
    const told = /absolute position "(\d+)"/.exec(failure.message)?.[1];
    const byte = told === undefined ? this.#tokenAt : Number(told);
    const line = this.#lines + 1 + occurrences(bytes.subarray(0, Math.max(0, byte - this.#bytes)), NEWLINE);
    const sign = bytes[byte - this.#bytes];
    const found = sign === undefined || sign < 33 || sign > 126 ? "something" : `"${String.fromCharCode(sign)}"`;
    return new Fault("history/malformed", `${found} stands where JSON allows none.`, "Export it again, or mend that place.", { line, byte, record: this.#records + 1 }, { cause: failure });
  }

  #rest(bytes: Uint8Array): void {
    const at = bytes.findIndex((byte) => byte !== 32 && byte !== 9 && byte !== NEWLINE && byte !== 13);
    if (at >= 0) {
      const line = this.#lines + 1 + occurrences(bytes.subarray(0, at), NEWLINE);
      throw new Fault("history/malformed", "something follows the end of the list.", "Give each export as a file of its own.", { line, byte: this.#bytes + at });
    }
    this.#bytes += bytes.length;
    this.#lines += occurrences(bytes, NEWLINE);
  }
}
