// What may leave a page, read to the last byte: a body that is anything else, or anything more, is an error. The lengths of what is inside
// are fixed by the protocol, so that no message has room for anything about the listener.

import { decode } from "./cbor.js";

const VERSION = 1;

const bytes = (length) => (value) => value instanceof Uint8Array && value.length === length;
const rows = (width) => (value) => value instanceof Uint8Array && value.length > 0 && value.length % width === 0;
const whole = (value) => Number.isInteger(value) && value >= 0;

/** Kind, name and fields of each. */
const FORMS = {
  update: { kind: 64, fields: [whole, whole, rows(4)] },
  member: { kind: 66, fields: [bytes(32), bytes(32), whole, bytes(64)] },
  join: { kind: 67, fields: [bytes(32), bytes(32), bytes(32), bytes(32), bytes(32), rows(96), bytes(64)] },
  report: { kind: 68, fields: [bytes(32), bytes(32), rows(1), bytes(64)] },
  vote: { kind: 69, fields: [whole, bytes(32), bytes(64)] },
  disclosure: { kind: 70, fields: [whole, bytes(32), rows(32), bytes(64)] },
};

/** Addresses that messages are put to; what stands in the address has to stand in the message too. */
const PLACES = [
  { form: "update", path: /^\/v1\/rounds\/(?<round>\d+)\/updates\/[0-9a-f]{32}$/ },
  { form: "member", path: /^\/v1\/members\/(?<key>[0-9a-f]{64})$/ },
  { form: "join", path: /^\/v1\/rounds\/(?<round>\d+)\/joins\/(?<key>[0-9a-f]{64})$/ },
  { form: "report", path: /^\/v1\/rounds\/(?<round>\d+)\/reports\/(?<key>[0-9a-f]{64})$/ },
  { form: "vote", path: /^\/v1\/rounds\/(?<round>\d+)\/votes\/(?<seat>\d+)$/ },
  { form: "disclosure", path: /^\/v1\/rounds\/(?<round>\d+)\/disclosures\/(?<seat>\d+)$/ },
];

/** Which message belongs to an address, if any does. */
export function formAt(path) {
  for (const { form, path: pattern } of PLACES) {
    const match = pattern.exec(path);
    if (match) return { form, ...match.groups };
  }
  return undefined;
}

/** Reads the message that belongs to an address; throws where the body is anything else, or anything more. */
export function readMessage({ form, round, key, seat }, body) {
  const envelope = decode(body);
  if (!Array.isArray(envelope) || envelope.length !== 3) throw new Error("not an envelope [version, kind, payload]");
  const [version, kind, payload] = envelope;
  const { kind: expected, fields } = FORMS[form];
  if (version !== VERSION || kind !== expected) throw new Error(`message of version ${version} and kind ${kind}, not the ${form} of this address`);
  if (!Array.isArray(payload) || payload.length !== fields.length || !fields.every((fits, i) => fits(payload[i]))) {
    throw new Error(`not the fields of a ${form} and nothing else`);
  }
  const named = form === "join" ? payload[1] : payload[0];
  if (key !== undefined && hex(named) !== key) throw new Error("the message is another's than the address says");
  if (seat !== undefined && payload[0] !== Number(seat)) throw new Error("the seat is another's than the address says");
  if (form === "report") looksUniform(payload[2]);
  return { form, round: round === undefined ? undefined : Number(round), bytes: body.length, payload };
}

/**
 * Masked numbers are uniform: all 256 bytes come equally often, and all pairs of bits of neighbours too. What carries a meaning does not.
 * χ² with 255 degrees of freedom is above 400 less often than once in 10⁷ reports.
 */
export function looksUniform(body) {
  if (body.length < 4096) return;
  const counts = new Array(256).fill(0);
  for (const byte of body.subarray(0, body.length - 1)) counts[byte] += 1; // the last one may be filled up with zeros
  const each = (body.length - 1) / 256;
  const chi = counts.reduce((sum, count) => sum + (count - each) ** 2 / each, 0);
  if (chi > 400) throw new Error(`the report is not uniform: χ² of its bytes is ${chi.toFixed(0)}`);
}

function hex(key) {
  return [...key].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
