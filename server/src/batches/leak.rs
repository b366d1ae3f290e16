//! Whether a feature knows more than it can.
//!
//! Three doors are shut by types: a column that is known only afterwards makes no feature, a column or statistic that learned from a
//! row does not describe it, and nothing is fitted outside [`Training`](super::Training). This is for what comes in without saying so,
//! such as a label copied into a raw column. Each feature alone foretells each task: the rate of the label among rows of the same number
//! (real features: of the same of 64 quantiles; lists: of the same newest entry), counted on every other row and measured on the rest.
//! What it takes away of the label's entropy is what it tells. No honest feature of a log tells nearly all of it; none tells far more of
//! the test part than of the training part. A leak that tells little is not seen here: this finds copies, not cleverness.

use super::columns::{Columns, TaskColumn};
use super::cuts::Buckets;
use super::schema::Cuts;
use super::{BatchError, Part};
use std::collections::HashMap;

/// What one feature tells of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The feature.
    pub feature: String,
    /// The task.
    pub task: String,
    /// `1 − H(y|x)/H(y)`: 1 for a copy of the label, about 0 for noise; a little below 0 where rates of few rows mislead.
    pub share: f64,
}

/// More than this share of a label's entropy is the label itself.
const NEARLY_ALL: f64 = 0.9;
/// Nobody learns so much more of the test rows than of the training rows.
const FAR_MORE: f64 = 0.15;
/// Rows of the usual rate that every number is credited with.
const SMOOTHING: f64 = 2.0;

/// What every feature tells of every task.
#[must_use]
pub fn told(columns: &Columns) -> Vec<Told> {
    let mut features: Vec<(&str, Vec<u32>)> = Vec::new();
    for column in &columns.ids {
        features.push((&column.name, column.values.clone()));
    }
    for column in &columns.dense {
        let numbers: Vec<f64> = column.values.iter().map(|x| f64::from(*x)).collect();
        let buckets = Buckets::fit(&Cuts::Quantiles(64), numbers.clone());
        features.push((&column.name, numbers.iter().map(|x| buckets.of(*x)).collect()));
    }
    for column in &columns.lists {
        let newest = |row| column.values.get(row).last().copied().unwrap_or(0);
        features.push((&column.name, (0..columns.len()).map(newest).collect()));
    }
    let mut all = Vec::with_capacity(features.len() * columns.tasks.len());
    for (feature, values) in &features {
        for task in &columns.tasks {
            let share = share(values, task);
            all.push(Told { feature: (*feature).to_owned(), task: task.name.clone(), share });
        }
    }
    all
}

fn share(values: &[u32], task: &TaskColumn) -> f64 {
    let counted = |row: &usize| task.weights[*row] > 0.0;
    let yes = |row: usize| task.labels[row] > 0.5;
    let (mut by_value, mut all) = (HashMap::<u32, (f64, f64)>::new(), (0.0, 0.0));
    for row in (0..values.len()).step_by(2).filter(counted) {
        let of_value = by_value.entry(values[row]).or_default();
        for count in [of_value, &mut all] {
            count.0 += f64::from(u8::from(yes(row)));
            count.1 += 1.0;
        }
    }
    let usual = (all.0 + 1.0) / (all.1 + 2.0);
    let (mut with, mut without) = (0.0, 0.0);
    for row in (1..values.len()).step_by(2).filter(counted) {
        let (hits, n) = by_value.get(&values[row]).copied().unwrap_or_default();
        let rate = (hits + SMOOTHING * usual) / (n + SMOOTHING);
        let surprise = |p: f64| -libm::log(if yes(row) { p } else { 1.0 - p });
        with += surprise(rate);
        without += surprise(usual);
    }
    if without > 0.0 { 1.0 - with / without } else { 0.0 }
}

/// Refuses a feature that all but says a label, or that tells far more of a later part than of the training part.
///
/// # Errors
/// [`BatchError::TellsLabel`], the worst one.
pub fn audit(train: &Columns, later: &Columns) -> Result<(), BatchError> {
    let parts = [train, later].map(|columns| (columns.part.unwrap_or(Part::Test), told(columns)));
    let mut worst: Option<(f64, BatchError)> = None;
    let mut blame = |told: &Told, part: Part, why: &'static str| {
        if worst.as_ref().is_none_or(|(share, _)| told.share > *share) {
            let (feature, task) = (told.feature.clone(), told.task.clone());
            worst = Some((told.share, BatchError::TellsLabel { feature, task, part, told: told.share, why }));
        }
    };
    for (part, all) in &parts {
        for told in all.iter().filter(|told| told.share > NEARLY_ALL) {
            blame(told, *part, "nearly all of it");
        }
    }
    let [(_, before), (part, after)] = &parts;
    for told in after {
        let same = before.iter().find(|other| other.feature == told.feature && other.task == told.task);
        if same.is_some_and(|same| told.share > same.share.max(0.0) + FAR_MORE) {
            blame(told, *part, "far more than in training");
        }
    }
    worst.map_or(Ok(()), |(_, error)| Err(error))
}
