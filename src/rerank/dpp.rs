//! Greedy MAP of a determinantal point process: the slate whose songs are good and unlike each other, as the volume that
//! their quality-scaled feature vectors span (row Z3).
//!
//! Source: Chen, Zhang & Zhou, "Fast greedy MAP inference for determinantal point process to improve recommendation
//! diversity", NeurIPS 2018, §3 (greedy), §4 (sliding window); Kulesza & Taskar, "Determinantal point processes for machine
//! learning", 2012, §3.1 (quality and diversity).
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `L = diag(q)·S·diag(q)` | never built | the kernel over `n` candidates |
//! | `S` | `(1 − ε)·G + ε·I`, `G_ij = ⟨φ_i, φ_j⟩` | similarity |
//! | `(1 + ⟨f_i, f_j⟩)/2` | `φ = [√α·v ; √(1 − α) ; classes]`, `α = ½` | a similarity that is never negative (`likeness.rs`) |
//! | `V`, `S_YY = V·Vᵀ` | `cholesky` (needed for the window only) | of the chosen `Y` |
//! | `c_i = V⁻¹·S_Yi` | `⟨w_m, φ_i⟩`, not stored | |
//! | `d_i² = S_ii − ‖c_i‖²` | `left[i]` | what `i` still adds |
//!
//! **Greedy step.** By Schur's complement `det L_{Y+i} / det L_Y = L_ii − L_iY·L_YY⁻¹·L_Yi`, and with
//! `L_iY = q_i·S_iY·diag(q_Y)` the qualities of the chosen cancel: the gain is `q_i²·d_i²`.
//!
//! **Without the kernel.** For `i ∉ Y`, `S_Yi = (1 − ε)·Φ_Yᵀ·φ_i` (the ridge sits on the diagonal only, also between
//! copies), so `c_i = Wᵀ·φ_i` with `W = (1 − ε)·Φ_Y·V⁻ᵀ`, a matrix of as many rows as `φ` has. Choosing `j` appends the row
//! `[c_jᵀ, d_j]` to `V`, hence the column
//!
//! ```text
//! w = ((1 − ε)·φ_j − W·c_j) / d_j          d_i² ← d_i² − ⟨w, φ_i⟩²
//! ```
//!
//! to `W`. With `P = (I + (1 − ε)/ε · Φ_Y·Φ_Yᵀ)⁻¹`, Woodbury gives `W·Wᵀ = (1 − ε)·(I − P)` and `d_i² = ε + (1 − ε)·φ_iᵀ·P·φ_i`:
//! the same step as the rank-one update `w = (1 − ε)·P·φ_j / d_j`, and the proof that `ε ≤ d_i²` for any number of songs,
//! copies included. A step costs one inner product of length `d` an item over blocks of sixteen, where the paper's `c_i`
//! would cost one of the growing length `|Y|` over scattered rows, and no `n × k` table is kept.
//!
//! **Lazily.** `d_i²` only falls, so a gain of an earlier step is a bound of today's (Minoux 1978; for this recurrence: Hemmi et al.,
//! "Lazy and fast greedy MAP inference for determinantal point process", NeurIPS 2022). Blocks of sixteen are brought up to date only
//! while their bound is the largest, with all columns of `W` that they have not met yet at once. The numbers that are worked out are
//! the same, to the last bit, so the choices are too; where candidates come in the order of their quality most blocks are never
//! touched. A window can make gains rise: there, every block meets every column.
//!
//! **Window.** Only the latest `window` choices count. Striking out the first row of `V` leaves `S_Y'Y' = V₂·V₂ᵀ + x·xᵀ`
//! with `x` the first column below it. Rotations that turn `[V₂ | x]` into `[V' | 0]`, applied to the columns of `[W₂ | w₁]`,
//! give `[W' | w]` with `[W' | w]·[V' | 0]ᵀ = (1 − ε)·Φ_Y'`: so `W'` is the new matrix and `d_i² ← d_i² + ⟨w, φ_i⟩²`. Rotations
//! do not lose digits, where subtracting a rank-one term from `P` would.

use super::frontier::{Allow, Frontier, Pick};
use super::likeness::{Classes, Likeness};
use crate::math::{ItemBlocks, LANES, Real, axpy, dot, scale};
use sottovoce_lanes::blocks;

/// What counts as alike, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DppConfig {
    /// `α` in `[0, 1]`: the similarity of two songs is `α·⟨v_i, v_j⟩ + 1 − α`. The paper's ½ maps cosines to `[0, 1]`.
    pub similarity: f32,
    /// `ε` in `[0.001, 1]`: the share of every song that nothing else covers. It keeps determinants positive beyond rank
    /// `d + 1`; at 1 every song is new and quality alone decides. A copy of a chosen song keeps `1 − (1 − ε)²` of its gain.
    /// More of it costs less relevance for the same mean distance and lets near copies through (`tests/diversity.rs`).
    pub ridge: f32,
    /// How many of the latest choices a song should differ from; `None` is all of them.
    pub window: Option<usize>,
}

impl Default for DppConfig {
    fn default() -> Self {
        Self { similarity: 0.5, ridge: 0.1, window: None }
    }
}

/// The greedy selection, one song at a time; its storage is used again by the next [`Dpp::start`].
///
/// # Example
/// ```
/// use sottovoce::{math::ItemBlocks, rerank::{Dpp, DppConfig}};
/// let mut items = ItemBlocks::new(2);
/// for v in [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]] {
///     items.push(&v);
/// }
/// let mut dpp = Dpp::default();
/// dpp.start(&items, &[1.0, 0.99, 0.8], DppConfig::default());
/// let picks: Vec<usize> = (0..3).map_while(|_| dpp.next(&items, &mut |_| true)).map(|p| p.candidate).collect();
/// assert_eq!(picks, [0, 2, 1]); // the copy comes last
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dpp {
    config: DppConfig,
    likeness: Likeness,
    /// `ln q_i`; negative infinity once chosen. Empty where qualities were given as they are.
    logs: Vec<f32>,
    /// The logarithm of the quality that counts as 1.
    unit: f32,
    /// `q_i²`; negative infinity once chosen, and in lanes that hold no candidate.
    quality: Vec<[f32; LANES]>,
    /// `d_i²`.
    left: Vec<[f32; LANES]>,
    /// The gains `q_i²·d_i²`, which are bounds where a block has not met all columns.
    frontier: Frontier,
    /// How many columns each block of `left` has met; empty with a window, where it is all.
    met: Vec<u32>,
    /// Blocks with candidates that the rules refused: another step may allow them.
    refused: Vec<usize>,
    /// The columns of `W`, as wide as `φ` each.
    w: Vec<f32>,
    /// The same, ready to be multiplied with items, and their constants; empty with a window.
    ready: Vec<f32>,
    constants: Vec<f32>,
    /// The rows of `V` below the diagonal and on it, `window` values each; empty without a window.
    cholesky: Vec<f32>,
    chosen: usize,
    /// The latest choice, which the next step takes into `W`: the last one of a slate never needs it.
    pending: Option<usize>,
    phi: Vec<f32>,
    column: Vec<f32>,
    c: Vec<f32>,
    dots: Vec<[f32; LANES]>,
}

impl Dpp {
    /// Begins anew over `items` with their qualities `q > 0`. A quality that is not a positive number is never chosen, nor
    /// is an item beyond the shorter of the two.
    pub fn start(&mut self, items: &ItemBlocks, quality: &[f32], config: DppConfig) {
        self.start_with(items, &[], quality, config);
    }

    /// As [`Dpp::start`], with classes whose members are more alike than their vectors say.
    pub fn start_with(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], quality: &[f32], config: DppConfig) {
        self.logs.clear();
        self.begin(items, classes, quality.len(), config);
        self.quality.as_flattened_mut().iter_mut().zip(quality).for_each(|(held, q)| *held = squared(*q));
        self.frontier.multiply(0, &self.quality, &self.left);
    }

    /// As [`Dpp::start_with`], with `ln q` of each candidate: qualities that lie further apart than the squares of f32 keep their order.
    /// The unit is the best that is left, and moves on where all that is left lies far below it.
    pub fn start_by_log(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], logs: &[f32], config: DppConfig) {
        self.begin(items, classes, logs.len(), config);
        self.logs.clear();
        self.logs.extend(logs.iter().take(items.len()).map(|q| if q.is_finite() { *q } else { f32::NEG_INFINITY }));
        self.unit = f32::INFINITY;
        self.weigh();
    }

    /// All but the qualities.
    fn begin(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], n: usize, config: DppConfig) {
        let n = items.len().min(n);
        let within = |x: f32, low: f32, otherwise: f32| if x.is_finite() { x.clamp(low, 1.0) } else { otherwise };
        let usual = DppConfig::default();
        self.config = DppConfig {
            similarity: within(config.similarity, 0.0, usual.similarity),
            ridge: within(config.ridge, 1e-3, usual.ridge),
            // The page's smaller engine knows no window.
            window: config.window.map(|w| w.max(1)).filter(|_| cfg!(feature = "full")),
        };
        // d_i² = S_ii.
        let DppConfig { similarity, ridge, .. } = self.config;
        self.likeness.start(items, n, classes, similarity);
        self.likeness.diagonal(items, &mut self.left);
        for left in self.left.as_flattened_mut() {
            *left = ridge + (1.0 - ridge) * *left;
        }
        let blocks = n.div_ceil(LANES);
        self.quality.clear();
        self.quality.resize(blocks, [f32::NEG_INFINITY; LANES]);
        self.frontier.reset(n);
        self.met.clear();
        if self.config.window.is_none() {
            self.met.resize(blocks, 0);
        }
        self.refused.clear();
        self.ready.clear();
        self.constants.clear();
        self.w.clear();
        self.cholesky.clear();
        self.chosen = 0;
        self.pending = None;
    }

    /// Works out the qualities in a unit that suits the best that is left.
    fn weigh(&mut self) {
        let best = blocks::largest(&self.logs);
        if best > f32::NEG_INFINITY && self.unit - best > 8.0 {
            self.unit = best;
            for (held, log) in self.quality.as_flattened_mut().iter_mut().zip(&self.logs) {
                let is_left = *log > f32::NEG_INFINITY;
                *held = if is_left { squared(Real::exp(bounded(log - best))) } else { f32::NEG_INFINITY };
            }
            self.frontier.multiply(0, &self.quality, &self.left);
        }
    }

    /// The best allowed candidate, which counts as chosen from then on; `None` where there is none. `items` are those of
    /// [`Dpp::start`].
    pub fn next(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if let Some(chosen) = self.pending.take() {
            let own = self.likeness.write(items, chosen, &mut self.phi);
            self.take_in(items, own);
        }
        self.weigh();
        // Those that were refused in an earlier step are asked for again.
        while let Some(block) = self.refused.pop() {
            self.measure(block);
        }
        let (candidate, gain, refused) = self.best(items, allow)?;
        let (block, lane) = (candidate / LANES, candidate % LANES);
        self.quality[block][lane] = f32::NEG_INFINITY;
        if let Some(log) = self.logs.get_mut(candidate) {
            *log = f32::NEG_INFINITY;
        }
        self.measure(block);
        self.pending = Some(candidate);
        Some(Pick { candidate, gain, novelty: self.left[block][lane].min(1.0), refused })
    }

    /// The best allowed candidate: whichever block promises most is brought up to date first, and asked next.
    fn best(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<(usize, f32, u32)> {
        let mut refused = 0;
        loop {
            let block = self.frontier.promising()?;
            let met = self.met.get(block).map_or(self.chosen, |met| *met as usize);
            if met < self.chosen {
                self.meet(items, block, met);
                continue;
            }
            let (candidate, gain) = self.frontier.best_of(block)?;
            if allow(candidate) {
                return Some((candidate, gain, refused));
            }
            refused += 1;
            self.frontier.refuse(candidate);
            self.refused.push(block);
        }
    }

    /// Works out the gains of a block from its `d_i²`.
    fn measure(&mut self, block: usize) {
        let of = block..block + 1;
        self.frontier.multiply(block, &self.quality[of.clone()], &self.left[of]);
    }

    /// Lets a block meet the columns from `met` on.
    fn meet(&mut self, items: &ItemBlocks, block: usize, met: usize) {
        let columns = &self.ready[met * self.likeness.width()..];
        self.dots.resize(self.chosen - met, [0.0; LANES]);
        self.likeness.dots_of_block(items, block, columns, &mut self.dots);
        let left = &mut self.left[block..=block];
        for (dots, constant) in self.dots.iter().zip(&self.constants[met..]) {
            blocks::spread(std::slice::from_ref(dots), *constant, -1.0, self.config.ridge, left);
        }
        #[allow(clippy::cast_possible_truncation, reason = "a slate is far shorter than 2³²")]
        let all = self.chosen as u32;
        self.met[block] = all;
        self.measure(block);
    }

    /// Counts `vector` (`d` values) as chosen, though it is no candidate and has no classes: a song that was just played.
    pub fn condition(&mut self, items: &ItemBlocks, vector: &[f32]) {
        if let Some(own) = self.likeness.write_vector(vector, &mut self.phi) {
            self.take_in(items, own);
        }
    }

    /// Appends to `W` (and `V`) the song whose features lie in `phi`, `own` being the squared length of what none shares.
    fn take_in(&mut self, items: &ItemBlocks, own: f32) {
        let (ridge, window) = (self.config.ridge, self.config.window.filter(|_| cfg!(feature = "full")));
        if window.is_some_and(|w| self.chosen >= w) {
            self.forget_oldest(items);
        }

        // Worked out afresh from W rather than read from `left`, which carries every earlier step's rounding.
        let width = self.likeness.width();
        let mut d2 = ridge + (1.0 - ridge) * (dot(&self.phi, &self.phi) + own);
        self.column.clear();
        self.column.extend(self.phi.iter().map(|x| (1.0 - ridge) * x));
        self.c.clear();
        for w in self.w.chunks_exact(width) {
            let c = dot(w, &self.phi);
            d2 -= c * c;
            axpy(-c, w, &mut self.column);
            self.c.push(c);
        }
        let d = d2.max(ridge).sqrt();
        scale(1.0 / d, &mut self.column);
        if let Some(window) = window {
            self.cholesky.extend_from_slice(&self.c);
            self.cholesky.push(d);
            self.cholesky.resize((self.chosen + 1) * window, 0.0);
        }
        self.w.extend_from_slice(&self.column);
        self.chosen += 1;
        if window.is_some() {
            self.spread(items, -1.0);
        } else {
            self.constants.push(self.likeness.ready(&mut self.column));
            self.ready.extend_from_slice(&self.column);
        }
    }

    /// `d_i² ← d_i² ± ⟨column, φ_i⟩²` for every item.
    fn spread(&mut self, items: &ItemBlocks, sign: f32) {
        let constant = self.likeness.ready(&mut self.column);
        self.likeness.dots(items, &self.column, &mut self.dots);
        blocks::spread(&self.dots, constant, sign, self.config.ridge, &mut self.left);
        self.frontier.multiply(0, &self.quality, &self.left);
    }

    fn forget_oldest(&mut self, items: &ItemBlocks) {
        let (m, width, stride) = (self.chosen, self.likeness.width(), self.config.window.unwrap_or(1));
        let (first, rest) = self.w.split_at_mut(width);
        for k in 1..m {
            // Turns x_k to 0 against the diagonal of the row that was k and becomes k − 1.
            let (v, x) = (self.cholesky[k * stride + k], self.cholesky[k * stride]);
            let h = (v * v + x * x).sqrt();
            let (cos, sin) = (v / h, x / h);
            for row in self.cholesky.chunks_exact_mut(stride).skip(k) {
                let (v, x) = (row[k], row[0]);
                (row[k], row[0]) = (cos * v + sin * x, cos * x - sin * v);
            }
            for (v, x) in rest[(k - 1) * width..k * width].iter_mut().zip(first.iter_mut()) {
                (*v, *x) = (cos * *v + sin * *x, cos * *x - sin * *v);
            }
        }
        self.column.clear();
        self.column.extend_from_slice(first);
        self.w.drain(..width);
        self.cholesky.drain(..stride);
        for row in self.cholesky.chunks_exact_mut(stride) {
            row.rotate_left(1);
            row[stride - 1] = 0.0;
        }
        self.chosen -= 1;
        self.spread(items, 1.0);
    }
}

/// `q²`, held within f32's normal range, so that no order among tiny or huge qualities becomes 0 or ∞.
fn squared(q: f32) -> f32 {
    if q > 0.0 && q.is_finite() { (q * q).clamp(f32::MIN_POSITIVE, f32::MAX) } else { f32::NEG_INFINITY }
}

/// Bends `x ≤ 0` towards −40 beyond −20, keeping the order: squares of `exp` stay within f32.
fn bounded(x: f32) -> f32 {
    if x < -20.0 { -40.0 - 400.0 / x } else { x }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests with small counts")]
#[path = "dpp_tests.rs"]
mod tests;
