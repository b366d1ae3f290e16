// Serves the bench pages with the built npm package, the kernels, the peers and a made-up catalogue, opens them in headless
// Chromium, and prints JSON lines of samples. `cargo xtask bench device` builds what is served and judges what is printed.
//
//   node benches/device/run.mjs --page ops|requeue|recall|cold|client --world FOLDER --kernels FOLDER [--peers FOLDER] [--samples N]

import { parseArgs } from "node:util";
import { cold } from "./drive/cold.mjs";
import { hour } from "./drive/hour.mjs";
import { Pages } from "./drive/pages.mjs";

const { values } = parseArgs({
  options: { page: { type: "string" }, world: { type: "string" }, kernels: { type: "string" }, peers: { type: "string" }, samples: { type: "string" } },
});
if (!values.page) throw new Error("no --page; next: cargo xtask bench device");

const tell = (line) => console.log(JSON.stringify(line));
const pages = await Pages.serve(values);
try {
  const beside = values.peers ? ["js", "ort", "tfjs"] : [];
  switch (values.page) {
    case "ops":
      await ops(beside);
      break;
    case "requeue":
      await requeue();
      break;
    case "recall":
      await recall();
      break;
    case "cold":
      await cold(pages, beside.filter((name) => name !== "js"), Number(values.samples ?? 9), tell);
      break;
    case "client":
      await client();
      break;
    default:
      throw new Error(`no page ${values.page}; there are ops, requeue, recall, cold, client`);
  }
} finally {
  await pages.close();
}

/** The kernels beside other engines: a line an operation, and one of what the machine can do. */
async function ops(beside) {
  const engines = ["own", "relaxed", ...beside].join(",");
  const result = await pages.result(`ops.html?engines=${engines}&samples=${values.samples ?? 60}`);
  if (result.disagreements) throw new Error(`the engines do not do the same work: ${JSON.stringify(result.disagreements, null, 1)}`);
  for (const [op, { own, ...peers }] of Object.entries(result.ops)) {
    tell({ op, unit: "ms", own, peers: Object.entries(peers).map(([name, samples]) => ({ name, version: result.versions[name], samples })) });
  }
  const { shares, ...rates } = result.limits;
  tell({ op: "score_kernel_share", unit: "of the machine's limit", own: shares, peers: [], ...rates });
}

/** From a skip to the new queue through the package's face, and an hour of listening. */
async function requeue() {
  const { songs, ops } = await pages.result("requeue.html");
  console.error(`${songs} songs are resident`);
  for (const [op, own] of Object.entries(ops)) tell({ op, unit: "ms", own, peers: [] });
  tell(await hour(pages));
}

/** The best 500 of int8 songs, exact and by cells, beside the exact f32 ones. */
async function recall() {
  const result = await pages.result("recall.html");
  for (const { op, samples, ...found } of result.ops) tell({ op, unit: "ms", own: samples, peers: [], ...found });
}

/** A device's part of a secure round in a worker: 100,000 numbers, 20 neighbours, a committee of 41. */
async function client() {
  const { samples, ...found } = await pages.result("client.html");
  tell({ op: "client", unit: "ms in Chromium", own: samples, peers: [], ...found });
}
