//! L2 clipping: bounds what one listener can change, so that noise can later hide it (McMahan et al. 2018, §3).

/// One is enough for normal numbers.
const MOST_STEPS: usize = 16;

/// A raw update of the shared weights. Has no wire encoder and cannot become a message.
#[derive(Clone, PartialEq)]
pub struct Gradient(Vec<f32>);

impl core::fmt::Debug for Gradient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Gradient(.. {} values)", self.0.len()) // the values tell of the listener
    }
}

/// An update whose L2 norm is at most `C`. Only [`Gradient::clip`] makes one.
#[derive(Clone, PartialEq)]
pub struct Clipped {
    values: Vec<f32>,
}

impl core::fmt::Debug for Clipped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Clipped(.. {} values)", self.values.len())
    }
}

impl Gradient {
    /// Takes a flat update.
    #[must_use]
    pub fn new(values: Vec<f32>) -> Self {
        Self(values)
    }

    /// Scales by `min(1, C / ‖g‖₂)`. A gradient with a number that is not finite becomes all zeros: it carries no direction.
    ///
    /// # Example
    /// ```
    /// use sottovoce::privacy::Gradient;
    /// let clipped = Gradient::new(vec![3.0, 4.0]).clip(1.0);
    /// assert!(clipped.norm() <= 1.0);
    /// ```
    #[must_use]
    pub fn clip(self, clip_norm: f32) -> Clipped {
        let mut values = self.0;
        let norm = l2(&values);
        if !norm.is_finite() || !clip_norm.is_finite() || clip_norm <= 0.0 {
            values.fill(0.0);
        } else if norm > clip_norm {
            let scale = clip_norm / norm;
            values.iter_mut().for_each(|v| *v *= scale);
            // Rounding may leave the norm a hair over C; the bound is exact, so step down until it holds.
            for _ in 0..MOST_STEPS {
                if l2(&values) <= clip_norm {
                    break;
                }
                values.iter_mut().for_each(|v| *v *= 1.0 - 4.0 * f32::EPSILON);
            }
            // Below the normal numbers a product rounds back to where it was: there, only nothing is within the bound.
            if l2(&values) > clip_norm {
                values.fill(0.0);
            }
        }
        Clipped { values }
    }
}

impl Clipped {
    /// The L2 norm.
    #[must_use]
    pub fn norm(&self) -> f32 {
        l2(&self.values)
    }

    /// The values, for the message.
    #[must_use]
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

/// Summed in f64: at 10⁵ values an f32 sum would miss the bound in its fourth digit.
fn l2(values: &[f32]) -> f32 {
    let sum: f64 = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    #[allow(clippy::cast_possible_truncation)] // a norm beyond f32 becomes infinite, which `clip` treats as such
    let norm = sum.sqrt() as f32;
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_below_the_normal_numbers_ends_too() {
        let least = f32::from_bits(26);
        let clipped = Gradient::new(vec![0.5; 100]).clip(least);
        assert!(clipped.norm() <= least);
    }

    proptest! {
        #[test]
        fn norm_never_exceeds_the_bound(values in prop::collection::vec(-1e6f32..1e6, 1..300), c in 1e-3f32..1e3) {
            prop_assert!(Gradient::new(values).clip(c).norm() <= c);
        }

        #[test]
        fn short_gradients_pass_untouched(values in prop::collection::vec(-0.01f32..0.01, 1..50)) {
            prop_assert_eq!(Gradient::new(values.clone()).clip(1.0).into_values(), values);
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_becomes_nothing() {
        for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
            let clipped = Gradient::new(vec![bad, bad, 1.0]).clip(1.0);
            assert!(clipped.norm() <= 1.0);
            assert!(clipped.into_values().iter().all(|v| v.is_finite()));
        }
    }
}
