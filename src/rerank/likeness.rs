//! What counts as alike: the one feature map `φ` under all methods, so that none of them ever builds a kernel.
//!
//! | here | meaning |
//! |---|---|
//! | `S_ij = ⟨φ_i, φ_j⟩` | similarity of two songs |
//! | `φ = [√α·v ; √(1 − α) ; √p_c·e(class_c)] / √(1 + Σ p_c)` | vector, constant, one block a class column |
//! | `α` | `α·⟨v_i, v_j⟩ + 1 − α` is what the vectors alone say |
//! | `p_c` | the prior of column `c`: what sharing a style, a language or an album adds (row Z4, `S' = S + prior`) |
//!
//! A prior that is a one-hot block is an inner product, so `S'` stays positive semidefinite whatever the classes are, which a table
//! of numbers between pairs of classes need not. The division keeps the diagonal where it was: the scale of a kernel changes no
//! choice, and what is new of a song stays a share. A song without a class is like nobody in that respect: its block is a
//! direction of its own, counted into its length and into nothing else.
//!
//! Source: Wilhelm et al., "Practical diversified recommendations on YouTube with determinantal point processes", CIKM 2018, §4
//! (similarity from several sources under one kernel).

use super::places::{NONE, Places};
use crate::math::{ItemBlocks, LANES, dot, scale};
use sottovoce_lanes::blocks;

/// A class of every candidate in one respect, and what sharing it adds to their similarity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classes<'a> {
    /// By candidate; [`Classes::NONE`], or beyond the column's end, is no class.
    pub of: &'a [u16],
    /// `p ≥ 0`, in units of the similarity of a song with itself; what is not a positive number counts as 0.
    pub prior: f32,
}

impl Classes<'_> {
    /// No class.
    pub const NONE: u16 = u16::MAX;
}

/// The feature map over one set of candidates; its storage is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Likeness {
    dimension: usize,
    candidates: usize,
    /// `α`.
    similarity: f32,
    /// `1/(1 + Σ p)`, and the `Σ p/(1 + Σ p)` beside it on the diagonal.
    share: f32,
    classes: f32,
    /// `√(p_c/(1 + Σ p))` of each column.
    columns: Vec<f32>,
    /// Column by column, the coordinate of each candidate's class; [`NONE`] for no class.
    coordinates: Vec<u32>,
    /// Coordinates of `φ`, those of directions of one's own left out.
    width: usize,
    /// The class of each coordinate beyond `dimension + 1`.
    values: Vec<u16>,
    storage: Vec<u32>,
}

impl Likeness {
    /// Begins anew over the first `candidates` of `items`. `similarity` is `α`, in `[0, 1]`.
    pub(super) fn start(&mut self, items: &ItemBlocks, candidates: usize, classes: &[Classes<'_>], similarity: f32) {
        // The page's smaller engine knows no classes.
        let classes = if cfg!(feature = "full") { classes } else { &[] };
        self.dimension = items.dimension();
        self.candidates = candidates;
        self.similarity = similarity;
        let prior = |c: &Classes<'_>| if c.prior > 0.0 && c.prior.is_finite() { c.prior.min(1e6) } else { 0.0 };
        let sum: f32 = classes.iter().map(prior).sum();
        self.share = 1.0 / (1.0 + sum);
        self.classes = sum * self.share;
        self.columns.clear();
        self.columns.extend(classes.iter().map(|c| (prior(c) * self.share).sqrt()));
        self.coordinates.clear();
        self.values.clear();
        for column in classes {
            let first = self.values.len();
            let mut places = Places::over(&mut self.storage, column.of.len().min(candidates));
            for i in 0..candidates {
                let class = column.of.get(i).copied().unwrap_or(Classes::NONE);
                if class == Classes::NONE {
                    self.coordinates.push(NONE);
                    continue;
                }
                #[allow(clippy::cast_possible_truncation, reason = "at most as many as candidates, which are u32")]
                let next = self.values.len() as u32;
                let at = places.find_or_put(class.into(), next, |at| {
                    at as usize >= first && self.values.get(at as usize) == Some(&class)
                });
                if at == next {
                    self.values.push(class);
                }
                #[allow(clippy::cast_possible_truncation, reason = "a dimension is at most u32")]
                self.coordinates.push(self.dimension as u32 + 1 + at);
            }
        }
        self.width = self.dimension + 1 + self.values.len();
    }

    /// How many coordinates `φ` has.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// `⟨φ_i, φ_i⟩` of every candidate, with the vectors' own lengths: they need not be exactly 1.
    pub(super) fn diagonal(&self, items: &ItemBlocks, out: &mut Vec<[f32; LANES]>) {
        items.squared_norm_blocks(out);
        out.truncate(self.candidates.div_ceil(LANES));
        for value in out.as_flattened_mut() {
            *value = (self.similarity * *value + (1.0 - self.similarity)) * self.share + self.classes;
            // A vector whose length is no number would spoil every other song's: NaN is never chosen.
            *value = if value.is_finite() { *value } else { f32::NAN };
        }
    }

    /// Writes `φ` of a candidate. Answers the squared length of its direction of its own.
    pub(super) fn write(&self, items: &ItemBlocks, candidate: usize, phi: &mut Vec<f32>) -> f32 {
        phi.clear();
        phi.resize(self.dimension, 0.0);
        #[allow(clippy::cast_possible_truncation, reason = "slots are u32")]
        items.row(candidate as u32, phi);
        self.extend(phi);
        let mut own = 0.0;
        for (column, share) in self.columns.iter().enumerate() {
            match self.coordinates[column * self.candidates + candidate] {
                NONE => own += share * share,
                at => phi[at as usize] = *share,
            }
        }
        own
    }

    /// As [`Likeness::write`], of a vector that is no candidate and has no classes; `None` if its length is not finite.
    pub(super) fn write_vector(&self, vector: &[f32], phi: &mut Vec<f32>) -> Option<f32> {
        phi.clear();
        phi.extend_from_slice(&vector[..vector.len().min(self.dimension)]);
        phi.resize(self.dimension, 0.0);
        dot(phi, phi).is_finite().then(|| {
            self.extend(phi);
            self.classes
        })
    }

    fn extend(&self, phi: &mut Vec<f32>) {
        scale((self.similarity * self.share).sqrt(), phi);
        phi.push(((1.0 - self.similarity) * self.share).sqrt());
        phi.resize(self.width, 0.0);
    }

    /// Makes a column of [`Likeness::width`] values ready to be multiplied with items, and answers what it has in common with every
    /// `φ_i`, for the inner products leave that out.
    pub(super) fn ready(&self, column: &mut [f32]) -> f32 {
        let (query, rest) = column.split_at_mut(self.dimension);
        scale((self.similarity * self.share).sqrt(), query);
        ((1.0 - self.similarity) * self.share).sqrt() * rest.first().copied().unwrap_or(0.0)
    }

    /// `⟨column, φ_i⟩` of every candidate, but for what [`Likeness::ready`] answered.
    pub(super) fn dots(&self, items: &ItemBlocks, column: &[f32], out: &mut Vec<[f32; LANES]>) {
        items.dot_blocks(&column[..self.dimension], out);
        out.truncate(self.candidates.div_ceil(LANES));
        self.share_classes(column, 0, out);
    }

    /// The same of several columns, one after the other, with the candidates of one block: a block of inner products a column.
    pub(super) fn dots_of_block(&self, items: &ItemBlocks, block: usize, columns: &[f32], out: &mut [[f32; LANES]]) {
        blocks::dots_of_block(columns, self.width, items.block(block), out);
        for (column, out) in columns.chunks_exact(self.width).zip(out.chunks_mut(1)) {
            self.share_classes(column, block * LANES, out);
        }
    }

    /// Adds what classes share to the inner products of the candidates from `first` on.
    fn share_classes(&self, column: &[f32], first: usize, out: &mut [[f32; LANES]]) {
        for (share, places) in self.columns.iter().zip(self.coordinates.chunks_exact(self.candidates.max(1))) {
            for (value, at) in out.as_flattened_mut().iter_mut().zip(&places[first..]) {
                if *at != NONE {
                    *value += share * column[*at as usize];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_the_similarity_it_says() {
        let mut items = ItemBlocks::new(2);
        let rows = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
        for row in &rows {
            items.push(row);
        }
        // Column one: 0 and 1 share a class; column two: nobody has the class that column one calls 7.
        let classes = [
            Classes { of: &[7, 7, 9], prior: 0.5 },
            Classes { of: &[Classes::NONE, 7, 8], prior: 0.25 },
            Classes { of: &[1, 1], prior: f32::NAN },
        ];
        let mut likeness = Likeness::default();
        likeness.start(&items, 3, &classes, 0.5);
        let (mut phi, mut out, mut diagonal) = (vec![], vec![], vec![]);
        likeness.diagonal(&items, &mut diagonal);
        for i in 0..3 {
            let own = likeness.write(&items, i, &mut phi);
            assert!(
                (dot(&phi, &phi) + own - diagonal.as_flattened()[i]).abs() < 1e-6
                    && (diagonal.as_flattened()[i] - 1.0).abs() < 1e-6
            );
            let constant = likeness.ready(&mut phi);
            likeness.dots(&items, &phi, &mut out);
            let mut block = [[0.0; LANES]; 2];
            likeness.dots_of_block(&items, 0, &phi.repeat(2), &mut block);
            assert!(block == [out[0]; 2]);
            for j in (0..3).filter(|j| *j != i) {
                let cosine = dot(&rows[i], &rows[j]);
                let shared = if i + j == 1 { 0.5 } else { 0.0 };
                let want = (0.5 * cosine + 0.5 + shared) / 1.75;
                let got = out.as_flattened()[j] + constant;
                assert!((got - want).abs() < 1e-6, "{i} {j}: {got} for {want}");
            }
        }
        assert_eq!(likeness.write_vector(&[f32::NAN, 0.0], &mut phi), None);
        assert!(likeness.write_vector(&[1.0], &mut phi).is_some_and(|own| (own - 0.75 / 1.75).abs() < 1e-6));
    }
}
