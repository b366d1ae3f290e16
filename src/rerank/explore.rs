//! A chance for songs that few have been offered (row D2): the upper confidence bound of what is not yet known.
//!
//! Source: Auer, Cesa-Bianchi & Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine Learning 2002
//! (UCB1), with a budget of offers after which a song stands on its own score.

use crate::math::Real;

/// How much and how long unknown songs are favoured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExploreConfig {
    /// `α`, in units of the score; 0 turns exploring off.
    pub weight: f32,
    /// `N`: a song that was offered so many times gets no bonus any more.
    pub budget: u32,
}

impl Default for ExploreConfig {
    fn default() -> Self {
        Self { weight: 0.0, budget: 20 }
    }
}

impl ExploreConfig {
    /// When all songs together were offered `total` (`x`) times.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a count beyond 2²⁴ changes a logarithm by less than its last digit")]
    pub fn among(self, total: u64) -> Exploring {
        Exploring { config: self, unknown: 2.0 * Real::ln(total as f32 + 1.0) }
    }
}

/// What exploring adds to songs. The one logarithm in it is the same for all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploring {
    config: ExploreConfig,
    /// `2·ln(x + 1)`.
    unknown: f32,
}

impl Exploring {
    /// What is added to the score `z` of a song that was offered `offered` (`y`) times: `α·√(2·ln(x + 1)/(y + 1))` while `y < N`, then 0;
    /// 0 too where `α` is not a positive number.
    ///
    /// # Example
    /// ```
    /// use sottovoce::rerank::ExploreConfig;
    /// let exploring = ExploreConfig { weight: 0.1, budget: 3 }.among(100);
    /// assert!(exploring.bonus(0) > exploring.bonus(2));
    /// assert_eq!(exploring.bonus(3), 0.0);
    /// ```
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "below the budget, which no service sets at 2²⁴")]
    pub fn bonus(&self, offered: u32) -> f32 {
        let ExploreConfig { weight, budget } = self.config;
        if offered < budget && weight > 0.0 { weight * (self.unknown / (offered as f32 + 1.0)).sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
mod tests {
    use super::*;
    use crate::math::Rng;

    const ARMS: usize = 20;

    /// Mean regret of a run of 4000 offers over 20 songs whose true completion rates are drawn anew each time.
    fn regret(mut choose: impl FnMut(&mut Rng, u64, &[u32; ARMS], &[f32; ARMS]) -> usize) -> f64 {
        let mut total = 0.0;
        let runs = 40;
        for run in 0..runs {
            let mut rng = Rng::new(run);
            let truth: Vec<f32> = (0..ARMS).map(|_| 0.1 + 0.6 * rng.uniform()).collect();
            let best = truth.iter().copied().fold(0.0, f32::max);
            let (mut offered, mut mean) = ([0u32; ARMS], [0.0f32; ARMS]);
            for t in 0..4000 {
                let arm = choose(&mut rng, t, &offered, &mean);
                let reward = if rng.uniform() < truth[arm] { 1.0 } else { 0.0 };
                offered[arm] += 1;
                mean[arm] += (reward - mean[arm]) / offered[arm] as f32;
                total += f64::from(best - truth[arm]);
            }
        }
        total / f64::from(runs as u32)
    }

    fn argmax(values: impl Iterator<Item = f32>) -> usize {
        values.enumerate().fold((0, f32::NEG_INFINITY), |best, (i, v)| if v > best.1 { (i, v) } else { best }).0
    }

    #[test]
    fn regrets_less_than_random_exploring_and_than_none() {
        let config = ExploreConfig { weight: 0.25, budget: u32::MAX };
        let ucb = regret(|_, t, offered, mean| argmax((0..ARMS).map(|i| mean[i] + config.among(t).bonus(offered[i]))));
        let epsilon_greedy =
            |epsilon: f32| {
                regret(|rng, _, _, mean| {
                    if rng.uniform() < epsilon { rng.below(ARMS as u32) as usize } else { argmax(mean.iter().copied()) }
                })
            };
        let best_epsilon = [0.02, 0.05, 0.1, 0.2].map(epsilon_greedy).into_iter().fold(f64::MAX, f64::min);
        let greedy = epsilon_greedy(0.0);
        println!("regret: ucb {ucb:.1}, best ε-greedy {best_epsilon:.1}, greedy {greedy:.1}");
        assert!(ucb < best_epsilon && ucb < greedy);
    }

    #[test]
    fn stops_exactly_at_the_budget() {
        let config = ExploreConfig { weight: 1.0, budget: 5 };
        for offered in 0..10 {
            assert_eq!(config.among(1000).bonus(offered) > 0.0, offered < 5);
        }
        assert!(config.among(0).bonus(0).abs() < f32::EPSILON);
        assert!(config.among(u64::MAX).bonus(0).is_finite());
    }
}
