//! Rényi differential privacy of the Poisson-subsampled Gaussian, and from there to `(ε, δ)`.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `α` | `order` | order of the Rényi divergence, above 1; those of [`ORDERS`] |
//! | `q` | `q` | each listener is sampled with this probability, independently |
//! | `σ` | `z` | noise over sensitivity |
//! | `ε(α) = ln A_α / (α − 1)` | [`subsampled_gaussian`] | the RDP of one round; rounds add up |
//! | `C(α, k)` | | binomial coefficient, also of a broken `α` |
//! | `z₁` | `middle` | where both densities of the mixture are alike, `½ + σ² ln(1/q − 1)` |
//!
//! Sources: Mironov, Talwar, Zhang, "Rényi differential privacy of the sampled Gaussian mechanism", 2019, §3.3. Conversion: Canonne, Kamath, Steinke,
//! "The discrete Gaussian for differential privacy", NeurIPS 2020, Proposition 12 (also Balle et al., "Hypothesis testing interpretations and Rényi
//! differential privacy", AISTATS 2020); `δ ≥ √(1 − e^(−KL))` needs no ε: Bretagnolle and Huber 1979.

use super::gaussian::ln_erfc;
use crate::math::Real;
use core::f64::consts::{LN_2, SQRT_2};

/// How many orders there are.
const COUNT: usize = 156;

/// The orders that are minimised over: 1.1 to 10.9 by tenths, 11 to 63, 128, 256, 512, 1024. The grid of the widely used `dp-accounting`,
/// so that both give the same numbers.
pub const ORDERS: [f64; COUNT] = orders();

const fn orders() -> [f64; COUNT] {
    let mut orders = [0.0; COUNT];
    let mut i = 0;
    while i < COUNT {
        orders[i] = match i {
            0..99 => 1.0 + (i + 1) as f64 / 10.0,
            99..152 => (i - 88) as f64,
            _ => (128 << (i - 152)) as f64,
        };
        i += 1;
    }
    orders
}

/// A term so much smaller than the largest, in logarithms, that the series ends with it.
const NEGLIGIBLE: f64 = 32.0;

/// A series that is longer is given up: below order 2.5 its terms fall no faster than `k^(−α − 2)`.
const MOST_TERMS: u32 = 1000;

/// RDP at each of [`ORDERS`]. Curves of rounds add up, whatever each was.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve(Vec<f64>);

impl Default for Curve {
    /// Nothing was released.
    fn default() -> Self {
        Self(vec![0.0; COUNT])
    }
}

impl Curve {
    /// The values of a function at each order.
    #[must_use]
    pub fn of(rdp: impl Fn(f64) -> f64) -> Self {
        Self(ORDERS.iter().map(|order| rdp(*order)).collect())
    }

    /// `None` unless there is one value for each order, none below 0 or not a number.
    #[must_use]
    pub fn from_values(values: Vec<f64>) -> Option<Self> {
        (values.len() == COUNT && values.iter().all(|v| *v >= 0.0)).then_some(Self(values))
    }

    /// One value for each of [`ORDERS`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Composes with so many rounds of another curve.
    #[allow(clippy::cast_precision_loss, reason = "below 2⁵³ rounds")]
    pub fn add(&mut self, other: &Self, times: u64) {
        if times > 0 {
            self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b * times as f64);
        }
    }

    /// The least `ε` that any order gives for `δ`, and that order.
    #[must_use]
    pub fn epsilon(&self, delta: f64) -> (f64, f64) {
        let of = |(order, rdp): (&f64, &f64)| {
            if delta * delta + libm::expm1(-rdp) > 0.0 {
                return (0.0, *order);
            }
            (rdp + Real::ln_1p(-1.0 / order) - Real::ln(delta * order) / (order - 1.0), *order)
        };
        let least = ORDERS.iter().zip(&self.0).map(of).min_by(|a, b| a.0.total_cmp(&b.0));
        least.map_or((f64::INFINITY, 1.0), |(epsilon, order)| (epsilon.max(0.0), order))
    }

    /// The least `δ` that any order gives for `ε`; the inverse of [`Self::epsilon`].
    #[must_use]
    pub fn delta(&self, epsilon: f64) -> f64 {
        let of = |(order, rdp): (&f64, &f64)| {
            let ln = (order - 1.0) * (rdp - epsilon + Real::ln_1p(-1.0 / order)) - Real::ln(*order);
            Real::exp(ln).min((-libm::expm1(-rdp)).sqrt())
        };
        ORDERS.iter().zip(&self.0).map(of).fold(1.0, f64::min)
    }
}

/// RDP of one round with noise of `z` sensitivities where each listener is sampled with probability `q`: `α/2z²` for `q = 1`; `∞` without noise.
#[must_use]
pub fn subsampled_gaussian(q: f64, z: f64, order: f64) -> f64 {
    if q <= 0.0 {
        0.0
    } else if z <= 0.0 || !order.is_finite() {
        f64::INFINITY
    } else if q >= 1.0 {
        order / (2.0 * z * z)
    } else if is_whole(order) {
        ln_a_whole(q, z, order) / (order - 1.0)
    } else {
        ln_a_broken(q, z, order).min(ln_a_chord(q, z, order)) / (order - 1.0)
    }
}

fn is_whole(order: f64) -> bool {
    order.fract().abs() < f64::EPSILON
}

/// `A_α = Σ_k C(α, k) (1 − q)^(α−k) q^k e^((k² − k)/2σ²)`.
fn ln_a_whole(q: f64, z: f64, order: f64) -> f64 {
    let (mut sum, mut ln_binomial, mut k) = (LnSum::default(), 0.0, 0.0);
    while k <= order {
        let odds = (order - k) * Real::ln_1p(-q) + k * Real::ln(q);
        sum.add(ln_binomial + odds + (k * k - k) / (2.0 * z * z));
        ln_binomial += Real::ln((order - k) / (k + 1.0));
        k += 1.0;
    }
    sum.ln()
}

/// `ln A_α` is convex in `α` and 0 at 1: between whole orders it lies below the chord.
fn ln_a_chord(q: f64, z: f64, order: f64) -> f64 {
    let (low, high) = (order.floor(), order.ceil());
    let ln_a = |order: f64| if order > 1.0 { ln_a_whole(q, z, order) } else { 0.0 };
    let start = ln_a(low);
    if high > low { start + (ln_a(high) - start) * (order - low) } else { start }
}

/// The same for a broken `α`: the integral is cut at `z₁`, and below and above it one of the densities leads a binomial series, whose terms fall
/// once `k > α`. From there on their signs alternate; each is taken by its magnitude. That is an upper bound which no cancellation
/// can break, and what `dp-accounting` does; it costs less than 10⁻⁴ of ε in each of its eight rows.
fn ln_a_broken(q: f64, z: f64, order: f64) -> f64 {
    let middle = z * z * (Real::ln_1p(-q) - Real::ln(q)) + 0.5;
    let (mut sum, mut ln_binomial) = (LnSum::default(), 0.0);
    for k in 0..MOST_TERMS {
        let k = f64::from(k);
        let j = order - k;
        let below = k * Real::ln(q) + j * Real::ln_1p(-q) + (k * k - k) / (2.0 * z * z);
        let above = j * Real::ln(q) + k * Real::ln_1p(-q) + (j * j - j) / (2.0 * z * z);
        let below = ln_binomial + below - LN_2 + ln_erfc((k - middle) / (SQRT_2 * z));
        let above = ln_binomial + above - LN_2 + ln_erfc((middle - j) / (SQRT_2 * z));
        sum.add(below);
        sum.add(above);
        if k > order && below.max(above) < sum.largest - NEGLIGIBLE {
            return sum.ln();
        }
        ln_binomial += Real::ln(j.abs() / (k + 1.0));
    }
    f64::INFINITY
}

/// A sum of numbers given by their logarithms.
struct LnSum {
    largest: f64,
    scaled: f64,
}

impl Default for LnSum {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, scaled: 0.0 }
    }
}

impl LnSum {
    fn add(&mut self, ln: f64) {
        if ln > self.largest {
            self.scaled *= Real::exp(self.largest - ln);
            self.largest = ln;
        }
        if ln.is_finite() {
            self.scaled += Real::exp(ln - self.largest);
        }
    }

    fn ln(&self) -> f64 {
        self.largest + Real::ln(self.scaled)
    }
}

/// RDP of one round in which `d` coordinates get the sum of `n` discrete Gaussians, `σ²` each, instead of a continuous one of `n·σ² = (z·Δ₂)²`; `τ` as in
/// [`crate::privacy::NoisePlan::tau`].
///
/// For `q = 1` Proposition 14 of Kairouz, Liu and Steinke (ICML 2021): `min{α/2z² + τd, α/2·(1/z + τ√d)²}`.
///
/// For `q < 1`, in our own steps: at whole orders, `A_α` of one discrete Gaussian is that of the continuous one to the letter, because
/// `Σ_x e^(−(x − kΔ)²/2σ²)` does not depend on a whole `kΔ`; between whole orders `ln A_α` is convex and lies below the chord; the larger of
/// both directions is this one, by the reflection that swaps the two laws (Mironov, Talwar, Zhang, Theorem 5). The sum's law is within
/// `e^(±τd/2)` of the discrete Gaussian's, and so are their mixtures; in `D_α` that weighs `(2α − 1)/(α − 1)` times.
#[must_use]
pub fn distributed(q: f64, z: f64, tau: f64, d: f64, order: f64) -> f64 {
    if z <= 0.0 {
        return f64::INFINITY;
    }
    if q >= 1.0 {
        let apart = order / (2.0 * z * z) + tau * d;
        return apart.min(order / 2.0 * (1.0 / z + tau * d.sqrt()).powi(2));
    }
    (ln_a_chord(q, z, order) + tau * d * (order - 0.5)) / (order - 1.0)
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_possible_truncation, reason = "∞ and 0 are exact; small counts")]
#[path = "rdp_tests.rs"]
mod tests;
