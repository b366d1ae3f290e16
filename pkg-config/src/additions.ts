// Songs of the listener's own that the catalogue lacks, as a shard that this device writes for itself. It is never sent.

import type { Song } from "./types.js";

/** A song that joins the catalogue on this device only. */
export interface Addition {
  readonly song: Song;
  /** Where it is thought to lie among the others; of the catalogue's dimension. */
  readonly embedding: Float32Array;
}

const VERSION = 1;
const CATALOGUE_SHARD = 1;
/** Far from any shard of the server's. */
const INDEX = 0xffff;
/** Heard often enough elsewhere that nothing is added to try it out: where it lies is a guess already. */
const PLAYS = 1000;

/** The additions as a catalogue shard, songs ascending; see `CatalogueShard` in src/protocol/message.rs. @internal */
export function shardOf(additions: readonly Addition[]): Uint8Array {
  const rows = [...additions].sort((a, b) => a.song.id - b.song.id);
  const dimension = rows[0]?.embedding.length ?? 0;
  const scales = rows.map(({ embedding }) => Math.max(...embedding.map(Math.abs)) / 127 || 1);
  const values = Int8Array.from(rows.flatMap(({ embedding }, i) => Array.from(embedding, (x) => Math.round(x / (scales[i] ?? 1)))));
  const none16 = new Uint8Array(2 * rows.length);
  const payload = [
    head(4, 13),
    head(0, INDEX),
    head(0, dimension),
    tensor(rows, 4, (view, at, { song }) => view.setUint32(at, song.id, true)),
    tensor(rows, 4, (view, at, { song }) => view.setUint32(at, song.artistId, true)),
    // Album, style, language and year: not known.
    bytes(new Uint8Array(4 * rows.length)),
    bytes(none16),
    bytes(none16),
    bytes(none16),
    tensor(rows, 4, (view, at, { song }) => view.setFloat32(at, song.popularity, true)),
    tensor(rows, 4, (view, at) => view.setUint32(at, PLAYS, true)),
    tensor(scales, 4, (view, at, scale) => view.setFloat32(at, scale, true)),
    bytes(new Uint8Array(values.buffer)),
    bytes(new Uint8Array()),
  ];
  return joined([head(4, 3), head(0, VERSION), head(0, CATALOGUE_SHARD), ...payload]);
}

/** The first bytes of a CBOR item (RFC 8949): its major type, and a number or a length. */
function head(major: number, argument: number): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  if (argument < 1 << 8) return Uint8Array.of(first | 24, argument);
  if (argument < 1 << 16) return Uint8Array.of(first | 25, argument >> 8, argument & 255);
  return Uint8Array.of(first | 26, argument >>> 24, (argument >> 16) & 255, (argument >> 8) & 255, argument & 255);
}

function bytes(content: Uint8Array): Uint8Array {
  return joined([head(2, content.length), content]);
}

function tensor<T>(items: readonly T[], width: number, put: (view: DataView, at: number, item: T) => void): Uint8Array {
  const content = new Uint8Array(items.length * width);
  const view = new DataView(content.buffer);
  items.forEach((item, i) => put(view, i * width, item));
  return bytes(content);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
