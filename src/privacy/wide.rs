//! Numbers of 128 bits between 0 and 1, for a table whose every entry is right to its last bit and the same on every machine.

/// `mantissa · 2^(exponent − 127)`, the mantissa's top bit set. Every operation rounds down and is off by less than 2⁻¹²⁶ of its result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    mantissa: u128,
    exponent: i32,
}

impl Wide {
    #[cfg(test)]
    pub(super) const ONE: Self = Self { mantissa: 1 << 127, exponent: 0 };

    /// `value · 2^(−bits)`; `value` is not 0.
    pub(super) fn fixed(value: u128, bits: i32) -> Self {
        let shift = value.leading_zeros();
        Self { mantissa: value << shift, exponent: 127 - shift.cast_signed() - bits }
    }

    pub(super) fn times(self, other: Self) -> Self {
        let high = high_half(self.mantissa, other.mantissa);
        let short = high.leading_zeros(); // 0 or 1
        Self { mantissa: high << short, exponent: self.exponent + other.exponent + 1 - short.cast_signed() }
    }

    /// `1 / self`, by long division.
    pub(super) fn inverse(self) -> Self {
        if self.mantissa == 1 << 127 {
            return Self { exponent: -self.exponent, ..self };
        }
        let (mut rest, mut quotient) = (1u128 << 127, 0u128);
        for _ in 0..128 {
            let carry = rest >> 127 == 1;
            rest <<= 1;
            let fits = carry || rest >= self.mantissa;
            if fits {
                rest = rest.wrapping_sub(self.mantissa);
            }
            quotient = quotient << 1 | u128::from(fits);
        }
        Self { mantissa: quotient, exponent: -self.exponent - 1 }
    }

    /// `e^(−x)` for `x = part / whole` within `(0, 1]`, `whole < 2⁶⁴`; off by less than 2⁻¹²¹.
    pub(super) fn exp_minus(part: u64, whole: u64) -> Self {
        // x in units of 2⁻¹²⁷, by division in two digits: part·2¹²⁷ = (part·2⁶³)·2⁶⁴.
        let (whole, scaled) = (u128::from(whole), u128::from(part) << 63);
        let x = ((scaled / whole) << 64) + ((scaled % whole) << 64) / whole;
        let (mut term, mut sum, mut j) = (1u128 << 127, 1u128 << 127, 0u128);
        while term > 0 {
            j += 1;
            term = (high_half(term, x) << 1) / j;
            sum = if j % 2 == 1 { sum - term } else { sum + term };
        }
        Self::fixed(sum, 127)
    }

    /// `⌊self · 2^bits⌋`, where that is below 2¹⁹².
    pub(super) fn floor(self, bits: i32) -> (u64, u128) {
        let shift = self.exponent - 127 + bits;
        match shift {
            1..=64 => {
                let high = self.mantissa >> (128 - shift);
                #[allow(clippy::cast_possible_truncation, reason = "at most 64 bits are left")]
                (high as u64, self.mantissa << shift)
            }
            0 => (0, self.mantissa),
            -127..0 => (0, self.mantissa >> -shift),
            _ => (0, 0),
        }
    }

    /// The nearest f64, or near it.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are wanted")]
    pub(super) fn to_f64(self) -> f64 {
        libm::ldexp(self.mantissa as f64, self.exponent - 127)
    }
}

/// `⌊a·b / 2¹²⁸⌋`.
fn high_half(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let ((a1, a0), (b1, b0)) = ((a >> 64, a & LOW), (b >> 64, b & LOW));
    let (low, left, right) = (a0 * b0, a1 * b0, a0 * b1);
    let middle = (low >> 64) + (left & LOW) + (right & LOW);
    a1 * b1 + (left >> 64) + (right >> 64) + (middle >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn e_to_the_minus_one_is_right_to_120_bits() {
        // e⁻¹ · 2¹²⁸, from 40 decimal digits: 0.3678794411714423215955237701614608674458.
        let digits: [u64; 2] = [3_678_794_411_714_423_215, 9_552_377_016_146_086_744];
        let mut e = Wide::exp_minus(1, 1);
        let ten = |n: u64| Wide::fixed(u128::from(n), 0);
        // 19 digits at a time: the whole part of e·10¹⁹, and then of its fraction.
        let (high, low) = e.times(ten(10_000_000_000_000_000_000)).floor(64);
        assert_eq!((high, low >> 64), (0, u128::from(digits[0])));
        e = Wide::fixed(low & u128::from(u64::MAX), 64);
        let (_, low) = e.times(ten(1_000_000)).floor(64);
        assert_eq!(low >> 64, u128::from(digits[1] / 10_000_000_000_000));
    }

    proptest! {
        #[test]
        fn agrees_with_f64(part in 1u64..1 << 20, more in 0u64..1 << 40, k in 1u32..60) {
            let whole = part + more;
            let (g, exact) = (Wide::exp_minus(part, whole), -(part as f64) / whole as f64);
            prop_assert!((g.to_f64() / exact.exp() - 1.0).abs() < 1e-14);
            let power = (0..k).fold(Wide::ONE, |p, _| p.times(g));
            prop_assert!((power.to_f64() / (exact * f64::from(k)).exp() - 1.0).abs() < 1e-13);
            let one = power.times(power.inverse()).to_f64();
            prop_assert!((one - 1.0).abs() < 1e-15, "{}", one);
        }

        #[test]
        fn the_high_half_is_that_of_the_product(a: u64, b: u128) {
            // a·2⁶⁴ · b / 2¹²⁸ = a·b / 2⁶⁴, in two pieces that fit.
            let exact = u128::from(a) * (b >> 64) + ((u128::from(a) * (b & u128::from(u64::MAX))) >> 64);
            prop_assert_eq!(high_half(u128::from(a) << 64, b), exact);
        }
    }
}
