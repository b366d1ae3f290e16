// The public log of versions, verified as a device would: every record signed, each naming the one before, the newest naming the weights that
// are served. Bytes as in src/protocol/chain.rs.

import { createHash, createPublicKey, verify } from "node:crypto";

const DOMAIN = "sottovoce version v1\0\0\0\0";
const LENGTH = 152;
/** What stands before the 32 bytes of an Ed25519 key in its DER form. */
const DER = Buffer.from("302a300506032b6570032100", "hex");

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const isZero = (hex) => /^0*$/.test(hex);

/** Reads a record's bytes; throws where they are none. */
export function readRecord(bytes) {
  if (bytes.length !== LENGTH || bytes.toString("latin1", 0, 24) !== DOMAIN) throw new Error("not the bytes of a record");
  const hex = (from, to) => bytes.toString("hex", from, to);
  return {
    version: Number(bytes.readBigUInt64LE(24)),
    weights: hex(32, 64),
    previous: hex(64, 96),
    round: Number(bytes.readBigUInt64LE(96)),
    roster: hex(104, 136),
    epsilon: bytes.readDoubleLE(136),
    at: Number(bytes.readBigUInt64LE(144)),
  };
}

/** What is wrong with records `[{ bytes, signature }]` (hex) under `key` (hex), in words; and the records themselves. */
export function readLog(signed, key) {
  const publicKey = createPublicKey({ key: Buffer.concat([DER, Buffer.from(key, "hex")]), format: "der", type: "spki" });
  const faults = [];
  const records = [];
  let before;
  for (const { bytes: hex, signature } of signed) {
    const bytes = Buffer.from(hex, "hex");
    const record = readRecord(bytes);
    const wrong = (what) => faults.push(`version ${record.version}: ${what}`);
    if (!verify(null, bytes, publicKey, Buffer.from(signature, "hex"))) wrong("not signed by the log's key");
    if (before ? record.previous !== before.hash : !isZero(record.previous)) wrong("names another record before it");
    if (before && record.version !== before.version + 1) wrong(`follows version ${before.version}`);
    if (record.round > 0 && isZero(record.roster)) wrong("its round has no roster");
    if (!Number.isFinite(record.epsilon)) wrong("ε is not finite");
    // Every round costs something.
    if (record.round > 0 && record.epsilon <= (before?.epsilon ?? 0)) wrong("ε has not grown");
    before = { ...record, hash: sha256(bytes) };
    records.push(before);
  }
  return { records, faults };
}

/** A server's whole log and whether it holds, and whether the weights that it serves are the newest. */
export async function fetchLog(server) {
  const get = async (path) => {
    const response = await fetch(new URL(path, server));
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  };
  const { key } = await (await get("/v1/log/key")).json();
  const signed = [];
  for (let from = 0; from !== null && from !== undefined; ) {
    const page = await (await get(`/v1/log?from=${from}`)).json();
    signed.push(...page.records);
    from = page.next;
  }
  const { records, faults } = readLog(signed, key);
  const weights = sha256(Buffer.from(await (await get("/v1/tower/weights")).arrayBuffer()));
  // A round may have closed between the two questions.
  if (records.length > 0 && !records.some((record) => record.weights === weights)) faults.push("the weights that are served are in no record");
  return { key, records, faults, version: records.at(-1)?.version ?? 0 };
}
