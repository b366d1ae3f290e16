// Files of lines: JSON lines and tables. A table's cell may hold a line end where it stands in quotes.

import Papa from "papaparse";
import type { Place } from "./errors.js";
import { guessed, heading, readScrobble, type Columns } from "./lastfm.js";
import { Fault, LONGEST_RECORD, NEWLINE, occurrences, readRecord, type Reader, type Told } from "./reader.js";

const QUOTE = 34;
const RETURN = 13;
/** A quote that stays open for more lines was never one. */
const LONGEST_CELL = 16;

/** Cuts bytes into lines and knows where each stands. */
abstract class LineReader implements Reader {
  readonly #decoder = new TextDecoder();
  #rest = new Uint8Array();
  #byte = 0;
  #line = 0;

  write(bytes: Uint8Array): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#take(joined(this.#rest, bytes.subarray(from, at)), 1);
      this.#rest = new Uint8Array();
      from = at + 1;
    }
    this.#rest = joined(this.#rest, bytes.subarray(from));
    if (this.#rest.length > LONGEST_RECORD) {
      throw new Fault("history/too-long", "one line goes on for more than 256 kB.", "Check that this is a listening history.", { line: this.#line + 1, byte: this.#byte });
    }
  }

  end(): void {
    if (this.#rest.length > 0) this.#take(this.#rest, 0);
    this.#rest = new Uint8Array();
    this.over();
  }

  /** A line without its end. `quotes`: how many it holds. */
  protected abstract line(text: string, place: Place & { line: number }, quotes: number): void;

  /** No line follows. */
  protected over(): void {}

  #take(bytes: Uint8Array, end: number): void {
    this.#line += 1;
    const place = { line: this.#line, byte: this.#byte };
    this.#byte += bytes.length + end;
    const whole = bytes[bytes.length - 1] === RETURN ? bytes.subarray(0, -1) : bytes;
    this.line(this.#decoder.decode(whole), place, occurrences(whole, QUOTE));
  }
}

/** One record a line. */
export class JsonLinesReader extends LineReader {
  readonly #told: Told;
  #records = 0;

  constructor(told: Told) {
    super();
    this.#told = told;
  }

  protected override line(text: string, place: Place): void {
    if (text.trim() === "") return;
    this.#records += 1;
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch {
      // A line that is broken says nothing about the next.
    }
    this.#told(readRecord(record), { ...place, record: this.#records });
  }
}

/** A table of scrobbles. papaparse reads the cells: quoting has more corners than it seems. */
export class TableReader extends LineReader {
  readonly #told: Told;
  readonly #delimiter: string;
  #columns: Columns | undefined;
  #records = 0;
  /** Rows that wait to be cut into cells; without a text, lines that are lost. */
  #rows: { text: string | undefined; place: Place }[] = [];
  /** Lines of a cell whose quote is still open. */
  #open: { text: string; place: Place & { line: number }; quotes: number }[] = [];

  constructor(delimiter: string, told: Told) {
    super();
    this.#told = told;
    this.#delimiter = delimiter;
  }

  override write(bytes: Uint8Array): void {
    super.write(bytes);
    this.#readRows();
  }

  protected override line(text: string, place: Place & { line: number }, quotes: number): void {
    this.#open.push({ text, place, quotes });
    if (this.#open.reduce((sum, line) => sum + line.quotes, 0) % 2 === 0) {
      const row = this.#open.map((line) => line.text).join("\n");
      if (row.trim() !== "") this.#rows.push({ text: row, place: this.#open[0]?.place ?? place });
      this.#open = [];
    } else if (this.#open.length > LONGEST_CELL) this.#giveUp();
  }

  protected override over(): void {
    while (this.#open.length > 0) this.#giveUp();
    this.#readRows();
  }

  /** The quote in the first open line was none: that line is lost, the others begin anew. */
  #giveUp(): void {
    const [first, ...others] = this.#open.splice(0);
    if (first) this.#rows.push({ text: undefined, place: first.place });
    for (const { text, place, quotes } of others) this.line(text, place, quotes);
  }

  #readRows(): void {
    const rows = this.#rows.splice(0);
    const cells = this.#cells(rows.flatMap(({ text }) => text ?? []));
    let next = 0;
    for (const { text, place } of rows) this.#row(text === undefined ? undefined : cells[next++], place);
  }

  /** The cells of each row; of all at once, which is much faster, and of each by itself only where one is broken. */
  #cells(rows: readonly string[]): (string[] | undefined)[] {
    if (rows.length === 0) return [];
    const { data, errors } = Papa.parse<string[]>(rows.join("\n"), { delimiter: this.#delimiter, newline: "\n" });
    if (data.length === rows.length && !errors.some(({ type }) => type === "Quotes")) return data;
    return rows.length === 1 ? [undefined] : rows.flatMap((row) => this.#cells([row]));
  }

  #row(row: string[] | undefined, place: Place): void {
    if (!this.#columns && row) {
      const named = heading(row);
      this.#columns = named ?? guessed(row);
      if (named) return;
    }
    this.#tell(row && this.#columns && readScrobble(row, this.#columns), place);
  }

  #tell(reading: ReturnType<typeof readScrobble>, place: Place): void {
    this.#records += 1;
    this.#told(reading, { ...place, record: this.#records });
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
