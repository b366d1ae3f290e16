//! Numbers that look random and are a function of a seed and a place: whoever asks, in whatever order and on whatever thread, is told
//! the same.
//!
//! Source: Steele, Lea & Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, fig. 14 (the finaliser).

/// 64 bits for a seed and a place.
#[must_use]
#[inline(always)]
pub fn bits(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Uniform in `[0, 1)`, with 24 bits.
#[must_use]
#[inline(always)]
pub fn uniform(seed: u64, place: u64) -> f32 {
    (bits(seed, place) >> 40) as f32 / 16_777_216.0
}

/// Normal with mean 0 and deviation 1 (Box & Muller 1958).
#[must_use]
pub fn normal(seed: u64, place: u64) -> f32 {
    let (u, v) = (1.0 - uniform(seed, 2 * place), uniform(seed, 2 * place + 1));
    (-2.0 * u.ln()).sqrt() * (core::f32::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 100_000u32;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(|i| f(u64::from(i))).sum::<f64>() / f64::from(n);
        assert!((mean(&|i| f64::from(uniform(7, i))) - 0.5).abs() < 0.005);
        assert!(mean(&|i| f64::from(normal(7, i))).abs() < 0.015);
        assert!((mean(&|i| f64::from(normal(8, i)).powi(2)) - 1.0).abs() < 0.02);
    }
}
