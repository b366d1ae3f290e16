//! `eˣ` and `tanh x` over slices: range reduction and a polynomial, from multiplications and additions alone.
//!
//! `eˣ = 2ⁿ · eʳ` with `n = round(x / ln 2)` and `|r| ≤ ln 2 / 2`, `ln 2` split in two so that `r` keeps its digits (Cody & Waite,
//! *Software Manual for the Elementary Functions*, 1980, ch. 6); `eʳ` is the minimax polynomial of degree 5 behind `1 + r` that Cephes
//! uses (Moshier, 1989). Off by at most 2 units in the last place within `[−87, 88]`; beyond, the ends of that range.
//! `tanh x = 1 − 2 / (e²ˣ + 1)`: off by at most 2·10⁻⁷.

use crate::madd::madd;
use crate::{blocks, dense};
use bytemuck::must_cast;
use wide::{f32x8, i32x8};

const LOG2_E: f32 = core::f32::consts::LOG2_E;
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Adding it rounds to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;
const POLYNOMIAL: [f32; 6] = [1.987_569_2e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

#[inline(always)]
fn exp8(x: f32x8) -> f32x8 {
    let (low, high) = (f32x8::splat(-87.0), f32x8::splat(88.0));
    let x = x.simd_lt(low).select(low, x);
    let x = x.simd_gt(high).select(high, x);
    let shifted = x * f32x8::splat(LOG2_E) + f32x8::splat(ROUND);
    let n = shifted - f32x8::splat(ROUND);
    let r = x - n * f32x8::splat(LN2_HIGH);
    let r = r - n * f32x8::splat(LN2_LOW);
    let mut p = f32x8::splat(POLYNOMIAL[0]);
    for c in &POLYNOMIAL[1..] {
        p = madd(f32x8::splat(*c), p, r);
    }
    let e = madd(r, p, r * r) + f32x8::ONE;
    // The exponent's field is moved up by n: the low bits of `shifted` are n already.
    let bits: i32x8 = must_cast(e);
    let n: i32x8 = must_cast(shifted);
    must_cast::<i32x8, f32x8>(bits + (n << 23))
}

/// `x ← eˣ`, for every one. NaN stays NaN or becomes an end of the range.
pub fn exp(values: &mut [f32]) {
    exp_of_less(values, 0.0);
}

/// `x ← eˣ⁻ˡ`.
fn exp_of_less(values: &mut [f32], less: f32) {
    let less = f32x8::splat(less);
    in_eights(values, |eights| {
        eights.iter_mut().for_each(|x| *x = must_cast(exp8(must_cast::<[f32; 8], f32x8>(*x) - less)));
    });
}

/// `x ← tanh x`, for every one.
pub fn tanh(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x *= 2.0);
    exp(values);
    values.iter_mut().for_each(|x| *x = 1.0 - 2.0 / (*x + 1.0));
}

/// `softmax`, shifted by the maximum; eight sums over values 8 apart are added as a tree.
pub fn softmax(values: &mut [f32]) {
    exp_of_less(values, blocks::largest(values));
    let (whole, rest) = values.as_chunks::<8>();
    let mut last = [0.0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut sums: f32x8 = must_cast(last);
    for eight in whole {
        sums += must_cast::<[f32; 8], f32x8>(*eight);
    }
    let s: [f32; 8] = must_cast(sums);
    let s = [s[0] + s[4], s[1] + s[5], s[2] + s[6], s[3] + s[7]];
    dense::standardize(0.0, (s[0] + s[2]) + (s[1] + s[3]), values);
}

/// The same bits for a value whatever its place: the rest is filled up and goes the same way.
fn in_eights(values: &mut [f32], mut each: impl FnMut(&mut [[f32; 8]])) {
    let whole = values.len() / 8 * 8;
    let mut last = [0.0; 8];
    last[..values.len() - whole].copy_from_slice(&values[whole..]);
    let mut last = [last];
    let turns: [&mut [[f32; 8]]; 2] = [values.as_chunks_mut().0, &mut last];
    // A loop over the two, so that the work is compiled once.
    for eights in turns {
        each(eights);
    }
    let rest = values.len() - whole;
    values[whole..].copy_from_slice(&last[0][..rest]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn close_to_the_exact_values() {
        let (mut worst_exp, mut worst_tanh) = (0.0f64, 0.0f64);
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let (mut e, mut t) = ([x], [x]);
            exp(&mut e);
            tanh(&mut t);
            let exact = f64::from(x).exp();
            worst_exp = worst_exp.max((f64::from(e[0]) / exact - 1.0).abs());
            worst_tanh = worst_tanh.max((f64::from(t[0]) - f64::from(x).tanh()).abs());
        }
        assert!(worst_exp < 2.4e-7, "{worst_exp:e}");
        assert!(worst_tanh < 2e-7, "{worst_tanh:e}");
    }

    #[test]
    fn shares_of_the_whole() {
        for n in 1u16..40 {
            let mut shares: Vec<f32> = (0..n).map(|i| f32::from(i * 7 % 5) - 90.0).collect();
            let exact: Vec<f64> = shares.iter().map(|x| f64::from(*x + 90.0).exp()).collect();
            let all: f64 = exact.iter().sum();
            softmax(&mut shares);
            assert!(shares.iter().zip(&exact).all(|(share, e)| (f64::from(*share) - e / all).abs() < 1e-6), "{n}");
        }
        softmax(&mut []);
    }

    proptest! {
        #[test]
        fn place_does_not_matter_and_ends_are_finite(values in prop::collection::vec(any::<f32>(), 1..40)) {
            let (mut all, mut tanhs) = (values.clone(), values.clone());
            exp(&mut all);
            tanh(&mut tanhs);
            for (i, x) in values.iter().enumerate() {
                let mut one = [*x];
                exp(&mut one);
                prop_assert_eq!(one[0].to_bits(), all[i].to_bits());
                prop_assert!(x.is_nan() || (all[i].is_finite() && all[i] > 0.0 && tanhs[i].abs() <= 1.0));
            }
        }
    }
}
