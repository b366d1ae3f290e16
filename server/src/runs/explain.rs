//! Why a row has its score: what the answer becomes when one feature is not known.
//!
//! A feature is taken away as serving would meet it: an id becomes 0, which is what a vocabulary has not; a list becomes empty; a real number
//! becomes its mean over the training part. One feature at a time, so parts need not add up to the
//! whole: two features that say the same are each worth little. The baseline is the answer when nothing is known.

use super::{RunData, RunError, SavedModel};
use crate::batches::{Columns, DenseColumn, IdColumn, Ragged, Values};
use serde::Serialize;

/// What one feature does to one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeaturePart {
    /// The feature.
    pub feature: String,
    /// What the row has there, as the log has it.
    pub value: String,
    /// The probability without it.
    pub without: f64,
    /// What it adds: the probability minus that without it.
    pub part: f64,
}

/// One task's answer for one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The task.
    pub task: String,
    /// The row's place in the test part, from 0.
    pub row: usize,
    /// Its place in the table.
    pub table_row: u32,
    /// What came of it; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<bool>,
    /// How probable it was said to be.
    pub probability: f64,
    /// The probability when no feature is known.
    pub baseline: f64,
    /// By falling size of what they do.
    pub parts: Vec<FeaturePart>,
}

/// Explains a row of the test part, for each task.
///
/// # Errors
/// [`RunError::NoRow`], [`RunError::Train`].
pub fn explain(model: &SavedModel, data: &RunData, row: usize) -> Result<Vec<Explanation>, RunError> {
    let test = &data.test;
    if row >= test.len() {
        return Err(RunError::NoRow { row, last: test.len().saturating_sub(1) });
    }
    let features: Vec<String> = (test.ids.iter().map(|c| c.name.clone()))
        .chain(test.dense.iter().map(|c| c.name.clone()))
        .chain(test.lists.iter().map(|c| c.name.clone()))
        .collect();
    // One row as it is, one without each feature, one without all.
    let copies = variants(data, row, features.len());
    let scores = model.scores(&copies)?;
    let table_row = test.rows[row];
    let explanation = |(task, scores): (&String, &Vec<f64>)| {
        let whole = scores[0];
        let part = |(place, feature): (usize, &String)| FeaturePart {
            feature: feature.clone(),
            value: raw(data, feature, table_row),
            without: scores[place + 1],
            part: whole - scores[place + 1],
        };
        let mut parts: Vec<FeaturePart> = features.iter().enumerate().map(part).collect();
        parts.sort_by(|a, b| b.part.abs().total_cmp(&a.part.abs()));
        let of = test.task(task);
        let label = of.filter(|of| of.weights[row] > 0.0).map(|of| of.labels[row] > 0.5);
        let baseline = scores[features.len() + 1];
        Explanation { task: task.clone(), row, table_row, label, probability: whole, baseline, parts }
    };
    Ok(model.tasks().iter().zip(&scores).map(explanation).collect())
}

/// The row so many times and twice more: copy 0 whole, copy `i` without feature `i − 1`, the last without any.
fn variants(data: &RunData, row: usize, features: usize) -> Columns {
    let test = &data.test;
    let copies = features + 2;
    let unknown = |feature: usize, copy: usize| copy == feature + 1 || copy == copies - 1;
    let (ids, reals) = (test.ids.len(), test.dense.len());
    let mut made = Columns {
        rows: vec![test.rows[row]; copies],
        listeners: vec![test.listeners[row]; copies],
        at: vec![test.at[row]; copies],
        ids: vec![],
        dense: vec![],
        lists: vec![],
        tasks: test.tasks.clone(),
        ..test.clone()
    };
    for (place, column) in test.ids.iter().enumerate() {
        let values = (0..copies).map(|copy| if unknown(place, copy) { 0 } else { column.values[row] });
        made.ids.push(IdColumn { values: values.collect(), name: column.name.clone(), size: column.size });
    }
    for (place, column) in test.dense.iter().enumerate() {
        let mean = data.train.dense.get(place).map_or(0.0, |column| mean(&column.values));
        let values = (0..copies).map(|copy| if unknown(ids + place, copy) { mean } else { column.values[row] });
        made.dense.push(DenseColumn { name: column.name.clone(), values: values.collect() });
    }
    for (place, column) in test.lists.iter().enumerate() {
        let mut values = Ragged::default();
        for copy in 0..copies {
            values.push(if unknown(ids + reals + place, copy) { &[] } else { column.values.get(row) });
        }
        made.lists.push(crate::batches::ListColumn { values, ..column.clone() });
    }
    for task in &mut made.tasks {
        (task.labels, task.weights) = (vec![task.labels[row]; copies], vec![task.weights[row]; copies]);
    }
    made
}

#[allow(clippy::cast_possible_truncation, reason = "what a model reads is f32")]
fn mean(values: &[f32]) -> f32 {
    let sum: f64 = values.iter().map(|x| f64::from(*x)).sum();
    (sum / values.len().max(1) as f64) as f32
}

/// What the log has for a feature in a row.
fn raw(data: &RunData, feature: &str, row: u32) -> String {
    const SHOWN: usize = 3;
    let schema = data.encoder.schema();
    let column = schema.feature(feature).and_then(|feature| data.table.column(feature.column()));
    match column.map(|column| &column.values) {
        Some(Values::Names { names, codes }) => names[codes[row as usize] as usize].clone(),
        Some(Values::Numbers(numbers)) => numbers[row as usize].to_string(),
        Some(Values::Lists { names, codes, .. }) => {
            let list = codes.get(row as usize);
            let newest: Vec<&str> = list.iter().rev().take(SHOWN).map(|code| names[*code as usize].as_str()).collect();
            match list.len() {
                0 => "none".to_owned(),
                n if n > SHOWN => format!("{} and {} more", newest.join(", "), n - SHOWN),
                _ => newest.join(", "),
            }
        }
        None => "of two features".to_owned(),
    }
}
