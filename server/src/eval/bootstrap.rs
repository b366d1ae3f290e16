//! How sure a figure is: listeners are drawn anew with replacement, and everything is measured again (Efron 1979).
//!
//! Listeners and not impressions, because one listener's impressions are not independent. All figures are measured on the same
//! draws, so that the difference of two has an interval of its own, which is narrower than the two intervals suggest.

use rayon::prelude::*;
use serde::Serialize;
use sottovoce::math::Rng;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Interval {
    /// On the data as they are.
    pub value: f64,
    /// The 2.5th percentile of the draws.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
}

impl Interval {
    /// Whether zero is outside: of a difference, that it is there.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Figures over many draws of the same listeners.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    point: Vec<f64>,
    draws: Vec<Vec<f64>>,
}

impl Bootstrap {
    /// Measures once with every one of `listeners` counted once, and `times` times with listeners drawn. `measure` is given how
    /// often each counts, and always answers the same figures in the same order. The same seed gives the same bits, on any
    /// number of threads.
    pub fn run(listeners: usize, times: u64, seed: u64, measure: &(dyn Fn(&[f64]) -> Vec<f64> + Sync)) -> Self {
        let rng = Rng::new(seed).split("bootstrap");
        let count = u32::try_from(listeners).unwrap_or(u32::MAX);
        let draw = |i: u64| {
            let (mut rng, mut weights) = (rng.split_at(i), vec![0.0; listeners]);
            for _ in 0..count {
                weights[rng.below(count) as usize] += 1.0;
            }
            measure(&weights)
        };
        Self { point: measure(&vec![1.0; listeners]), draws: (0..times).into_par_iter().map(draw).collect() }
    }

    /// The interval of any number made of the figures.
    pub fn of(&self, figure: impl Fn(&[f64]) -> f64) -> Interval {
        let value = figure(&self.point);
        let mut drawn: Vec<f64> = self.draws.iter().map(|draw| figure(draw)).collect();
        drawn.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place"
        )]
        let at = |share: f64| {
            let place = (share * drawn.len().saturating_sub(1) as f64).round() as usize;
            drawn.get(place).copied().unwrap_or(value)
        };
        Interval { value, low: at(0.025), high: at(0.975) }
    }

    /// Something made of the figures on the data as they are.
    pub fn of_all<T>(&self, make: impl FnOnce(&[f64]) -> T) -> T {
        make(&self.point)
    }

    /// The interval of one figure.
    #[must_use]
    pub fn interval(&self, figure: usize) -> Interval {
        self.of(|all| all[figure])
    }

    /// The interval of the first figure minus the second.
    #[must_use]
    pub fn difference(&self, first: usize, second: usize) -> Interval {
        self.of(|all| all[first] - all[second])
    }
}

/// The mean of what listeners have, each counted as often as it was drawn; those without a value count for nothing.
#[must_use]
pub fn weighted_mean(values: &[Option<f64>], weights: &[f64]) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (value, w) in values.iter().zip(weights).filter_map(|(v, w)| v.map(|v| (v, w))) {
        sum += w * value;
        weight += w;
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Pearson's `r` of pairs, each counted as often as it was drawn; `None` where either side has no spread.
#[must_use]
pub fn weighted_correlation(pairs: &[(f64, f64)], weights: &[f64]) -> Option<f64> {
    let all: f64 = weights.iter().take(pairs.len()).sum();
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().zip(weights).map(|(p, w)| w * f(p)).sum::<f64>() / all;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let [xx, yy] = [mean(&|p| (p.0 - x) * (p.0 - x)), mean(&|p| (p.1 - y) * (p.1 - y))];
    // Values come from single precision: below its rounding there is no spread.
    let spread = |square: f64, mean: f64| square > 1e-12 * (mean * mean).max(1e-12);
    (spread(xx, x) && spread(yy, y)).then(|| mean(&|p| (p.0 - x) * (p.1 - y)) / (xx * yy).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_knows_lines_and_no_spread() {
        let line: Vec<(f64, f64)> = (0..9).map(|i| (f64::from(i), 3.0 - 2.0 * f64::from(i))).collect();
        assert!((weighted_correlation(&line, &[1.0; 9]).unwrap_or(0.0) + 1.0).abs() < 1e-12);
        assert_eq!(weighted_correlation(&line, &[0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), None);
        assert_eq!(weighted_correlation(&[], &[]), None);
    }

    #[test]
    fn nineteen_intervals_of_twenty_hold_the_mean() {
        let mut held = 0;
        for seed in 0..200 {
            let mut rng = Rng::new(seed).split("values");
            let values: Vec<Option<f64>> = (0..80).map(|_| Some(f64::from(rng.normal()))).collect();
            let drawn = Bootstrap::run(80, 300, seed, &|weights| vec![weighted_mean(&values, weights)]);
            let interval = drawn.interval(0);
            held += usize::from(interval.low <= 0.0 && 0.0 <= interval.high);
        }
        assert!((180..=198).contains(&held), "{held} of 200");
    }

    #[test]
    fn a_difference_is_surer_than_its_parts() {
        let mut rng = Rng::new(1);
        let a: Vec<Option<f64>> = (0..200).map(|_| Some(f64::from(rng.normal()))).collect();
        let b: Vec<Option<f64>> = a.iter().map(|x| x.map(|x| x - 0.1)).collect();
        let drawn = Bootstrap::run(200, 200, 1, &|w| vec![weighted_mean(&a, w), weighted_mean(&b, w)]);
        assert!(drawn.interval(0).low < drawn.interval(1).high, "their intervals overlap");
        let difference = drawn.difference(0, 1);
        assert!(difference.excludes_zero() && (difference.low - 0.1).abs() < 1e-9);
        assert_eq!(weighted_mean(&[None, Some(3.0)], &[5.0, 0.0]).to_bits(), 0.0f64.to_bits());
    }
}
