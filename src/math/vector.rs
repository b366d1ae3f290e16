//! Inner products, lengths and unit vectors over plain slices, summed in one fixed order.

use core::ops::Deref;
use sottovoce_lanes::dense;

/// `⟨a, b⟩`: sixteen partial sums, then a fixed tree over them, then the rest. Where the lengths differ, the longer one's tail is
/// ignored.
///
/// # Example
/// ```
/// assert_eq!(sottovoce::math::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dense::dot(a, b)
}

/// `‖a‖₂`. Infinite where the squares overflow; see [`normalize`] for the careful form.
#[must_use]
pub fn norm(a: &[f32]) -> f32 {
    dot(a, a).sqrt()
}

/// `y ← y + α·x`, over the shorter of the two.
pub fn axpy(alpha: f32, x: &[f32], y: &mut [f32]) {
    dense::axpy(alpha, x, y);
}

/// `a ← α·a`.
#[inline]
pub fn scale(alpha: f32, a: &mut [f32]) {
    for a in a {
        *a *= alpha;
    }
}

/// Divides `a` by its length and answers true. A vector without a direction (all zeros, or a number that is not finite)
/// becomes all zeros, and the answer is false.
pub fn normalize(a: &mut [f32]) -> bool {
    // First by the largest magnitude, so that no square over- or underflows.
    let largest = a.iter().fold(0.0f32, |m, x| if x.abs() > m || x.is_nan() { x.abs() } else { m });
    if !(largest > 0.0 && largest.is_finite()) || a.iter().any(|x| x.is_nan()) {
        a.fill(0.0);
        return false;
    }
    for x in a.iter_mut() {
        *x /= largest;
    }
    let length = norm(a);
    for x in a.iter_mut() {
        *x /= length;
    }
    true
}

/// A vector of length 1, by construction.
#[derive(Clone, PartialEq, Debug)]
pub struct UnitVector(Vec<f32>);

impl UnitVector {
    /// Divides by the length; `None` for a vector that has no direction (all zeros, empty, or not finite).
    ///
    /// # Example
    /// ```
    /// use sottovoce::math::UnitVector;
    /// let unit = UnitVector::new(vec![3.0, 4.0]).unwrap();
    /// assert_eq!(&*unit, &[0.6, 0.8]);
    /// assert!(UnitVector::new(vec![0.0, 0.0]).is_none());
    /// ```
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Option<Self> {
        normalize(&mut values).then_some(Self(values))
    }

    /// The cosine of the angle to `other`, clamped to `[-1, 1]`.
    #[must_use]
    pub fn cosine(&self, other: &UnitVector) -> f32 {
        dot(&self.0, &other.0).clamp(-1.0, 1.0)
    }

    /// The values.
    #[must_use]
    pub fn into_values(self) -> Vec<f32> {
        self.0
    }
}

impl Deref for UnitVector {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests compare exact values and small counts"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_is_near_the_sum_in_f64(pairs in prop::collection::vec((-10f32..10.0, -10f32..10.0), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let exact: f64 = pairs.iter().map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            let magnitude: f64 = pairs.iter().map(|(x, y)| (f64::from(*x) * f64::from(*y)).abs()).sum();
            // γ_n of the fixed order: at most ⌈200/16⌉ + 4 additions and one product on any path.
            let bound = 20.0 * f64::from(f32::EPSILON) * magnitude + 1e-30;
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() <= bound);
            prop_assert_eq!(dot(&a, &b).to_bits(), dot(&b, &a).to_bits());
        }

        #[test]
        fn units_have_length_one_at_any_size(values in prop::collection::vec(-1f32..1.0, 1..100), exponent in -100i32..100) {
            let size = 2f32.powi(exponent);
            if let Some(unit) = UnitVector::new(values.iter().map(|v| v * size).collect()) {
                prop_assert!((norm(&unit) - 1.0).abs() < 1e-6);
            } else {
                prop_assert!(values.iter().all(|v| v * size == 0.0));
            }
        }
    }

    #[test]
    fn what_has_no_direction_is_no_unit_vector() {
        for bad in [
            vec![],
            vec![0.0; 3],
            vec![f32::NAN, 1.0],
            vec![1.0, f32::NAN],
            vec![f32::INFINITY, 1.0],
            vec![1.0, f32::NEG_INFINITY],
        ] {
            assert!(UnitVector::new(bad).is_none());
        }
        let mut a = [1.0, f32::NAN];
        assert!(!normalize(&mut a));
        assert!(a.iter().all(|x| x.to_bits() == 0));
    }

    #[test]
    fn the_order_of_summation_is_pinned() {
        // Written out by hand: lanes first, then halves, then the rest. A compiler or an edit that reorders changes these bits.
        let a: Vec<f32> = (0..35u8).map(|i| 1.0 / (f32::from(i) + 1.0)).collect();
        let mut lanes = [0.0f32; 16];
        for (i, x) in a[..32].iter().enumerate() {
            lanes[i % 16] += x * x;
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        let sum = a[32..].iter().fold(lanes[0], |sum, x| sum + x * x);
        assert_eq!(dot(&a, &a).to_bits(), sum.to_bits());
    }

    #[test]
    fn axpy_and_scale() {
        let mut y = [1.0, 2.0];
        axpy(2.0, &[10.0, 20.0], &mut y);
        scale(0.5, &mut y);
        assert_eq!(y, [10.5, 21.0]);
    }
}
