//! Draws negatives: song `i` with probability `countᵢ^α / Σ count^α`, in constant time.

use sottovoce::math::Rng;

/// An alias table: slot `i` answers `i` below its threshold and its alias above it.
///
/// Source: M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE TSE 1991.
#[derive(Clone, Debug)]
pub struct NoiseTable {
    /// (threshold of 2³², alias)
    slots: Vec<(u32, u32)>,
}

impl NoiseTable {
    /// The table of `counts^exponent`; songs with count 0 are never drawn. `exponent` 1 draws as often as heard, 0 draws all
    /// alike, below 0 prefers the rare. Empty where nothing occurs.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of 2³² below 2³², and counts of songs below 2³²"
    )]
    pub fn new(counts: &[u32], exponent: f32) -> Self {
        let exponent = f64::from(exponent);
        let weight = |count: &u32| if *count == 0 { 0.0 } else { libm::pow(f64::from(*count), exponent) };
        let mut rest: Vec<f64> = counts.iter().map(weight).collect();
        let mean = rest.iter().sum::<f64>() / rest.len().max(1) as f64;
        if mean <= 0.0 {
            return Self { slots: Vec::new() };
        }
        rest.iter_mut().for_each(|weight| *weight /= mean);
        let mut slots: Vec<(u32, u32)> = (0..).zip(counts).map(|(song, _)| (u32::MAX, song)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..rest.len()).partition(|i| rest[*i] < 1.0);
        while let (Some(low), Some(high)) = (small.pop(), large.last().copied()) {
            slots[low].0 = (rest[low] * 4_294_967_296.0).min(4_294_967_295.0) as u32;
            slots[low].1 = high as u32;
            rest[high] -= 1.0 - rest[low];
            if rest[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Self { slots }
    }

    /// Draws one song. The table must not be empty: then it answers 0.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a 64-bit product")]
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        let place = u64::from(rng.next_u32()) * self.slots.len() as u64;
        let song = (place >> 32) as u32;
        let Some((threshold, alias)) = self.slots.get(song as usize) else { return 0 };
        if rng.next_u32() < *threshold { song } else { *alias }
    }

    /// Whether none can be drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_as_often_as_the_power_of_the_count_says() {
        let counts = [1u32, 0, 16, 81, 256];
        for exponent in [0.75f32, 0.0, -0.5, 1.0] {
            let table = NoiseTable::new(&counts, exponent);
            assert!(!table.is_empty());
            let mut rng = Rng::new(3);
            let mut drawn = [0f64; 5];
            let n = 200_000;
            for _ in 0..n {
                drawn[table.draw(&mut rng) as usize] += 1.0;
            }
            let weights = counts.map(|c| if c == 0 { 0.0 } else { f64::from(c).powf(f64::from(exponent)) });
            let total: f64 = weights.iter().sum();
            for (got, weight) in drawn.iter().zip(weights) {
                let expected = f64::from(n) * weight / total;
                assert!((got - expected).abs() <= 5.0 * (expected + 1.0).sqrt(), "{exponent}: {got} for {expected}");
            }
        }
    }

    #[test]
    fn nothing_heard_gives_an_empty_table() {
        assert!(NoiseTable::new(&[0, 0], 0.75).is_empty());
    }
}
