// The peer: the work of src/client as one would write it in plain JavaScript, with typed arrays and four-fold loops. The same
// equations (session memory, user tower, scores in units of their spread, greedy DPP with an artist gap); the DPP is the textbook
// one of Chen et al. 2018, as every library has it.

import { decode } from "/cbor.js";

const BEHAVIOURS = 4;
const RECENCY = 8;
const CONTEXTS = 42;
const HISTORY = 50;
const DEFAULTS = { pool: 500, diversity: 0.3, artistGap: 3, session: 1.5, halfLifeMs: 20 * 60_000, noRepeat: 40, explore: 0.05, exploreBudget: 20, personalRate: 0.05, negativeWeight: 0.5 };
const [SIMILARITY, RIDGE] = [0.5, 0.02];

const floats = (bytes) => new Float32Array(bytes.slice().buffer);
const words = (bytes) => new Uint32Array(bytes.slice().buffer);

function dot(a, ao, b, bo, d) {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = 0; i < d; i += 4) {
    s0 += a[ao + i] * b[bo + i];
    s1 += a[ao + i + 1] * b[bo + i + 1];
    s2 += a[ao + i + 2] * b[bo + i + 2];
    s3 += a[ao + i + 3] * b[bo + i + 3];
  }
  return s0 + s1 + s2 + s3;
}

export class Peer {
  constructor(shards, weights, config) {
    this.config = { ...DEFAULTS, ...config };
    this.#takeShards(shards.map((bytes) => decode(bytes)[2]));
    this.#takeWeights(decode(weights)[2]);
    const { n, d } = this;
    this.taste = new Float32Array(n);
    this.sessions = new Float32Array(n);
    this.total = new Float32Array(n);
    this.positive = new Float32Array(d);
    this.negative = new Float32Array(d);
    this.weightOf = { positive: 0, negative: 0, at: 0 };
    this.history = [];
    this.user = undefined;
  }

  #takeShards(shards) {
    const d = shards[0][1];
    const n = shards.reduce((sum, shard) => sum + shard[2].length / 4, 0);
    Object.assign(this, { n, d, rows: new Float32Array(n * d), songs: new Uint32Array(n), artists: new Uint32Array(n), popularity: new Float32Array(n), bonus: new Float32Array(n), slotOf: new Map() });
    const plays = new Uint32Array(n);
    let at = 0;
    for (const shard of shards) {
      const songs = words(shard[2]);
      this.songs.set(songs, at);
      this.artists.set(words(shard[3]), at);
      this.popularity.set(floats(shard[4]), at);
      const scales = floats(shard[6]);
      const codes = new Int8Array(shard[7].slice().buffer);
      for (let i = 0; i < codes.length; i += 1) this.rows[at * d + i] = codes[i] * scales[(i / d) | 0];
      plays.set(words(shard[5]), at);
      songs.forEach((song, i) => this.slotOf.set(song, at + i));
      at += songs.length;
    }
    const all = plays.reduce((sum, p) => sum + p, 0);
    const { explore, exploreBudget } = this.config;
    plays.forEach((p, i) => {
      this.bonus[i] = p < exploreBudget ? explore * Math.sqrt((2 * Math.log(all + 1)) / (p + 1)) : 0;
    });
  }

  /** The order of `tower::layout`. */
  #takeWeights([, [d, a, h], bytes]) {
    const values = floats(bytes);
    let at = 0;
    const part = (size) => values.subarray(at, (at += size));
    this.w = {
      a, h,
      behaviour: part(d * BEHAVIOURS), recency: part(d * RECENCY),
      score: part(a * d), scoreBias: part(a), askLiked: part(a), askLeft: part(a),
      context: part(d * CONTEXTS),
      hidden: part(h * 4 * d), hiddenBias: part(h), out: part(d * h), outBias: part(d),
      gateLiked: part(1)[0], gateLast: part(1)[0], gateLeft: part(1)[0], sharpness: Math.exp(part(1)[0]), popularity: part(1)[0],
      personal: new Float32Array(d),
    };
    if (at !== values.length) throw new Error(`the tower has ${values.length} weights, the peer knows ${at}`);
  }

  observe({ song, at, feedback }) {
    const slot = this.slotOf.get(song);
    const complete = feedback.kind === "complete";
    this.#remember(slot, at, complete ? 0.6 : -0.6 * (1 - feedback.heard));
    const before = this.history.slice(-HISTORY);
    this.history.push({ slot, complete });
    if (this.history.length > 500) this.history.shift();
    if (this.config.personalRate > 0) this.#personalStep(before, slot, complete);
    this.user = undefined;
  }

  #remember(slot, at, reward) {
    const { d, rows, weightOf } = this;
    const decay = 2 ** (-Math.max(0, at - weightOf.at) / this.config.halfLifeMs);
    const [memory, sign] = reward > 0 ? [this.positive, "positive"] : [this.negative, "negative"];
    for (let i = 0; i < d; i += 1) {
      this.positive[i] *= decay;
      this.negative[i] *= decay;
    }
    weightOf.positive *= decay;
    weightOf.negative *= decay;
    for (let i = 0; i < d; i += 1) memory[i] += Math.abs(reward) * rows[slot * d + i];
    weightOf[sign] += Math.abs(reward);
    weightOf.at = at;
  }

  /** One step of the personal offset: only its part of the gradient is needed, and that is the softmax's. */
  #personalStep(before, slot, complete) {
    const { d, rows, w } = this;
    let slots;
    if (complete) {
      const skipped = before.slice(-8).filter((heard) => !heard.complete && heard.slot !== slot).slice(-4);
      slots = [slot, ...skipped.map((heard) => heard.slot), ...Array.from({ length: 8 }, () => (Math.random() * this.n) | 0)];
    } else {
      const last = before.findLast((heard) => heard.complete);
      if (!last) return;
      slots = [last.slot, slot];
    }
    if (before.length === 0) return;
    const user = this.#embed(before);
    const logits = slots.map((s) => w.sharpness * dot(user, 0, rows, s * d, d) + w.popularity * this.popularity[s]);
    const most = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((x, y) => x + y);
    slots.forEach((s, k) => {
      const step = this.config.personalRate * w.sharpness * (powers[k] / sum - (k === 0 ? 1 : 0));
      for (let i = 0; i < d; i += 1) w.personal[i] -= step * rows[s * d + i];
    });
  }

  /** The user tower: attention over what was liked and what was left, the last liked song, the context, two dense layers. */
  #embed(history) {
    const { d, rows, w } = this;
    const all = new Float32Array(4 * d);
    const [liked, left] = [[], []];
    history.forEach(({ slot, complete }, j) => {
      const [age, x] = [history.length - 1 - j, new Float32Array(d)];
      const bucket = Math.min(32 - Math.clz32(age), RECENCY - 1);
      for (let i = 0; i < d; i += 1) x[i] = rows[slot * d + i] + w.behaviour[(complete ? d : 0) + i] + w.recency[bucket * d + i];
      (complete ? liked : left).push({ slot, x });
    });
    this.#attend(w.askLiked, liked, all, 0);
    this.#attend(w.askLeft, left, all, d);
    if (liked.length > 0) all.set(rows.subarray(liked.at(-1).slot * d, (liked.at(-1).slot + 1) * d), 2 * d);
    for (const column of [0, 9, 17, 25]) for (let i = 0; i < d; i += 1) all[3 * d + i] += w.context[column * d + i];
    const hidden = this.#affine(w.hidden, w.hiddenBias, all);
    for (let i = 0; i < hidden.length; i += 1) if (hidden[i] < 0) hidden[i] = 0;
    const user = this.#affine(w.out, w.outBias, hidden);
    for (let i = 0; i < d; i += 1) user[i] += w.gateLiked * all[i] + w.gateLast * all[2 * d + i] - w.gateLeft * all[d + i] + w.personal[i];
    return user;
  }

  #attend(ask, past, out, offset) {
    if (past.length === 0) return;
    const { d, rows, w } = this;
    const scores = past.map(({ x }) => {
      const key = this.#affine(w.score, w.scoreBias, x);
      let score = 0;
      for (let i = 0; i < key.length; i += 1) score += ask[i] * Math.tanh(key[i]);
      return score;
    });
    const most = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - most));
    const sum = powers.reduce((x, y) => x + y);
    past.forEach(({ slot }, j) => {
      const weight = powers[j] / sum;
      for (let i = 0; i < d; i += 1) out[offset + i] += weight * rows[slot * d + i];
    });
  }

  /** `W x + b`, `W` column by column. */
  #affine(matrix, bias, x) {
    const y = Float32Array.from(bias);
    for (let c = 0; c < x.length; c += 1) {
      const value = x[c];
      if (value !== 0) for (let r = 0; r < y.length; r += 1) y[r] += value * matrix[c * y.length + r];
    }
    return y;
  }

  recommend(k, now) {
    this.user ??= this.#embed(this.history.slice(-HISTORY));
    this.#score(now);
    return this.#rerank(this.#best(Math.max(this.config.pool, k)), k);
  }

  #score(now) {
    const { n, d, rows, w, user, taste, sessions, total, config, weightOf } = this;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i += 1) {
      taste[i] = dot(user, 0, rows, i * d, d);
      total[i] = w.sharpness * taste[i] + w.popularity * this.popularity[i];
      sum += total[i];
    }
    const mean = sum / n;
    for (let i = 0; i < n; i += 1) squares += (total[i] - mean) ** 2;
    const spread = Math.sqrt(squares / n) || 1;
    const decay = 2 ** (-Math.max(0, now - weightOf.at) / config.halfLifeMs);
    const share = decay / (1 + decay * (weightOf.positive + weightOf.negative));
    const query = this.positive.map((p, i) => share * (p - config.negativeWeight * this.negative[i]));
    for (let i = 0; i < n; i += 1) {
      sessions[i] = dot(query, 0, rows, i * d, d);
      total[i] = (total[i] - mean) / spread + config.session * sessions[i] + this.bonus[i];
    }
    for (const { slot } of this.history.slice(-config.noRepeat)) total[slot] = -Infinity;
  }

  /** The best `count`, by a heap with the worst on top. */
  #best(count) {
    const { n, total } = this;
    const [heap, score] = [new Int32Array(count), new Float32Array(count)];
    let size = 0;
    for (let i = 0; i < n; i += 1) {
      const s = total[i];
      if (s === -Infinity) continue;
      if (size < count) {
        let c = size;
        size += 1;
        while (c > 0 && score[(c - 1) >> 1] > s) {
          [heap[c], score[c]] = [heap[(c - 1) >> 1], score[(c - 1) >> 1]];
          c = (c - 1) >> 1;
        }
        [heap[c], score[c]] = [i, s];
      } else if (s > score[0]) {
        let c = 0;
        for (;;) {
          let l = 2 * c + 1;
          if (l >= count) break;
          if (l + 1 < count && score[l + 1] < score[l]) l += 1;
          if (score[l] >= s) break;
          [heap[c], score[c]] = [heap[l], score[l]];
          c = l;
        }
        [heap[c], score[c]] = [i, s];
      }
    }
    return Array.from(heap.subarray(0, size)).sort((a, b) => total[b] - total[a]);
  }

  /** Greedy MAP of the DPP with kernel `q_i q_j S_ij`, rows worked out as they are needed; an artist gap asked at each slot. */
  #rerank(pool, k) {
    const { d, rows, total, artists, config } = this;
    const n = pool.length;
    const alpha = (1 - config.diversity) / (2 * config.diversity);
    const [vectors, quality] = [new Float32Array(n * d), new Float32Array(n)];
    pool.forEach((slot, i) => {
      vectors.set(rows.subarray(slot * d, (slot + 1) * d), i * d);
      quality[i] = Math.exp(alpha * (total[slot] - total[pool[0]])) ** 2;
    });
    const [left, c] = [new Float32Array(n), new Float32Array(k * n)];
    for (let i = 0; i < n; i += 1) left[i] = RIDGE + (1 - RIDGE) * (SIMILARITY * dot(vectors, i * d, vectors, i * d, d) + 1 - SIMILARITY);
    const before = this.history.slice(-config.artistGap).map(({ slot }) => artists[slot]);
    const [picks, taken] = [[], new Uint8Array(n)];
    while (picks.length < Math.min(k, n)) {
      const near = [...before, ...picks.map((i) => artists[pool[i]])].slice(-config.artistGap);
      let [best, most] = [-1, -Infinity];
      for (let i = 0; i < n; i += 1) {
        const gain = quality[i] * left[i];
        if (!taken[i] && gain > most && !near.includes(artists[pool[i]])) [best, most] = [i, gain];
      }
      if (best < 0) break;
      taken[best] = 1;
      const t = picks.push(best) - 1;
      const inverse = 1 / Math.sqrt(left[best]);
      for (let i = 0; i < n; i += 1) {
        if (taken[i]) continue;
        let e = (1 - RIDGE) * (SIMILARITY * dot(vectors, best * d, vectors, i * d, d) + 1 - SIMILARITY);
        for (let s = 0; s < t; s += 1) e -= c[s * n + best] * c[s * n + i];
        e *= inverse;
        c[t * n + i] = e;
        left[i] = Math.max(RIDGE, left[i] - e * e);
      }
    }
    return picks.map((i) => this.songs[pool[i]]);
  }
}
