// The engine's kernels behind the same four calls as every peer: one copy in, one copy out.

import { RIDGE, SHAPE } from "/peers/data.js";

const { batch: B, history: H, d: D, user: U, songs: SONGS, top: TOP, pool: POOL, slate: SLATE } = SHAPE;

export const create = (data) => started(data, "kernels");

/** The engine of `/kernels/{kernels}.js`. */
export async function started({ weights, items }, kernels) {
  const { default: start, Limits, Scorer, Slates, Tower } = await import(`/kernels/${kernels}.js`);
  const { memory } = await start({ module_or_path: `/kernels/${kernels}_bg.wasm` });
  const [tower, scorer, slates] = [new Tower(), new Scorer(U, TOP), new Slates(POOL, D, SLATE)];
  for (let i = 0; i < SONGS; i += 1) {
    new Float32Array(memory.buffer, scorer.row(), U).set(items.subarray(i * U, (i + 1) * U));
    scorer.push();
  }
  /** A typed array over the memory, made anew where the memory grew. */
  const over = (Type, address, length) => {
    let view;
    return () => (view?.buffer === memory.buffer ? view : (view = new Type(memory.buffer, address, length)));
  };
  const order = ["query", "hidden", "hiddenBias", "out", "outBias"].map((name) => weights[name]);
  over(Float32Array, tower.weights(), order.reduce((sum, part) => sum + part.length, 0))().set(order.flatMap((part) => [...part]));
  const history = over(Float32Array, tower.histories(), H * D);
  const histories = over(Float32Array, tower.histories(), B * H * D);
  const [songs, user] = [over(Float32Array, tower.songs(), B * U), over(Float32Array, tower.user(), U)];
  const [query, best] = [over(Float32Array, scorer.query(), U), over(Uint32Array, scorer.best(), TOP)];
  const [rows, quality, slate] = [over(Float32Array, slates.rows(), POOL * D), over(Float32Array, slates.quality(), POOL), over(Uint32Array, slates.slate(), SLATE)];

  return {
    version: "sottovoce",
    forward(past) {
      history().set(past);
      tower.forward();
      return user().slice();
    },
    score(by, k) {
      query().set(by);
      return best().slice(0, scorer.best_of(k));
    },
    train(past, next, rate) {
      histories().set(past);
      songs().set(next);
      return tower.train(rate);
    },
    dpp(vectors, qualities, k) {
      rows().set(vectors);
      quality().set(qualities);
      return slate().slice(0, slates.dpp(k, RIDGE));
    },
    limits: () => limits(scorer, new Limits(SONGS * U)),
  };
}

/**
 * What this page's machine can do, and what the scan makes of it, in turn. The memory that is read is as large as the songs are.
 * `shares` are of whichever limit the scan is nearer to.
 */
function limits(scorer, loops) {
  const [bytes, operations] = [4 * SONGS * U, 2 * SONGS * U];
  const TIMES = 20;
  const seconds = (work) => {
    const begin = performance.now();
    const done = work();
    return [(performance.now() - begin) / 1e3, done];
  };
  const rates = Array.from({ length: 60 }, () => {
    const [reading] = seconds(() => loops.read(TIMES));
    const [computing, computed] = seconds(() => loops.multiply_add(50_000));
    const [scanning] = seconds(() => scorer.scan(TIMES));
    const scan = scanning / TIMES;
    return { read: (bytes * TIMES) / reading, peak: computed / computing, scanBytes: bytes / scan, scanOperations: operations / scan };
  }).slice(10);
  loops.free();
  const middle = (of) => rates.map(of).sort((a, b) => a - b)[rates.length >> 1] / 1e9;
  return {
    shares: rates.map(({ read, peak, scanBytes, scanOperations }) => Math.max(scanBytes / read, scanOperations / peak)),
    read_gb_s: middle(({ read }) => read),
    peak_gflop_s: middle(({ peak }) => peak),
    scan_gb_s: middle(({ scanBytes }) => scanBytes),
    scan_gflop_s: middle(({ scanOperations }) => scanOperations),
  };
}
