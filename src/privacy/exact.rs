//! The discrete Gaussian without any rounding: whole numbers and fair bits only. A few hundred times slower than the table, and what the table is
//! tested against.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `Bernoulli(exp(−γ))` | [`bernoulli_exp`] | Algorithm 1; `γ ≥ 0` as a fraction of two whole numbers |
//! | `Lap_ℤ(t)` | [`discrete_laplace`] | Algorithm 2 with `s = 1` |
//! | `N_ℤ(0, σ²)` | [`discrete_gaussian`] | Algorithm 3, `t = ⌊σ⌋ + 1` |
//!
//! Source: Canonne, Kamath, Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020, §5.

use super::discrete_gaussian::Sigma;
use super::noise::Noise;

/// One draw from `N_ℤ(0, σ²)`.
///
/// With `σ² = v/D`, a candidate `Y` of `Lap_ℤ(t)` is kept with probability `exp(−(|Y| − σ²/t)²/2σ²) = exp(−(|Y|tD − v)² / 2vt²D)`. A candidate
/// beyond `2³⁴` would not fit 128 bits and is not kept; it comes less often than once in `e^(2²¹)` draws.
#[must_use]
pub fn discrete_gaussian(sigma: Sigma, noise: &mut Noise) -> i32 {
    let (v, unit) = (u128::from(sigma.units()), u128::from(Sigma::UNIT));
    let t = u128::from((sigma.units() / Sigma::UNIT).isqrt()) + 1;
    loop {
        let (magnitude, negative) = discrete_laplace(t, noise);
        let Ok(value) = i32::try_from(magnitude) else { continue };
        let gap = (magnitude * t * unit).abs_diff(v);
        if bernoulli_exp(gap * gap, 2 * v * t * t * unit, noise) {
            return if negative { -value } else { value };
        }
    }
}

/// Magnitude and sign of a draw with probabilities proportional to `e^(−|y|/t)`.
fn discrete_laplace(t: u128, noise: &mut Noise) -> (u128, bool) {
    loop {
        let u = below(t, noise);
        if !bernoulli_exp(u, t, noise) {
            continue;
        }
        let mut v = 0;
        while bernoulli_exp(1, 1, noise) {
            v += 1;
        }
        let (magnitude, negative) = (u + t * v, noise.next_u64() & 1 == 1);
        if magnitude > 0 || !negative {
            return (magnitude, negative);
        }
    }
}

/// True with probability `exp(−part/whole)`.
fn bernoulli_exp(part: u128, whole: u128, noise: &mut Noise) -> bool {
    (0..part / whole).all(|_| bernoulli_exp_below_one(1, 1, noise))
        && bernoulli_exp_below_one(part % whole, whole, noise)
}

/// The same for `part ≤ whole`: the first `k` at which a coin of `γ/k` fails is odd with probability `e^(−γ)`.
fn bernoulli_exp_below_one(part: u128, whole: u128, noise: &mut Noise) -> bool {
    let mut k = 1;
    while below(whole * k, noise) < part {
        k += 1;
    }
    k % 2 == 1
}

/// A whole number from `0` to `n − 1`, all equally likely, by rejection.
fn below(n: u128, noise: &mut Noise) -> u128 {
    let mask = u128::MAX.checked_shr((n - 1).leading_zeros()).unwrap_or(0);
    loop {
        let bits = match mask >> 64 {
            0 => u128::from(noise.next_u64()),
            _ => u128::from(noise.next_u64()) << 64 | u128::from(noise.next_u64()),
        };
        if bits & mask < n {
            return bits & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::NoiseKey;

    #[test]
    fn the_building_blocks_have_their_odds() {
        let (n, mut noise) = (60_000, Noise::new(NoiseKey::new([9; 32])));
        for (part, whole) in [(0u128, 1u128), (1, 3), (1, 1), (7, 3), (10, 2)] {
            let hits = (0..n).filter(|_| bernoulli_exp(part, whole, &mut noise)).count() as f64 / f64::from(n);
            let exact = (-(part as f64) / whole as f64).exp();
            assert!((hits - exact).abs() < 4.0 * (exact / f64::from(n)).sqrt() + 1e-12, "{part}/{whole}: {hits}");
        }
        let mut counts = [0u32; 5];
        (0..n).for_each(|_| counts[usize::try_from(below(5, &mut noise)).unwrap()] += 1);
        let chi: f64 = counts.iter().map(|c| (f64::from(*c) - 12_000.0).powi(2) / 12_000.0).sum();
        assert!(chi < 18.5, "{counts:?}"); // 4 degrees of freedom: once in a thousand
        let (t, mut zeros, mut sum) = (4u128, 0, 0.0);
        for _ in 0..n {
            let (magnitude, negative) = discrete_laplace(t, &mut noise);
            zeros += u32::from(magnitude == 0);
            sum += magnitude as f64 * if negative { -1.0 } else { 1.0 };
        }
        // P[Y = 0] = (e^(1/t) − 1) / (e^(1/t) + 1)
        let exact = (0.25f64.exp() - 1.0) / (0.25f64.exp() + 1.0);
        assert!((f64::from(zeros) / f64::from(n) - exact).abs() < 0.006 && (sum / f64::from(n)).abs() < 0.1);
    }
}
