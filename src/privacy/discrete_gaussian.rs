//! The discrete Gaussian `N_ℤ(0, σ²)`, fast: inversion of a table of 191-bit probabilities.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `N_ℤ(0, σ²)` | [`DiscreteGaussian`] | `P[X = x] = e^(−x²/2σ²) / Σ_y e^(−y²/2σ²)`, `x, y ∈ ℤ` |
//! | `σ²` | [`Sigma`] | the parameter, in steps of the grid, squared; a multiple of 2⁻¹⁶ |
//! | `K` | | the largest magnitude in the table, about `11.6 σ` |
//! | `p̃` | | what is drawn from; all of it whole multiples of 2⁻¹⁹¹ |
//!
//! **What rounding leaves.** The weights `e^(−k²/2σ²)` come from a product of 128-bit numbers ([`super::wide`]), right to 2⁻⁸⁶ of each; each
//! probability is rounded down to a multiple of 2⁻¹⁹¹, and zero gets what is left over. No float and no machine's own `exp` has a say. So
//! 1. for each `|x| ≤ K`, `|ln(p̃(x) / p(x))| ≤ κ` with `κ =` [`Residue::LOG_RATIO`] `= 2⁻⁶⁴`: the least probability in the table is
//!    above 2⁻¹²³, of which 2⁻¹⁹¹ is 2⁻⁶⁸;
//! 2. `P[|X| > K] ≤ t` with `t =` [`Residue::TAIL`] `= 2⁻⁹⁶`: a geometric series beyond the cut.
//!
//! If a mechanism that draws `m` times from `N_ℤ` is (ε, δ)-private, then with this table it is (ε + 2mκ, e^(mκ)(δ + e^ε·m·t))-private: where no
//! draw would have left the table, both laws are within `e^(±mκ)`. [`Residue`] adds that up over every client and round; at `m = 10¹⁰` it is
//! 10⁻⁹ on ε and 10⁻¹⁹·e^ε on δ.
//!
//! A draw takes 63 bits and a sign from ChaCha20; only if the 63 bits are those of an entry's edge (once in 2⁶³/K) 128 more are
//! drawn. Time and memory accesses depend on the value: whoever can measure the listener's own processor to the nanosecond is not kept out.
//!
//! Source of the distribution: Canonne, Kamath, Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020, §2; their sampler,
//! exact and slower, is [`super::exact`], against which this one is tested. Guide index: Chen and Asau, "On generating random variates
//! from an empirical distribution", AIIE Transactions 1974.

use super::error::Error;
use super::noise::Noise;
use super::wide::Wide;

/// Draws are rounded to multiples of 2⁻¹⁹¹: 63 bits, and 128 if those tie.
const BITS: i32 = 191;

/// Words from ChaCha20 at a time.
const WORDS: usize = 512;

/// `σ²`, the parameter of a discrete Gaussian, as a multiple of 2⁻¹⁶ in squared steps of the grid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sigma {
    variance: u64,
}

impl Sigma {
    /// The least `σ`: `√½`, below which the theorems on sums of discrete Gaussians do not hold.
    pub const LEAST: f64 = core::f64::consts::FRAC_1_SQRT_2;
    /// The largest `σ`, in steps; the table has about 12 times as many entries.
    pub const MOST: f64 = 8192.0;
    /// The denominator of `σ²`.
    pub(super) const UNIT: u64 = 1 << 16;

    /// The least multiple of 2⁻¹⁶ that is not below `variance`: what is rounded is never too little noise.
    ///
    /// # Errors
    /// [`Error::NoiseWidth`] if `σ` is outside [`Self::LEAST`] to [`Self::MOST`].
    pub fn from_variance(variance: f64) -> Result<Self, Error> {
        let sigma = variance.sqrt();
        if !(0.5..=Self::MOST * Self::MOST).contains(&variance) {
            let hint = if variance < 0.5 { "more" } else { "fewer" };
            return Err(Error::NoiseWidth { sigma, hint });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, at most 2⁴²")]
        let variance = (variance * 65_536.0).ceil() as u64;
        Ok(Self { variance })
    }

    /// `σ²`.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most 2⁴²")]
    pub fn variance(self) -> f64 {
        self.variance as f64 / 65_536.0
    }

    /// `σ²·2¹⁶`, exactly.
    pub(super) fn units(self) -> u64 {
        self.variance
    }
}

/// What a number of draws from the table leaves between the law that was drawn from and the law that was proven for.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Residue {
    /// `mκ`: how far the logarithms of two probabilities are apart at most.
    pub log_ratio: f64,
    /// `mt`: the mass that the table has no entry for.
    pub tail: f64,
}

impl Residue {
    /// `κ = 2⁻⁶⁴`, of one draw.
    pub const LOG_RATIO: f64 = 1.0 / 18_446_744_073_709_551_616.0;
    /// `t = 2⁻⁹⁶`, of one draw.
    pub const TAIL: f64 = Self::LOG_RATIO / 4_294_967_296.0;

    /// Of so many draws.
    #[must_use]
    pub fn of(draws: f64) -> Self {
        Self { log_ratio: draws * Self::LOG_RATIO, tail: draws * Self::TAIL }
    }
}

/// A table for one `σ`. See the file's head for what it guarantees.
///
/// # Example
/// ```
/// use sottovoce::privacy::{DiscreteGaussian, Noise, NoiseKey, Sigma};
/// let gaussian = DiscreteGaussian::new(Sigma::from_variance(100.0)?);
/// let mut values = [0; 1000];
/// gaussian.add_to(&mut values, &mut Noise::new(NoiseKey::new([7; 32])));
/// let variance = values.iter().map(|v| f64::from(v * v)).sum::<f64>() / 1000.0;
/// assert!((variance / 100.0 - 1.0).abs() < 0.2);
/// # Ok::<(), sottovoce::privacy::Error>(())
/// ```
pub struct DiscreteGaussian {
    /// `P̃[|X| ≥ k]` for `k = 1..=K`, falling: the upper 63 of 191 bits …
    high: Vec<u64>,
    /// … and the lower 128.
    low: Vec<u128>,
    /// For each value of the upper `guide_bits` of a draw, so many magnitudes are certain.
    guide: Vec<u32>,
    guide_bits: u32,
}

impl core::fmt::Debug for DiscreteGaussian {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DiscreteGaussian(.. {} magnitudes)", self.high.len())
    }
}

impl DiscreteGaussian {
    /// Makes the table: about `12 σ` entries of 24 bytes.
    #[must_use]
    pub fn new(sigma: Sigma) -> Self {
        let weights = weights(sigma);
        // N = Σ_x e^(−x²/2σ²), in units of 2⁻¹¹⁰: below 2¹⁸ and so within 128 bits. What lies beyond the table is 2⁻⁹⁷ of it at most.
        let side = weights.iter().fold(0u128, |sum, w| sum + w.floor(110).1);
        let share = Wide::fixed((1 << 110) + 2 * side, 110).inverse();
        let (mut high, mut low) = (vec![0; weights.len()], vec![0; weights.len()]);
        let mut sum = (0u64, 0u128);
        for (k, weight) in weights.iter().enumerate().rev() {
            let (h, l) = weight.times(share).floor(BITS + 1); // both signs together
            let (l, carry) = sum.1.overflowing_add(l);
            sum = (sum.0 + h + u64::from(carry), l);
            (high[k], low[k]) = sum;
        }
        let guide_bits = u32::try_from(4 * high.len()).unwrap_or(u32::MAX).next_power_of_two().ilog2().clamp(8, 16);
        let guide = guide(&high, guide_bits);
        Self { high, low, guide, guide_bits }
    }

    /// Adds a draw of its own to each value.
    pub fn add_to(&self, values: &mut [i32], noise: &mut Noise) {
        let mut words = [0u64; WORDS];
        for part in values.chunks_mut(WORDS) {
            let words = &mut words[..part.len()];
            noise.fill(words);
            for (value, word) in part.iter_mut().zip(words) {
                *value += self.invert(*word, noise);
            }
        }
    }

    /// The value whose share of `[0, 1)` a draw falls into: how many of the falling edges are above it. The lowest bit is the sign.
    #[inline]
    fn invert(&self, word: u64, noise: &mut Noise) -> i32 {
        let draw = word >> 1;
        #[allow(clippy::cast_possible_truncation, reason = "16 bits")]
        let mut k = self.guide[(draw >> (63 - self.guide_bits)) as usize] as usize;
        while let Some(edge) = self.high.get(k) {
            if draw >= *edge {
                k += if draw == *edge { self.tied(k, noise) } else { 0 };
                break;
            }
            k += 1;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below 2¹⁷")]
        let magnitude = k as i32;
        if word & 1 == 0 { magnitude } else { -magnitude }
    }

    /// The rare case: the 63 bits are those of the edge `first`, so 128 more decide. How many of the edges that share the 63 are above the draw.
    #[cold]
    fn tied(&self, first: usize, noise: &mut Noise) -> usize {
        let rest = u128::from(noise.next_u64()) << 64 | u128::from(noise.next_u64());
        let edges = self.high[first..].iter().zip(&self.low[first..]);
        edges.take_while(|(high, low)| **high == self.high[first] && rest < **low).count()
    }
}

/// `e^(−k²/2σ²)` for `k = 1..=K`, where all beyond `K` on both sides together is at most 2⁻⁹⁷.
///
/// `w_(k+1) = w_k·r_k` and `r_(k+1) = r_k·g²` with `g = e^(−1/2σ²)`, `r_0 = g`: no power is ever taken, and after `k` steps the error is below
/// `k²·2⁻¹²⁰`.
fn weights(sigma: Sigma) -> Vec<Wide> {
    let g = Wide::exp_minus(Sigma::UNIT / 2, sigma.units());
    let step = g.times(g);
    let (mut weights, mut weight, mut ratio) = (Vec::new(), g, g.times(step));
    // Σ_(j ≥ k) w_j ≤ w_k / (1 − r_k), because r falls.
    while 2.0 * weight.to_f64() > (1.0 - ratio.to_f64()) * Residue::TAIL / 2.0 {
        weights.push(weight);
        weight = weight.times(ratio);
        ratio = ratio.times(step);
    }
    weights
}

/// For each bucket of draws, how many edges are above all of it.
fn guide(high: &[u64], bits: u32) -> Vec<u32> {
    let mut certain = u32::try_from(high.len()).unwrap_or(u32::MAX);
    let width = 1u64 << (63 - bits);
    let bucket = |b: u64| {
        let last = b * width + (width - 1);
        while certain > 0 && high[certain as usize - 1] <= last {
            certain -= 1;
        }
        certain
    };
    (0..1u64 << bits).map(bucket).collect()
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
mod tests {
    use super::super::exact;
    use super::*;
    use crate::privacy::NoiseKey;

    fn noise(seed: u8) -> Noise {
        Noise::new(NoiseKey::new([seed; 32]))
    }

    fn sigma(variance: f64) -> Sigma {
        Sigma::from_variance(variance).unwrap()
    }

    /// `P[X = x]` for `x = 0..`, in f64, from its definition.
    fn pmf(sigma: Sigma, most: usize) -> Vec<f64> {
        let weight = |x: usize| (-(x as f64).powi(2) / (2.0 * sigma.variance())).exp();
        let whole = 1.0 + 2.0 * (1..40 + 40 * most).map(weight).sum::<f64>();
        (0..=most).map(|x| weight(x) / whole).collect()
    }

    #[test]
    fn the_table_is_the_distribution_to_the_last_bit_of_a_double() {
        for variance in [0.5, 1.0, 7.3, 100.0, 12_345.0, 8192.0 * 8192.0] {
            let sigma = sigma(variance);
            let table = DiscreteGaussian::new(sigma);
            let edge = |k: usize| {
                table
                    .high
                    .get(k)
                    .map_or(0.0, |high| libm::ldexp(*high as f64, -63) + libm::ldexp(table.low[k] as f64, -BITS))
            };
            let most = table.high.len();
            let exact = pmf(sigma, most + 1);
            assert!((1.0 - edge(0) - exact[0]).abs() < 1e-15);
            // Far out an edge is small and a difference of two keeps its digits; near zero it is near one.
            for k in [1, 2, most / 8, most / 4, most / 2, most - 1, most].into_iter().filter(|k| *k > 0) {
                let mass = edge(k - 1) - edge(k);
                let digits = 1e-11 + 4e-16 / mass * edge(k - 1);
                assert!(
                    (mass / (2.0 * exact[k]) - 1.0).abs() < digits,
                    "σ² {variance}, {k}: {mass} for {}",
                    2.0 * exact[k]
                );
            }
            // The cut: what the head of the file promises of the least entry, and of all that has none.
            assert!(2.0 * exact[most] > 2f64.powi(-123), "least {:e}", exact[most]);
            let ratio = exact[most + 1] / exact[most];
            assert!(2.0 * exact[most + 1] / (1.0 - ratio) < Residue::TAIL);
            assert!((8.0..12.5).contains(&(most as f64 / sigma.variance().sqrt())), "{most} at σ² {variance}");
        }
    }

    /// `K²` roundings of 2⁻¹²⁰ each: the last weight by squaring instead of step by step.
    #[test]
    fn ninety_thousand_steps_do_not_drift() {
        let sigma = sigma(8192.0 * 8192.0);
        let steps = weights(sigma);
        let k = steps.len();
        let (mut power, mut rest, mut direct) = (Wide::exp_minus(Sigma::UNIT / 2, sigma.units()), k * k, Wide::ONE);
        while rest > 0 {
            if rest % 2 == 1 {
                direct = direct.times(power);
            }
            power = power.times(power);
            rest /= 2;
        }
        let (a, b) = (steps[k - 1].floor(230).1, direct.floor(230).1);
        assert!(a.abs_diff(b) < a >> 84, "{a} and {b}");
    }

    /// Pearson's statistic over all values expected at least ten times, and its mean and spread under the hypothesis.
    fn chi_square(draws: &[i32], sigma: Sigma) -> (f64, f64) {
        let n = draws.len() as f64;
        let exact = pmf(sigma, 60 + 8 * sigma.variance().sqrt() as usize);
        let most = exact.iter().rposition(|p| p * n >= 10.0).unwrap() as i32;
        let mut counts = vec![0.0; 2 * most as usize + 2];
        for x in draws {
            let cell = if x.abs() > most { 2 * most + 1 } else { x + most };
            counts[cell as usize] += 1.0;
        }
        let mut expected: Vec<f64> = (-most..=most).map(|x| n * exact[x.unsigned_abs() as usize]).collect();
        expected.push(n - expected.iter().sum::<f64>());
        let chi = counts.iter().zip(&expected).map(|(c, e)| (c - e).powi(2) / e.max(1.0)).sum();
        (chi, expected.len() as f64 - 1.0)
    }

    #[test]
    fn both_samplers_draw_from_the_exact_distribution() {
        for (seed, variance) in [(1, 0.5), (2, 1.0), (3, 6.25), (4, 400.0)] {
            let sigma = sigma(variance);
            let mut fast = vec![0; 400_000];
            DiscreteGaussian::new(sigma).add_to(&mut fast, &mut noise(seed));
            let mut source = noise(seed + 50);
            let slow: Vec<i32> = (0..100_000).map(|_| exact::discrete_gaussian(sigma, &mut source)).collect();
            for (name, draws) in [("table", &fast), ("exact", &slow)] {
                let (chi, freedom) = chi_square(draws, sigma);
                // Wilson–Hilferty: beyond 3.5 standard deviations once in 4,000.
                let cube = ((chi / freedom).cbrt() - (1.0 - 2.0 / (9.0 * freedom))) / (2.0 / (9.0 * freedom)).sqrt();
                assert!(cube < 3.5, "{name}, σ² {variance}: χ² {chi} of {freedom}");
            }
            // Two samples against each other, Kolmogorov–Smirnov: beyond 1.95 once in a thousand (rarer, on integers).
            let share = |draws: &[i32], x: i32| draws.iter().filter(|d| **d <= x).count() as f64 / draws.len() as f64;
            let reach = (3.0 * variance.sqrt()).ceil() as i32;
            let gap = (-reach..=reach).map(|x| (share(&fast, x) - share(&slow, x)).abs()).fold(0.0, f64::max);
            assert!(gap * (80_000f64).sqrt() < 1.95, "σ² {variance}: {gap}");
        }
    }

    #[test]
    fn a_skewed_table_is_noticed() {
        let sigma = sigma(6.25);
        let mut table = DiscreteGaussian::new(sigma);
        table.high[2] -= table.high[2] >> 6; // 1.6 % fewer beyond two
        table.guide = guide(&table.high, table.guide_bits);
        let mut draws = vec![0; 400_000];
        table.add_to(&mut draws, &mut noise(3));
        let (chi, freedom) = chi_square(&draws, sigma);
        assert!(chi > freedom + 6.0 * (2.0 * freedom).sqrt(), "χ² {chi} of {freedom}");
    }

    #[test]
    fn wide_noise_has_its_moments_and_its_quantiles() {
        let mut draws = vec![0; 300_000];
        DiscreteGaussian::new(sigma(8192.0 * 8192.0)).add_to(&mut draws, &mut noise(6));
        let n = draws.len() as f64;
        let scaled: Vec<f64> = draws.iter().map(|x| f64::from(*x) / 8192.0).collect();
        let moment = |p: i32| scaled.iter().map(|x| x.powi(p)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.01 && (moment(2) - 1.0).abs() < 0.015 && (moment(4) - 3.0).abs() < 0.15);
        let beyond = scaled.iter().filter(|x| x.abs() > 1.959_964).count() as f64 / n;
        assert!((beyond - 0.05).abs() < 0.002, "{beyond}");
    }

    /// Ties happen once in 10¹⁷ draws, so they are made: with the draw on an edge, the lower bits decide as they should.
    #[test]
    fn a_draw_on_an_edge_is_decided_by_128_more_bits() {
        let mut table = DiscreteGaussian::new(sigma(1.0));
        let edge = table.high[1];
        for (low, expected) in [(0, 1), (u128::MAX, 2)] {
            table.low[1] = low;
            assert_eq!(table.invert(edge << 1, &mut noise(1)), expected);
            assert_eq!(table.invert(edge << 1 | 1, &mut noise(1)), -expected);
        }
        table.low[1] = 1 << 127; // half of the draws
        let mut source = noise(2);
        let twos = (0..4000).filter(|_| table.invert(edge << 1, &mut source) == 2).count();
        assert!((1800..2200).contains(&twos), "{twos}");
        // Several edges with the same 63 bits: far out, where all of them are zero.
        let last = table.high.len() as i32;
        assert!(table.high[table.high.len() - 2..].iter().all(|edge| *edge == 0));
        for edge in &mut table.low {
            *edge = u128::MAX;
        }
        assert_eq!(table.invert(0, &mut noise(3)), last);
    }

    #[test]
    fn a_width_outside_the_range_is_refused_with_a_hint() {
        for (variance, expected) in [(0.49, "more"), (6.8e7, "fewer"), (f64::NAN, "fewer")] {
            let Err(Error::NoiseWidth { hint, .. }) = Sigma::from_variance(variance) else { panic!("{variance}") };
            assert_eq!(hint, expected);
        }
        assert!(sigma(1.000_001).variance() >= 1.000_001);
    }
}
