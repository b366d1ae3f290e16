//! Logistic regression over `2ᵇ` hashed features that learns from a stream, one row after the other.
//!
//! Source: McMahan et al., *Ad Click Prediction: a View from the Trenches*, KDD 2013, algorithm 1 (per-coordinate FTRL-Proximal).
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `zᵢ`, `nᵢ` | a slot: 8 bytes | what a feature remembers |
//! | `wᵢ` | computed when a row asks | `0` where `abs(zᵢ) ≤ λ₁`, else `−(zᵢ − sgn(zᵢ)·λ₁) / ((β + √nᵢ)/α + λ₂)` |
//! | `p` | [`HashedFtrl::learn`] | `σ(x·w)`, before the row is learnt |
//! | `gᵢ` | | `(p − y)·xᵢ` times the row's weight |
//! | `σᵢ` | | `(√(nᵢ + gᵢ²) − √nᵢ)/α`; then `zᵢ += gᵢ − σᵢwᵢ`, `nᵢ += gᵢ²` |
//!
//! A slot that a row meets twice has the sum of its values: `x` is a vector. The bias has a slot of its own, without `λ₁`.
//! Rows are learnt strictly in their order on one thread: one stream gives one set of bits.

use crate::embedding::hashed_room::Room;
use crate::embedding::huge::Huge;
use crate::embedding::{SparseRows, TableError};
use crate::parallel;
use crate::real::Real;
use bytemuck::Pod;
use prefetch_index::prefetch_index;

/// Features are asked for so far ahead of being needed: memory answers some twenty at a time.
const AHEAD: usize = 96;

/// How it learns.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HashedFtrlConfig {
    /// `α`: step size.
    pub alpha: f32,
    /// `β`.
    pub beta: f32,
    /// `λ₁`: the larger, the more weights are exactly 0.
    pub l1: f32,
    /// `λ₂`.
    pub l2: f32,
    /// `b`: there are `2ᵇ` slots of 8 bytes. The lowest bits of a hash say which.
    pub bits: u32,
}

impl HashedFtrlConfig {
    fn check(&self) -> Result<(), TableError> {
        let setting = |what, expected, got: String| Err(TableError::Setting { what, expected, got });
        if !(1..=30).contains(&self.bits) {
            return setting("bits", "1 to 30", self.bits.to_string());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return setting("α", "a number above 0", self.alpha.to_string());
        }
        for (what, value) in [("β", self.beta), ("λ₁", self.l1), ("λ₂", self.l2)] {
            if !(value.is_finite() && value >= 0.0) {
                return setting(what, "0 or above", value.to_string());
            }
        }
        Ok(())
    }
}

/// How much of a table is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// Slots that some row has met.
    pub met: u64,
    /// Those whose weight is not 0.
    pub weighted: u64,
}

impl Used {
    /// The share of slots met whose weight is 0: what a served model need not carry.
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        if self.met == 0 { 0.0 } else { 1.0 - self.weighted as f64 / self.met as f64 }
    }
}

/// The learner: see the head of its file.
///
/// # Example
/// ```
/// use sottovoce_algebra::{HashedFtrl, HashedFtrlConfig, SparseRows};
/// # fn main() -> Result<(), sottovoce_algebra::TableError> {
/// let config = HashedFtrlConfig { alpha: 0.1, beta: 1.0, l1: 0.5, l2: 0.0, bits: 16 };
/// let mut model = HashedFtrl::new(config)?;
/// let (mut rows, mut p) = (SparseRows::default(), Vec::new());
/// for i in 0..200 {
///     rows.add(7 + i % 2); // feature 8 is what counts
///     rows.end((i % 2) as f32, 1.0)?;
/// }
/// model.learn(&rows, &mut p);
/// assert!(p[0] == 0.5 && p[198] < 0.3 && p[199] > 0.7, "as it would have said, row by row");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HashedFtrl {
    config: HashedFtrlConfig,
    core: Core<f32>,
}

impl HashedFtrl {
    /// Every weight is 0. Memory that no row has met is reserved, not used.
    ///
    /// # Errors
    /// [`TableError::Setting`].
    pub fn new(config: HashedFtrlConfig) -> Result<Self, TableError> {
        config.check()?;
        Ok(Self { config, core: Core::new(&config) })
    }

    /// How it learns.
    #[must_use]
    pub fn config(&self) -> HashedFtrlConfig {
        self.config
    }

    /// How many rows it has learnt.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.core.rows
    }

    /// Learns rows in their order; `predictions` becomes what was said of each before it was learnt (progressive validation, §5.1 of
    /// the paper).
    pub fn learn(&mut self, rows: &SparseRows, predictions: &mut Vec<f32>) {
        self.core.learn(rows, predictions);
    }

    /// How probable each row is; nothing is learnt.
    #[must_use]
    pub fn score(&self, rows: &SparseRows) -> Vec<f32> {
        self.core.score(rows)
    }

    /// How many slots were met, and how many have a weight.
    #[must_use]
    pub fn used(&self) -> Used {
        let (mut met, mut weighted) = (0, 0);
        for slot in self.core.slots.iter().filter(|slot| met_by(slot)) {
            met += 1;
            weighted += u64::from(slot[0].abs() > self.config.l1);
        }
        Used { met, weighted }
    }

    /// Slots whose weight is not 0, with it, and the bias: all that serving needs.
    #[must_use]
    pub fn weights(&self) -> (Vec<(u32, f32)>, f32) {
        let core = &self.core;
        let weight =
            |(slot, [z, n]): (u32, &[f32; 2])| Some((slot, core.weight(*z, n.sqrt()))).filter(|(_, w)| *w != 0.0);
        ((0u32..).zip(&*core.slots).filter_map(weight).collect(), core.of_bias())
    }

    pub(super) fn state(&self) -> impl Iterator<Item = (u32, [f32; 2])> + '_ {
        (0u32..).zip(&*self.core.slots).filter(|(_, slot)| met_by(slot)).map(|(i, slot)| (i, *slot))
    }

    pub(super) fn bias(&self) -> [f32; 2] {
        self.core.bias
    }

    /// Puts a slot as it was; false for one that there is not, or numbers that no learning gives.
    pub(super) fn put(&mut self, slot: Option<u32>, [z, n]: [f32; 2]) -> bool {
        let place = match slot {
            Some(slot) => self.core.slots.get_mut(slot as usize),
            None => Some(&mut self.core.bias),
        };
        let fits = !z.is_nan() && n >= 0.0;
        place.filter(|_| fits).map(|place| *place = [z, n]).is_some()
    }

    pub(super) fn set_rows(&mut self, rows: u64) {
        self.core.rows = rows;
    }
}

fn met_by([z, n]: &[f32; 2]) -> bool {
    *z != 0.0 || *n != 0.0
}

/// Everything in one type of number: f32 learns, f64 is held against a reference.
#[derive(Clone, Debug)]
struct Core<R: Pod> {
    alpha: R,
    beta: R,
    l1: R,
    l2: R,
    mask: u32,
    slots: Huge<[R; 2]>,
    bias: [R; 2],
    rows: u64,
    room: Room<R>,
}

impl<R: Real + Pod> Core<R> {
    fn new(config: &HashedFtrlConfig) -> Self {
        let [alpha, beta, l1, l2] = [config.alpha, config.beta, config.l1, config.l2].map(R::from_f32);
        let slots = Huge::zeroed(1 << config.bits);
        let mask = (1 << config.bits) - 1;
        Self { alpha, beta, l1, l2, mask, slots, bias: [R::ZERO; 2], rows: 0, room: Room::new() }
    }

    /// `wᵢ` of `zᵢ` and `√nᵢ`.
    #[inline(always)]
    fn weight(&self, z: R, root: R) -> R {
        let shrunk = if z > R::ZERO { z - self.l1 } else { z + self.l1 };
        let w = -shrunk / ((self.beta + root) / self.alpha + self.l2);
        if z.abs() > self.l1 { w } else { R::ZERO }
    }

    #[inline(always)]
    fn of_bias(&self) -> R {
        let [z, n] = self.bias;
        -z / ((self.beta + n.sqrt()) / self.alpha + self.l2)
    }

    fn learn(&mut self, rows: &SparseRows, predictions: &mut Vec<R>) {
        predictions.clear();
        let mut room = core::mem::replace(&mut self.room, Room::new());
        let mut huge = core::mem::replace(&mut self.slots, Huge::none());
        let slots = &mut huge[..];
        parallel::vectorize!(|| {
            self.ask(slots, rows, 0..AHEAD);
            let mut begin = 0;
            for (i, end) in rows.ends.iter().enumerate() {
                self.ask(slots, rows, begin + AHEAD..*end + AHEAD);
                room.take(&rows.hashes[begin..*end], rows.values(begin, *end), self.mask);
                let (label, weight) = (R::from_f32(rows.labels[i]), R::from_f32(rows.weights[i]));
                predictions.push(self.one(slots, &mut room, label, weight));
                begin = *end;
            }
        });
        self.rows += rows.len() as u64;
        (self.room, self.slots) = (room, huge);
    }

    /// Tells memory which slots will be needed: they come from anywhere, and each takes longer than a row's arithmetic.
    #[inline(always)]
    fn ask(&self, slots: &[[R; 2]], rows: &SparseRows, features: core::ops::Range<usize>) {
        let (from, to) = (features.start.min(rows.hashes.len()), features.end.min(rows.hashes.len()));
        for hash in &rows.hashes[from..to] {
            prefetch_index(slots, (hash & self.mask) as usize);
        }
    }

    #[inline(always)]
    fn one(&mut self, slots: &mut [[R; 2]], room: &mut Room<R>, y: R, weight: R) -> R {
        let len = room.x.len();
        let x = &room.x[..len];
        let (z, n, root, w) = (&mut room.z[..len], &mut room.n[..len], &mut room.root[..len], &mut room.w[..len]);
        let k = room.slots.len();
        for (slot, (z, n)) in room.slots.iter().zip(z.iter_mut().zip(n.iter_mut())) {
            [*z, *n] = slots[*slot as usize];
        }
        z[k..].fill(R::ZERO);
        n[k..].fill(R::ZERO);
        for i in 0..len {
            root[i] = n[i].sqrt();
            w[i] = self.weight(z[i], root[i]);
        }
        let bias = self.of_bias();
        let p = (parallel::dot(x, w) + bias).sigmoid();
        let slope = weight * (p - y);
        for i in 0..len {
            let g = slope * x[i];
            n[i] += g * g;
            z[i] += g - (n[i].sqrt() - root[i]) / self.alpha * w[i];
        }
        for (slot, (z, n)) in room.slots.iter().zip(z.iter().zip(n.iter())) {
            slots[*slot as usize] = [*z, *n];
        }
        let [z, n] = self.bias;
        let grown = n + slope * slope;
        self.bias = [z + slope - (grown.sqrt() - n.sqrt()) / self.alpha * bias, grown];
        p
    }

    fn score(&self, rows: &SparseRows) -> Vec<R> {
        let (mut scores, slots) = (Vec::with_capacity(rows.len()), &self.slots[..]);
        parallel::vectorize!(|| {
            self.ask(slots, rows, 0..AHEAD);
            let bias = self.of_bias();
            for row in 0..rows.len() {
                let (begin, end) = (rows.begin(row), rows.ends[row]);
                self.ask(slots, rows, begin + AHEAD..end + AHEAD);
                let values = rows.values(begin, end);
                let mut sum = bias;
                for (i, hash) in rows.hashes[begin..end].iter().enumerate() {
                    let [z, n] = slots[(hash & self.mask) as usize];
                    sum += self.weight(z, n.sqrt()) * values.get(i).map_or(R::ONE, |value| R::from_f32(*value));
                }
                scores.push(sum.sigmoid());
            }
        });
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Algorithm 1 letter by letter: a map of coordinates, a weight computed where the paper computes it, in f64.
    #[derive(Default)]
    struct Reference {
        z: BTreeMap<u32, f64>,
        n: BTreeMap<u32, f64>,
        bias: (f64, f64),
    }

    impl Reference {
        fn weight(&self, i: u32, [alpha, beta, l1, l2]: [f64; 4]) -> f64 {
            let (z, n) = (self.z.get(&i).copied().unwrap_or(0.0), self.n.get(&i).copied().unwrap_or(0.0));
            if z.abs() <= l1 { 0.0 } else { -(z - z.signum() * l1) / ((beta + n.sqrt()) / alpha + l2) }
        }

        fn learn(&mut self, row: &[(u32, f64)], y: f64, weight: f64, settings: [f64; 4]) -> f64 {
            let [alpha, beta, _, l2] = settings;
            let mut x: BTreeMap<u32, f64> = BTreeMap::new();
            row.iter().for_each(|(i, value)| *x.entry(*i).or_default() += value);
            let w: BTreeMap<u32, f64> = x.keys().map(|i| (*i, self.weight(*i, settings))).collect();
            let (bias_z, bias_n) = self.bias;
            let bias = -bias_z / ((beta + bias_n.sqrt()) / alpha + l2);
            let dot: f64 = x.iter().map(|(i, x)| w[i] * x).sum::<f64>() + bias;
            let p = 1.0 / (1.0 + (-dot).exp());
            for (i, x) in &x {
                let g = weight * (p - y) * x;
                let n = self.n.entry(*i).or_default();
                let sigma = ((*n + g * g).sqrt() - n.sqrt()) / alpha;
                *self.z.entry(*i).or_default() += g - sigma * w[i];
                *n += g * g;
            }
            let g = weight * (p - y);
            let sigma = ((bias_n + g * g).sqrt() - bias_n.sqrt()) / alpha;
            self.bias = (bias_z + g - sigma * bias, bias_n + g * g);
            p
        }
    }

    type Rows = Vec<(Vec<(u32, f32)>, bool, f32)>;

    fn rows() -> impl Strategy<Value = Rows> {
        let feature = (0u32..200, prop_oneof![Just(1.0f32), -2.0f32..2.0]);
        prop::collection::vec((prop::collection::vec(feature, 0..60), any::<bool>(), 0.0f32..3.0), 1..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Duplicates within a row, values, weights and rows without features among them; 2⁷ slots, so that hashes collide.
        #[test]
        fn in_f64_it_is_the_reference(rows in rows(), l1 in 0.0f32..1.0, l2 in 0.0f32..1.0, alpha in 0.01f32..1.0, beta in 0.0f32..2.0) {
            // β = 0 and λ₂ = 0 divide by 0 where n = 0, in the paper's formula too; then w is 0 by the first case.
            let config = HashedFtrlConfig { alpha, beta: beta + 0.01, l1, l2, bits: 7 };
            let settings = [config.alpha, config.beta, config.l1, config.l2].map(f64::from);
            let (mut core, mut reference) = (Core::<f64>::new(&config), Reference::default());
            let mut flat = SparseRows::default();
            for (row, y, weight) in &rows {
                for (hash, value) in row {
                    if value.to_bits() == 1.0f32.to_bits() { flat.add(*hash) } else { flat.add_valued(*hash, *value) }
                }
                flat.end(f32::from(u8::from(*y)), *weight).unwrap();
            }
            let mut predictions = Vec::new();
            core.learn(&flat, &mut predictions);
            for ((row, y, weight), p) in rows.iter().zip(&predictions) {
                let row: Vec<(u32, f64)> = row.iter().map(|(i, x)| (i % 128, f64::from(*x))).collect();
                let q = reference.learn(&row, f64::from(u8::from(*y)), f64::from(*weight), settings);
                prop_assert!((p - q).abs() < 1e-9, "{p} {q}");
            }
            for i in 0..128u32 {
                let [z, n] = core.slots[i as usize];
                let (w, of_reference) = (core.weight(z, n.sqrt()), reference.weight(i, settings));
                prop_assert!((w - of_reference).abs() < 1e-9, "{i}: {w} {of_reference}");
            }
        }

        /// Where batches are cut changes nothing, to the bit.
        #[test]
        fn cuts_change_nothing(rows in rows(), cut in 1usize..40) {
            let config = HashedFtrlConfig { alpha: 0.1, beta: 1.0, l1: 0.1, l2: 0.1, bits: 6 };
            let run = |cut: usize| {
                let mut model = HashedFtrl::new(config).unwrap();
                let (mut flat, mut p, mut all) = (SparseRows::default(), Vec::new(), Vec::new());
                for part in rows.chunks(cut) {
                    flat.clear();
                    for (row, y, weight) in part {
                        row.iter().for_each(|(hash, value)| flat.add_valued(*hash, *value));
                        flat.end(f32::from(u8::from(*y)), *weight).unwrap();
                    }
                    model.learn(&flat, &mut p);
                    all.extend(p.iter().map(|p| p.to_bits()));
                }
                (all, model.state().map(|(i, s)| (i, s.map(f32::to_bits))).collect::<Vec<_>>())
            };
            prop_assert_eq!(run(cut), run(usize::MAX));
        }
    }

    #[test]
    fn rows_that_are_none_are_refused_and_dropped() {
        let mut rows = SparseRows::default();
        for (value, label, weight) in
            [(1.0, 2.0, 1.0), (1.0, f32::NAN, 1.0), (1.0, 1.0, -1.0), (f32::INFINITY, 1.0, 1.0)]
        {
            rows.add_valued(3, value);
            assert!(matches!(rows.end(label, weight), Err(TableError::Setting { .. })));
        }
        assert!(rows.is_empty() && rows.hashes.is_empty() && rows.values.is_empty());
        let config = HashedFtrlConfig { alpha: 0.1, beta: 1.0, l1: 0.1, l2: 0.1, bits: 31 };
        for wrong in [
            config,
            HashedFtrlConfig { bits: 4, alpha: 0.0, ..config },
            HashedFtrlConfig { bits: 4, l1: f32::NAN, ..config },
        ] {
            assert!(matches!(HashedFtrl::new(wrong), Err(TableError::Setting { .. })));
        }
    }
}
