// The same in TensorFlow.js with its wasm backend (SIMD, one thread, as an ordinary page has it); gradients by its own autodiff.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { RIDGE, SHAPE } from "./data.js";

const { batch: B, history: H, d: D, hidden: N, user: U, songs: SONGS } = SHAPE;

export async function create({ weights, items }) {
  setWasmPaths(new URL("./tfjs/", import.meta.url).href);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  await tf.setBackend("wasm");
  await tf.ready();

  const variable = (values, shape) => tf.variable(tf.tensor(values, shape));
  const query = variable(weights.query, [D, 1]);
  const [hidden, hiddenBias] = [variable(weights.hidden, [2 * D, N]), variable(weights.hiddenBias, [N])];
  const [out, outBias] = [variable(weights.out, [N, U]), variable(weights.outBias, [U])];
  const all = [query, hidden, hiddenBias, out, outBias];
  const resident = tf.tensor(items, [SONGS, U]);
  const right = tf.eye(B);

  function embed(histories, count) {
    const scores = tf.matMul(histories.reshape([count * H, D]), query).mul(1 / 8).reshape([count, 1, H]);
    const pooled = tf.matMul(tf.softmax(scores), histories).reshape([count, D]);
    const both = tf.concat([pooled, tf.mean(histories, 1)], 1);
    return tf.matMul(tf.relu(tf.matMul(both, hidden).add(hiddenBias)), out).add(outBias);
  }

  return {
    version: `TensorFlow.js ${tf.version_core} ${tf.getBackend()}`,
    forward: (history) => tf.tidy(() => embed(tf.tensor(history, [1, H, D]), 1).dataSync()),
    score: (user, k) => tf.tidy(() => tf.topk(tf.matMul(resident, tf.tensor(user, [U, 1])).reshape([SONGS]), k).indices.dataSync()),
    train: (histories, songs, rate) =>
      tf.tidy(() => {
        const [past, next] = [tf.tensor(histories, [B, H, D]), tf.tensor(songs, [B, U])];
        const { value, grads } = tf.variableGrads(() => {
          const logits = tf.matMul(embed(past, B), next, false, true);
          return tf.neg(tf.sum(right.mul(tf.logSoftmax(logits)))).div(B);
        }, all);
        for (const part of all) part.assign(part.sub(grads[part.name].mul(rate)));
        return value.dataSync()[0];
      }),
    dpp: (rows, quality, k) => tf.tidy(() => greedyDpp(rows, quality, k)),
  };
}

/** `features` grows by the column that each choice adds to the Cholesky factor; its rows' inner products are what is left of the kernel. */
function greedyDpp(rows, quality, k) {
  const n = quality.length;
  const picks = new Int32Array(k);
  const q = tf.tensor(quality, [n, 1]);
  const scaled = tf.tensor(rows, [n, D]).mul(q);
  let features = scaled.mul(Math.sqrt(1 - RIDGE));
  let left = tf.sum(tf.square(scaled), 1).mul(1 - RIDGE).add(tf.square(q).reshape([n]).mul(RIDGE));
  const [indices, never] = [tf.range(0, n, 1, "int32"), tf.scalar(-1e30)];
  for (let t = 0; t < k; t += 1) {
    const j = tf.argMax(left).dataSync()[0];
    picks[t] = j;
    if (t === k - 1) break;
    const row = features.slice([j, 0], [1, D + t]);
    // What was chosen before is taken off again: those columns count with a minus.
    const signed = t === 0 ? row : tf.concat([row.slice([0, 0], [1, D]), tf.neg(row.slice([0, D], [1, t]))], 1);
    const entry = tf.matMul(features, signed, false, true).div(tf.sqrt(left.slice([j], [1])));
    features = tf.concat([features, entry], 1);
    left = tf.where(tf.equal(indices, tf.scalar(j, "int32")), never, left.sub(tf.square(entry.reshape([n]))));
  }
  return picks;
}
