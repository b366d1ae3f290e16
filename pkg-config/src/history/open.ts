// Tells by its first bytes what a file is, and reads it: JSON, JSON lines, a table, or an archive of those.

import { Unzip, UnzipInflate, type UnzipFile } from "fflate";
import { JsonReader } from "./json.js";
import { JsonLinesReader, TableReader } from "./lines.js";
import { Fault, type Reader, type Told } from "./reader.js";

/** As much as is looked at before a file's kind is decided. */
const HEAD = 1 << 14;
/** Bytes handed on at a time: what inflates a thousandfold stays small, and bounds are looked at often. */
const PIECE = 1 << 14;

/** What is read in an archive; the rest of what services pack with it is none of our business. */
const LISTENS = /(^|\/)(streaming_?history[^/]*\.json|endsong[^/]*\.json|listens[^/]*\.jsonl?|listens\/.*\.jsonl?|[^/]*(scrobble|lastfm|last\.fm|recenttracks)[^/]*\.csv)$/i;

/** Reads a file of any kind that is known. */
export class AnyReader implements Reader {
  readonly #told: Told;
  readonly #inArchive: boolean;
  #head = new Uint8Array();
  #reader: Reader | undefined;

  constructor(told: Told, { inArchive = false }: { inArchive?: boolean } = {}) {
    this.#told = told;
    this.#inArchive = inArchive;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE) this.#piece(bytes.subarray(at, at + PIECE));
  }

  end(): void {
    this.#decided()?.end();
  }

  #piece(bytes: Uint8Array): void {
    if (this.#reader) return this.#reader.write(bytes);
    const head = new Uint8Array(this.#head.length + bytes.length);
    head.set(this.#head);
    head.set(bytes, this.#head.length);
    this.#head = head;
    if (head.length >= HEAD) this.#decided();
  }

  #decided(): Reader | undefined {
    if (this.#reader) return this.#reader;
    const head = this.#head;
    this.#head = new Uint8Array();
    if (head.length === 0) return undefined;
    this.#reader = readerOf(head, this.#told, this.#inArchive);
    this.#reader.write(head);
    return this.#reader;
  }
}

function readerOf(head: Uint8Array, told: Told, inArchive: boolean): Reader {
  if (head[0] === 0xff && head[1] === 0xfe) return new WideReader("utf-16le", told);
  if (head[0] === 0xfe && head[1] === 0xff) return new WideReader("utf-16be", told);
  if (head[0] === 0x50 && head[1] === 0x4b && !inArchive) return new ArchiveReader(told);
  // The decoder takes a mark of UTF-8 off by itself.
  const text = new TextDecoder().decode(head).trimStart();
  if (text.includes("\u0000")) throw unknown("this is no text.");
  if (text.startsWith("[")) return new Unmarked(head, new JsonReader("list", told));
  if (text.startsWith("{")) return new Unmarked(head, hasWholeRecord(text) ? new JsonLinesReader(told) : new JsonReader("answer", told));
  const first = text.split("\n", 1)[0] ?? "";
  const delimiter = [",", "\t", ";"].map((sign) => ({ sign, count: first.split(sign).length })).sort((a, b) => b.count - a.count)[0];
  if (!delimiter || delimiter.count < 2) throw unknown("its first line is neither JSON nor a table.");
  return new Unmarked(head, new TableReader(delimiter.sign, told));
}

function unknown(what: string): Fault {
  return new Fault("history/unknown-format", what, "Give a Spotify streaming history, a Last.fm table (CSV) or a ListenBrainz export.");
}

/** Whether the first line is a record by itself. */
function hasWholeRecord(text: string): boolean {
  try {
    const first: unknown = JSON.parse(text.split("\n", 1)[0] ?? "");
    return typeof first === "object" && first !== null && !("payload" in first);
  } catch {
    // A broken first line does not make the lines that follow something else.
    return /\}\s*\n\s*\{/.test(text);
  }
}

/** Takes the mark of UTF-8 off a file's beginning. */
class Unmarked implements Reader {
  readonly #reader: Reader;
  #skip: number;

  constructor(head: Uint8Array, reader: Reader) {
    this.#reader = reader;
    this.#skip = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  }

  write(bytes: Uint8Array): void {
    this.#reader.write(bytes.subarray(this.#skip));
    this.#skip = 0;
  }

  end(): void {
    this.#reader.end();
  }
}

/** Tables that passed through a spreadsheet come as UTF-16. */
class WideReader implements Reader {
  readonly #decoder: TextDecoder;
  readonly #encoder = new TextEncoder();
  readonly #reader: AnyReader;

  constructor(encoding: string, told: Told) {
    this.#decoder = new TextDecoder(encoding);
    // Places would be those of the text in UTF-8: only lines and records are the file's own.
    this.#reader = new AnyReader((reading, { byte: _, ...place }) => told(reading, place), { inArchive: true });
  }

  write(bytes: Uint8Array): void {
    this.#reader.write(this.#encoder.encode(this.#decoder.decode(bytes, { stream: true })));
  }

  end(): void {
    this.#reader.write(this.#encoder.encode(this.#decoder.decode()));
    this.#reader.end();
  }
}

/** Reads the histories in a ZIP archive, as it streams by. */
class ArchiveReader implements Reader {
  readonly #unzip: Unzip;
  #found = 0;
  #fault: unknown;

  constructor(told: Told) {
    this.#unzip = new Unzip((file) => this.#entry(file, told));
    this.#unzip.register(UnzipInflate);
  }

  write(bytes: Uint8Array): void {
    this.#push(bytes, false);
  }

  end(): void {
    this.#push(new Uint8Array(), true);
    if (this.#found === 0) throw unknown("no listening history is in this archive.");
  }

  #push(bytes: Uint8Array, last: boolean): void {
    try {
      this.#unzip.push(bytes, last);
    } catch (error) {
      this.#fault ??= error;
    }
    if (this.#fault === undefined) return;
    if (this.#fault instanceof Fault) throw this.#fault;
    throw new Fault("history/malformed", "the archive is damaged.", "Download it again, or unpack it and give the files in it.", {}, { cause: this.#fault });
  }

  #entry(file: UnzipFile, told: Told): void {
    if (!LISTENS.test(file.name)) return;
    this.#found += 1;
    const reader = new AnyReader(told, { inArchive: true });
    file.ondata = (error, bytes, last) => {
      try {
        if (error) throw error;
        reader.write(bytes);
        if (last) reader.end();
      } catch (fault) {
        this.#fault ??= fault;
        file.terminate();
      }
    };
    file.start();
  }
}
