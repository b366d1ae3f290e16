//! The best allowed candidate of a step. Rules are asked about the best only, and about the next best when they refuse:
//! a few questions a step instead of one a candidate.

use crate::math::LANES;
use sottovoce_lanes::blocks;

/// Asks whether the candidate of this index may be chosen now. A trait object, so that the greedy loops exist once.
pub type Allow<'a> = &'a mut dyn FnMut(usize) -> bool;

/// A candidate that a step chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Its index among the candidates.
    pub candidate: usize,
    /// What it added to the objective.
    pub gain: f32,
    /// How far it is from what was chosen before it: 1 where nothing is like it, near 0 where it is a copy.
    pub novelty: f32,
    /// How many candidates of a higher gain were refused.
    pub refused: u32,
}

/// Gains in blocks, with the best of each block.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    gains: Vec<[f32; LANES]>,
    best: Vec<f32>,
}

impl Frontier {
    /// Room for `n` gains; the lanes beyond are never chosen.
    pub(super) fn reset(&mut self, n: usize) {
        self.gains.clear();
        self.gains.resize(n.div_ceil(LANES), [f32::NEG_INFINITY; LANES]);
        self.best.clear();
        self.best.resize(self.gains.len(), f32::NEG_INFINITY);
    }

    /// `gain(a_i, b_i)` for every candidate. Negative infinity and NaN are never chosen.
    pub(super) fn fill(&mut self, a: &[f32], b: &[f32], gain: impl Fn(f32, f32) -> f32) {
        let blocks = a.chunks(LANES).zip(b.chunks(LANES));
        for ((gains, best), (a, b)) in self.gains.iter_mut().zip(&mut self.best).zip(blocks) {
            for (g, (a, b)) in gains.iter_mut().zip(a.iter().zip(b)) {
                *g = gain(*a, *b);
            }
            *best = blocks::largest(gains);
        }
    }

    /// `a_i·b_i` for the candidates of the blocks from `first` on.
    pub(super) fn multiply(&mut self, first: usize, a: &[[f32; LANES]], b: &[[f32; LANES]]) {
        blocks::products(a, b, &mut self.gains[first..], &mut self.best[first..]);
    }

    /// The block that has the largest gain, the first of several; `None` where nothing is left.
    pub(super) fn promising(&self) -> Option<usize> {
        let (mut block, mut top) = (None, f32::NEG_INFINITY);
        for (i, best) in self.best.iter().enumerate() {
            if *best > top {
                (block, top) = (Some(i), *best);
            }
        }
        block
    }

    /// The best candidate of a block, and its gain.
    pub(super) fn best_of(&self, block: usize) -> Option<(usize, f32)> {
        let top = *self.best.get(block)?;
        let lane = self.gains.get(block)?.iter().position(|g| *g >= top)?;
        Some((block * LANES + lane, top))
    }

    /// Counts a candidate out.
    pub(super) fn refuse(&mut self, candidate: usize) {
        let (block, lane) = (candidate / LANES, candidate % LANES);
        self.gains[block][lane] = f32::NEG_INFINITY;
        self.best[block] = blocks::largest(&self.gains[block]);
    }

    /// The best candidate that `allow` allows, ties by rising index; `None` where none is left.
    pub(super) fn choose(&mut self, allow: Allow<'_>) -> Option<(usize, f32, u32)> {
        let mut refused = 0;
        loop {
            let (candidate, gain) = self.best_of(self.promising()?)?;
            if allow(candidate) {
                return Some((candidate, gain, refused));
            }
            refused += 1;
            self.refuse(candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn falling_order_without_nan_and_without_the_refused(
            gains in prop::collection::vec(prop_oneof![6 => -2f32..2.0, 2 => Just(1.0f32), 1 => Just(f32::NAN), 1 => Just(f32::NEG_INFINITY)], 0..70),
            allowed in prop::collection::vec(any::<bool>(), 70),
        ) {
            let mut frontier = Frontier::default();
            frontier.reset(gains.len());
            frontier.fill(&gains, &gains, |a, _| a);
            let want = (0..gains.len())
                .filter(|i| allowed[*i] && gains[*i] > f32::NEG_INFINITY)
                .reduce(|a, b| if gains[b] > gains[a] { b } else { a });
            let got = frontier.choose(&mut |i| allowed[i]);
            prop_assert_eq!(got.map(|g| g.0), want);
            if let (Some(want), Some((_, _, refused))) = (want, got) {
                let better = (0..gains.len()).filter(|i| gains[*i] > gains[want] || (gains[*i] >= gains[want] && *i < want)).count();
                prop_assert_eq!(refused as usize, better);
            }
        }
    }
}
