//! What the algebra needs of a number: f32 where models train, f64 where their gradients are checked.

use crate::matrix::{self, View};
use core::fmt::Debug;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A number a tape works in.
///
/// `f32` is fast: its products run through a kernel of their own and its `exp` and `tanh` are polynomials that compilers lay out in
/// lanes. `f64` is plain loops over the standard library: slow, simple, and independent of the fast kernels that it checks.
pub trait Real:
    Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Below every number.
    const LOWEST: Self;

    /// The nearest number of this type.
    fn from_f32(value: f32) -> Self;
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The nearest f32.
    fn to_f32(self) -> f32;
    /// As f64, exactly.
    fn to_f64(self) -> f64;
    /// `eˣ`; in f32 held within `e⁻⁸⁷` and `e⁸⁸`.
    fn exp(self) -> Self;
    /// `ln x`.
    fn ln(self) -> Self;
    /// `ln(1 + x)`.
    fn ln_1p(self) -> Self;
    /// `√x`.
    fn sqrt(self) -> Self;
    /// `|x|`.
    fn abs(self) -> Self;
    /// The larger of the two.
    fn maximum(self, other: Self) -> Self;
    /// `c = a·b`, or `c += a·b` where `add`; rows of `c` lie `stride` apart.
    ///
    /// # Panics
    /// If inner lengths differ or `c` is too short.
    fn product(a: View<'_, Self>, b: View<'_, Self>, c: &mut [Self], stride: usize, add: bool);

    /// `1 / (1 + e⁻ˣ)`.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    /// `tanh x = 2σ(2x) − 1`.
    #[inline(always)]
    fn tanh(self) -> Self {
        let two = Self::ONE + Self::ONE;
        two * (two * self).sigmoid() - Self::ONE
    }

    /// `ln(1 + eˣ)`, without overflow.
    #[inline(always)]
    fn softplus(self) -> Self {
        self.maximum(Self::ZERO) + (-self.abs()).exp().ln_1p()
    }

    /// From a count.
    #[inline(always)]
    fn from_count(count: usize) -> Self {
        Self::from_f64(count as f64)
    }
}

const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Adding it rounds to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const LOWEST: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn from_f32(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    /// `2ⁿ·eʳ` with `n = round(x / ln 2)`, `ln 2` in two parts so that `r` keeps its digits (Cody & Waite, 1980, ch. 6), and Cephes'
    /// polynomial of degree 5 behind `1 + r` (Moshier, 1989). No branch and no call: it runs in lanes.
    #[inline(always)]
    fn exp(self) -> f32 {
        // `max` and `min` would turn NaN into an end of the range; a loss that is not a number must stay one.
        let x = if self < -87.0 { -87.0 } else { self };
        let x = if x > 88.0 { 88.0 } else { x };
        let shifted = x * core::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = x - n * LN2_HIGH;
        let r = r - n * LN2_LOW;
        let mut p = 1.987_569_2e-4;
        for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = p * r + c;
        }
        let e = p * (r * r) + r + 1.0;
        f32::from_bits(e.to_bits().wrapping_add(shifted.to_bits() << 23))
    }

    #[inline(always)]
    fn ln(self) -> f32 {
        f32::ln(self)
    }

    #[inline(always)]
    fn ln_1p(self) -> f32 {
        f32::ln_1p(self)
    }

    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }

    #[inline(always)]
    fn maximum(self, other: f32) -> f32 {
        if self > other { self } else { other }
    }

    fn product(a: View<'_, f32>, b: View<'_, f32>, c: &mut [f32], stride: usize, add: bool) {
        matrix::single(a, b, c, stride, add);
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const LOWEST: f64 = f64::NEG_INFINITY;

    fn from_f32(value: f32) -> f64 {
        f64::from(value)
    }

    fn from_f64(value: f64) -> f64 {
        value
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
    fn to_f32(self) -> f32 {
        self as f32
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn exp(self) -> f64 {
        f64::exp(self)
    }

    fn ln(self) -> f64 {
        f64::ln(self)
    }

    fn ln_1p(self) -> f64 {
        f64::ln_1p(self)
    }

    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }

    fn abs(self) -> f64 {
        f64::abs(self)
    }

    fn maximum(self, other: f64) -> f64 {
        if self > other { self } else { other }
    }

    fn product(a: View<'_, f64>, b: View<'_, f64>, c: &mut [f64], stride: usize, add: bool) {
        matrix::double(a, b, c, stride, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_sigmoid_and_tanh_are_close_and_stay_finite() {
        let (mut exp, mut sigmoid, mut tanh) = (0.0f64, 0.0f64, 0.0f64);
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x);
            exp = exp.max((f64::from(Real::exp(x)) / exact.exp() - 1.0).abs());
            sigmoid = sigmoid.max((f64::from(x.sigmoid()) - Real::sigmoid(exact)).abs());
            tanh = tanh.max((f64::from(Real::tanh(x)) - f64::tanh(exact)).abs());
        }
        assert!(exp < 2.4e-7 && sigmoid < 1.5e-7 && tanh < 3e-7, "{exp:e} {sigmoid:e} {tanh:e}");
        assert!(
            Real::exp(f32::INFINITY).is_finite() && Real::exp(f32::NEG_INFINITY) > 0.0 && Real::exp(f32::NAN).is_nan()
        );
    }
}
