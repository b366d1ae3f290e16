//! For whom a model is good: the test part by how often a song was shown in training, and by how much is known of a listener.

use super::{RunData, RunError, TableName};
use crate::batches::{Part, Values};
use crate::eval::{EvalError, Predictions, Segment, segments};
use crate::train::Figures;
use serde::{Deserialize, Serialize};

/// What a model is worth on some rows of the test part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentLine {
    /// `items` or `listeners`.
    pub of: String,
    /// Which of them.
    pub name: String,
    /// What that means, in the table's own numbers.
    pub meaning: String,
    /// The task.
    pub task: String,
    /// Rows with a label.
    pub rows: usize,
    /// What it is worth; absent where all rows have one label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// Rows of the test part by a kind of segment.
struct Cut {
    of: &'static str,
    /// (name, meaning).
    names: [(&'static str, String); 3],
    /// Which of the three a row of the test part is in.
    place: Vec<usize>,
}

/// Every segment for every task; `scores` are of the test part, a column a task.
///
/// # Errors
/// [`RunError::Batch`], [`RunError::Eval`].
pub fn segment_lines(
    table: TableName,
    data: &RunData,
    tasks: &[String],
    scores: &[Vec<f64>],
) -> Result<Vec<SegmentLine>, RunError> {
    let mut lines = Vec::new();
    for cut in items(table, data)?.into_iter().chain([listeners(data)?]) {
        for (place, (name, meaning)) in cut.names.iter().enumerate() {
            for (task, scores) in tasks.iter().zip(scores) {
                let Some(column) = data.test.task(task) else { continue };
                let counts = |row: &usize| cut.place[*row] == place && column.weights[*row] > 0.0;
                let rows: Vec<usize> = (0..data.test.len()).filter(counts).collect();
                let of = |values: &dyn Fn(usize) -> f64| rows.iter().map(|row| values(*row)).collect::<Vec<f64>>();
                let labels: Vec<bool> = rows.iter().map(|row| column.labels[*row] > 0.5).collect();
                let listeners: Vec<u32> = rows.iter().map(|row| data.test.listeners[*row]).collect();
                let weights = of(&|row| f64::from(column.weights[row]));
                let figures = match Predictions::new(&of(&|row| scores[row]), &labels, &weights, &listeners) {
                    Ok(predictions) => Some(Figures::of(task, &predictions)?),
                    Err(EvalError::OneClass { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                lines.push(SegmentLine {
                    of: cut.of.to_owned(),
                    name: (*name).to_owned(),
                    meaning: meaning.clone(),
                    task: task.clone(),
                    rows: rows.len(),
                    figures,
                });
            }
        }
    }
    Ok(lines)
}

/// By how often it was shown in training: the most shown fifth, the next three tenths, the rest.
fn items(table: TableName, data: &RunData) -> Result<Option<Cut>, RunError> {
    let Some(column) = data.table.column(table.item()) else { return Ok(None) };
    let Values::Names { names, codes } = &column.values else { return Ok(None) };
    let mut shown = vec![0.0f32; names.len()];
    data.split.rows(Part::Train)?.iter().for_each(|row| shown[codes[*row as usize] as usize] += 1.0);
    let segments = segments(&shown);
    let place = |row: &u32| match segments[codes[*row as usize] as usize] {
        Segment::Head => 0,
        Segment::Mid => 1,
        Segment::Tail => 2,
    };
    let least = |of: Segment| {
        let counts = segments.iter().zip(&shown).filter(|(s, _)| **s == of).map(|(_, n)| *n);
        counts.fold(f32::INFINITY, f32::min)
    };
    let meaning = |of| match least(of) {
        least if least.is_finite() => format!("shown {least} times or more in training"),
        _ => "no such song".to_owned(),
    };
    Ok(Some(Cut {
        of: "items",
        names: [
            ("head", meaning(Segment::Head)),
            ("mid", meaning(Segment::Mid)),
            ("tail", "shown less often, or never".to_owned()),
        ],
        place: data.test.rows.iter().map(place).collect(),
    }))
}

/// By how many rows of training a listener has: thirds of those who have any.
fn listeners(data: &RunData) -> Result<Cut, RunError> {
    let all = data.table.listeners();
    let count = all.iter().max().map_or(0, |most| *most as usize + 1);
    let mut rows = vec![0u32; count];
    data.split.rows(Part::Train)?.iter().for_each(|row| rows[all[*row as usize] as usize] += 1);
    let mut known: Vec<u32> = rows.iter().copied().filter(|n| *n > 0).collect();
    known.sort_unstable();
    let third = |thirds: usize| known.get((known.len() * thirds / 3).saturating_sub(1)).copied().unwrap_or(0);
    let (cold, warm) = (third(1), third(2));
    let place = |listener: &u32| match rows[*listener as usize] {
        n if n <= cold => 0,
        n if n <= warm => 1,
        _ => 2,
    };
    Ok(Cut {
        of: "listeners",
        names: [
            ("cold", format!("up to {cold} rows in training, or none")),
            ("warm", format!("up to {warm} rows")),
            ("hot", format!("more than {warm} rows")),
        ],
        place: data.test.listeners.iter().map(place).collect(),
    })
}
