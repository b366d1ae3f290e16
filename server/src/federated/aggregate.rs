//! What a closing round computes: the mean of its updates, then one step of the server's optimiser.
//!
//! Source: Reddi et al., *Adaptive Federated Optimization*, ICLR 2021, <https://arxiv.org/abs/2003.00295>, Algorithm 2
//! (FEDADAM); McMahan et al., *Communication-Efficient Learning of Deep Networks from Decentralized Data*, AISTATS 2017
//! (FedAvg, which is Algorithm 1 with `η = 1` and plain SGD on the server).
//!
//! | paper | here | shape | meaning |
//! |---|---|---|---|
//! | `Δᵢᵗ` | the values of a `WeightUpdate` | `P` | one device's weights after local training minus before, clipped |
//! | `Δₜ` | [`Mean::finish`] | `P` | `1/|S| · Σ Δᵢᵗ`, the pseudo-gradient |
//! | `xₜ` | `weights` | `P` | the shared weights |
//! | `mₜ` | [`Moments::first`] | `P` | momentum |
//! | `vₜ` | [`Moments::second`] | `P` | second moment, starts at `τ²` |
//! | `η`, `β₁`, `β₂`, `τ` | fields of [`ServerOptimiser::FedAdam`] | scalars | step size, decays, adaptivity |
//!
//! Kept: the mean is unweighted, so that how much somebody listened stays home; no bias correction, as in the paper.
//! Left out: FEDYOGI and FEDADAGRAD, which differ in the line for `vₜ` only.

use super::RoundError;
use serde::{Deserialize, Serialize};

/// The server's optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ServerOptimiser {
    /// `xₜ₊₁ = xₜ + Δₜ`.
    FedAvg,
    /// Algorithm 2.
    FedAdam {
        /// `η`, the step size. The paper tunes it over powers of ten; 10⁻² is its usual winner.
        learning_rate: f64,
        /// `β₁`, decay of the first moment; the paper: 0.9.
        beta1: f64,
        /// `β₂`, decay of the second moment; the paper: 0.99.
        beta2: f64,
        /// `τ`, the degree of adaptivity; the paper: 10⁻³.
        tau: f64,
    },
}

impl Default for ServerOptimiser {
    fn default() -> Self {
        Self::fed_adam(1e-2)
    }
}

/// The optimiser's memory; f64, so that a restart from the store continues with the same bits.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Moments {
    /// `m`; empty for [`ServerOptimiser::FedAvg`].
    pub first: Vec<f64>,
    /// `v`; empty for [`ServerOptimiser::FedAvg`].
    pub second: Vec<f64>,
}

/// A running mean. The sum is f64 in the order of the calls: callers add in the order of the updates' keys, so that the result
/// does not depend on who arrived first.
#[derive(Clone, Debug)]
pub struct Mean {
    sum: Vec<f64>,
    count: u32,
}

impl Mean {
    /// A mean over updates of `parameters` values.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        Self { sum: vec![0.0; parameters], count: 0 }
    }

    /// Adds one update. Every one counts alike.
    ///
    /// # Errors
    /// [`RoundError::Length`].
    pub fn add(&mut self, update: impl ExactSizeIterator<Item = f32>) -> Result<(), RoundError> {
        if update.len() != self.sum.len() {
            return Err(RoundError::Length { what: "update", expected: self.sum.len(), got: update.len() });
        }
        self.sum.iter_mut().zip(update).for_each(|(sum, value)| *sum += f64::from(value));
        self.count += 1;
        Ok(())
    }

    /// How many were added.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// `Δₜ`.
    ///
    /// # Errors
    /// [`RoundError::NoUpdates`].
    pub fn finish(mut self) -> Result<Vec<f64>, RoundError> {
        if self.count == 0 {
            return Err(RoundError::NoUpdates);
        }
        let n = f64::from(self.count);
        self.sum.iter_mut().for_each(|sum| *sum /= n);
        Ok(self.sum)
    }
}

impl ServerOptimiser {
    /// FedAdam with the paper's `β₁`, `β₂` and `τ`.
    #[must_use]
    pub const fn fed_adam(learning_rate: f64) -> Self {
        Self::FedAdam { learning_rate, beta1: 0.9, beta2: 0.99, tau: 1e-3 }
    }

    /// Checks the settings' ranges.
    ///
    /// # Errors
    /// [`RoundError::Setting`].
    pub fn validate(&self) -> Result<(), RoundError> {
        let Self::FedAdam { learning_rate, beta1, beta2, tau } = *self else { return Ok(()) };
        let check = |what, got: f64, holds: bool, expected| {
            if holds { Ok(()) } else { Err(RoundError::Setting { what, got, expected }) }
        };
        check("learning_rate", learning_rate, learning_rate.is_finite() && learning_rate > 0.0, "a positive number")?;
        check("beta1", beta1, (0.0..1.0).contains(&beta1), "within [0, 1)")?;
        check("beta2", beta2, (0.0..1.0).contains(&beta2), "within [0, 1)")?;
        check("tau", tau, tau.is_finite() && tau > 0.0, "a positive number")
    }

    /// The memory before the first round: `m₋₁ = 0`, `v₋₁ = τ²`.
    #[must_use]
    pub fn initial(&self, parameters: usize) -> Moments {
        match *self {
            Self::FedAvg => Moments::default(),
            Self::FedAdam { tau, .. } => Moments { first: vec![0.0; parameters], second: vec![tau * tau; parameters] },
        }
    }

    /// One step `xₜ → xₜ₊₁` along the mean `Δₜ`. Leaves nothing half-stepped that a caller could see: on an error, drop both.
    ///
    /// # Errors
    /// [`RoundError::Length`], [`RoundError::NotFinite`].
    pub fn step(&self, weights: &mut [f32], moments: &mut Moments, mean: &[f64]) -> Result<(), RoundError> {
        let fits = |what, got| {
            if got == weights.len() { Ok(()) } else { Err(RoundError::Length { what, expected: weights.len(), got }) }
        };
        fits("mean", mean.len())?;
        match *self {
            Self::FedAvg => {
                for (at, (x, delta)) in weights.iter_mut().zip(mean).enumerate() {
                    *x = narrow(f64::from(*x) + delta, at)?;
                }
            }
            Self::FedAdam { learning_rate: eta, beta1, beta2, tau } => {
                fits("first moment", moments.first.len())?;
                fits("second moment", moments.second.len())?;
                let moments = moments.first.iter_mut().zip(&mut moments.second);
                for (at, ((x, delta), (m, v))) in weights.iter_mut().zip(mean).zip(moments).enumerate() {
                    *m = beta1 * *m + (1.0 - beta1) * delta; //                mₜ = β₁ mₜ₋₁ + (1 − β₁) Δₜ
                    *v = beta2 * *v + (1.0 - beta2) * delta * delta; //        vₜ = β₂ vₜ₋₁ + (1 − β₂) Δₜ²
                    *x = narrow(f64::from(*x) + eta * *m / (v.sqrt() + tau), at)?; // xₜ₊₁ = xₜ + η mₜ / (√vₜ + τ)
                }
            }
        }
        Ok(())
    }
}

/// Weights travel as f32.
#[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point; an overflow is the error below")]
fn narrow(x: f64, at: usize) -> Result<f32, RoundError> {
    let x = x as f32;
    if x.is_finite() { Ok(x) } else { Err(RoundError::NotFinite { at }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mean_of(updates: &[Vec<f32>]) -> Vec<f64> {
        let mut mean = Mean::new(updates[0].len());
        updates.iter().for_each(|u| mean.add(u.iter().copied()).unwrap());
        mean.finish().unwrap()
    }

    fn updates() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1usize..12, 1usize..20)
            .prop_flat_map(|(n, p)| prop::collection::vec(prop::collection::vec(-1.0f32..1.0, p), n))
    }

    proptest! {
        #[test]
        fn fedavg_of_identical_updates_is_the_update(update in prop::collection::vec(-1.0f32..1.0, 1..20), n in 1usize..40) {
            let mean = mean_of(&vec![update.clone(); n]);
            let mut x = vec![0.0; update.len()];
            ServerOptimiser::FedAvg.step(&mut x, &mut Moments::default(), &mean).unwrap();
            prop_assert_eq!(x, update);
        }

        #[test]
        fn the_mean_lies_within_its_updates(updates in updates()) {
            for (i, mean) in mean_of(&updates).into_iter().enumerate() {
                let low = updates.iter().map(|u| f64::from(u[i])).fold(f64::INFINITY, f64::min);
                let high = updates.iter().map(|u| f64::from(u[i])).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(low - 1e-12 <= mean && mean <= high + 1e-12);
            }
        }

        #[test]
        fn fedadam_moves_with_the_sign_of_the_first_mean(delta in prop::collection::vec(-1.0f64..1.0, 1..20)) {
            let adam = ServerOptimiser::fed_adam(0.1);
            let (mut x, mut moments) = (vec![0.0f32; delta.len()], adam.initial(delta.len()));
            adam.step(&mut x, &mut moments, &delta).unwrap();
            for (x, delta) in x.iter().zip(&delta) {
                prop_assert!(f64::from(*x) * delta >= 0.0);
            }
        }
    }

    #[test]
    fn fedadam_first_two_steps_by_hand() {
        // η = 0.1, β₁ = 0.9, β₂ = 0.99, τ = 10⁻³, x₀ = 1, Δ₁ = 0.02, Δ₂ = −0.01:
        // m₁ = 0.1 · 0.02 = 0.002;  v₁ = 0.99 · 10⁻⁶ + 0.01 · 4·10⁻⁴ = 4.99·10⁻⁶;  √v₁ = 2.2338307·10⁻³
        // x₁ = 1 + 0.1 · 0.002 / 3.2338307·10⁻³ = 1.0618461
        // m₂ = 0.9 · 0.002 − 0.1 · 0.01 = 0.0008;  v₂ = 0.99 · 4.99·10⁻⁶ + 0.01 · 10⁻⁴ = 5.9401·10⁻⁶;  √v₂ = 2.4372320·10⁻³
        // x₂ = x₁ + 0.1 · 0.0008 / 3.4372320·10⁻³ = 1.0851207
        let adam = ServerOptimiser::fed_adam(0.1);
        let (mut x, mut moments) = (vec![1.0f32], adam.initial(1));
        adam.step(&mut x, &mut moments, &[0.02]).unwrap();
        assert!((x[0] - 1.061_846_1).abs() < 2e-7, "{}", x[0]);
        assert!((moments.second[0] - 4.99e-6).abs() < 1e-18);
        adam.step(&mut x, &mut moments, &[-0.01]).unwrap();
        assert!((x[0] - 1.085_120_7).abs() < 2e-7, "{}", x[0]);
        assert!((moments.first[0] - 8e-4).abs() < 1e-15);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut mean = Mean::new(3);
        let added = mean.add([1.0f32; 2].into_iter());
        assert!(matches!(added, Err(RoundError::Length { what: "update", expected: 3, got: 2 })));
        assert!(matches!(mean.finish(), Err(RoundError::NoUpdates)));
        let adam = ServerOptimiser::fed_adam(0.1);
        let step = adam.step(&mut [0.0; 2], &mut adam.initial(3), &[0.0; 2]);
        assert!(matches!(step, Err(RoundError::Length { what: "first moment", expected: 2, got: 3 })));
        let step = ServerOptimiser::FedAvg.step(&mut [0.0, f32::MAX], &mut Moments::default(), &[0.0, f64::MAX]);
        assert!(matches!(step, Err(RoundError::NotFinite { at: 1 })));
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let bad = ServerOptimiser::FedAdam { learning_rate: 0.1, beta1: 1.0, beta2: 0.99, tau: 1e-3 };
        assert_eq!(bad.validate().unwrap_err().to_string(), "beta1 is 1, expected within [0, 1)");
        assert!(ServerOptimiser::default().validate().is_ok());
    }
}
