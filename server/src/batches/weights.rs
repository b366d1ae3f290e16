//! How much a row counts: `w(x) = w₀ + Σᵢ wᵢ fᵢ(x)` over what a listener did beside the label (row X3).
//!
//! With such weights on the positive rows alone, a logistic model's odds are the expected value of what was weighed, and no longer the
//! chance of the label: its scores rank by value and are not calibrated.
//!
//! Source: Covington et al., *Deep Neural Networks for YouTube Recommendations*, RecSys 2016, §4.2 (watch time).

use super::raw::Values;
use super::table::listed;
use super::{BatchError, LogTable};
use serde::{Deserialize, Serialize};

/// One behaviour and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// `fᵢ`: a raw column of numbers; one known only afterwards is what this is for.
    pub column: String,
    /// `wᵢ`.
    pub weight: f64,
    /// `ln(1 + fᵢ)` in its place: for times and counts, whose tails would rule the sum.
    #[serde(default)]
    pub log: bool,
}

/// Weights of positive rows; every other row weighs 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviourWeights {
    /// `w₀`: what a positive row weighs by itself.
    #[serde(default = "one")]
    pub base: f64,
    /// The behaviours.
    pub behaviours: Vec<Behaviour>,
    /// No row weighs more.
    #[serde(default = "most")]
    pub most: f64,
}

fn one() -> f64 {
    1.0
}

fn most() -> f64 {
    100.0
}

impl BehaviourWeights {
    /// The weights of these rows for a task; [`Columns::weigh`](super::Columns::weigh) takes them in.
    ///
    /// # Errors
    /// [`BatchError::UnknownTask`], [`BatchError::UnknownColumn`], [`BatchError::WrongKind`]; [`BatchError::NonFinite`] for a number
    /// that is none, or a sum that is no weight.
    pub fn of(&self, table: &LogTable, task: &str, rows: &[u32]) -> Result<Vec<f32>, BatchError> {
        let task = table.task(task)?;
        let mut terms = Vec::with_capacity(self.behaviours.len());
        for behaviour in &self.behaviours {
            let feature = || "weights".to_owned();
            let column = behaviour.column.clone();
            let raw = table.column(&column).ok_or_else(|| BatchError::UnknownColumn {
                feature: feature(),
                column: column.clone(),
                known: listed(table.columns().iter().map(|column| column.name.as_str())),
            })?;
            let Values::Numbers(numbers) = &raw.values else {
                let got = raw.values.kind();
                return Err(BatchError::WrongKind { feature: feature(), column, expected: "a column of numbers", got });
            };
            terms.push((behaviour, numbers));
        }
        let weight = |row: &u32| {
            let place = *row as usize;
            if task.labels[place] <= 0.5 {
                return Ok(1.0);
            }
            let mut sum = self.base;
            for (behaviour, numbers) in &terms {
                let f = numbers[place];
                let value = if behaviour.log { libm::log1p(f) } else { f };
                if !value.is_finite() {
                    return Err(BatchError::NonFinite { column: behaviour.column.clone(), row: *row, value: f });
                }
                sum += behaviour.weight * value;
            }
            if !(sum.is_finite() && sum >= 0.0) {
                return Err(BatchError::NonFinite { column: "weights".to_owned(), row: *row, value: sum });
            }
            #[allow(clippy::cast_possible_truncation, reason = "a weight needs no more than an f32")]
            Ok(sum.min(self.most) as f32)
        };
        rows.iter().map(weight).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::batches::{RawColumn, RawTask};

    #[test]
    fn the_sum_on_positive_rows_one_elsewhere() {
        let gifts = RawColumn::known_after("gifts", Values::Numbers(vec![0.0, 2.0, 2.0, 90.0]));
        let heard = RawColumn::known_after("heard_s", Values::Numbers(vec![0.0, 0.0, 9.0, f64::NAN]));
        let task = RawTask { name: "click".to_owned(), labels: vec![1.0, 1.0, 0.0, 1.0], weights: vec![] };
        let table = LogTable::new("t", vec![0; 4], vec![0; 4], vec![gifts, heard], vec![task]).unwrap();
        let weights: BehaviourWeights =
            toml::from_str("most = 50.0\nbehaviours = [{ column = \"gifts\", weight = 3.0 }]").unwrap();
        assert_eq!(weights.of(&table, "click", &[0, 1, 2, 3]).unwrap(), [1.0, 7.0, 1.0, 50.0]);
        let log = Behaviour { column: "heard_s".to_owned(), weight: 1.0, log: true };
        let weights = BehaviourWeights { behaviours: vec![log], ..weights };
        let error = weights.of(&table, "click", &[3]).unwrap_err();
        assert!(matches!(error, BatchError::NonFinite { row: 3, .. }), "{error}");
    }
}
