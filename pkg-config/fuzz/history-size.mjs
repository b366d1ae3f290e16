// Reads an export of many megabytes that is made while it is read, and prints time and memory.
//   node pkg-config/fuzz/history-size.mjs [--megabytes 120] [--kind spotify|account|listenbrainz|lastfm] [--songs 20000]
// With `node --max-old-space-size=64 …` it shows that a small heap is enough. Needs the built package.
import { parseArgs } from "node:util";
import { readHistory } from "../dist/history.js";
import { exportFile, songs } from "./exports.mjs";

const { values } = parseArgs({ options: { megabytes: { type: "string", default: "120" }, kind: { type: "string", default: "spotify" }, songs: { type: "string", default: "20000" } } });
const bytes = Number(values.megabytes) * 1e6;
const pool = songs(Number(values.songs));
const catalogue = pool.filter(({ id }) => id % 2 === 0);

let [peakRss, peakHeap, steps] = [0, 0, 0];
const began = performance.now();
const { columns, report } = await readHistory([exportFile(values.kind, bytes, 3, pool)], catalogue, {
  progress: () => {
    steps += 1;
    if (steps % 16 !== 0) return;
    const { rss, heapUsed } = process.memoryUsage();
    [peakRss, peakHeap] = [Math.max(peakRss, rss), Math.max(peakHeap, heapUsed)];
  },
});
const seconds = (performance.now() - began) / 1000;
const mb = (n) => Math.round(n / 1e5) / 10;
console.log(JSON.stringify({
  kind: values.kind, megabytes: mb(report.bytes), seconds: Math.round(seconds * 10) / 10, megabytes_a_second: mb(report.bytes / seconds), records: report.records,
  matched: report.matched, unmatched: report.unmatched, songs: report.songs, errors: report.errors.length, peak_rss_mb: mb(peakRss), peak_heap_mb: mb(peakHeap),
  columns_mb: mb(columns.songs.length * 17), progress_steps: steps,
}));
if (report.errors.length > 0) throw report.errors[0];
