//! The privacy loss distribution of any number of rounds of the subsampled Gaussian: `δ(ε)` and `ε(δ)` between two bounds, of which one never
//! claims too much privacy and the other never too little.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `PLD(P‖Q)` | [`Losses`] | the law of `ln(P/Q)` under `P`, on a grid; rounds add up as independent losses |
//! | `δ(ε) = E[(1 − e^(ε−L))₊]` | [`Composed::delta`] | hockey-stick divergence |
//! | `η` | [`TAIL`] | mass that may lie outside of the circle that the FFT convolves on |
//!
//! The losses of one round are in [`super::pld_loss`], bounded from both sides; sums of independent losses are convolutions, and `T` of them a
//! `T`-th power after a Fourier transform. The transform wraps around: by Chernoff's bound the circle is chosen so large that at most [`TAIL`]
//! of the sum lies outside. That mass may have come down anywhere, so the bound above adds it to `δ` and the bound below subtracts it, and both do so
//! with what floating point can have moved: `4u(T + log₂ N)·√N·‖p‖₂`, of the size that the error analysis of the transform gives, not a proof to
//! the last constant.
//!
//! Both directions, with the listener against without and back, are composed; the worse counts. **This is the loss of continuous Gaussian noise.** For
//! the discrete noise that devices add, nothing of the kind is proven where `d > 1`; their accounts go by [`super::rdp`], which is.
//!
//! Sources: Koskela, Jälkö, Honkela, "Computing tight differential privacy guarantees using FFT", AISTATS 2020 (composition); Doroshenko et al., PETS
//! 2022 (the grid); Zhu, Dong, Wang, "Optimal accounting of differential privacy via characteristic function", AISTATS 2022, Theorem 11 (both directions).

use super::pld_loss::{Losses, Mixture};
use crate::math::Real;
use crate::privacy::Error;
use realfft::RealFftPlanner;

/// Mass outside of the circle, of the rarest losses of a round, and so the least `δ` that can be told from 0 is some orders above.
const TAIL: f64 = 1e-15;

/// Points of the grid for each standard deviation of a round's loss. The bounds are off by its square.
const FINENESS: f64 = 1.0 / 160.0;

/// A circle no larger than this, and a round's cells no more than a quarter of it.
const MOST_POINTS: usize = 1 << 23;

/// So many rounds with the same noise and sampling.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rounds {
    /// `z`: noise over sensitivity, 0.1 to 1000.
    pub noise_multiplier: f64,
    /// `q`: each listener is sampled with this probability.
    pub sampling: f64,
    /// `T`.
    pub count: u32,
}

/// The truth is between these two.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds {
    /// It is no less.
    pub lower: f64,
    /// It is no more: the guarantee.
    pub upper: f64,
}

/// All rounds together.
#[derive(Clone, Debug)]
pub struct Composed {
    directions: [Direction; 2],
}

/// With the listener against without, or the other way round.
#[derive(Clone, Debug)]
struct Direction {
    upper: Total,
    lower: Total,
}

/// The law of the sum of losses, and what may be anywhere.
#[derive(Clone, Debug)]
struct Total {
    losses: Losses,
    /// The circle's tail and the transform's error.
    loose: f64,
}

impl Composed {
    /// Composes rounds of any kinds; none at all lose nothing.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number outside its range, or if the grid for it would be larger than memory is worth.
    ///
    /// # Example
    /// ```
    /// use sottovoce::privacy::accountant::pld::{Composed, Rounds};
    /// let rounds = Rounds { noise_multiplier: 4.0, sampling: 1.0, count: 100 };
    /// let epsilon = Composed::of(&[rounds])?.epsilon(1e-6);
    /// assert!(epsilon.lower <= 14.4508 && 14.4507 <= epsilon.upper && epsilon.upper - epsilon.lower < 0.01);
    /// # Ok::<(), sottovoce::privacy::Error>(())
    /// ```
    pub fn of(rounds: &[Rounds]) -> Result<Self, Error> {
        for r in rounds {
            let in_range = |what, value: f64, range: core::ops::RangeInclusive<f64>, text| {
                if range.contains(&value) { Ok(()) } else { Err(Error::OutOfRange { what, value, range: text }) }
            };
            in_range("the noise multiplier", r.noise_multiplier, 0.1..=1000.0, "0.1 to 1000")?;
            in_range("the sampling probability", r.sampling, 1e-6..=1.0, "10⁻⁶ to 1")?;
        }
        let rounds: Vec<&Rounds> = rounds.iter().filter(|r| r.count > 0).collect();
        let all: f64 = rounds.iter().map(|r| f64::from(r.count)).sum();
        let tail = TAIL / (4.0 * all.max(1.0));
        let mixture = |r: &Rounds| Mixture { z: r.noise_multiplier, q: r.sampling };
        #[allow(clippy::cast_precision_loss, reason = "2²¹")]
        let most = (MOST_POINTS / 4) as f64;
        let h = rounds.iter().map(|r| mixture(r).width(tail, FINENESS, most)).fold(f64::INFINITY, f64::min);
        let cells: Vec<_> = rounds.iter().map(|r| (mixture(r).cells(h, tail), r.count)).collect();
        let direction = |swapped: bool| -> Result<Direction, Error> {
            let (mut above, mut below) = (Vec::new(), Vec::new());
            for (cells, count) in &cells {
                let turned = swapped.then(|| cells.swapped());
                let cells = turned.as_ref().unwrap_or(cells);
                above.push((cells.connected(), *count));
                below.push((cells.heaped(), *count));
            }
            Ok(Direction { upper: compose(&above, h)?, lower: compose(&below, h)? })
        };
        Ok(Self { directions: [direction(false)?, direction(true)?] })
    }

    /// `δ` for an `ε ≥ 0`.
    #[must_use]
    pub fn delta(&self, epsilon: f64) -> Bounds {
        let worst = |of: &dyn Fn(&Direction) -> f64| self.directions.iter().map(of).fold(0.0, f64::max);
        Bounds {
            lower: worst(&|d| d.lower.delta(epsilon) - d.lower.loose),
            upper: worst(&|d| d.upper.delta(epsilon) + d.upper.loose).min(1.0),
        }
    }

    /// `ε` for a `δ`; above, `∞` where `δ` is too small to be told from 0.
    #[must_use]
    pub fn epsilon(&self, delta: f64) -> Bounds {
        let worst = |of: &dyn Fn(&Direction) -> f64| self.directions.iter().map(of).fold(0.0, f64::max);
        Bounds {
            lower: worst(&|d| d.lower.epsilon(delta + d.lower.loose)),
            upper: worst(&|d| d.upper.epsilon(delta - d.upper.loose)),
        }
    }
}

/// The sum of `count` independent losses of each kind.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "at most 2²³ points"
)]
fn compose(parts: &[(Losses, u32)], h: f64) -> Result<Total, Error> {
    if parts.is_empty() {
        return Ok(Total { losses: Losses { h: 1.0, first: 0, mass: vec![1.0], infinite: 0.0 }, loose: 0.0 });
    }
    let (low, high) = (-chernoff(parts, h, -1.0), chernoff(parts, h, 1.0));
    let (first, last) = ((low / h).floor() as i64, (high / h).ceil() as i64);
    let points = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
    if points > MOST_POINTS {
        return Err(Error::OutOfRange { what: "the points of the grid", value: points as f64, range: "up to 2²³" });
    }
    let size = points.next_power_of_two().max(2);
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, backward) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut product: Vec<_> =
        forward.make_output_vec().iter().map(|_| realfft::num_complex::Complex::new(1.0, 0.0)).collect();
    let (mut infinite, mut rounds) = (0.0, 0.0);
    let circle = |i: i64| i.rem_euclid(size as i64) as usize;
    for (losses, count) in parts {
        let mut signal = vec![0.0; size];
        for (mass, i) in losses.mass.iter().zip(losses.first..) {
            signal[circle(i)] += mass;
        }
        let mut spectrum = forward.make_output_vec();
        // Both lengths come from the same plan.
        if forward.process(&mut signal, &mut spectrum).is_ok() {
            product.iter_mut().zip(&spectrum).for_each(|(p, s)| *p *= s.powu(*count));
        }
        infinite += f64::from(*count) * losses.infinite;
        rounds += f64::from(*count);
    }
    // A real signal's first and last are real.
    product[0].im = 0.0;
    product[size / 2].im = 0.0;
    let mut signal = vec![0.0; size];
    let transformed = backward.process(&mut product, &mut signal).is_ok();
    debug_assert!(transformed, "lengths come from the plan");
    let mass: Vec<f64> = (first..first + size as i64).map(|i| (signal[circle(i)] / size as f64).max(0.0)).collect();
    let length = mass.iter().map(|m| m * m).sum::<f64>().sqrt();
    let moved = 4.0 * f64::EPSILON * (rounds + (size as f64).log2()) * (size as f64).sqrt() * length;
    Ok(Total { losses: Losses { h, first, mass, infinite }, loose: TAIL + moved })
}

/// The least `a` found with `P[sign·S ≥ a] ≤ TAIL/2`: `(Σ T·ln E[e^(λL)] + ln(2/TAIL))/λ` over some `λ`, and no more than the sum can be.
#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn chernoff(parts: &[(Losses, u32)], h: f64, sign: f64) -> f64 {
    let end = |losses: &Losses| {
        if sign > 0.0 { losses.first + losses.mass.len().cast_signed() as i64 - 1 } else { losses.first }
    };
    let farthest: f64 = parts.iter().map(|(l, t)| f64::from(*t) * sign * end(l) as f64 * h).sum();
    let variance: f64 = parts.iter().map(|(l, t)| f64::from(*t) * variance(l)).sum();
    let best = (2.0 * Real::ln(2.0 / TAIL) / variance.max(1e-300)).sqrt(); // for a normal law
    let bound = |half: i32| {
        let lambda = best * 2f64.powf(f64::from(half) / 2.0);
        let largest = parts.iter().map(|(l, _)| lambda * sign * end(l) as f64 * h).fold(0.0, f64::max);
        if largest > 600.0 {
            return f64::INFINITY;
        }
        let moments = parts.iter().map(|(l, t)| f64::from(*t) * ln_moment(l, sign * lambda, end(l)));
        (moments.sum::<f64>() + Real::ln(2.0 / TAIL)) / lambda
    };
    (-10..=4).map(bound).fold(farthest, f64::min)
}

/// `ln E[e^(λL)]`, from the end where it is largest: `e^(λ·end)·Σ p·e^(−|λ|·distance)`.
#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn ln_moment(losses: &Losses, lambda: f64, end: i64) -> f64 {
    let factor = Real::exp(-lambda.abs() * losses.h);
    // Horner's rule, towards the end: one multiplication a point.
    let step = |sum: f64, mass: &f64| sum * factor + mass;
    let sum = if lambda > 0.0 { losses.mass.iter().fold(0.0, step) } else { losses.mass.iter().rev().fold(0.0, step) };
    Real::ln(sum) + lambda * end as f64 * losses.h + 1e-9
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn variance(losses: &Losses) -> f64 {
    let (mut whole, mut first, mut second) = (0.0, 0.0, 0.0);
    for (i, mass) in losses.mass.iter().enumerate() {
        let x = i as f64 * losses.h;
        whole += mass;
        first += mass * x;
        second += mass * x * x;
    }
    (second / whole - (first / whole).powi(2)).max(0.0)
}

impl Total {
    /// `Σ_(L > ε) (1 − e^(ε−L))·p`, and the mass at `+∞`.
    #[allow(clippy::cast_precision_loss, reason = "some millions")]
    fn delta(&self, epsilon: f64) -> f64 {
        let at = |i: i64| i as f64 * self.losses.h;
        let gain = |(m, i): (&f64, i64)| if at(i) > epsilon { -m * libm::expm1(epsilon - at(i)) } else { 0.0 };
        self.losses.infinite + self.losses.mass.iter().zip(self.losses.first..).map(gain).sum::<f64>()
    }

    /// The least `ε ≥ 0` with `δ(ε) ≤ delta`. From above, `A = Σ p` and `B = Σ p·e^(−(L − jh))` over all losses from `jh` on; on the way down to the
    /// next point `δ(ε) = A − e^(ε − jh)·B`, which is solved where it crosses.
    #[allow(clippy::cast_precision_loss, reason = "some millions")]
    fn epsilon(&self, delta: f64) -> f64 {
        let wanted = delta - self.losses.infinite;
        if wanted <= 0.0 {
            return f64::INFINITY;
        }
        let factor = Real::exp(-self.losses.h);
        let (mut a, mut b) = (0.0, 0.0);
        let points = self.losses.mass.len().cast_signed() as i64;
        for (mass, i) in self.losses.mass.iter().rev().zip((0..points).rev()) {
            let at = (self.losses.first + i) as f64 * self.losses.h;
            if at <= 0.0 {
                break;
            }
            (a, b) = (a + mass, b * factor + mass);
            if a - factor * b > wanted {
                return (at + Real::ln((a - wanted) / b)).max(0.0);
            }
        }
        0.0
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "∞ and 0 are exact")]
#[path = "pld_tests.rs"]
mod tests;
