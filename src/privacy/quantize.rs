//! From reals to whole numbers without losing the bound on the norm, and from a sum of them back.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `1/γ` | [`Grid::steps`] | steps of the grid per 1.0 (the paper's `γ` is the width of one) |
//! | `c/γ` | `c` | the clip norm in steps, `C · steps` |
//! | `β` | `e^(−½)` | a rounding is drawn again with at most this probability |
//! | `x̃` | [`Quantized`] | the vector on the grid, `‖x̃‖₂² ≤ Δ₂²` |
//! | `Δ₂` | [`Sensitivity`] | what one listener can add to the sum, in steps |
//!
//! Each coordinate is rounded up or down at random, so that its expectation stays where it was. That may lengthen the vector; by the paper's
//! Proposition 22 its squared norm stays below
//! `Δ₂² = min{ c² + d/4 + √(2 ln(1/β))·(c + √d/2), (c + √d)² }` with probability at least `1 − β`, and otherwise all coordinates are drawn again.
//! **The guarantee does not rest on that probability, nor on floats**: `Σ x̃²` is summed in whole numbers and held against a whole `Δ₂²`.
//!
//! **Kept out: the rotation** (Algorithm 1, line 2). It flattens the coordinates so that a narrower ring holds their sum; it adds nothing to
//! privacy. Here it would cost more than it saves: it pads `d` to a power of two (100,000 → 131,072 values, 31 % more bytes, where the
//! ring of 130 clients shrinks from 19 bits to 15), the bound on a coordinate becomes one with high probability instead of a certain one, and a rotation in
//! floats would come between the clipping and the proof of the norm.
//!
//! Source: Kairouz, Liu, Steinke, "The distributed discrete Gaussian mechanism for federated learning with secure aggregation", ICML 2021,
//! Algorithm 1 and §4.1.

use super::clip::{Clipped, Gradient};
use super::error::Error;
use super::noise::Noise;

/// So often is a rounding drawn again. Each is kept with probability 0.39 at least, so the last comes less often than once in 10¹³.
const MOST_DRAWS: usize = 64;

/// Words from ChaCha20 at a time; each rounds two coordinates.
const WORDS: usize = 512;

/// The lattice that updates are rounded to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grid {
    steps: u32,
}

/// `Δ₂²`, in squared steps: no quantised vector is longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sensitivity {
    squared: u64,
}

/// A clipped update in whole steps of a grid, `‖x̃‖₂² ≤ Δ₂²`. Only [`Clipped::quantized`] makes one; it still tells of the listener.
#[derive(Clone, PartialEq, Eq)]
pub struct Quantized {
    pub(super) values: Vec<i32>,
    pub(super) sensitivity: Sensitivity,
}

impl core::fmt::Debug for Quantized {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Quantized(.. {} values)", self.values.len())
    }
}

impl Grid {
    /// The finest grid.
    pub const MOST_STEPS: u32 = 1 << 20;

    /// A grid with so many steps per 1.0.
    ///
    /// # Errors
    /// [`Error::GridSteps`] outside 1 to [`Self::MOST_STEPS`].
    pub fn new(steps: u32) -> Result<Self, Error> {
        if (1..=Self::MOST_STEPS).contains(&steps) { Ok(Self { steps }) } else { Err(Error::GridSteps { steps }) }
    }

    /// Steps per 1.0.
    #[must_use]
    pub fn steps(self) -> u32 {
        self.steps
    }

    /// What `d` values of norm at most `C` can come to on the grid.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "saturates; any bound is sound"
    )]
    pub fn sensitivity(self, clip_norm: f32, d: usize) -> Sensitivity {
        let (c, d) = (self.in_steps(clip_norm), d as f64);
        let likely = c * c + d / 4.0 + c + d.sqrt() / 2.0; // √(2 ln(1/β)) = 1
        Sensitivity { squared: likely.min((c + d.sqrt()).powi(2)) as u64 }
    }

    /// The mean over `n` listeners of what was summed up in steps; all zeros for nobody.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "rounding to the nearest f32 is what is wanted"
    )]
    pub fn mean(self, sum: &[i64], n: u32) -> Vec<f32> {
        let share = if n == 0 { 0.0 } else { 1.0 / (f64::from(self.steps) * f64::from(n)) };
        sum.iter().map(|s| (*s as f64 * share) as f32).collect()
    }

    /// Exact: 24 bits times 21.
    pub(super) fn in_steps(self, value: f32) -> f64 {
        f64::from(value) * f64::from(self.steps)
    }
}

impl Sensitivity {
    /// `Δ₂²`.
    #[must_use]
    pub fn squared(self) -> u64 {
        self.squared
    }

    /// `Δ₂`, in steps.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "for widths of noise, which are rounded up")]
    pub fn norm(self) -> f64 {
        (self.squared as f64).sqrt()
    }

    fn bounds(self, values: &[i32]) -> bool {
        let sum: u128 = values.iter().map(|v| u128::from(v.unsigned_abs()).pow(2)).sum();
        sum <= u128::from(self.squared)
    }
}

impl Clipped {
    /// Rounds to the grid at random, each coordinate without bias, until the norm is within [`Grid::sensitivity`] of `clip_norm`. The same
    /// noise gives the same rounding. What was clipped to another norm is clipped to this one first.
    ///
    /// # Example
    /// ```
    /// use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey};
    /// let (grid, mut noise) = (Grid::new(1 << 10)?, Noise::new(NoiseKey::new([7; 32])));
    /// let quantized = Gradient::new(vec![3.0, 4.0]).clip(1.0).quantized(1.0, grid, &mut noise);
    /// assert!(quantized.sensitivity().norm() <= 1024.0 + 1.5);
    /// # Ok::<(), sottovoce::privacy::Error>(())
    /// ```
    #[must_use]
    pub fn quantized(self, clip_norm: f32, grid: Grid, noise: &mut Noise) -> Quantized {
        let clipped = Gradient::new(self.into_values()).clip(clip_norm).into_values();
        let sensitivity = grid.sensitivity(clip_norm, clipped.len());
        // Beyond 2³⁰ steps a coordinate would not fit; no use has so fine a grid for so long a vector.
        if grid.in_steps(clip_norm) >= f64::from(1 << 30) {
            return Quantized { values: vec![0; clipped.len()], sensitivity };
        }
        let mut values = vec![0; clipped.len()];
        for _ in 0..MOST_DRAWS {
            round(&clipped, grid, noise, &mut values);
            if sensitivity.bounds(&values) {
                return Quantized { values, sensitivity };
            }
        }
        // Towards zero no coordinate grows.
        for (value, x) in values.iter_mut().zip(&clipped) {
            #[allow(clippy::cast_possible_truncation, reason = "towards zero is what is wanted")]
            let steps = grid.in_steps(*x) as i32;
            *value = steps;
        }
        if !sensitivity.bounds(&values) {
            values.fill(0);
        }
        Quantized { values, sensitivity }
    }
}

impl Quantized {
    /// Its bound.
    #[must_use]
    pub fn sensitivity(&self) -> Sensitivity {
        self.sensitivity
    }
}

/// `⌊x + u⌋` for uniform `u`, in fixed point with 32 bits behind the point: up with the probability of the fraction, to 2⁻³².
fn round(values: &[f32], grid: Grid, noise: &mut Noise, rounded: &mut [i32]) {
    let mut words = [0u64; WORDS];
    for (from, to) in values.chunks(2 * WORDS).zip(rounded.chunks_mut(2 * WORDS)) {
        noise.fill(&mut words[..from.len().div_ceil(2)]);
        for ((from, to), word) in from.chunks(2).zip(to.chunks_mut(2)).zip(&words) {
            for ((x, steps), u) in from.iter().zip(to).zip([word >> 32, word & u64::from(u32::MAX)]) {
                #[allow(clippy::cast_possible_truncation, reason = "below 2⁶², and the steps below 2³¹")]
                let fixed = (grid.in_steps(*x) * 4_294_967_296.0) as i64;
                #[allow(clippy::cast_possible_truncation, reason = "as above")]
                let whole = ((fixed + u.cast_signed()) >> 32) as i32;
                *steps = whole;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::NoiseKey;
    use proptest::prelude::*;

    fn noise(seed: u8) -> Noise {
        Noise::new(NoiseKey::new([seed; 32]))
    }

    fn squared(values: &[i32]) -> u64 {
        values.iter().map(|v| u64::from(v.unsigned_abs()).pow(2)).sum()
    }

    #[test]
    fn rounding_has_no_bias_and_the_spread_of_a_coin() {
        let x: Vec<f32> = (0..50).map(|i| (i as f32 - 25.0) / 177.0).collect();
        let (grid, n, mut source) = (Grid::new(64).unwrap(), 20_000, noise(1));
        let (mut sum, mut squares) = (vec![0i64; 50], vec![0.0; 50]);
        for _ in 0..n {
            // A wide bound, so that none is drawn again: rounding alone.
            let q = Gradient::new(x.clone()).clip(10.0).quantized(10.0, grid, &mut source);
            for (i, v) in q.values.iter().enumerate() {
                sum[i] += i64::from(*v);
                squares[i] += (f64::from(*v) - grid.in_steps(x[i])).powi(2);
            }
        }
        let mean = grid.mean(&sum, n);
        for i in 0..50 {
            let exact = grid.in_steps(x[i]);
            let fraction = exact - exact.floor();
            let spread = (fraction * (1.0 - fraction)).sqrt();
            let off = (f64::from(mean[i]) - f64::from(x[i])).abs() * 64.0;
            assert!(off <= 4.5 * spread / f64::from(n).sqrt() + 1e-7, "{i}: {off}");
            assert!((squares[i] / f64::from(n) - spread * spread).abs() < 0.012, "{i}");
        }
    }

    /// Where half of all coordinates lie between two steps, a rounding is often too long: it is drawn again, and the bound holds.
    #[test]
    fn a_rounding_that_is_too_long_is_drawn_again() {
        let (d, grid) = (4096, Grid::new(32).unwrap());
        let x = vec![1.0 / 64.0; d]; // norm 1, every coordinate half a step
        let bound = grid.sensitivity(1.0, d).squared();
        assert_eq!(bound, 1024 + 1024 + 32 + 32);
        let (mut source, mut raw, mut beyond) = (noise(2), vec![0; d], 0);
        for _ in 0..300 {
            round(&x, grid, &mut source, &mut raw);
            beyond += u32::from(squared(&raw) > bound);
            let q = Gradient::new(x.clone()).clip(1.0).quantized(1.0, grid, &mut source);
            assert!(squared(&q.values) <= bound);
        }
        assert!((1..180).contains(&beyond), "{beyond} of 300; β is 0.61");
    }

    #[test]
    fn the_mean_of_a_sum_is_that_of_the_vectors() {
        let (grid, mut source, n) = (Grid::new(1 << 12).unwrap(), noise(3), 40u32);
        let vectors: Vec<Vec<f32>> =
            (0..n).map(|i| (0..30).map(|j| ((i * 31 + j * 7) % 17) as f32 / 170.0 - 0.05).collect()).collect();
        let mut sum = vec![0i64; 30];
        for v in &vectors {
            let q = Gradient::new(v.clone()).clip(1.0).quantized(1.0, grid, &mut source);
            sum.iter_mut().zip(&q.values).for_each(|(s, v)| *s += i64::from(*v));
        }
        for (j, mean) in grid.mean(&sum, n).iter().enumerate() {
            let exact = vectors.iter().map(|v| v[j]).sum::<f32>() / n as f32;
            assert!((mean - exact).abs() < 1.0 / 4096.0, "{j}: {mean} for {exact}");
        }
        assert_eq!(grid.mean(&[5, -5], 0), [0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_becomes_nothing_and_what_is_secret_does_not_print() {
        let grid = Grid::new(Grid::MOST_STEPS).unwrap();
        let q = Gradient::new(vec![2000.0]).clip(2000.0).quantized(2000.0, grid, &mut noise(4));
        assert_eq!(q.values, [0]);
        let q = Gradient::new(vec![0.625]).clip(1.0).quantized(1.0, Grid::new(1 << 10).unwrap(), &mut noise(5));
        assert_eq!((q.values.as_slice(), format!("{q:?}")), ([640].as_slice(), "Quantized(.. 1 values)".to_owned()));
        assert_eq!(Grid::new(0), Err(Error::GridSteps { steps: 0 }));
        assert!(Grid::new(Grid::MOST_STEPS + 1).is_err());
    }

    proptest! {
        #[test]
        fn the_norm_is_within_the_bound_and_each_coordinate_within_a_step(
            values in prop::collection::vec(-2f32..2.0, 1..200), c in 0.01f32..4.0, bits in 0u32..16, seed: u8,
        ) {
            let grid = Grid::new(1 << bits).unwrap();
            let clipped = Gradient::new(values).clip(c);
            let q = clipped.clone().quantized(c, grid, &mut noise(seed));
            prop_assert!(squared(&q.values) <= q.sensitivity().squared());
            prop_assert_eq!(q.sensitivity(), grid.sensitivity(c, q.values.len()));
            for (v, x) in q.values.iter().zip(clipped.clone().into_values()) {
                prop_assert!((f64::from(*v) - grid.in_steps(x)).abs() < 1.0);
            }
            prop_assert_eq!(&q, &clipped.quantized(c, grid, &mut noise(seed)));
        }

        #[test]
        fn numbers_that_are_not_finite_become_zero(c in any::<f32>(), seed: u8) {
            let q = Gradient::new(vec![f32::NAN, 1.0]).clip(c).quantized(c, Grid::new(8).unwrap(), &mut noise(seed));
            prop_assert_eq!(q.values, vec![0, 0]);
        }
    }
}
