// Just enough CBOR (RFC 8949) to read what a page sends, and strict: definite lengths, nothing after the value.

const MAX_DEPTH = 16;

/** Decodes one value and nothing after it. Maps become `Map`, byte strings `Uint8Array`. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new Error(`${bytes.length - reader.at} bytes after the CBOR value`);
  return value;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  value(depth) {
    if (depth > MAX_DEPTH) throw new Error("CBOR is nested too deeply");
    const first = this.take(1)[0];
    const [major, info] = [first >> 5, first & 31];
    if (major === 7) return this.simple(info);
    const argument = this.argument(info);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return this.take(argument);
      case 3:
        return new TextDecoder("utf-8", { fatal: true }).decode(this.take(argument));
      case 4:
        return this.many(argument, () => this.value(depth + 1));
      case 5:
        return new Map(this.many(argument, () => [this.value(depth + 1), this.value(depth + 1)]));
      default:
        throw new Error("a CBOR tag, which no message has");
    }
  }

  argument(info) {
    if (info < 24) return info;
    const width = { 24: 1, 25: 2, 26: 4, 27: 8 }[info];
    if (!width) throw new Error("CBOR of indefinite length, which no message has");
    const at = this.at;
    this.take(width);
    const value = width === 1 ? this.view.getUint8(at) : width === 2 ? this.view.getUint16(at) : width === 4 ? this.view.getUint32(at) : Number(this.view.getBigUint64(at));
    if (!Number.isSafeInteger(value)) throw new Error("a CBOR number beyond 2^53");
    return value;
  }

  simple(info) {
    const at = this.at;
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 26:
        this.take(4);
        return this.view.getFloat32(at);
      case 27:
        this.take(8);
        return this.view.getFloat64(at);
      default:
        throw new Error(`CBOR simple value ${info}, which no message has`);
    }
  }

  many(count, one) {
    // Every element has a byte at least: a count that cannot be true is refused before anything is allocated.
    if (count > this.bytes.length - this.at) throw new Error("CBOR promises more elements than there are bytes");
    return Array.from({ length: count }, one);
  }

  take(count) {
    if (count > this.bytes.length - this.at) throw new Error("CBOR ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}
