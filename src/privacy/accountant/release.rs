//! One round as the accountant sees it, and how many rounds a listener can be in.

use super::rdp::{self, Curve};
use crate::privacy::Residue;

/// What leaves a round, as far as it costs privacy. [`crate::privacy::NoisePlan::release`] makes one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Release {
    /// `z`: the noise of the sum over its sensitivity.
    pub noise_multiplier: f64,
    /// `q`: the probability to be in the round, unknown to whom the guarantee is against; 1 where it is known.
    pub sampling: f64,
    /// `τ`: what the sum of discrete Gaussians lacks of being one; 0 for continuous noise.
    pub tau: f64,
    /// `d`: the coordinates.
    pub dimension: f64,
    /// What the sampler's table leaves.
    pub residue: Residue,
}

impl Release {
    /// A Gaussian mechanism over the reals, as in papers.
    #[must_use]
    pub fn continuous(noise_multiplier: f64, sampling: f64) -> Self {
        Self { noise_multiplier, sampling, tau: 0.0, dimension: 1.0, residue: Residue::default() }
    }

    /// RDP of this round, the sampler's residue aside.
    #[must_use]
    pub fn curve(&self) -> Curve {
        Curve::of(|order| rdp::distributed(self.sampling, self.noise_multiplier, self.tau, self.dimension, order))
    }
}

/// In how many of `rounds` rounds one listener can be, who is in at most every `separation`-th and in no more than `most`.
///
/// Each round draws noise of its own, so it does not matter *which* rounds they are: composition over their number is all that is needed.
/// A device that keeps its own account needs none of this; the server does, which cannot tell listeners apart.
///
/// # Example
/// ```
/// use sottovoce::privacy::accountant::Participation;
/// assert_eq!(Participation { rounds: 1000, separation: 300, most: 10 }.of_one_listener(), 4); // rounds 1, 301, 601, 901
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Participation {
    /// Rounds altogether.
    pub rounds: u64,
    /// From one round of a listener to the next; 1 and 0 for every round.
    pub separation: u64,
    /// Never more than so many.
    pub most: u64,
}

impl Participation {
    /// The number to compose over.
    #[must_use]
    pub fn of_one_listener(self) -> u64 {
        self.rounds.div_ceil(self.separation.max(1)).min(self.most)
    }

    /// What the listener who is in as often as possible has lost.
    #[must_use]
    pub fn curve(self, release: &Release) -> Curve {
        let mut curve = Curve::default();
        curve.add(&release.curve(), self.of_one_listener());
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By trying all schedules of a dozen rounds.
    #[test]
    fn nobody_fits_into_more_rounds() {
        for (separation, most) in [(1u64, 12u64), (2, 12), (3, 3), (5, 12), (12, 12), (20, 5), (0, 7)] {
            let allowed = |schedule: u32| {
                let rounds: Vec<u64> = (0..12).filter(|r| schedule >> r & 1 == 1).collect();
                rounds.windows(2).all(|pair| pair[1] - pair[0] >= separation) && rounds.len() as u64 <= most
            };
            let fullest = (0..1u32 << 12).filter(|s| allowed(*s)).map(|s| u64::from(s.count_ones())).max().unwrap();
            assert_eq!(
                Participation { rounds: 12, separation, most }.of_one_listener(),
                fullest,
                "{separation}, {most}"
            );
        }
    }

    #[test]
    fn separation_costs_what_its_rounds_cost() {
        let release = Release::continuous(4.0, 1.0);
        let seldom = Participation { rounds: 1000, separation: 10, most: u64::MAX }.curve(&release);
        // 100 rounds at z = 4: the fifth row of the reference.
        assert!((seldom.epsilon(1e-6).0 - 15.327_984_026_539_92).abs() < 1e-9);
    }
}
