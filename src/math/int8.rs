//! Item vectors as bytes: a quarter of the download, at an error nobody hears.

/// Rounds `row` into `codes` and answers the scale: `row ≈ codes · scale`, `scale = max|row| / 127`. Each value is off by
/// at most half a scale. A row with a number that is not finite becomes zeros, as does an all-zero row (scale 0). Values
/// beyond the shorter of the two are left alone.
///
/// # Example
/// ```
/// use sottovoce::math::{dequantize_row, quantize_row};
/// let (mut codes, mut back) = ([0i8; 3], [0.0f32; 3]);
/// let scale = quantize_row(&[0.5, -1.0, 0.0], &mut codes);
/// dequantize_row(&codes, scale, &mut back);
/// assert_eq!(codes, [64, -127, 0]);
/// assert!((back[0] - 0.5).abs() <= scale / 2.0);
/// ```
#[allow(clippy::cast_possible_truncation, reason = "rounded values lie within ±127")]
pub fn quantize_row(row: &[f32], codes: &mut [i8]) -> f32 {
    let finite = row.iter().all(|x| x.is_finite());
    let largest = row.iter().fold(0.0f32, |m, x| if x.abs() > m { x.abs() } else { m });
    let scale = largest / 127.0;
    // A scale that underflowed cannot be divided by.
    if !finite || scale < f32::MIN_POSITIVE {
        codes.fill(0);
        return 0.0;
    }
    for (code, x) in codes.iter_mut().zip(row) {
        // Half away from zero, by comparison: the same on every machine, and no call to `round`.
        let y = x / scale;
        let nearest = if y < 0.0 { y - 0.5 } else { y + 0.5 };
        *code = (nearest as i32).clamp(-127, 127) as i8;
    }
    scale
}

/// `row ← codes · scale`, over the shorter of the two.
pub fn dequantize_row(codes: &[i8], scale: f32, row: &mut [f32]) {
    for (x, code) in row.iter_mut().zip(codes) {
        *x = f32::from(*code) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn off_by_at_most_half_a_step(row in prop::collection::vec(-1f32..1.0, 1..100), exponent in -90i32..90) {
            let row: Vec<f32> = row.iter().map(|x| x * 2f32.powi(exponent)).collect();
            let (mut codes, mut back) = (vec![0i8; row.len()], vec![0.0; row.len()]);
            let scale = quantize_row(&row, &mut codes);
            dequantize_row(&codes, scale, &mut back);
            for (x, y) in row.iter().zip(&back) {
                // Half a step, and the rounding of x / scale and code · scale in f32.
                prop_assert!((x - y).abs() <= scale * (0.5 + 1e-4), "{} {} {}", x, y, scale);
            }
            // Quantising again changes nothing: what a server stores is what a device reads.
            let mut again = vec![0i8; row.len()];
            quantize_row(&back, &mut again);
            prop_assert_eq!(again, codes);
        }
    }

    #[test]
    fn hostile_rows_become_zeros() {
        for bad in [[f32::NAN, 1.0], [1.0, f32::INFINITY], [0.0, 0.0], [1e-45, 0.0]] {
            let mut codes = [9i8; 2];
            assert!(quantize_row(&bad, &mut codes).abs() < f32::MIN_POSITIVE);
            assert_eq!(codes, [0, 0]);
        }
    }
}
