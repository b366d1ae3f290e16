//! How much noise each client of a round adds, and the vector that carries it.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `z` | `noise_multiplier` | noise of the sum over sensitivity, `σ_sum = z·Δ₂` |
//! | `n_min` | | so many survivors a round has at least, or it opens nothing |
//! | `σ²` | [`NoisePlan::per_client`] | `(z·Δ₂)²/n_min`, rounded up: what each client adds |
//! | `τ` | [`NoisePlan::tau`] | `10·Σ_(k=1)^(n_min−1) exp(−2π²σ²·k/(k+1))`: a sum of discrete Gaussians is not quite one |
//! | `r` | [`NoisePlan::ring_bits`] | the sum is taken modulo `2^r` |
//!
//! **Who is protected, against what.** Two rounds are neighbours if one listener's vector is zero in one of them; that moves the sum by at most `Δ₂`.
//! (One vector *replaced by another* moves it by `2Δ₂`: for that reading, halve `z`.) `n ≥ n_min` survivors add noise of variance `n·σ² ≥ (z·Δ₂)²`;
//! what more than `n_min` of them add is independent of everything and takes nothing away. If a share `φ` of `n_min` survivors tells the server
//! its own noise, `z·√(1 − φ)` is left.
//!
//! Source: Kairouz, Liu, Steinke, ICML 2021, Theorem 1 (with `n = n_min`) and Proposition 14.

use super::accountant::{Charged, Release};
use super::discrete_gaussian::{DiscreteGaussian, Residue, Sigma};
use super::error::Error;
use super::noise::Noise;
use super::quantize::{Grid, Quantized, Sensitivity};
use crate::math::Real;

/// Everything about a round that its privacy depends on; the same for each of its clients.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NoisePlan {
    noise_multiplier: f64,
    clip_norm: f32,
    n_min: u32,
    grid: Grid,
    dimension: usize,
    per_client: Option<Sigma>,
}

/// A quantised update with this client's share of the noise. Only [`Quantized::noised`] makes one. Its own noise is a small part of what protects
/// the listener, so it may leave only masked, for a sum over `n_min` clients.
#[derive(Clone, PartialEq, Eq)]
pub struct Noised {
    values: Vec<i32>,
}

impl core::fmt::Debug for Noised {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Noised(.. {} values)", self.values.len())
    }
}

impl NoisePlan {
    /// The sum wraps around the ring with at most this probability, over all its coordinates.
    pub const WRAPS: f64 = 1.0 / 1_099_511_627_776.0; // 2⁻⁴⁰

    /// A plan for vectors of `dimension` values and norm at most `clip_norm`. A `noise_multiplier` of 0 is no noise and costs `ε = ∞`, which only a
    /// budget of `∞` affords.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number outside its range, [`Error::NoiseWidth`] if each client's noise would be under
    /// [`Sigma::LEAST`] or over [`Sigma::MOST`] steps of the grid.
    ///
    /// # Example
    /// ```
    /// use sottovoce::privacy::{Grid, NoisePlan};
    /// let plan = NoisePlan::new(1.0, 1.0, 100, Grid::new(1 << 10)?, 100_000)?;
    /// assert!((plan.per_client().unwrap().variance().sqrt() - 103.7).abs() < 0.1);
    /// assert_eq!(plan.ring_bits(130), 19);
    /// # Ok::<(), sottovoce::privacy::Error>(())
    /// ```
    pub fn new(noise_multiplier: f64, clip_norm: f32, n_min: u32, grid: Grid, dimension: usize) -> Result<Self, Error> {
        let in_range = |what, value: f64, holds: bool, range| {
            if holds { Ok(()) } else { Err(Error::OutOfRange { what, value, range }) }
        };
        let finite = noise_multiplier == 0.0 || (0.01..=1e4).contains(&noise_multiplier);
        in_range("the noise multiplier", noise_multiplier, finite, "0, or 0.01 to 10,000")?;
        let steps = grid.in_steps(clip_norm);
        in_range("the clip norm in steps of the grid", steps, (1.0..=16_777_216.0).contains(&steps), "1 to 2²⁴")?;
        in_range("n_min", f64::from(n_min), (1..=1_000_000).contains(&n_min), "1 to 1,000,000")?;
        #[allow(clippy::cast_precision_loss, reason = "for the message")]
        in_range("the dimension", dimension as f64, (1..=1 << 28).contains(&dimension), "1 to 2²⁸")?;
        let sensitivity = grid.sensitivity(clip_norm, dimension);
        let width = (noise_multiplier * sensitivity.norm()).powi(2) / f64::from(n_min);
        let per_client = if noise_multiplier > 0.0 { Some(Sigma::from_variance(width * (1.0 + 1e-15))?) } else { None };
        Ok(Self { noise_multiplier, clip_norm, n_min, grid, dimension, per_client })
    }

    /// `z`.
    #[must_use]
    pub fn noise_multiplier(&self) -> f64 {
        self.noise_multiplier
    }

    /// `C`.
    #[must_use]
    pub fn clip_norm(&self) -> f32 {
        self.clip_norm
    }

    /// With fewer survivors the sum is not opened.
    #[must_use]
    pub fn n_min(&self) -> u32 {
        self.n_min
    }

    /// What updates are rounded to.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// `d`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// `Δ₂`.
    #[must_use]
    pub fn sensitivity(&self) -> Sensitivity {
        self.grid.sensitivity(self.clip_norm, self.dimension)
    }

    /// What each client adds to each coordinate; `None` where no noise is planned.
    #[must_use]
    pub fn per_client(&self) -> Option<Sigma> {
        self.per_client
    }

    /// `τ`: how far a sum of `n_min` discrete Gaussians is from one, times two. 0 in a double from a `σ` of about 9 steps on.
    #[must_use]
    pub fn tau(&self) -> f64 {
        self.per_client.map_or(0.0, |sigma| tau(sigma.variance(), self.n_min))
    }

    /// The bits `r` of a ring in which the sum of `n` clients does not wrap: `2^(r−1) > n·M + √(2nσ² ln(2d/w))`. `M` bounds a coordinate for certain; a
    /// discrete Gaussian's tails are no heavier than a Gaussian's, so the noise is beyond its part with probability [`Self::WRAPS`] `= w`
    /// at most, over all `d` coordinates.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a bound")]
    pub fn ring_bits(&self, n: u32) -> u32 {
        let (clients, coordinate) =
            (f64::from(n), self.grid.in_steps(self.clip_norm).ceil().min(self.sensitivity().norm()));
        let variance = self.per_client.map_or(0.0, Sigma::variance);
        let noise = (2.0 * clients * variance * Real::ln(2.0 * self.dimension as f64 / Self::WRAPS)).sqrt();
        let reach = clients * coordinate + noise;
        (2..=63).find(|r| libm::ldexp(1.0, r - 1) > reach).map_or(64, i32::unsigned_abs)
    }

    /// In steps of the grid, what the sum of `n` clients that keep to the plan is no longer than: `nΔ₂ + σ√n · √(d + 2√(dx) + 2x)` with `x = ln(1/w)`, but with
    /// probability [`Self::WRAPS`] `= w`. A longer sum holds an update that was not clipped. Behind masks nobody sees whose, nor that a shorter
    /// one holds none.
    ///
    /// Source of the second term: Hsu, Kakade & Zhang, *A Tail Inequality for Quadratic Forms of Subgaussian Random Vectors*, ECP 17, 2012, theorem 1; a discrete Gaussian
    /// is `σ`-sub-Gaussian (Canonne, Kamath & Steinke, NeurIPS 2020, fact 22).
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a bound")]
    pub fn longest(&self, n: u32) -> f64 {
        let (n, d, x) = (f64::from(n), self.dimension as f64, -Real::ln(Self::WRAPS));
        let variance = self.per_client.map_or(0.0, Sigma::variance);
        n * self.sensitivity().norm() + (n * variance * (d + 2.0 * (d * x).sqrt() + 2.0 * x)).sqrt()
    }

    /// What the accountant charges for one round in which this listener is for certain.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release_sampled(1.0)
    }

    /// The same where the listener takes part with probability `q`, independently of all others and **unknown to whom the guarantee is against**. The
    /// server that draws up the roster knows it; to it, `q` is 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "far below 2⁵³")]
    pub fn release_sampled(&self, q: f64) -> Release {
        let d = self.dimension as f64;
        let residue = self.per_client.map_or_else(Residue::default, |_| Residue::of(d * f64::from(self.n_min)));
        Release { noise_multiplier: self.noise_multiplier, sampling: q, tau: self.tau(), dimension: d, residue }
    }
}

/// `10·Σ_(k=1)^(n−1) exp(−2π²σ²·k/(k+1))`.
fn tau(variance: f64, n: u32) -> f64 {
    let rate = -2.0 * core::f64::consts::PI.powi(2) * variance;
    10.0 * (1..n).map(|k| Real::exp(rate * f64::from(k) / f64::from(k + 1))).sum::<f64>()
}

impl Quantized {
    /// Adds this client's share of the noise, as it was charged for. The charge is used up.
    ///
    /// # Errors
    /// [`Error::NotAsCharged`] if the vector is longer, or may be, than the plan that was charged has it.
    pub fn noised(self, charged: Charged, noise: &mut Noise) -> Result<Noised, Error> {
        let plan = charged.plan();
        let refuse = |what, charged, found| Err(Error::NotAsCharged { what, charged, found });
        if self.values.len() != plan.dimension {
            return refuse("dimension", plan.dimension as u64, self.values.len() as u64);
        }
        if self.sensitivity > plan.sensitivity() {
            return refuse("squared sensitivity", plan.sensitivity().squared(), self.sensitivity.squared());
        }
        let mut values = self.values;
        if let Some(sigma) = plan.per_client {
            DiscreteGaussian::new(sigma).add_to(&mut values, noise);
        }
        Ok(Noised { values })
    }
}

impl Noised {
    /// The values, for masking.
    #[must_use]
    pub fn into_values(self) -> Vec<i32> {
        self.values
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
#[path = "plan_tests.rs"]
mod tests;
