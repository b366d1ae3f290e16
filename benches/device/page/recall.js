// Private recall: the best 500 of int8 songs, exact among 100,000 and by cells among a million, and how many of the 200 that an exact
// search in f32 finds are found.

import start, { Recall } from "/kernels/kernels.js";

const [DIMENSION, BEST, MEASURED] = [32, 500, 200];
const QUERIES = 60;
/** Cells to look into are chosen on the first queries, and judged on the others. */
const CHOSEN_ON = 20;
const PROBES = [4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
const [ROUNDS, WARM_UP] = [5, 20];
const ENOUGH = 0.99;

async function measure() {
  const { memory } = await start({ module_or_path: "/kernels/kernels_bg.wasm" });

  function opened(songs) {
    const recall = new Recall(songs, DIMENSION, QUERIES, BEST);
    const answer = (count) => new Uint32Array(memory.buffer, recall.best(), count).slice();
    const truth = Array.from({ length: QUERIES }, (_, i) => answer(recall.exactly(i, MEASURED)));
    /** How many of the exact best 200 are among the first 200, and among all 500 that were asked for. */
    const found = (search, from, to) => {
      const shares = { first: 0, all: 0 };
      for (let i = from; i < to; i += 1) {
        const ids = answer(search(i));
        const [first, all] = [new Set(ids.slice(0, MEASURED)), new Set(ids)];
        shares.first += truth[i].filter((id) => first.has(id)).length / MEASURED / (to - from);
        shares.all += truth[i].filter((id) => all.has(id)).length / MEASURED / (to - from);
      }
      return shares;
    };
    return { recall, found };
  }

  /** Milliseconds of one search at a time: the page's clock steps 5 µs. */
  function timed(search) {
    const samples = [];
    for (let i = 0; i < ROUNDS * (QUERIES - CHOSEN_ON) + WARM_UP; i += 1) {
      const query = CHOSEN_ON + (i % (QUERIES - CHOSEN_ON));
      const begin = performance.now();
      search(query);
      if (i >= WARM_UP) samples.push(performance.now() - begin);
    }
    return samples;
  }

  function line(op, songs, search, found, more = {}) {
    const { first, all } = found(search, CHOSEN_ON, QUERIES);
    return { op, samples: timed(search), songs, recall: first, recall_within_500: all, ...more };
  }

  const small = opened(100_000);
  const exact = line("private_recall", 100_000, (i) => small.recall.among_all(i, BEST), small.found);
  small.recall.free();

  const large = opened(1_000_000);
  const begin = performance.now();
  const cells = large.recall.sort();
  const sorted = (performance.now() - begin) / 1e3;
  const by = (probes) => (i) => large.recall.among_cells(i, probes, BEST);
  const probes = PROBES.find((count) => large.found(by(count), 0, CHOSEN_ON).first >= ENOUGH) ?? PROBES.at(-1);
  const inCells = line("private_recall_1m", 1_000_000, by(probes), large.found, { cells, probes, sorting_s: sorted });
  large.recall.free();
  return [exact, inCells];
}

try {
  window.result = { isolated: crossOriginIsolated, ops: await measure() };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
