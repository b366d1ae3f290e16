//! Shamir's shares of a secret scalar: any `t` of `C` holders give it back, fewer know nothing of it.
//!
//! | paper | here |
//! |---|---|
//! | the field | scalars modulo the order of Curve25519's large subgroup, `ℓ ≈ 2²⁵²`, arithmetic from `curve25519-dalek` in constant time |
//! | `q(x) = s + a₁x + … + a_{t−1}x^{t−1}` | coefficients drawn anew for every secret |
//! | share of holder `j`, from 0 | `q(j + 1)` |
//! | `s = Σⱼ λⱼ q(xⱼ)`, `λⱼ = Π_{m≠j} x_m/(x_m − xⱼ)` | [`weights`], [`combine`] |
//!
//! Source: Shamir, "How to share a secret", CACM 1979.

use curve25519_dalek::Scalar;
use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

/// A secret that is shared: evenly drawn among all scalars.
#[derive(Clone)]
pub(super) struct Seed(Zeroizing<Scalar>);

impl Seed {
    pub(super) fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Zeroizing::new(Scalar::random(rng)))
    }

    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The inverse; `None` for bytes that are no reduced scalar.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes)).map(|scalar| Self(Zeroizing::new(scalar)))
    }

    /// A share for each of `holders`, any `threshold` of which give the seed.
    pub(super) fn split(&self, threshold: usize, holders: usize, rng: &mut impl CryptoRng) -> Vec<[u8; 32]> {
        let mut coefficients: Vec<Scalar> = (1..threshold).map(|_| Scalar::random(rng)).collect();
        let shares = (1..=holders as u64)
            .map(|x| {
                let x = Scalar::from(x);
                let upper = coefficients.iter().rev().fold(Scalar::ZERO, |sum, a| (sum + a) * x);
                (*self.0 + upper).to_bytes()
            })
            .collect();
        coefficients.zeroize();
        shares
    }
}

/// `λⱼ` for these holders, all different.
pub(super) fn weights(holders: &[u32]) -> Vec<Scalar> {
    let xs: Vec<Scalar> = holders.iter().map(|h| Scalar::from(u64::from(*h) + 1)).collect();
    xs.iter()
        .map(|xj| {
            let others = || xs.iter().filter(|xm| *xm != xj);
            let (up, down) = others().fold((Scalar::ONE, Scalar::ONE), |(u, d), xm| (u * xm, d * (xm - xj)));
            up * down.invert()
        })
        .collect()
}

/// `Σⱼ λⱼ·shareⱼ`; `None` where a share is not a reduced scalar.
pub(super) fn combine<'a>(weights: &[Scalar], shares: impl Iterator<Item = &'a [u8; 32]>) -> Option<Seed> {
    let mut sum = Scalar::ZERO;
    for (weight, share) in weights.iter().zip(shares) {
        sum += weight * Option::<Scalar>::from(Scalar::from_canonical_bytes(*share))?;
    }
    Some(Seed(Zeroizing::new(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use proptest::prelude::*;
    use rand_core::SeedableRng as _;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_threshold_of_holders_gives_the_seed_back(
            holders in 1usize..42,
            at in any::<prop::sample::Index>(),
            order in any::<u64>(),
            seed: u64,
        ) {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let threshold = at.index(holders) + 1;
            let secret = Seed::random(&mut rng);
            let shares = secret.split(threshold, holders, &mut rng);
            let mut who: Vec<u32> = (0u32..).take(holders).collect();
            who.sort_by_key(|h| u64::from(*h).wrapping_mul(order | 1).rotate_left(17));
            let give = |who: &[u32]| combine(&weights(who), who.iter().map(|h| &shares[*h as usize])).unwrap().bytes();
            prop_assert_eq!(give(&who[..threshold]), secret.bytes());
            if threshold > 1 {
                prop_assert_ne!(give(&who[..threshold - 1]), secret.bytes());
            }
        }
    }

    /// With one share too few every secret is still possible: the missing share decides.
    #[test]
    fn fewer_shares_fit_any_secret() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (a, b) = (Seed::random(&mut rng), Seed::random(&mut rng));
        let shares = a.split(3, 3, &mut rng);
        let lambda = weights(&[0, 1, 2]);
        let known = lambda[0] * Scalar::from_canonical_bytes(shares[0]).unwrap()
            + lambda[1] * Scalar::from_canonical_bytes(shares[1]).unwrap();
        let third = ((*b.0 - known) * lambda[2].invert()).to_bytes();
        let other = combine(&lambda, [shares[0], shares[1], third].iter()).unwrap();
        assert_eq!(other.bytes(), b.bytes());
    }

    #[test]
    fn bytes_that_are_no_scalar_are_refused() {
        assert!(combine(&weights(&[0]), [[0xff; 32]].iter()).is_none());
    }
}
