//! Sliding spectrum decomposition: the slate as a feed that a listener scrolls through, a window at a time. What counts is the
//! volume that the songs of each window span.
//!
//! Source: Huang, Wang, Peng & Wang, "Sliding Spectrum Decomposition for Diversified Recommendation", KDD 2021, §4 (objective), §4.3
//! (greedy inference by modified Gram–Schmidt), §5.3 (a constant coordinate beside the vector).
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `r_i` | `relevance[i]` | how good candidate `i` is |
//! | `γ` | `gamma` | weight of the volume |
//! | `w` | `window + 1` | songs of a window, the one in question with them |
//! | `v_i` (with a constant) | `φ_i` | features (`likeness.rs`), the same as the DPP's |
//! | `q_t` | `‖q_t‖·basis[t]` | what the song of slot `t` added to its window: orthogonal to the window's others |
//! | `v_i` after its projections are taken out | `left[i]`, its squared length | what `i` would still add |
//!
//! **Greedy step.** A trajectory tensor's singular values multiply to the volume of the window's songs, and Gram–Schmidt gives the
//! volume with one more song as a product of lengths. So slot `t` takes
//!
//! ```text
//! argmax_i  r_i + γ · ∏_{s = t−w+1}^{t−1} ‖q_s‖ · ‖v_i − Σ_s ⟨v_i, q̂_s⟩ q̂_s‖
//! ```
//!
//! and when the window slides, the projections on the song that leaves are given back. The basis within a window is
//! orthonormal, so `⟨q̂, v⟩` is the same for a song and for what is left of it, and the squared length loses `⟨q̂, v_i⟩²`: one inner
//! product an item over blocks of sixteen, where the paper rewrites every candidate's vector.
//!
//! Kept: objective, greedy step, window, constant coordinate. Changed: residual lengths in place of residual vectors. Added:
//! [`SsdConfig::volume`], because a product of ten lengths fades until relevance alone decides; without it the length of the
//! residual counts as it is, which is how implementations that people use do it.

use super::frontier::{Allow, Frontier, Pick};
use super::likeness::{Classes, Likeness};
use crate::math::{ItemBlocks, LANES};
use sottovoce_lanes::blocks;

/// What a slot is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SsdConfig {
    /// `γ ≥ 0`: how much volume counts against relevance.
    pub gamma: f32,
    /// From how many of the latest choices a song should differ, the paper's `w − 1`; `None` is all of them.
    pub window: Option<usize>,
    /// Whether the length of what a song adds is multiplied by the volume of its window, as in the paper.
    pub volume: bool,
    /// `α` in `[0, 1]`, as [`super::DppConfig::similarity`].
    pub similarity: f32,
}

impl Default for SsdConfig {
    fn default() -> Self {
        Self { gamma: 0.5, window: Some(9), volume: true, similarity: 0.5 }
    }
}

/// Below this share of its squared length, what is left of a song is rounding and has no direction.
const FLAT: f64 = 1e-5;

/// The greedy selection, one song at a time; its storage is used again by the next [`Ssd::start`].
///
/// # Example
/// ```
/// use sottovoce::{math::ItemBlocks, rerank::{Ssd, SsdConfig}};
/// let mut items = ItemBlocks::new(2);
/// for v in [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]] {
///     items.push(&v);
/// }
/// let mut ssd = Ssd::default();
/// ssd.start(&items, &[1.0, 0.9, 0.6], SsdConfig { gamma: 1.0, ..SsdConfig::default() });
/// let picks: Vec<usize> = (0..3).map_while(|_| ssd.next(&items, &mut |_| true)).map(|p| p.candidate).collect();
/// assert_eq!(picks, [0, 2, 1]); // the copy adds no volume
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ssd {
    config: SsdConfig,
    likeness: Likeness,
    /// `r_i`; negative infinity once chosen.
    relevance: Vec<f32>,
    /// What is left of each song, squared.
    left: Vec<[f32; LANES]>,
    /// What there was of it, squared.
    whole: Vec<[f32; LANES]>,
    /// `q̂_s` of the window, oldest first, as wide as `φ` each; all zeros where a song added nothing. In f64, which costs nothing
    /// here: what is left of a song after nine others loses three digits, and the next song's basis is built on it.
    basis: Vec<f64>,
    /// `‖q_s‖` of the window.
    lengths: Vec<f64>,
    frontier: Frontier,
    pending: Option<usize>,
    phi: Vec<f32>,
    column: Vec<f32>,
    dots: Vec<[f32; LANES]>,
}

impl Ssd {
    /// Begins anew over `items` with their relevances `r`. A relevance that is not a number is never chosen.
    pub fn start(&mut self, items: &ItemBlocks, relevance: &[f32], config: SsdConfig) {
        self.start_with(items, &[], relevance, config);
    }

    /// As [`Ssd::start`], with classes whose members are more alike than their vectors say.
    pub fn start_with(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], relevance: &[f32], config: SsdConfig) {
        let n = items.len().min(relevance.len());
        let usual = SsdConfig::default();
        let number = |x: f32, otherwise: f32| if x.is_finite() { x } else { otherwise };
        self.config = SsdConfig {
            gamma: number(config.gamma, usual.gamma).max(0.0),
            window: config.window.map(|w| w.max(1)),
            similarity: number(config.similarity, usual.similarity).clamp(0.0, 1.0),
            ..config
        };
        self.relevance.clear();
        self.relevance.extend(relevance[..n].iter().map(|r| if r.is_finite() { *r } else { f32::NEG_INFINITY }));
        self.likeness.start(items, n, classes, self.config.similarity);
        self.likeness.diagonal(items, &mut self.left);
        self.whole.clear();
        self.whole.extend_from_slice(&self.left);
        self.basis.clear();
        self.lengths.clear();
        self.frontier.reset(n);
        self.pending = None;
    }

    /// The best allowed candidate, which counts as chosen from then on; `None` where there is none. `items` are those of
    /// [`Ssd::start`].
    pub fn next(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if let Some(chosen) = self.pending.take() {
            let own = self.likeness.write(items, chosen, &mut self.phi);
            self.take_in(items, own);
        }
        let volume: f64 = if self.config.volume { self.lengths.iter().product() } else { 1.0 };
        #[allow(clippy::cast_possible_truncation, reason = "a product of lengths near 1")]
        let weight = self.config.gamma * volume as f32;
        self.frontier.fill(&self.relevance, self.left.as_flattened(), |r, left| r + weight * left.sqrt());
        let (candidate, gain, refused) = self.frontier.choose(allow)?;
        self.relevance[candidate] = f32::NEG_INFINITY;
        self.pending = Some(candidate);
        let at = |values: &[[f32; LANES]]| values[candidate / LANES][candidate % LANES];
        let novelty = (at(&self.left) / at(&self.whole).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
        Some(Pick { candidate, gain, novelty, refused })
    }

    /// Counts `vector` (`d` values) as chosen, though it is no candidate and has no classes: a song that was just played.
    pub fn condition(&mut self, items: &ItemBlocks, vector: &[f32]) {
        if let Some(own) = self.likeness.write_vector(vector, &mut self.phi) {
            self.take_in(items, own);
        }
    }

    /// Gram–Schmidt on the song whose features lie in `phi`, `own` being the squared length of what none shares.
    fn take_in(&mut self, items: &ItemBlocks, own: f32) {
        if self.config.window.is_some_and(|w| self.lengths.len() >= w) {
            self.forget_oldest(items);
        }
        let phi = || self.phi.iter().map(|x| f64::from(*x));
        let whole = phi().map(|x| x * x).sum::<f64>() + f64::from(own);
        let (held, mut squared) = (self.basis.len(), whole);
        self.basis.extend(phi());
        let (basis, q) = self.basis.split_at_mut(held);
        for earlier in basis.chunks_exact(self.likeness.width()) {
            let c: f64 = earlier.iter().zip(phi()).map(|(q, x)| q * x).sum();
            q.iter_mut().zip(earlier).for_each(|(q, earlier)| *q -= c * earlier);
            squared -= c * c;
        }
        let flat = squared.is_nan() || squared <= FLAT * whole;
        let length = if flat { 0.0 } else { squared.sqrt() };
        q.iter_mut().for_each(|q| *q = if flat { 0.0 } else { *q / length });
        self.lengths.push(length);
        self.spread(items, held, -1.0);
    }

    /// The squared lengths lose, or get back, `⟨q̂, φ_i⟩²` for the `q̂` that begins at `from`.
    #[allow(clippy::cast_possible_truncation, reason = "coordinates of a unit vector")]
    fn spread(&mut self, items: &ItemBlocks, from: usize, sign: f32) {
        self.column.clear();
        self.column.extend(self.basis[from..from + self.likeness.width()].iter().map(|q| *q as f32));
        let constant = self.likeness.ready(&mut self.column);
        self.likeness.dots(items, &self.column, &mut self.dots);
        // NaN stays NaN and is never chosen.
        blocks::spread(&self.dots, constant, sign, 0.0, &mut self.left);
    }

    fn forget_oldest(&mut self, items: &ItemBlocks) {
        self.spread(items, 0, 1.0);
        self.basis.drain(..self.likeness.width());
        self.lengths.remove(0);
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests with small counts")]
#[path = "ssd_tests.rs"]
mod tests;
