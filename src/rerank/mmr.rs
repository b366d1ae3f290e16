//! Maximal marginal relevance: the baseline that a determinant has to beat (row Z2), and a choice where one wants the
//! plainest rule that can be said in a sentence: relevant, and unlike the nearest song already chosen.
//!
//! `MMR = argmax λ·z_i − (1 − λ)·max_{j ∈ Y} ⟨v_i, v_j⟩`
//!
//! Source: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
//! summaries", SIGIR 1998.

use super::frontier::{Allow, Frontier, Pick};
use crate::math::ItemBlocks;

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
    /// `λ·z_i`; negative infinity once chosen.
    relevance: Vec<f32>,
    /// The largest similarity to a chosen song; 0 before the first, as an empty maximum takes nothing away.
    nearest: Vec<f32>,
    chosen: usize,
    frontier: Frontier,
    pending: Option<usize>,
    row: Vec<f32>,
    dots: Vec<f32>,
}

impl Mmr {
    /// Begins anew over `items` (unit vectors) with their relevances `z`. A relevance that is not a number is never chosen.
    pub fn start(&mut self, items: &ItemBlocks, relevance: &[f32], config: MmrConfig) {
        let n = items.len().min(relevance.len());
        self.lambda = if config.lambda.is_nan() { MmrConfig::default().lambda } else { config.lambda.clamp(0.0, 1.0) };
        self.relevance.clear();
        self.relevance
            .extend(relevance[..n].iter().map(|z| if z.is_finite() { self.lambda * z } else { f32::NEG_INFINITY }));
        self.nearest.clear();
        self.nearest.resize(n, 0.0);
        self.frontier.reset(n);
        self.row.clear();
        self.row.resize(items.dimension(), 0.0);
        self.chosen = 0;
        self.pending = None;
    }

    /// The best allowed candidate, which counts as chosen from then on; `None` where there is none.
    pub fn next(&mut self, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if let Some(chosen) = self.pending.take() {
            #[allow(clippy::cast_possible_truncation, reason = "slots are u32")]
            items.row(chosen as u32, &mut self.row);
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
        self.row.fill(0.0);
        for (to, from) in self.row.iter_mut().zip(vector) {
            *to = *from;
        }
        if self.row.iter().all(|x| x.is_finite()) {
            self.spread(items);
        }
    }

    fn spread(&mut self, items: &ItemBlocks) {
        items.dot_all(&self.row, &mut self.dots);
        let first = self.chosen == 0;
        for (nearest, dot) in self.nearest.iter_mut().zip(&self.dots) {
            *nearest = if first || *dot > *nearest { *dot } else { *nearest };
        }
        self.chosen += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::math::{Rng, dot, normalize};

    #[test]
    fn equals_the_definition() {
        let mut rng = Rng::new(1);
        for case in 0..300 {
            let (n, d) = (2 + rng.below(30) as usize, 1 + rng.below(6) as usize);
            let rows: Vec<Vec<f32>> = (0..n)
                .map(|_| {
                    let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
                    normalize(&mut row);
                    row
                })
                .collect();
            let z: Vec<f32> = (0..n).map(|_| rng.uniform()).collect();
            let lambda = [0.0, 0.3, 0.7, 1.0][case % 4];
            let mut items = ItemBlocks::new(d);
            for row in &rows {
                items.push(row);
            }
            let mut mmr = Mmr::default();
            mmr.start(&items, &z, MmrConfig { lambda });
            let mut chosen: Vec<usize> = vec![];
            for _ in 0..n {
                let pick = mmr.next(&items, &mut |_| true).unwrap();
                let value = |i: usize| {
                    let nearest = chosen.iter().map(|j| dot(&rows[i], &rows[*j])).reduce(f32::max).unwrap_or(0.0);
                    lambda * z[i] - (1.0 - lambda) * nearest
                };
                let best = (0..n).filter(|i| !chosen.contains(i)).map(value).reduce(f32::max).unwrap();
                assert!(value(pick.candidate) >= best - 1e-5 && !chosen.contains(&pick.candidate));
                chosen.push(pick.candidate);
            }
            assert_eq!(mmr.next(&items, &mut |_| true), None);
        }
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
