//! The Gaussian mechanism in closed form, and the tails of the normal distribution that all accounting stands on.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `Φ` | [`phi`] | distribution function of the standard normal |
//! | `Δ/σ` | `mu` | sensitivity over noise; `√T/z` for `T` rounds in which the listener is for certain |
//!
//! Source: Balle and Wang, "Improving the Gaussian mechanism for differential privacy", ICML 2018, Theorem 8.

use crate::math::Real;
use core::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// `Φ(x)`, to the last digits also far below zero.
#[must_use]
pub fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// `ln Φ(x)`, also where `Φ` itself would be no longer a double.
#[must_use]
pub fn ln_phi(x: f64) -> f64 {
    ln_erfc(-x * FRAC_1_SQRT_2) - LN_2
}

/// `Φ(b) − Φ(a)` for `a ≤ b`, without cancellation in either tail.
#[must_use]
pub fn mass(a: f64, b: f64) -> f64 {
    if a > 0.0 { mass_of_lower_tail(-b, -a) } else { mass_of_lower_tail(a, b) }
}

fn mass_of_lower_tail(a: f64, b: f64) -> f64 {
    (phi(b) - phi(a)).max(0.0)
}

/// `ln erfc(x)`: beyond 25 by its asymptotic series, whose sixth term is below 10⁻¹³ there.
pub(super) fn ln_erfc(x: f64) -> f64 {
    if x < 25.0 {
        return Real::ln(libm::erfc(x));
    }
    let y = 1.0 / (2.0 * x * x);
    let series = 1.0 - y * (1.0 - 3.0 * y * (1.0 - 5.0 * y * (1.0 - 7.0 * y * (1.0 - 9.0 * y))));
    -x * x - Real::ln(x * PI.sqrt()) + Real::ln(series)
}

/// The least `δ` for which noise of `1/mu` sensitivities is `(ε, δ)`-private: `Φ(μ/2 − ε/μ) − e^ε·Φ(−μ/2 − ε/μ)`, exact.
#[must_use]
pub fn delta(mu: f64, epsilon: f64) -> f64 {
    let (a, b) = (mu / 2.0 - epsilon / mu, -mu / 2.0 - epsilon / mu);
    // e^ε·φ(b) = φ(a), so both terms are about as large: the second from its logarithm.
    phi(a) - Real::exp(epsilon + ln_phi(b))
}

/// The least `ε ≥ 0` for a `δ`, by bisection of [`delta`].
#[must_use]
pub fn epsilon(mu: f64, delta_wanted: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    if delta(mu, 0.0) <= delta_wanted {
        return 0.0;
    }
    while delta(mu, high) > delta_wanted && high < 1e9 {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if delta(mu, middle) > delta_wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_join_and_are_right_far_out() {
        for x in [24.0, 24.999, 25.0, 26.0] {
            let y = 1.0 / (2.0 * x * x);
            let series: f64 = (0..10).map(|n| (1..=n).map(|i| -f64::from(2 * i - 1) * y).product::<f64>()).sum();
            let exact = -x * x - (x * PI.sqrt()).ln() + series.ln();
            assert!((ln_erfc(x) - exact).abs() < 1e-11, "{x}: {} for {exact}", ln_erfc(x));
        }
        assert!((phi(1.959_963_984_540_054) - 0.975).abs() < 1e-15);
        // 1 − Φ(8) = 6.22096057427178e−16, from tables.
        assert!((mass(8.0, 100.0) / 6.220_960_574_271_78e-16 - 1.0).abs() < 1e-12);
        assert!((mass(-1.0, 1.0) - 0.682_689_492_137_085_9).abs() < 1e-15);
    }

    /// By the definition: `∫ max(p − e^ε·q, 0)`, as a sum.
    #[test]
    fn the_closed_form_is_the_integral() {
        for (mu, eps) in [(1.0, 0.5), (0.3, 1.0), (2.5, 6.0), (4.0, 0.0)] {
            let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
            let h = 1e-4;
            let gain =
                |i: i32| (density(f64::from(i) * h - mu) - f64::exp(eps) * density(f64::from(i) * h)).max(0.0) * h;
            let integral: f64 = (-100_000..200_000).map(gain).sum();
            assert!((delta(mu, eps) - integral).abs() < 1e-8, "μ {mu}, ε {eps}");
            if eps > 0.0 {
                assert!((epsilon(mu, delta(mu, eps)) - eps).abs() < 1e-6);
            }
        }
    }
}
