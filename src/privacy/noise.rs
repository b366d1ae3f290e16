//! Noise for a vector that asks the server: what the listener's taste points at, blurred before it may leave.
//!
//! [`Interest`] → [`ClippedInterest`] → [`NoisedEmbedding`] are three types, each made only by consuming the one before; only the last
//! goes into a message. The mechanism is that of metric differential privacy (`d_X`-privacy) for the Euclidean distance.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `x ∈ ℝᵈ` | [`ClippedInterest`] | one interest of the listener, `‖x‖₂ ≤ C` |
//! | `ε` | [`Epsilon`] | privacy lost for each unit of distance |
//! | `v` | direction | uniform on the unit sphere of `ℝᵈ` |
//! | `l` | radius | Gamma with shape `d` and scale `1/ε`; mean `d/ε`, variance `d/ε²` |
//! | `x + l·v` | | density at `y` proportional to `exp(−ε‖y − x‖₂)` |
//!
//! **The guarantee.** For any two clipped vectors `x`, `x′` and any set `S` of answers,
//! `P[M(x) ∈ S] ≤ exp(ε‖x − x′‖₂) · P[M(x′) ∈ S]`: by the triangle inequality on the exponent of the density, whose normalising constant
//! does not depend on `x`. Tastes that lie close together can hardly be told apart, tastes far apart can. Because of the clipping no two
//! vectors are further apart than `2C`, so a single vector is also `2Cε`-differentially private among all listeners, and that number, not
//! `ε`, is to be compared with other people's ε. **Composition is additive**: `K` interests in one message lose `ε·Σ‖xₖ − x′ₖ‖` together,
//! at most `2CKε`, and every further question adds as much again. Nothing here hides *that* and *when* somebody asked.
//!
//! **What is rounded, and what that means.** Radius and direction are drawn in f64; only then is the vector scaled to its largest
//! coordinate and rounded to 255 steps a coordinate, its length thrown away. That is post-processing and costs no privacy. The proof is one
//! over the reals: floating-point samplers leave gaps, from which the lowest bits of an answer can tell what it was made from (Mironov,
//! "On significance of the least significant bits for differential privacy", CCS 2012). The lowest bits do not leave here, which takes
//! that attack its handle; it is not a proof that nothing of it remains. Draws are of 53 bits, so noise that the formula would give less
//! often than once in 2⁵³ draws never comes.
//!
//! Source: Chatzikokolakis, Andrés, Bordenabe, Palamidessi, "Broadening the scope of differential privacy using metrics", PETS 2013, §3;
//! the sampler: Feyisetan, Balle, Drake, Diethe, "Privacy- and utility-preserving textual analysis via calibrated multivariate
//! perturbations", WSDM 2020, §3.2 (after Wu et al., SIGMOD 2017, Appendix E).

use super::clip::Gradient;
use crate::math::{Real, quantize_row};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Where one of the listener's interests points. Has no wire encoder and cannot become a message.
#[derive(Clone, PartialEq)]
pub struct Interest(Vec<f32>);

impl core::fmt::Debug for Interest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Interest(.. {} values)", self.0.len()) // the values tell of the listener
    }
}

/// An interest of L2 norm at most `C`. Only [`Interest::clip`] makes one. It still tells of the listener.
#[derive(Clone, PartialEq)]
pub struct ClippedInterest(Vec<f32>);

impl core::fmt::Debug for ClippedInterest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ClippedInterest(.. {} values)", self.0.len())
    }
}

/// The direction of an interest after noise, as whole numbers within ±127. Only [`ClippedInterest::noised`] makes one.
///
/// For any two interests `x`, `x′` clipped to norm `C` and any set `S` of directions,
/// `P[M(x) ∈ S] ≤ exp(ε‖x − x′‖₂) · P[M(x′) ∈ S] ≤ exp(2Cε) · P[M(x′) ∈ S]`; what several of them lose adds up. It holds for real numbers;
/// the file's head says what rounding leaves of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoisedEmbedding(Vec<i8>);

/// `ε`: how much privacy is lost for each unit of distance between two vectors; a positive number. Less is blurrier.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Epsilon(f64);

impl Epsilon {
    /// `None` unless it is within 10⁻⁶ to 10⁶.
    #[must_use]
    pub fn new(epsilon: f64) -> Option<Self> {
        (1e-6..=1e6).contains(&epsilon).then_some(Self(epsilon))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// 256 bits from the platform's own generator, for the noise of one question or of one update. Whoever knows them can take the noise away, so they are
/// drawn anew each time, used once and kept nowhere: the type can be neither copied nor printed.
pub struct NoiseKey([u8; 32]);

impl core::fmt::Debug for NoiseKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("NoiseKey(..)")
    }
}

impl NoiseKey {
    /// From bytes of a cryptographic source.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The noise of one question or of one update: ChaCha20 under a [`NoiseKey`]. Not the engine's own generator, whose draws can be computed from a few of
/// them.
pub struct Noise(ChaCha20Rng);

impl core::fmt::Debug for Noise {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Noise(..)")
    }
}

impl Noise {
    /// From a key, which is used up.
    #[must_use]
    pub fn new(key: NoiseKey) -> Self {
        Self(ChaCha20Rng::from_seed(key.0))
    }

    /// 64 uniform bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 64 uniform bits for each word, a block of the cipher at a time.
    pub(super) fn fill(&mut self, words: &mut [u64]) {
        self.0.fill_bytes(bytemuck::cast_slice_mut(words));
    }

    /// Uniform in `(0, 1]`, a multiple of 2⁻⁵³.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Gamma with shape `d` and scale `1/ε`: a sum of `d` exponentials, which is exact for a whole `d`.
    fn radius(&mut self, d: usize, epsilon: Epsilon) -> f64 {
        (0..d).map(|_| -Real::ln(self.uniform())).sum::<f64>() / epsilon.0
    }

    /// Uniform on the unit sphere: `d` normals, divided by their length.
    fn direction(&mut self, d: usize) -> Vec<f64> {
        loop {
            let v: Vec<f64> = (0..d).map(|_| self.normal()).collect();
            let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            // Zero only where every normal is; then once more.
            if length > 0.0 || d == 0 {
                return v.into_iter().map(|x| x / length).collect();
            }
        }
    }

    /// Normal with mean 0 and variance 1, by Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * Real::ln(s) / s).sqrt();
            }
        }
    }
}

impl Interest {
    /// Takes a vector of `d` values.
    #[must_use]
    pub fn new(values: Vec<f32>) -> Self {
        Self(values)
    }

    /// Scales by `min(1, C / ‖x‖₂)`, by the same code as an update of the weights: the bound holds to the last bit, and a vector with a
    /// number that is not finite becomes all zeros.
    #[must_use]
    pub fn clip(self, clip_norm: f32) -> ClippedInterest {
        ClippedInterest(Gradient::new(self.0).clip(clip_norm).into_values())
    }
}

impl ClippedInterest {
    /// Adds noise of radius Gamma(`d`, `1/ε`) in a direction drawn evenly, and keeps the direction of the sum. All zeros give a direction
    /// drawn evenly, which says nothing.
    ///
    /// # Example
    /// ```
    /// use sottovoce::privacy::{Epsilon, Interest, Noise, NoiseKey};
    /// let mut noise = Noise::new(NoiseKey::new([7; 32])); // in the page: from crypto.getRandomValues
    /// let epsilon = Epsilon::new(50.0).expect("a positive number");
    /// let noised = Interest::new(vec![3.0, 4.0, 0.0]).clip(1.0).noised(epsilon, &mut noise);
    /// assert_eq!(noised.codes().len(), 3);
    /// ```
    #[must_use]
    pub fn noised(self, epsilon: Epsilon, noise: &mut Noise) -> NoisedEmbedding {
        let sum = self.with_noise(epsilon, noise);
        let largest = sum.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // Divided in f64: no radius overflows or vanishes on its way to a byte.
        #[allow(clippy::cast_possible_truncation, reason = "within ±1")]
        let unit: Vec<f32> = sum.iter().map(|x| (x / largest) as f32).collect();
        let mut codes = vec![0; unit.len()];
        quantize_row(&unit, &mut codes);
        NoisedEmbedding(codes)
    }

    fn with_noise(&self, epsilon: Epsilon, noise: &mut Noise) -> Vec<f64> {
        let d = self.0.len();
        let (radius, direction) = (noise.radius(d, epsilon), noise.direction(d));
        self.0.iter().zip(direction).map(|(x, v)| f64::from(*x) + radius * v).collect()
    }
}

impl NoisedEmbedding {
    /// The direction, `d` whole numbers within ±127 of which one is ±127; what leaves.
    #[must_use]
    pub fn codes(&self) -> &[i8] {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "small counts")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(seed: u8) -> Noise {
        Noise::new(NoiseKey::new([seed; 32]))
    }

    fn epsilon(value: f64) -> Epsilon {
        Epsilon::new(value).expect("within its range")
    }

    /// `P[Gamma(d, 1/ε) ≤ r] = 1 − e^(−εr) Σ_{i<d} (εr)ⁱ/i!`, for a whole `d` (Erlang).
    fn erlang(d: usize, r: f64) -> f64 {
        let mut term = (-r).exp();
        let mut tail = 0.0;
        for i in 0..d {
            tail += term;
            term *= r / (i + 1) as f64;
        }
        1.0 - tail
    }

    #[test]
    fn the_radius_is_gamma_distributed() {
        for (seed, d, eps) in [(1, 1, 0.5), (2, 4, 3.0), (3, 32, 40.0), (4, 128, 9.0)] {
            let (n, mut noise, eps) = (20_000usize, noise(seed), epsilon(eps));
            let mut radii: Vec<f64> = (0..n).map(|_| noise.radius(d, eps)).collect();
            radii.sort_by(f64::total_cmp);
            let mean = radii.iter().sum::<f64>() / n as f64;
            let variance = radii.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n as f64;
            let (expected, spread) = (d as f64 / eps.get(), d as f64 / eps.get().powi(2));
            assert!((mean / expected - 1.0).abs() < 0.03, "d {d}: mean {mean}, expected {expected}");
            assert!((variance / spread - 1.0).abs() < 0.08, "d {d}: variance {variance}, expected {spread}");
            // Kolmogorov–Smirnov: √n·D is beyond 1.95 once in a thousand.
            let gap = |(i, r): (usize, &f64)| {
                let f = erlang(d, r * eps.get());
                (f - i as f64 / n as f64).abs().max(((i + 1) as f64 / n as f64 - f).abs())
            };
            let ks = radii.iter().enumerate().map(gap).fold(0.0, f64::max) * (n as f64).sqrt();
            assert!(ks < 1.95, "d {d}: √n·D = {ks}");
        }
    }

    #[test]
    fn the_direction_is_uniform_on_the_sphere() {
        const D: usize = 3;
        let (n, mut noise) = (30_000usize, noise(5));
        let (mut mean, mut second) = ([0.0; D], [[0.0; D]; D]);
        let mut first: Vec<f64> = Vec::with_capacity(n);
        for _ in 0..n {
            let v = noise.direction(D);
            assert!((v.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-12);
            first.push(v[0]);
            for i in 0..D {
                mean[i] += v[i] / n as f64;
                (0..D).for_each(|j| second[i][j] += v[i] * v[j] / n as f64);
            }
        }
        for i in 0..D {
            assert!(mean[i].abs() < 0.015, "{mean:?}");
            for (j, value) in second[i].iter().enumerate() {
                let expected = if i == j { 1.0 / D as f64 } else { 0.0 };
                assert!((value - expected).abs() < 0.01, "{second:?}");
            }
        }
        // Archimedes: in three dimensions each coordinate is uniform in [−1, 1].
        first.sort_by(f64::total_cmp);
        let gap = |(i, x): (usize, &f64)| ((x + 1.0) / 2.0 - i as f64 / n as f64).abs();
        let ks = first.iter().enumerate().map(gap).fold(0.0, f64::max) * (n as f64).sqrt();
        assert!(ks < 1.95, "√n·D = {ks}");
    }

    /// In one dimension the mechanism is Laplace's, and its guarantee can be counted: no bin is `e^(ε·|x − x′|)` times as likely.
    #[test]
    fn in_one_dimension_the_odds_keep_the_bound() {
        let (eps, n, x, y) = (epsilon(2.0), 200_000usize, 0.25f32, -0.25f32);
        let count = |seed: u8, x: f32| {
            let (mut noise, mut bins) = (noise(seed), [0u32; 24]);
            for _ in 0..n {
                let sum = Interest::new(vec![x]).clip(1.0).with_noise(eps, &mut noise)[0];
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 23")]
                let bin = ((sum + 3.0) * 4.0).clamp(0.0, 23.0) as usize;
                bins[bin] += 1;
            }
            bins
        };
        let bound = (eps.get() * f64::from((x - y).abs())).exp();
        for (a, b) in count(6, x).into_iter().zip(count(7, y)) {
            let (a, b) = (f64::from(a), f64::from(b));
            let slack = 5.0 * (a.sqrt() + bound * b.sqrt());
            assert!(a <= bound * b + slack && b <= bound * a + slack, "{a} against {b}, bound {bound}");
        }
    }

    #[test]
    fn little_noise_keeps_the_direction_and_much_takes_it() {
        let x = Interest::new(vec![0.6, -0.8, 0.0, 0.0]);
        let near = x.clone().clip(1.0).noised(epsilon(1e6), &mut noise(8));
        assert_eq!(near.codes(), [95, -127, 0, 0]);
        let mut sum = [0i32; 4];
        let mut source = noise(9);
        for _ in 0..4000 {
            let far = x.clone().clip(1.0).noised(epsilon(1e-6), &mut source);
            sum.iter_mut().zip(far.codes()).for_each(|(s, c)| *s += i32::from(*c));
        }
        assert!(sum.iter().all(|s| s.abs() < 4000 * 5), "{sum:?}");
    }

    #[test]
    fn the_same_key_gives_the_same_noise_and_another_another() {
        let of = |seed: u8| Interest::new(vec![1.0; 16]).clip(1.0).noised(epsilon(10.0), &mut noise(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn secrets_do_not_print() {
        let key = NoiseKey::new([77; 32]);
        let text = format!("{key:?} {:?} {:?}", Interest::new(vec![0.125]), Interest::new(vec![0.125]).clip(1.0));
        assert!(!text.contains("77") && !text.contains("0.125"), "{text}");
        assert_eq!(format!("{:?}", Noise::new(key)), "Noise(..)");
    }

    #[test]
    fn an_epsilon_is_a_positive_number() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7, 1e-7] {
            assert_eq!(Epsilon::new(bad), None);
        }
    }

    proptest! {
        #[test]
        fn any_vector_gives_a_direction_of_its_length(
            values in prop::collection::vec(any::<f32>(), 1..64),
            exponent in -6.0f64..6.0,
            seed: u8,
        ) {
            let n = values.len();
            let noised = Interest::new(values).clip(1.0).noised(epsilon(10f64.powf(exponent).clamp(1e-6, 1e6)), &mut noise(seed));
            prop_assert_eq!(noised.codes().len(), n);
            prop_assert!(noised.codes().iter().any(|c| c.unsigned_abs() == 127), "{:?}", noised);
        }
    }
}
