//! `exp`, `ln`, `tanh` and what is built on them, through `libm`: the standard library's differ in the last bit between
//! machines, and one bit is enough to make two devices pick two songs.

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// What the same formula needs in `f32` (on the device) and in `f64` (as the oracle of a gradient check).
pub trait Real:
    Copy
    + PartialOrd
    + Debug
    + Default
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// The nearest value.
    fn from_f32(value: f32) -> Self;
    /// As f64, exactly.
    fn to_f64(self) -> f64;
    /// As the nearest f32.
    fn to_f32(self) -> f32;
    /// `eˣ`.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + x)`, exact near 0.
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The square root; correctly rounded on every machine.
    fn sqrt(self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// The larger; `other` where `self` is NaN.
    #[must_use]
    #[inline]
    fn maximum(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}

macro_rules! real {
    ($float:ty, $exp:path, $ln:path, $ln_1p:path, $tanh:path) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest is what the name says")]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
            #[inline]
            fn from_f32(value: f32) -> Self {
                <$float>::from(value)
            }
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest is what the name says")]
            fn to_f32(self) -> f32 {
                self as f32
            }
            #[inline]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline]
            fn ln(self) -> Self {
                $ln(self)
            }
            #[inline]
            fn ln_1p(self) -> Self {
                $ln_1p(self)
            }
            #[inline]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline]
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }
            #[inline]
            fn abs(self) -> Self {
                <$float>::abs(self)
            }
            #[inline]
            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }
        }
    };
}

real!(f32, libm::expf, libm::logf, libm::log1pf, libm::tanhf);
real!(f64, libm::exp, libm::log, libm::log1p, libm::tanh);

/// `σ(x) = 1 / (1 + e⁻ˣ)`, without overflow on either side.
///
/// # Example
/// ```
/// use sottovoce::math::sigmoid;
/// assert_eq!(sigmoid(0.0f32), 0.5);
/// assert_eq!(sigmoid(-1000.0f32), 0.0);
/// ```
#[must_use]
pub fn sigmoid<R: Real>(x: R) -> R {
    let e = (-x.abs()).exp();
    let larger = R::ONE / (R::ONE + e);
    if x < R::ZERO { e * larger } else { larger }
}

/// `ln(1 + eˣ)`, without overflow on either side; its derivative is [`sigmoid`]. The loss of one answer `y ∈ {0, 1}` to a
/// logit `x` is `softplus(x) − y·x`.
#[must_use]
pub fn softplus<R: Real>(x: R) -> R {
    x.maximum(R::ZERO) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sigmoid_and_softplus_agree_with_f64(x in -50f32..50.0) {
            let wide = f64::from(x);
            let exact = 1.0 / (1.0 + (-wide).exp());
            prop_assert!((f64::from(sigmoid(x)) - exact).abs() <= 3e-7 * exact.max(1e-30));
            prop_assert!((sigmoid(wide) - exact).abs() <= 1e-14);
            prop_assert!((f64::from(softplus(x)) - (1.0 + wide.exp()).ln()).abs() <= 5e-6);
            prop_assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() <= 1e-6);
        }

        #[test]
        fn softplus_has_sigmoid_as_its_slope(x in -20f64..20.0) {
            let h = 1e-5;
            let slope = (softplus(x + h) - softplus(x - h)) / (2.0 * h);
            prop_assert!((slope - sigmoid(x)).abs() < 1e-8);
        }
    }

    #[test]
    fn bits_are_pinned() {
        // What libm 0.2 gives on x86-64 and on wasm32 alike; the browser tests read the same numbers.
        assert_eq!(Real::exp(1.0f32).to_bits(), 0x402d_f854);
        assert_eq!(Real::ln(10.0f32).to_bits(), 0x4013_5d8e);
        assert_eq!(Real::tanh(0.5f32).to_bits(), 0x3eec_9a9e); // the nearest would end in f: libm's own last bit is what is pinned
    }

    #[test]
    fn extremes_stay_finite() {
        for x in [-1e30f32, -100.0, 0.0, 100.0, 1e30] {
            assert!(sigmoid(x).is_finite() && softplus(x).is_finite());
        }
        assert!(sigmoid(f32::NAN).is_nan());
    }
}
