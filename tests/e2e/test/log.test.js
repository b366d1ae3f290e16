import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { readLog } from "../src/log.js";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");

function record({ version, previous, round, roster = 7, epsilon }) {
  const bytes = Buffer.alloc(152);
  bytes.write("sottovoce version v1");
  bytes.writeBigUInt64LE(BigInt(version), 24);
  if (previous) createHash("sha256").update(Buffer.from(previous.bytes, "hex")).digest().copy(bytes, 64);
  bytes.writeBigUInt64LE(BigInt(round), 96);
  if (round > 0) bytes.fill(roster, 104, 136);
  bytes.writeDoubleLE(epsilon, 136);
  return { bytes: bytes.toString("hex"), signature: sign(null, bytes, privateKey).toString("hex") };
}

const first = record({ version: 0, round: 0, epsilon: 0 });
const second = record({ version: 1, previous: first, round: 1, epsilon: 0.5 });
const faultsOf = (third) => readLog([first, second, third], key).faults;

test("a log that holds has no faults", () => {
  const { faults, records } = readLog([first, second, record({ version: 2, previous: second, round: 3, epsilon: 0.75 })], key);
  assert.deepEqual(faults, []);
  assert.deepEqual(records.map(({ version, round, epsilon }) => [version, round, epsilon]), [[0, 0, 0], [1, 1, 0.5], [2, 3, 0.75]]);
});

test("what does not hold is named", () => {
  const whole = { version: 2, previous: second, round: 2, epsilon: 0.75 };
  const changed = record(whole);
  changed.bytes = changed.bytes.replace(/..$/, "01");
  assert.deepEqual(faultsOf(changed), ["version 2: not signed by the log's key"]);
  assert.deepEqual(faultsOf(record({ ...whole, previous: first })), ["version 2: names another record before it"]);
  assert.deepEqual(faultsOf(record({ ...whole, version: 3 })), ["version 3: follows version 1"]);
  assert.deepEqual(faultsOf(record({ ...whole, roster: 0 })), ["version 2: its round has no roster"]);
  assert.deepEqual(faultsOf(record({ ...whole, epsilon: 0.5 })), ["version 2: ε has not grown"]);
  assert.deepEqual(faultsOf(record({ ...whole, epsilon: Infinity })), ["version 2: ε is not finite"]);
});
