//! Sums of cohorts, combined so that a few bad cohorts cannot pull the result where they want.
//!
//! Under a secure sum the server sees no update, only each cohort's total; so a defence can judge cohorts and nothing smaller. A round's
//! clients are dealt at random into c cohorts. An attacker share a poisons a cohort of n with probability 1 − (1 − a)ⁿ: the combination holds while
//! fewer than half of the cohorts are poisoned, or while what one client may add (its clipping norm over n) is small in a cohort's mean.
//!
//! Source: Yin, Chen, Ramchandran, Bartlett, *Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates*, ICML 2018 (median,
//! Definition 1; trimmed mean, Definition 2); Pillutla, Kakade, Harchaoui, *Robust Aggregation for Federated Learning*, IEEE TSP 2022
//! (geometric median by smoothed Weiszfeld steps, Algorithm 2). Iglewicz, Hoaglin, *How to Detect and Handle Outliers*, 1993 (modified z-score).
//!
//! | paper | here | is |
//! |---|---|---|
//! | m | `cohorts.len()` | how many cohorts |
//! | xᵢ | [`Cohort::mean`] | a cohort's sum over its size |
//! | β | [`Combination::Trimmed`] | share of the cohorts cut off at each end of a coordinate |
//! | ν, T | [`SMOOTHING`], [`STEPS`] | Weiszfeld's floor of a distance, and how many steps |
//!
//! It knows no model: integers or numbers in, numbers out. Sums are folded in the order of the cohorts, so that the same cohorts give the same bits.

use serde::{Deserialize, Serialize};

/// What is known of one cohort: the sum of its members' updates, in units of the quantisation, and how many there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// The sum, P values.
    pub sum: Vec<i64>,
    /// Members whose reports are in it.
    pub members: u32,
}

/// How cohorts become one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Combination {
    /// The mean over all members: no defence.
    Mean,
    /// Of each coordinate the median over cohorts.
    Median,
    /// Of each coordinate the mean over cohorts without the largest and the smallest `share` of them.
    Trimmed {
        /// β, from 0 to below a half; at least one cohort stays.
        share: f64,
    },
    /// The point whose distances to the cohorts' means add up to the least.
    GeometricMedian,
}

/// ν, as a share of the median distance to the median: what keeps a cohort that the estimate falls upon from weighing infinitely.
pub const SMOOTHING: f64 = 1e-3;
/// T, Weiszfeld's steps; the paper finds three enough, and this many change no figure further.
pub const STEPS: usize = 16;
/// Modified z-scores beyond this are outliers (Iglewicz, Hoaglin).
pub const OUTLIER: f64 = 3.5;

/// Why cohorts cannot be combined.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RobustError {
    /// None.
    #[error("no cohort has reported, so there is nothing to combine")]
    NoCohort,
    /// A cohort of nobody has no mean.
    #[error("cohort {cohort} has no member; leave it out")]
    Empty {
        /// Its place.
        cohort: usize,
    },
    /// Not of one length.
    #[error("cohort {cohort} has a sum of {got} values, the first has {expected}")]
    Length {
        /// Its place.
        cohort: usize,
        /// The first's.
        expected: usize,
        /// Its own.
        got: usize,
    },
    /// β.
    #[error("a share of {share} cannot be cut off at each end; give at least 0 and less than 0.5")]
    Share {
        /// What was asked.
        share: f64,
    },
}

/// What came of combining.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The mean update, P values in units of the quantisation.
    pub step: Vec<f64>,
    /// Places of cohorts that were left out for their norm.
    pub outliers: Vec<usize>,
}

/// Combines cohorts. With `screen`, cohorts whose mean is far longer than the others' are left out first, unless that would leave fewer than half.
///
/// # Errors
/// [`RobustError`].
///
/// # Example
/// ```
/// use sottovoce_server::federated::{Cohort, Combination, combine};
/// let cohort = |sum: &[i64]| Cohort { sum: sum.to_vec(), members: 10 };
/// let cohorts = [cohort(&[10, 0]), cohort(&[12, 0]), cohort(&[9, 900])];
/// let median = combine(&cohorts, Combination::Median, false)?;
/// assert_eq!(median.step, [1.0, 0.0]);
/// # Ok::<(), sottovoce_server::federated::RobustError>(())
/// ```
pub fn combine(cohorts: &[Cohort], combination: Combination, screen: bool) -> Result<Combined, RobustError> {
    let parameters = cohorts.first().ok_or(RobustError::NoCohort)?.sum.len();
    for (cohort, Cohort { sum, members }) in cohorts.iter().enumerate() {
        if *members == 0 {
            return Err(RobustError::Empty { cohort });
        }
        if sum.len() != parameters {
            return Err(RobustError::Length { cohort, expected: parameters, got: sum.len() });
        }
    }
    if let Combination::Trimmed { share } = combination
        && !(0.0..0.5).contains(&share)
    {
        return Err(RobustError::Share { share });
    }
    let outliers = if screen { outliers(cohorts) } else { vec![] };
    let kept: Vec<&Cohort> =
        (0..).zip(cohorts).filter(|(i, _)| outliers.binary_search(i).is_err()).map(|(_, cohort)| cohort).collect();
    let step = match combination {
        Combination::Mean => mean(&kept),
        Combination::Median => coordinates(&kept, middle),
        Combination::Trimmed { share } => coordinates(&kept, |column| trimmed(column, share)),
        Combination::GeometricMedian => geometric_median(&kept),
    };
    Ok(Combined { step, outliers })
}

impl Cohort {
    /// One coordinate of the members' mean.
    #[allow(clippy::cast_precision_loss, reason = "sums of quantised updates are below 2⁵³")]
    pub(super) fn at(&self, coordinate: usize) -> f64 {
        self.sum[coordinate] as f64 / f64::from(self.members)
    }

    /// The members' mean update.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        (0..self.sum.len()).map(|i| self.at(i)).collect()
    }
}

/// Cohorts whose mean is longer than the others' by more than [`OUTLIER`] modified z-scores, 0.6745 (‖x‖ − median) / MAD; rising. The deviation is
/// taken as at least a tenth of the median: of a dozen norms it is a poor guess, and what is within half as long again is no outlier. Never more than half.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "sums of quantised updates are below 2⁵³")]
pub fn outliers(cohorts: &[Cohort]) -> Vec<usize> {
    // The mean of n members shrinks as 1/√n where they differ at random: norms are compared as if of one size.
    let norm = |cohort: &Cohort| {
        let squares: f64 = cohort.sum.iter().map(|v| (*v as f64).powi(2)).sum();
        (squares / f64::from(cohort.members.max(1))).sqrt()
    };
    let norms: Vec<f64> = cohorts.iter().map(norm).collect();
    let centre = middle(&mut norms.clone());
    let spread = middle(&mut norms.iter().map(|n| (n - centre).abs()).collect::<Vec<f64>>()).max(0.1 * centre);
    let beyond = |n: &f64| spread > 0.0 && 0.6745 * (n - centre) / spread > OUTLIER;
    let found: Vec<usize> = (0..).zip(&norms).filter(|(_, n)| beyond(n)).map(|(i, _)| i).collect();
    if 2 * found.len() > cohorts.len() { vec![] } else { found }
}

/// Shortens rows of `d` values that are longer, per member of their cohort, than all but `share` of the rows that moved in any cohort; how many
/// were. A client that spends its whole bound on one song's row is then worth a row, not a whole update: in an embedding table the L2 bound alone lets
/// one row be as long as all of an honest client's together.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "whole numbers below 2⁵³, and a share of them"
)]
pub fn bound_rows(cohorts: &mut [Cohort], d: usize, share: f64) -> usize {
    let length = |row: &[i64]| row.iter().map(|v| (*v as f64).powi(2)).sum::<f64>().sqrt();
    let mut lengths: Vec<f64> = cohorts
        .iter()
        .flat_map(|cohort| {
            cohort.sum.chunks_exact(d.max(1)).map(move |row| length(row) / f64::from(cohort.members.max(1)))
        })
        .filter(|length| *length > 0.0)
        .collect();
    lengths.sort_unstable_by(f64::total_cmp);
    let at = ((1.0 - share.clamp(0.0, 1.0)) * lengths.len() as f64) as usize;
    let Some(bound) = lengths.get(at.min(lengths.len().saturating_sub(1))).copied() else { return 0 };
    let mut shortened = 0;
    for cohort in cohorts {
        let most = bound * f64::from(cohort.members.max(1));
        for row in cohort.sum.chunks_exact_mut(d.max(1)) {
            let own = length(row);
            if own > most {
                row.iter_mut().for_each(|v| *v = (*v as f64 * most / own).round() as i64);
                shortened += 1;
            }
        }
    }
    shortened
}

#[allow(clippy::cast_precision_loss, reason = "sums of quantised updates are below 2⁵³")]
fn mean(cohorts: &[&Cohort]) -> Vec<f64> {
    let members: f64 = cohorts.iter().map(|cohort| f64::from(cohort.members)).sum();
    let parameters = cohorts.first().map_or(0, |cohort| cohort.sum.len());
    (0..parameters).map(|i| cohorts.iter().map(|cohort| cohort.sum[i] as f64).sum::<f64>() / members).collect()
}

fn coordinates(cohorts: &[&Cohort], of: impl Fn(&mut [f64]) -> f64) -> Vec<f64> {
    let mut column = vec![0.0; cohorts.len()];
    let one = |i: usize| {
        column.iter_mut().zip(cohorts).for_each(|(value, cohort)| *value = cohort.at(i));
        of(&mut column)
    };
    (0..cohorts.first().map_or(0, |cohort| cohort.sum.len())).map(one).collect()
}

/// The median; the mean of the two in the middle where their number is even.
pub(super) fn middle(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { 0.0 } else { f64::midpoint(values[(n - 1) / 2], values[n / 2]) }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of the cohorts"
)]
fn trimmed(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let cut = ((share * values.len() as f64).ceil() as usize).min(values.len().saturating_sub(1) / 2);
    let kept = &values[cut..values.len() - cut];
    kept.iter().sum::<f64>() / kept.len().max(1) as f64
}

/// Weiszfeld from the coordinate-wise median; each cohort weighs by its members.
fn geometric_median(cohorts: &[&Cohort]) -> Vec<f64> {
    let mut at = coordinates(cohorts, middle);
    let distance =
        |cohort: &Cohort, at: &[f64]| (0..).zip(at).map(|(i, v)| (cohort.at(i) - v).powi(2)).sum::<f64>().sqrt();
    let start: Vec<f64> = cohorts.iter().map(|cohort| distance(cohort, &at)).collect();
    let floor = SMOOTHING * middle(&mut start.clone());
    if floor <= 0.0 {
        // At least half of the cohorts agree to the bit: that is the point.
        return at;
    }
    for _ in 0..STEPS {
        let weights: Vec<f64> =
            cohorts.iter().map(|cohort| f64::from(cohort.members) / distance(cohort, &at).max(floor)).collect();
        let total: f64 = weights.iter().sum();
        let one = |i: usize| cohorts.iter().zip(&weights).map(|(cohort, w)| w * cohort.at(i)).sum::<f64>() / total;
        at = (0..at.len()).map(one).collect();
    }
    at
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]
mod tests {
    use super::*;
    use sottovoce::math::Rng;

    const ALL: [Combination; 4] =
        [Combination::Mean, Combination::Median, Combination::Trimmed { share: 0.25 }, Combination::GeometricMedian];

    fn cohort(sum: &[i64], members: u32) -> Cohort {
        Cohort { sum: sum.to_vec(), members }
    }

    /// Honest cohorts around (100, −50, 0), the last `bad` of them far off.
    fn world(bad: usize) -> Vec<Cohort> {
        let mut rng = Rng::new(9);
        let mut of = |i: usize| {
            let mut near = |centre: i64| (centre + (10.0 * rng.normal()) as i64) * 20;
            let honest = [near(100), near(-50), near(0)];
            if i + bad >= 12 { cohort(&[honest[0], honest[1], 1_000_000], 20) } else { cohort(&honest, 20) }
        };
        (0..12).map(&mut of).collect()
    }

    #[test]
    fn every_way_finds_the_honest_mean_and_all_but_the_mean_stand_a_quarter_of_bad_cohorts() {
        for combination in ALL {
            for (bad, holds) in [(0, true), (3, combination != Combination::Mean)] {
                let got = combine(&world(bad), combination, false).unwrap().step;
                let off =
                    got.iter().zip([100.0, -50.0, 0.0]).map(|(a, b): (&f64, f64)| (a - b).abs()).fold(0.0, f64::max);
                assert_eq!(off < 15.0, holds, "{combination:?}, {bad} bad: {got:?}");
            }
        }
    }

    #[test]
    fn long_cohorts_are_screened_and_a_majority_never_is() {
        assert_eq!(outliers(&world(3)), [9, 10, 11]);
        assert_eq!(outliers(&world(0)), [0usize; 0]);
        let screened = combine(&world(3), Combination::Mean, true).unwrap();
        assert!((screened.step[2]).abs() < 15.0 && screened.outliers.len() == 3);
        assert_eq!(outliers(&world(7)), [0usize; 0], "what most are is no outlier");
    }

    #[test]
    fn medians_by_hand() {
        let cohorts = [cohort(&[10], 10), cohort(&[4], 1), cohort(&[9], 3), cohort(&[800], 8)];
        let of = |combination| combine(&cohorts, combination, false).unwrap().step[0];
        assert!((of(Combination::Mean) - 823.0 / 22.0).abs() < 1e-12);
        assert!((of(Combination::Median) - 3.5).abs() < 1e-12, "of 1, 3, 4, 100");
        assert!((of(Combination::Trimmed { share: 0.25 }) - 3.5).abs() < 1e-12);
        assert!((of(Combination::Trimmed { share: 0.0 }) - 27.0).abs() < 1e-12);
    }

    #[test]
    fn the_geometric_median_is_where_no_step_leads_further_down() {
        let cohorts = world(2);
        let at = combine(&cohorts, Combination::GeometricMedian, false).unwrap().step;
        let total = |at: &[f64]| -> f64 {
            let distance = |c: &Cohort| c.mean().iter().zip(at).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            cohorts.iter().map(distance).sum()
        };
        for i in 0..3 {
            for h in [-0.5, 0.5] {
                let mut moved = at.clone();
                moved[i] += h;
                assert!(total(&moved) > total(&at) - 1e-6, "coordinate {i}");
            }
        }
    }

    #[test]
    fn a_row_that_takes_a_whole_update_is_worth_a_row() {
        // Twenty rows of length 50 or so in every cohort; the last has one of 4,000 besides.
        let mut cohorts: Vec<Cohort> =
            (0..6).map(|c| cohort(&(0..40).map(|i| 30 + (i * 7 + c) % 11).collect::<Vec<i64>>(), 10)).collect();
        cohorts[5].sum[8..10].copy_from_slice(&[0, 4_000]);
        let before = cohorts.clone();
        assert_eq!(bound_rows(&mut cohorts, 2, 0.01), 1);
        let longest = before[..5].iter().flat_map(|c| &c.sum).max().unwrap();
        assert!(cohorts[5].sum[9] <= 2 * longest && cohorts[5].sum[9] > 0, "{}", cohorts[5].sum[9]);
        assert_eq!((&cohorts[..5], &cohorts[5].sum[..8]), (&before[..5], &before[5].sum[..8]), "the rest stays");
        assert_eq!(bound_rows(&mut [cohort(&[0, 0], 3)], 2, 0.5), 0);
    }

    #[test]
    fn what_cannot_be_combined_is_said() {
        let one = cohort(&[1, 2], 3);
        let of = |cohorts: &[Cohort], combination| combine(cohorts, combination, true).unwrap_err();
        assert_eq!(of(&[], Combination::Mean), RobustError::NoCohort);
        assert_eq!(of(&[one.clone(), cohort(&[1, 2], 0)], Combination::Mean), RobustError::Empty { cohort: 1 });
        let short = RobustError::Length { cohort: 1, expected: 2, got: 1 };
        assert_eq!(of(&[one.clone(), cohort(&[1], 3)], Combination::Median), short);
        assert_eq!(of(&[one], Combination::Trimmed { share: 0.5 }), RobustError::Share { share: 0.5 });
    }

    #[test]
    fn a_single_cohort_is_its_own_mean() {
        for combination in ALL {
            let got = combine(&[cohort(&[6, -9], 3)], combination, true).unwrap();
            assert!(
                got.step.iter().zip([2.0, -3.0]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-9),
                "{combination:?}"
            );
        }
    }
}
