// Breaks valid exports at random and reads them: nothing but typed errors may come of it, and the counts must add up.
//   node pkg-config/fuzz/history.mjs --seconds 60 [--seed 7]       (or HISTORY_FUZZ_SECONDS=60)
// Needs the built package: npm run build -w pkg-config
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { strToU8, zipSync } from "fflate";
import { HistoryError, readHistory, unmatchedTable } from "../dist/history.js";
import { KINDS, pieces, seeded, songs } from "./exports.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string", default: "1" } } });
const seconds = Number(values.seconds ?? process.env["HISTORY_FUZZ_SECONDS"] ?? 10);
const seed = Number(values.seed);
const CODES = new Set(["history/unknown-format", "history/malformed", "history/too-long", "history/unreadable"]);
/** A file of a few kB that takes longer than this is as bad as a crash. */
const SLOW_MS = 3000;

const pool = songs(60);
const catalogue = pool.filter(({ id }) => id % 2 === 0);
const texts = Object.keys(KINDS).map((kind) => strToU8([...pieces(kind, 3000, 5, pool)].join("")));
const answer = strToU8(JSON.stringify({ payload: { count: 3, listens: [1, 2, 3].map((i) => JSON.parse(KINDS.listenbrainz(pool[i], 1.6e12))) } }));
const archive = zipSync({ "listens/2020/1.jsonl": texts[2], "Streaming_History_Audio_1.json": texts[0], "user.json": strToU8("{}") });
const corpus = [...texts, answer, archive];
const TOKENS = ['"', "[", "]", "{", "}", ",", ":", "\n", "\r\n", "null", "-1", "1e999", "\\u0000", "\\ud800", "\uFEFF", '{"ts":', '"ms_played":', "\u0000", "[[[[[[[[", " - live", "(feat. ", '""', "99999999999999999999", "PK\u0003\u0004"].map(strToU8);

/** A few random changes: bytes flipped, cut out, doubled, tokens put in, the end cut off, another file spliced in. */
function mutated(bytes, random) {
  const pick = (n) => Math.floor(random() * n);
  let out = bytes;
  for (let changes = 1 + pick(6); changes > 0; changes -= 1) {
    const [at, length] = [pick(out.length + 1), pick(80)];
    const [head, tail] = [out.subarray(0, at), out.subarray(at)];
    switch (pick(7)) {
      case 0: out = join3(head, Uint8Array.of(pick(256)), tail.subarray(1)); break;
      case 1: out = join3(head, tail.subarray(length)); break;
      case 2: out = join3(head, tail.subarray(0, length), tail); break;
      case 3: out = join3(head, TOKENS[pick(TOKENS.length)], tail); break;
      case 4: out = head; break;
      case 5: out = join3(head, corpus[pick(corpus.length)].subarray(pick(500)), tail); break;
      default: out = join3(head, new Uint8Array(pick(2000)).fill(TOKENS[pick(TOKENS.length)][0]), tail);
    }
  }
  return out;
}

function join3(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}

async function check(bytes, piece) {
  const began = performance.now();
  let at = 0;
  const file = { name: "fuzz", size: bytes.length, stream: () => new ReadableStream({ pull: (c) => (at >= bytes.length ? c.close() : c.enqueue(bytes.slice(at, (at += piece)))) }) };
  const { columns, report } = await readHistory([file], catalogue);
  for (const error of report.errors) {
    if (!(error instanceof HistoryError) || !CODES.has(error.code) || error.code === "history/unreadable") throw new Error(`an error without a type: ${error.stack}`, { cause: error.cause });
  }
  const { records, matched, unmatched, twice, notSongs, unreadable } = report;
  if (records !== matched + unmatched + twice + notSongs + unreadable) throw new Error(`counts do not add up: ${JSON.stringify(report)}`);
  if (columns.songs.some((id) => id % 2 !== 0)) throw new Error("a song that is not in the catalogue");
  if (!columns.heard.every((heard) => heard >= 0 && heard <= 1)) throw new Error("a share that is none");
  if (!columns.at.every((when, i) => Number.isFinite(when) && (i === 0 || when >= columns.at[i - 1]))) throw new Error("times out of order");
  unmatchedTable(report);
  if (performance.now() - began > SLOW_MS) throw new Error(`took ${Math.round(performance.now() - began)} ms`);
  return report;
}

const random = seeded(seed);
const until = performance.now() + seconds * 1000;
const seen = { runs: 0, bytes: 0, records: 0, whole: 0 };
for (const bytes of corpus) if ((await check(bytes, 4096)).errors.length > 0) throw new Error("the corpus itself cannot be read");
while (performance.now() < until) {
  const bytes = mutated(corpus[Math.floor(random() * corpus.length)], random);
  const piece = 1 + Math.floor(random() ** 2 * 5000);
  try {
    const report = await check(bytes, piece);
    seen.records += report.records;
    if (report.errors.length === 0) seen.whole += 1;
    for (const { code } of report.errors) seen[code] = (seen[code] ?? 0) + 1;
  } catch (error) {
    const path = join(tmpdir(), `history-fuzz-${seed}-${seen.runs}`);
    writeFileSync(path, bytes);
    console.error(`${path} (pieces of ${piece}): ${error.stack}`);
    process.exit(1);
  }
  seen.runs += 1;
  seen.bytes += bytes.length;
}
console.log(JSON.stringify({ fuzz: "history", seconds, seed, ...seen, crashes: 0 }));
