//! Random numbers that replay: everything random on the device comes from one seed that the caller gives.

use super::elementary::Real;
use core::convert::Infallible;
use rand_core::TryRng;
use rand_pcg::Pcg32;

/// A small seeded generator (PCG-XSH-RR 64/32). Not for secrets.
///
/// Source: M. E. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for random number
/// generation", 2014.
///
/// # Example
/// ```
/// use sottovoce::math::Rng;
/// let (mut a, mut b) = (Rng::new(7), Rng::new(7));
/// assert_eq!(a.below(1000), b.below(1000));
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    pcg: Pcg32,
    seed: u64,
}

impl Rng {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // PCG streams of neighbouring seeds are correlated; a mixer in front of both halves takes that away.
        let state = mix(seed);
        Self { pcg: Pcg32::new(state, mix(state)), seed }
    }

    /// An independent generator for the purpose `label`. It depends on this one's seed and on the label, not on how much
    /// was drawn, so a new draw in one place never moves another.
    #[must_use]
    pub fn split(&self, label: &str) -> Rng {
        let mut hash = 0xcbf2_9ce4_8422_2325u64; // FNV-1a
        for byte in label.as_bytes() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.split_at(hash)
    }

    /// An independent generator for the `index`-th of many: one a client, one a round.
    #[must_use]
    pub fn split_at(&self, index: u64) -> Rng {
        Rng::new(mix(self.seed ^ mix(index)))
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        match self.pcg.try_next_u32() {
            Ok(bits) => bits,
        }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// A number from `0` to `n − 1`, all equally likely; 0 where `n` is 0.
    ///
    /// Source: D. Lemire, "Fast random integer generation in an interval", 2019.
    #[allow(clippy::cast_possible_truncation, reason = "the low half of the product is wanted")]
    pub fn below(&mut self, n: u32) -> u32 {
        let threshold = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻²⁴.
    #[allow(clippy::cast_precision_loss, reason = "24 bits fit")]
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Normal with mean 0 and variance 1, by Marsaglia's polar method (its only transcendental is `ln`).
    pub fn normal(&mut self) -> f32 {
        loop {
            let u = 2.0 * self.uniform_f64() - 1.0;
            let v = 2.0 * self.uniform_f64() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return (u * (-2.0 * Real::ln(s) / s).sqrt()).to_f32();
            }
        }
    }

    /// Fisher–Yates: every order equally likely. A slice beyond 2³² values keeps its tail.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
        for i in (1..n).rev() {
            let j = self.below(i + 1);
            values.swap(i as usize, j as usize);
        }
    }
}

/// The finaliser of SplitMix64: numbers that differ in a bit come out as if drawn apart.
///
/// Source: Steele, Lea & Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, fig. 14.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(Rng::next_u32(self))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(Rng::next_u64(self))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = Rng::next_u32(self).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_for_ever() {
        let mut rng = Rng::new(2020);
        let first: Vec<u32> = (0..4).map(|_| rng.next_u32()).collect();
        assert_eq!(first, [3_525_443_601, 2_211_648_005, 3_660_263_279, 3_987_071_585]);
    }

    #[test]
    fn splits_do_not_depend_on_what_was_drawn() {
        let mut rng = Rng::new(1);
        let before = rng.split("init").next_u64();
        rng.next_u64();
        assert_eq!(rng.split("init").next_u64(), before);
        assert_ne!(rng.split("sample").next_u64(), before);
        assert_ne!(rng.split_at(0).next_u64(), rng.split_at(1).next_u64());
        assert_ne!(Rng::new(1).next_u64(), Rng::new(2).next_u64());
    }

    #[test]
    fn below_is_even_and_in_range() {
        let mut rng = Rng::new(3);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // χ² with 6 degrees of freedom: beyond 22.5 once in a thousand.
        let chi: f64 = counts.iter().map(|c| (f64::from(*c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 22.5, "χ² = {chi}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }

    #[test]
    fn normal_has_its_moments() {
        let mut rng = Rng::new(4);
        let n = 200_000;
        let (mut sum, mut squares, mut fourth) = (0.0f64, 0.0f64, 0.0f64);
        for _ in 0..n {
            let x = f64::from(rng.normal());
            sum += x;
            squares += x * x;
            fourth += x.powi(4);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01 && (squares / n - 1.0).abs() < 0.02 && (fourth / n - 3.0).abs() < 0.15);
    }

    #[test]
    fn uniform_stays_below_one_and_is_centred() {
        let mut rng = Rng::new(5);
        let mut sum = 0.0f64;
        for _ in 0..100_000 {
            let (narrow, wide) = (rng.uniform(), rng.uniform_f64());
            assert!((0.0..1.0).contains(&narrow) && (0.0..1.0).contains(&wide));
            sum += f64::from(narrow) + wide;
        }
        assert!((sum / 200_000.0 - 0.5).abs() < 0.005);
    }

    #[test]
    fn shuffle_keeps_every_value_and_moves_them() {
        let mut values: Vec<u32> = (0..100).collect();
        Rng::new(6).shuffle(&mut values);
        assert!(!values.is_sorted());
        values.sort_unstable();
        assert!(values.iter().copied().eq(0..100));
    }
}
