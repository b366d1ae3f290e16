// wasm-bindgen ends the name of every import with sixteen random digits, which no compression makes smaller: once in the wasm, once in
// the glue. Here they go, from both: a page has one engine's glue, and a name is enough.
//
//   node short_names.mjs WASM GLUE      (both are rewritten)

import { readFileSync, writeFileSync } from "node:fs";

const [wasm, glue] = process.argv.slice(-2);
const bytes = readFileSync(wasm);
let at = 8;
const out = [bytes.subarray(0, at)];

function number() {
  let [value, shift, byte] = [0, 0, 0];
  do {
    byte = bytes[at++];
    value |= (byte & 127) << shift;
    shift += 7;
  } while (byte > 127);
  return value >>> 0;
}

function leb(value) {
  const made = [];
  do {
    made.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(made);
}

function text() {
  const length = number();
  return bytes.subarray(at, (at += length)).toString();
}

const written = (value) => Buffer.concat([leb(Buffer.byteLength(value)), Buffer.from(value)]);

/** Passes over the limits of a table or a memory. */
function limits() {
  const flags = number();
  number();
  if (flags & 1) number();
}

const names = new Map();
function plain(name) {
  const short = name.replace(/_[0-9a-f]{16}$/, "");
  if (short !== name && ![...names.values()].includes(short)) names.set(name, short);
  return names.get(name) ?? name;
}

while (at < bytes.length) {
  const from = at;
  const kind = bytes[at++];
  const length = number();
  const end = at + length;
  if (kind !== 2) {
    out.push(bytes.subarray(from, (at = end)));
    continue;
  }
  const count = number();
  const parts = [leb(count)];
  for (let i = 0; i < count; i += 1) {
    parts.push(written(text()), written(plain(text())));
    const descriptor = at;
    const what = bytes[at++];
    if (what === 0) number();
    else if (what === 1) [(at += 1), limits()];
    else if (what === 2) limits();
    else if (what === 3) at += 2;
    else throw new Error(`an import of kind ${what}`);
    parts.push(bytes.subarray(descriptor, at));
  }
  const body = Buffer.concat(parts);
  out.push(Buffer.from([2]), leb(body.length), body);
}
writeFileSync(wasm, Buffer.concat(out));
let script = readFileSync(glue, "utf8");
for (const [long, short] of names) script = script.replaceAll(long, short);
writeFileSync(glue, script);
