//! Maximal marginal relevance: the baseline that a determinant has to beat (row Z2), and a choice where one wants the
//! plainest rule that can be said in a sentence: relevant, and unlike the nearest song already chosen.
//!
//! `MMR = argmax λ·z_i − (1 − λ)·max_{j ∈ Y} ⟨φ_i, φ_j⟩`, where `φ` is the vector and its classes (`likeness.rs` with `α = 1`).
//!
//! Source: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
//! summaries", SIGIR 1998.

use super::frontier::{Allow, Frontier, Pick};
use super::likeness::{Classes, Likeness};
use crate::math::{ItemBlocks, LANES};

/// How much relevance counts against sameness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MmrConfig {
    /// `λ` in `[0, 1]`: 1 is relevance alone.
    pub lambda: f32,
}

impl Default for MmrConfig {
    fn default() -> Self {
        Self { lambda: 0.7 }
    }
}

/// The greedy selection, one song at a time; its storage is used again by the next [`Mmr::start`].
#[derive(Clone, Debug, Default)]
pub struct Mmr {
    lambda: f32,
    likeness: Likeness,
    /// `λ·z_i`; negative infinity once chosen.
    relevance: Vec<f32>,
    /// The largest similarity to a chosen song; 0 before the first, as an empty maximum takes nothing away.
    nearest: Vec<f32>,
    chosen: usize,
    frontier: Frontier,
    pending: Option<usize>,
    phi: Vec<f32>,
    dots: Vec<[f32; LANES]>,
}

impl Mmr {
    /// Begins anew over `items` (unit vectors) with their relevances `z`. A relevance that is not a number is never chosen.
    pub fn start(&mut self, items: &ItemBlocks, relevance: &[f32], config: MmrConfig) {
        self.start_with(items, &[], relevance, config);
    }

    /// As [`Mmr::start`], with classes whose members are more alike than their vectors say.
    pub fn start_with(&mut self, items: &ItemBlocks, classes: &[Classes<'_>], relevance: &[f32], config: MmrConfig) {
        let n = items.len().min(relevance.len());
        self.lambda = if config.lambda.is_nan() { MmrConfig::default().lambda } else { config.lambda.clamp(0.0, 1.0) };
        self.relevance.clear();
        self.relevance
            .extend(relevance[..n].iter().map(|z| if z.is_finite() { self.lambda * z } else { f32::NEG_INFINITY }));
        self.nearest.clear();
        self.nearest.resize(n, 0.0);
        self.frontier.reset(n);
        self.likeness.start(items, n, classes, 1.0);
        self.chosen = 0;
        self.pending = None;
    }

    /// The best allowed candidate, which counts as chosen from then on; `None` where there is none.
    pub fn next(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if let Some(chosen) = self.pending.take() {
            self.likeness.write(items, chosen, &mut self.phi);
            self.spread(items);
        }
        let weight = 1.0 - self.lambda;
        self.frontier.fill(&self.relevance, &self.nearest, |z, nearest| z - weight * nearest);
        let (candidate, gain, refused) = self.frontier.choose(allow)?;
        self.relevance[candidate] = f32::NEG_INFINITY;
        self.pending = Some(candidate);
        Some(Pick { candidate, gain, novelty: (1.0 - self.nearest[candidate]).clamp(0.0, 1.0), refused })
    }

    /// Counts `vector` (`d` values) as chosen, though it is no candidate: a song that was just played.
    pub fn condition(&mut self, items: &ItemBlocks, vector: &[f32]) {
        if self.likeness.write_vector(vector, &mut self.phi).is_some() {
            self.spread(items);
        }
    }

    fn spread(&mut self, items: &ItemBlocks) {
        let constant = self.likeness.ready(&mut self.phi);
        self.likeness.dots(items, &self.phi, &mut self.dots);
        let first = self.chosen == 0;
        for (nearest, dot) in self.nearest.iter_mut().zip(self.dots.as_flattened()) {
            let near = dot + constant;
            *nearest = if first || near > *nearest { near } else { *nearest };
        }
        self.chosen += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::math::{Rng, normalize};

    /// Against the definition in f64, copies and classes included.
    #[test]
    fn equals_the_definition() {
        let mut rng = Rng::new(1);
        let (mut clear, mut tied) = (0, 0);
        for case in 0..3000 {
            let (n, d) = (2 + rng.below(30) as usize, 1 + rng.below(6) as usize);
            let mut rows: Vec<Vec<f32>> = Vec::new();
            for _ in 0..n {
                let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
                normalize(&mut row);
                let copy = rows.last().filter(|_| rng.below(5) == 0).cloned();
                rows.push(copy.unwrap_or(row));
            }
            let z: Vec<f32> = (0..n).map(|_| rng.uniform()).collect();
            let lambda = [0.0, 0.3, 0.7, 1.0][case % 4];
            let class: Vec<u16> = (0..n).map(|_| [0, 1, 2, Classes::NONE][rng.below(4) as usize]).collect();
            let prior = [0.0, 0.4][case / 4 % 2];
            let mut items = ItemBlocks::new(d);
            for row in &rows {
                items.push(row);
            }
            let mut mmr = Mmr::default();
            mmr.start_with(&items, &[Classes { of: &class, prior }], &z, MmrConfig { lambda });
            let likeness = |i: usize, j: usize| {
                let cosine: f64 = rows[i].iter().zip(&rows[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let shared = class[i] == class[j] && class[i] != Classes::NONE;
                (cosine + if shared { f64::from(prior) } else { 0.0 }) / (1.0 + f64::from(prior))
            };
            let mut chosen: Vec<usize> = vec![];
            for _ in 0..n {
                let pick = mmr.next(&items, &mut |_| true).unwrap();
                let value = |i: usize| {
                    let nearest = chosen.iter().map(|j| likeness(i, *j)).reduce(f64::max).unwrap_or(0.0);
                    f64::from(lambda) * f64::from(z[i]) - (1.0 - f64::from(lambda)) * nearest
                };
                let mut values: Vec<(f64, usize)> =
                    (0..n).filter(|i| !chosen.contains(i)).map(|i| (value(i), i)).collect();
                values.sort_by(|a, b| b.0.total_cmp(&a.0));
                assert!(value(pick.candidate) >= values[0].0 - 1e-5 && !chosen.contains(&pick.candidate));
                if values.len() > 1 && values[0].0 - values[1].0 > 1e-5 {
                    assert_eq!(pick.candidate, values[0].1, "case {case}");
                    clear += 1;
                } else {
                    tied += 1;
                }
                chosen.push(pick.candidate);
            }
            assert_eq!(mmr.next(&items, &mut |_| true), None);
        }
        println!("3000 sets: {clear} choices clear, {tied} tied");
        assert!(clear > 3 * tied);
    }

    #[test]
    fn what_is_no_number_is_never_chosen_and_rules_are_asked() {
        let mut items = ItemBlocks::new(1);
        for _ in 0..4 {
            items.push(&[1.0]);
        }
        let mut mmr = Mmr::default();
        mmr.start(&items, &[f32::NAN, 3.0, 2.0, 1.0], MmrConfig::default());
        let pick = mmr.next(&items, &mut |i| i != 1).unwrap();
        assert_eq!((pick.candidate, pick.refused), (2, 1));
        assert_eq!(mmr.next(&items, &mut |_| true).unwrap().candidate, 1);
    }
}
