// The same in onnxruntime-web (wasm, SIMD, one thread); `graphs.mjs` writes its graphs, the gradient by hand as ordinary operators.

import * as ort from "./ort/ort.wasm.min.mjs";
import { SHAPE } from "./data.js";

const { batch: B, history: H, d: D, hidden: N, user: U } = SHAPE;

export async function create({ weights }, { only } = {}) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  const open = (name) => ort.InferenceSession.create(new URL(`./ort/${name}.onnx`, import.meta.url).href, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const tensor = (values, shape) => new ort.Tensor("float32", values, shape);
  const session = {};
  for (const name of only ?? ["forward", "score", "train", "dpp"]) session[name] = await open(name);
  let trained = {
    query: tensor(weights.query, [D, 1]),
    hidden: tensor(weights.hidden, [2 * D, N]),
    hiddenBias: tensor(weights.hiddenBias, [N]),
    out: tensor(weights.out, [N, U]),
    outBias: tensor(weights.outBias, [U]),
  };
  const ids = (output) => Int32Array.from(output.data, Number);

  return {
    version: `onnxruntime-web ${ort.env.versions.web}`,
    forward: async (history) => (await session.forward.run({ histories: tensor(history, [1, H, D]) })).user.data,
    score: async (query) => ids((await session.score.run({ query: tensor(query, [1, U]) })).best),
    async train(histories, songs, rate) {
      const { loss, ...after } = await session.train.run({ ...trained, histories: tensor(histories, [B, H, D]), songs: tensor(songs, [B, U]), rate: tensor([rate], []) });
      trained = Object.fromEntries(Object.entries(after).map(([name, value]) => [name.replace("_after", ""), value]));
      return loss.data[0];
    },
    dpp: async (rows, quality) => ids((await session.dpp.run({ rows: tensor(rows, [quality.length, D]), quality: tensor(quality, [quality.length, 1]) })).picks),
  };
}
