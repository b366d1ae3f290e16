//! Whether of what is said to happen three times in ten, three in ten happen.
//!
//! Rows are cut into bins of about as many rows each, at quantiles of what was predicted; rows of one prediction are in one bin, so ties
//! make fewer bins. `ECE = Σ_b w_b |p̄_b − ȳ_b| / Σ_b w_b`; the ratio is `Σ p / Σ y`, over 1 where too much is promised.
//!
//! Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017, §2, eq. (3), with bins at quantiles.

use super::{EvalError, Predictions};

/// One bin.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bin {
    /// The mean of what was predicted.
    pub predicted: f64,
    /// How often it happened.
    pub observed: f64,
    /// Rows.
    pub rows: usize,
}

/// How true probabilities are.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// By rising prediction.
    pub bins: Vec<Bin>,
    /// Expected calibration error: the mean distance between the two, by weight.
    pub ece: f64,
    /// Predicted over observed, of everything.
    pub ratio: f64,
}

impl Predictions {
    /// How true the probabilities are, in so many bins.
    ///
    /// # Errors
    /// [`EvalError::NoBins`].
    pub fn calibration(&self, bins: usize) -> Result<Calibration, EvalError> {
        if bins == 0 {
            return Err(EvalError::NoBins);
        }
        let mut sorted = self.scores.clone();
        sorted.sort_by(f64::total_cmp);
        let edges: Vec<f64> = (1..bins).map(|edge| quantile(&sorted, edge, bins)).collect();
        // Sums of weight, weighted prediction and weighted label; rows.
        let mut sums = vec![(0.0, 0.0, 0.0, 0usize); bins];
        for ((p, yes), w) in self.scores.iter().zip(&self.labels).zip(&self.weights) {
            let (weight, predicted, observed, rows) = &mut sums[edges.partition_point(|edge| edge < p)];
            *weight += w;
            *predicted += w * p;
            *observed += if *yes { *w } else { 0.0 };
            *rows += 1;
        }
        sums.retain(|(.., rows)| *rows > 0);
        let all: f64 = sums.iter().map(|(weight, ..)| weight).sum();
        let apart: f64 = sums.iter().map(|(_, predicted, observed, _)| (predicted - observed).abs()).sum();
        let (promised, kept) = sums.iter().fold((0.0, 0.0), |(p, y), sum| (p + sum.1, y + sum.2));
        let bin = |(weight, predicted, observed, rows): (f64, f64, f64, usize)| Bin {
            predicted: predicted / weight,
            observed: observed / weight,
            rows,
        };
        Ok(Calibration { bins: sums.into_iter().map(bin).collect(), ece: apart / all, ratio: promised / kept })
    }
}

/// The `of / parts` quantile of sorted numbers, between two of them in proportion. The place is exact, so that a quantile that is one of the
/// numbers is that number.
#[allow(clippy::cast_precision_loss, reason = "a remainder below the number of bins")]
fn quantile(sorted: &[f64], of: usize, parts: usize) -> f64 {
    let steps = of * (sorted.len() - 1);
    let (place, between) = (steps / parts, (steps % parts) as f64 / parts as f64);
    let (low, high) = (sorted[place], sorted[(place + 1).min(sorted.len() - 1)]);
    // From the nearer end, and so never beyond either.
    if between < 0.5 { low + (high - low) * between } else { high - (high - low) * (1.0 - between) }
}
