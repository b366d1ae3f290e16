// Short names for what wasm and glue call each other. wasm-bindgen's are long and carry hashes, which compress badly: about 1 kB of what a
// page downloads. Both files are rewritten by one map, made of the sorted names, so that every build of one door gets the same.

/** The map for a wasm file: every imported and exported name but `memory`, which tools look for. */
export function shortNames(wasm) {
  const names = new Set();
  rewrite(wasm, (name) => (names.add(name), name));
  names.delete("memory");
  return new Map([...names].sort().map((name, i) => [name, letters(i)]));
}

/** The wasm file under short names. Custom sections (names, producers) stay as they are. */
export function shortWasm(wasm, names) {
  return rewrite(wasm, (name) => names.get(name) ?? name, "w");
}

/** Its glue. */
export function shortGlue(source, names) {
  const whole = (name) => new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`, "g");
  const renamed = [...names].reduce((text, [name, short]) => text.replace(whole(name), short), source);
  return renamed.replace(/"\.\/sottovoce_bg\.js"/g, '"w"');
}

function letters(i) {
  const rest = Math.floor(i / 26);
  return (rest > 0 ? letters(rest - 1) : "") + String.fromCharCode(97 + (i % 26));
}

const [IMPORTS, EXPORTS] = [2, 7];

/** Visits the names of the import and export sections; imported modules are renamed to `module` where it is given. */
function rewrite(wasm, rename, module) {
  const parts = [wasm.subarray(0, 8)];
  const read = new Reader(wasm, 8);
  while (read.at < wasm.length) {
    const start = read.at;
    const id = read.byte();
    const end = read.number() + read.at;
    if (id === IMPORTS || id === EXPORTS) {
      const count = read.number();
      const body = [...encoded(count)];
      const name = (text) => body.push(...encoded(Buffer.byteLength(text)), ...Buffer.from(text));
      for (let i = 0; i < count; i++) {
        if (id === IMPORTS) {
          const from = read.name();
          name(module ?? from);
        }
        name(rename(read.name()));
        const kind = read.at;
        if (id === IMPORTS) read.importKind();
        else {
          read.skip(1);
          read.number();
        }
        body.push(...wasm.subarray(kind, read.at));
      }
      parts.push(Buffer.from([id, ...encoded(body.length), ...body]));
    } else parts.push(wasm.subarray(start, end));
    read.at = end;
  }
  const whole = Buffer.concat(parts);
  // A node that does not know relaxed SIMD can judge neither.
  if (WebAssembly.validate(wasm) && !WebAssembly.validate(whole)) throw new Error("the renamed wasm is not valid: its import section has something new, see names.mjs");
  return whole;
}

/** LEB128 and names, in order. */
class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    return this.bytes[this.at++];
  }
  skip(bytes) {
    this.at += bytes;
  }
  number() {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }
  name() {
    const length = this.number();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at).toString();
  }
  /** function, table, memory, global: what follows the kind. */
  importKind() {
    const kind = this.byte();
    const limits = () => {
      const bounded = this.byte() & 1;
      this.number();
      if (bounded) this.number();
    };
    if (kind === 0) this.number();
    else if (kind === 3) this.skip(2);
    else {
      if (kind === 1) this.skip(1);
      limits();
    }
  }
}

function encoded(value) {
  const bytes = [];
  do {
    const low = value & 127;
    value >>>= 7;
    bytes.push(value ? low | 128 : low);
  } while (value);
  return bytes;
}
