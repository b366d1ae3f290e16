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
//! **Window.** Only the latest `window` choices count. Striking out the first row of `V` leaves `S_Y'Y' = V₂·V₂ᵀ + x·xᵀ`
//! with `x` the first column below it. Rotations that turn `[V₂ | x]` into `[V' | 0]`, applied to the columns of `[W₂ | w₁]`,
//! give `[W' | w]` with `[W' | w]·[V' | 0]ᵀ = (1 − ε)·Φ_Y'`: so `W'` is the new matrix and `d_i² ← d_i² + ⟨w, φ_i⟩²`. Rotations
//! do not lose digits, where subtracting a rank-one term from `P` would.

use super::frontier::{Allow, Frontier, Pick};
use super::likeness::{Classes, Likeness};
use crate::math::{ItemBlocks, axpy, dot, scale};

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
    /// `q_i²`; negative infinity once chosen.
    quality: Vec<f32>,
    /// `d_i²`.
    left: Vec<f32>,
    frontier: Frontier,
    /// The columns of `W`, as wide as `φ` each.
    w: Vec<f32>,
    /// The rows of `V` below the diagonal and on it, `window` values each; empty without a window.
    cholesky: Vec<f32>,
    chosen: usize,
    /// The latest choice, which the next step takes into `W`: the last one of a slate never needs it.
    pending: Option<usize>,
    phi: Vec<f32>,
    column: Vec<f32>,
    c: Vec<f32>,
    dots: Vec<f32>,
}

impl Dpp {
    /// Begins anew over `items` with their qualities `q > 0`. A quality that is not a positive number is never chosen, nor
    /// is an item beyond the shorter of the two.
    pub fn start(&mut self, items: &ItemBlocks, quality: &[f32], config: DppConfig) {
        self.start_with(items, &[], quality, config);
    }

    /// As [`Dpp::start`], with classes whose members are more alike than their vectors say.
    pub fn start_with(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], quality: &[f32], config: DppConfig) {
        let n = items.len().min(quality.len());
        let within = |x: f32, low: f32, otherwise: f32| if x.is_finite() { x.clamp(low, 1.0) } else { otherwise };
        let usual = DppConfig::default();
        self.config = DppConfig {
            similarity: within(config.similarity, 0.0, usual.similarity),
            ridge: within(config.ridge, 1e-3, usual.ridge),
            window: config.window.map(|w| w.max(1)),
        };
        self.quality.clear();
        self.quality.extend(quality[..n].iter().map(|q| squared(*q)));
        // d_i² = S_ii.
        let DppConfig { similarity, ridge, .. } = self.config;
        self.likeness.start(items, n, classes, similarity);
        self.likeness.diagonal(items, &mut self.left);
        for left in &mut self.left {
            *left = ridge + (1.0 - ridge) * *left;
        }
        self.frontier.reset(n);
        self.w.clear();
        self.cholesky.clear();
        self.chosen = 0;
        self.pending = None;
    }

    /// Gives the candidates other qualities in the middle of a slate, in another unit say; what was chosen stays chosen.
    pub fn set_quality(&mut self, quality: &[f32]) {
        for (held, q) in self.quality.iter_mut().zip(quality) {
            *held = if *held > f32::NEG_INFINITY { squared(*q) } else { *held };
        }
    }

    /// The best allowed candidate, which counts as chosen from then on; `None` where there is none. `items` are those of
    /// [`Dpp::start`].
    pub fn next(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if let Some(chosen) = self.pending.take() {
            let own = self.likeness.write(items, chosen, &mut self.phi);
            self.take_in(items, own);
        }
        self.frontier.fill(&self.quality, &self.left, |q, d| q * d);
        let (candidate, gain, refused) = self.frontier.choose(allow)?;
        self.quality[candidate] = f32::NEG_INFINITY;
        self.pending = Some(candidate);
        Some(Pick { candidate, gain, novelty: self.left[candidate].min(1.0), refused })
    }

    /// Counts `vector` (`d` values) as chosen, though it is no candidate and has no classes: a song that was just played.
    pub fn condition(&mut self, items: &ItemBlocks, vector: &[f32]) {
        if let Some(own) = self.likeness.write_vector(vector, &mut self.phi) {
            self.take_in(items, own);
        }
    }

    /// Appends to `W` (and `V`) the song whose features lie in `phi`, `own` being the squared length of what none shares.
    fn take_in(&mut self, items: &ItemBlocks, own: f32) {
        let DppConfig { ridge, window, .. } = self.config;
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
        self.spread(items, -1.0);
    }

    /// `d_i² ← d_i² ± ⟨column, φ_i⟩²` for every item.
    fn spread(&mut self, items: &ItemBlocks, sign: f32) {
        let ridge = self.config.ridge;
        self.likeness.dots(items, &mut self.column, &mut self.dots);
        for (left, e) in self.left.iter_mut().zip(&self.dots) {
            let next = *left + sign * (e * e);
            // Rounding may step below the bound that the header proves; NaN stays NaN and is never chosen.
            *left = if next < ridge { ridge } else { next };
        }
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

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests with small counts")]
#[path = "dpp_tests.rs"]
mod tests;
