// Private recall: the best 500 of int8 songs, exact among 100,000 and by cells among a million, and how many of the 200 that an exact
// search in f32 finds are among them.

import start, * as kernels from "/kernels/kernels.js";

async function measure() {
  await start({ module_or_path: "/kernels/kernels_bg.wasm" });
  // Until the kernels are there the bars count as missed.
  if (!kernels.Recall) return ["private_recall", "private_recall_1m"].map((op) => ({ op, samples: [], recall: 0 }));
  return [];
}

try {
  window.result = { isolated: crossOriginIsolated, ops: await measure() };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
