// The tower, the scan and the DPP as one would write them by hand in plain JavaScript: typed arrays, four sums in flight, storage
// used again, a heap for the best, the textbook's greedy DPP.

import { RIDGE, SHAPE } from "./data.js";

const { batch: B, history: H, d: D, hidden: N, user: U } = SHAPE;
const X = 2 * D;

function dot(a, i, b, j, length) {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let k = 0; k < length; k += 4) {
    s0 += a[i + k] * b[j + k];
    s1 += a[i + k + 1] * b[j + k + 1];
    s2 += a[i + k + 2] * b[j + k + 2];
    s3 += a[i + k + 3] * b[j + k + 3];
  }
  return s0 + s1 + s2 + s3;
}

/** `out[o..] += scale · a[i..]` */
function add(out, o, scale, a, i, length) {
  for (let k = 0; k < length; k += 1) out[o + k] += scale * a[i + k];
}

/** Turns scores into shares in place; their logarithm's normaliser is the answer. */
function softmax(scores, from, length) {
  let most = -Infinity;
  for (let i = from; i < from + length; i += 1) if (scores[i] > most) most = scores[i];
  let sum = 0;
  for (let i = from; i < from + length; i += 1) sum += scores[i] = Math.exp(scores[i] - most);
  for (let i = from; i < from + length; i += 1) scores[i] /= sum;
  return most + Math.log(sum);
}

class Tower {
  constructor({ query, hidden, hiddenBias, out, outBias }) {
    Object.assign(this, { query, hidden, hiddenBias, out, outBias });
    this.gradient = { query: new Float32Array(D), hidden: new Float32Array(X * N), hiddenBias: new Float32Array(N), out: new Float32Array(N * U), outBias: new Float32Array(U) };
    const rows = (width) => new Float32Array(B * width);
    Object.assign(this, { attention: rows(H), x: rows(X), h: rows(N), u: rows(U), du: rows(U), dh: new Float32Array(N), dx: new Float32Array(D), da: new Float32Array(H), logits: new Float32Array(B) });
  }

  embed(histories, from, b) {
    const { query, hidden, hiddenBias, out, outBias, attention, x, h, u } = this;
    const [a, xo, ho, uo] = [b * H, b * X, b * N, b * U];
    for (let i = 0; i < H; i += 1) attention[a + i] = dot(histories, from + i * D, query, 0, D) / 8;
    softmax(attention, a, H);
    x.fill(0, xo, xo + X);
    for (let i = 0; i < H; i += 1) {
      const [share, row] = [attention[a + i], from + i * D];
      for (let k = 0; k < D; k += 1) {
        const value = histories[row + k];
        x[xo + k] += share * value;
        x[xo + D + k] += value;
      }
    }
    for (let k = D; k < X; k += 1) x[xo + k] /= H;
    h.set(hiddenBias, ho);
    for (let k = 0; k < X; k += 1) add(h, ho, x[xo + k], hidden, k * N, N);
    for (let k = 0; k < N; k += 1) if (h[ho + k] < 0) h[ho + k] = 0;
    u.set(outBias, uo);
    for (let k = 0; k < N; k += 1) if (h[ho + k] !== 0) add(u, uo, h[ho + k], out, k * U, U);
  }

  train(histories, songs, rate) {
    const { gradient, u, du, logits } = this;
    for (let b = 0; b < B; b += 1) this.embed(histories, b * H * D, b);
    Object.values(gradient).forEach((part) => part.fill(0));
    du.fill(0);
    let loss = 0;
    for (let b = 0; b < B; b += 1) {
      for (let c = 0; c < B; c += 1) logits[c] = dot(u, b * U, songs, c * U, U);
      const right = logits[b];
      loss += softmax(logits, 0, B) - right;
      for (let c = 0; c < B; c += 1) add(du, b * U, (logits[c] - (c === b ? 1 : 0)) / B, songs, c * U, U);
      this.#back(histories, b);
    }
    for (const [name, part] of Object.entries(gradient)) add(this[name], 0, -rate, part, 0, part.length);
    return loss / B;
  }

  /** The gradient of one history's share, from its user embedding down to the query. */
  #back(histories, b) {
    const { hidden, out, gradient, attention, x, h, du, dh, dx, da } = this;
    const [uo, ho, xo, a, from] = [b * U, b * N, b * X, b * H, b * H * D];
    add(gradient.outBias, 0, 1, du, uo, U);
    for (let k = 0; k < N; k += 1) {
      dh[k] = 0;
      if (h[ho + k] === 0) continue;
      add(gradient.out, k * U, h[ho + k], du, uo, U);
      dh[k] = dot(out, k * U, du, uo, U);
    }
    add(gradient.hiddenBias, 0, 1, dh, 0, N);
    for (let k = 0; k < X; k += 1) add(gradient.hidden, k * N, x[xo + k], dh, 0, N);
    for (let k = 0; k < D; k += 1) dx[k] = dot(hidden, k * N, dh, 0, N);
    let inner = 0;
    for (let i = 0; i < H; i += 1) {
      da[i] = dot(histories, from + i * D, dx, 0, D);
      inner += da[i] * attention[a + i];
    }
    for (let i = 0; i < H; i += 1) add(gradient.query, 0, (attention[a + i] * (da[i] - inner)) / 8, histories, from + i * D, D);
  }
}

/** The best `k`, by a heap with the worst on top. */
function best(scores, k) {
  const [keys, ids] = [new Float32Array(k), new Int32Array(k)];
  let size = 0;
  for (let i = 0; i < scores.length; i += 1) {
    const score = scores[i];
    let at = 0;
    if (size < k) {
      at = size;
      size += 1;
      for (let up = (at - 1) >> 1; at > 0 && keys[up] > score; at = up, up = (at - 1) >> 1) [keys[at], ids[at]] = [keys[up], ids[up]];
    } else if (score > keys[0]) {
      for (let low = 1; low < k; low = 2 * at + 1) {
        if (low + 1 < k && keys[low + 1] < keys[low]) low += 1;
        if (keys[low] >= score) break;
        [keys[at], ids[at]] = [keys[low], ids[low]];
        at = low;
      }
    } else continue;
    [keys[at], ids[at]] = [score, i];
  }
  return ids.subarray(0, size).sort((a, b) => scores[b] - scores[a]);
}

/** Chen, Zhang and Zhou 2018, algorithm 1, with the kernel's rows worked out as they are needed. */
function greedyDpp(rows, quality, n, k) {
  const [left, columns, entries, mine] = [new Float32Array(n), new Float32Array(k * n), new Float32Array(n), new Float32Array(k)];
  const picks = new Int32Array(k);
  const share = 1 - RIDGE;
  for (let i = 0; i < n; i += 1) left[i] = quality[i] ** 2 * (share * dot(rows, i * D, rows, i * D, D) + RIDGE);
  for (let t = 0; t < k; t += 1) {
    let [j, most] = [0, -Infinity];
    for (let i = 0; i < n; i += 1) if (left[i] > most) [j, most] = [i, left[i]];
    picks[t] = j;
    if (t === k - 1) break;
    const [scale, inverse] = [share * quality[j], 1 / Math.sqrt(most)];
    for (let i = 0; i < n; i += 1) entries[i] = scale * quality[i] * dot(rows, i * D, rows, j * D, D);
    for (let s = 0; s < t; s += 1) mine[s] = columns[s * n + j];
    for (let s = 0; s < t; s += 1) add(entries, 0, -mine[s], columns, s * n, n);
    for (let i = 0; i < n; i += 1) {
      const entry = entries[i] * inverse;
      columns[t * n + i] = entry;
      left[i] -= entry * entry;
    }
    left[j] = -Infinity;
  }
  return picks;
}

export async function create({ weights, items }) {
  const tower = new Tower(weights);
  const scores = new Float32Array(SHAPE.songs);
  return {
    version: "plain JavaScript",
    forward(history) {
      tower.embed(history, 0, 0);
      return tower.u.slice(0, U);
    },
    score(query, k) {
      for (let i = 0; i < scores.length; i += 1) scores[i] = dot(items, i * U, query, 0, U);
      return best(scores, k);
    },
    train: (histories, songs, rate) => tower.train(histories, songs, rate),
    dpp: (rows, quality, k) => greedyDpp(rows, quality, quality.length, k),
  };
}
