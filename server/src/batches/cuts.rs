//! Numbers into buckets, and numbers onto one scale: what is learned of a column of numbers.

use super::BatchError;
use super::schema::Cuts;
use serde::{Deserialize, Serialize};

/// Where the buckets of a column end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Buckets {
    cuts: Vec<f64>,
}

impl Buckets {
    /// The cuts that were given, or quantiles of these numbers (all finite).
    #[must_use]
    pub(super) fn fit(cuts: &Cuts, mut numbers: Vec<f64>) -> Self {
        let buckets = match cuts {
            Cuts::Given(cuts) => return Self { cuts: cuts.clone() },
            Cuts::Quantiles(n) => *n as usize,
        };
        numbers.sort_unstable_by(f64::total_cmp);
        let place = |i: usize| numbers.len() * i / buckets;
        let mut cuts: Vec<f64> = (1..buckets).filter_map(|i| numbers.get(place(i)).copied()).collect();
        cuts.dedup();
        // A cut at the least number would leave the bucket below it empty.
        if cuts.first() == numbers.first() {
            cuts.drain(..cuts.len().min(1));
        }
        Self { cuts }
    }

    /// The bucket of a number, from 0.
    #[must_use]
    pub(super) fn of(&self, number: f64) -> u32 {
        u32::try_from(self.cuts.partition_point(|cut| *cut <= number)).unwrap_or(u32::MAX)
    }

    /// How many buckets there are.
    #[must_use]
    pub(super) fn size(&self) -> u32 {
        u32::try_from(self.cuts.len()).unwrap_or(u32::MAX - 1) + 1
    }
}

/// What a column of numbers is brought onto one scale with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    log: bool,
    mean: f64,
    deviation: f64,
}

impl Scale {
    /// Mean and deviation of these numbers, where they are wanted. A column that never varies is left where it is.
    #[must_use]
    pub(super) fn fit(log: bool, standardise: bool, numbers: &[f64]) -> Self {
        let raw = Self { log, mean: 0.0, deviation: 1.0 };
        if !standardise || numbers.is_empty() {
            return raw;
        }
        let n = numbers.len() as f64;
        let mean = numbers.iter().map(|x| raw.exact(*x)).sum::<f64>() / n;
        // In two passes: the mean of squares less the square of the mean loses every digit where the mean is large.
        let variance = numbers.iter().map(|x| (raw.exact(*x) - mean).powi(2)).sum::<f64>() / n;
        let deviation = variance.sqrt();
        Self { log, mean, deviation: if deviation > 1e-12 * mean.abs().max(1e-300) { deviation } else { 1.0 } }
    }

    fn exact(&self, x: f64) -> f64 {
        let x = if self.log { libm::log1p(x) } else { x };
        (x - self.mean) / self.deviation
    }

    /// The number on that scale.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "what a model reads is f32")]
    pub(super) fn of(&self, x: f64) -> f32 {
        self.exact(x) as f32
    }
}

/// The numbers of some rows, all finite, and above −1 where their logarithm is taken.
pub(super) fn finite(column: &str, numbers: &[f64], rows: &[u32], log: bool) -> Result<Vec<f64>, BatchError> {
    let finite = |row: &u32| {
        let value = numbers[*row as usize];
        let sound = value.is_finite() && (!log || value > -1.0);
        if sound { Ok(value) } else { Err(BatchError::NonFinite { column: column.to_owned(), row: *row, value }) }
    };
    rows.iter().map(finite).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_hold_equal_shares_and_equal_ones_fall_together() {
        let numbers: Vec<f64> = (0..1_000).rev().map(f64::from).collect();
        let buckets = Buckets::fit(&Cuts::Quantiles(10), numbers.clone());
        let mut filled = vec![0; buckets.size() as usize];
        numbers.iter().for_each(|x| filled[buckets.of(*x) as usize] += 1);
        assert_eq!(filled, [100; 10]);
        assert_eq!((buckets.of(-7.0), buckets.of(1e9)), (0, 9));
        let mostly_zero = Buckets::fit(&Cuts::Quantiles(10), [vec![0.0; 95], vec![3.0; 5]].concat());
        assert_eq!((mostly_zero.size(), mostly_zero.of(0.0)), (1, 0));
    }

    #[test]
    fn a_standardised_column_has_mean_0_and_deviation_1() {
        let numbers: Vec<f64> = (0..99).map(|i| 1e6 + f64::from(i * i)).collect();
        let scale = Scale::fit(true, true, &numbers);
        let scaled: Vec<f64> = numbers.iter().map(|x| scale.exact(*x)).collect();
        let mean = scaled.iter().sum::<f64>() / 99.0;
        let variance = scaled.iter().map(|x| x * x).sum::<f64>() / 99.0;
        assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{mean} {variance}");
        assert_eq!(Scale::fit(false, true, &[4.0; 5]).of(4.0), 0.0);
        assert!(matches!(finite("x", &[0.0, f64::NAN], &[0, 1], false), Err(BatchError::NonFinite { row: 1, .. })));
        assert!(matches!(finite("x", &[0.0, -3.0], &[0, 1], true), Err(BatchError::NonFinite { row: 1, .. })));
    }
}
