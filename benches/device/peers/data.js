// What every engine works on. From one seed, in the page and where the graphs are made: no file has to travel between them.

export const SHAPE = { batch: 32, history: 50, d: 64, hidden: 64, user: 32, songs: 10_000, top: 200, pool: 500, slate: 30 };
/** The share of a song that no other covers, in the DPP's kernel `q_i·q_j·((1 − ε)·⟨v_i, v_j⟩ + ε·δ_ij)`. */
export const RIDGE = Math.fround(1e-3);
/** Songs of the DPP gather around so many centres, as genres do. */
const CENTRES = 12;

/** mulberry32: 32 bits of state are enough for numbers to be timed on. */
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal numbers (Box and Muller). */
export function normals(seed) {
  const draw = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

/** Weights, histories, songs and candidates; fresh arrays each time, because engines train theirs. */
export function makeData(seed = 2026) {
  const { batch, history, d, hidden, user, songs, pool } = SHAPE;
  const normal = normals(seed);
  const fill = (length, spread) => Float32Array.from({ length }, () => spread * normal());
  const data = {
    weights: {
      query: fill(d, 0.3),
      hidden: fill(2 * d * hidden, Math.sqrt(1 / d)), // row by input, as [2d][hidden]
      hiddenBias: fill(hidden, 0.01),
      out: fill(hidden * user, Math.sqrt(2 / hidden)), // [hidden][user]
      outBias: fill(user, 0.01),
    },
    histories: fill(batch * history * d, 0.5),
    positives: fill(batch * user, 0.3),
    items: fill(songs * user, 0.3),
    query: fill(user, 0.3),
    candidates: new Float32Array(pool * d),
    quality: fill(pool, 1),
  };
  const centres = Array.from({ length: CENTRES }, () => fill(d, 1));
  for (let i = 0; i < pool; i += 1) {
    const row = fill(d, 1).map((x, j) => x + centres[i % CENTRES][j]);
    const length = Math.hypot(...row);
    row.forEach((x, j) => (data.candidates[i * d + j] = x / length));
    data.quality[i] = Math.exp(0.5 * data.quality[i]);
  }
  data.history = data.histories.slice(0, history * d);
  return data;
}
