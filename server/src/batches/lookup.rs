//! From a feature to the raw column it reads: there, of the right kind, known in time, and not learned from the rows it describes.

use super::raw::{Known, RawColumn, Values};
use super::schema::Feature;
use super::table::listed;
use super::{BatchError, LogTable, Part, Ragged};
use std::sync::Arc;

/// That a task has rows of both classes among those that count.
pub(super) fn two_classes(table: &LogTable, task: &str, rows: &[u32], part: Part) -> Result<(), BatchError> {
    let raw = table.task(task)?;
    let mut labels = rows.iter().filter(|row| raw.weights[**row as usize] > 0.0).map(|row| raw.labels[*row as usize]);
    let Some(first) = labels.next() else { return Err(BatchError::EmptyPart { part }) };
    if labels.all(|label| (label > 0.5) == (first > 0.5)) {
        return Err(BatchError::OneClass { task: task.to_owned(), part, label: first });
    }
    Ok(())
}

/// The raw column of a feature: there, and known in time.
pub(super) fn column_of<'t>(feature: &Feature, table: &'t LogTable) -> Result<&'t RawColumn, BatchError> {
    let column = table.column(feature.column()).ok_or_else(|| BatchError::UnknownColumn {
        feature: feature.name.clone(),
        column: feature.column().to_owned(),
        known: listed(table.columns().iter().map(|column| column.name.as_str())),
    })?;
    if column.known == Known::After {
        return Err(BatchError::Outcome { feature: feature.name.clone(), column: column.name.clone() });
    }
    Ok(column)
}

/// A column that was not computed from the labels of the rows it is to describe.
pub(super) fn seen<'t>(column: &'t RawColumn, rows: &[u32], part: Option<Part>) -> Result<&'t RawColumn, BatchError> {
    let Some(from) = &column.learned_from else { return Ok(column) };
    match rows.iter().find(|row| from.contains(**row)) {
        None => Ok(column),
        Some(row) => Err(BatchError::Leak { what: column.name.clone(), row: *row, part: part.unwrap_or(Part::Test) }),
    }
}

fn wrong_kind(feature: &Feature, column: &RawColumn, expected: &'static str) -> BatchError {
    let got = column.values.kind();
    BatchError::WrongKind { feature: feature.name.clone(), column: column.name.clone(), expected, got }
}

pub(super) fn names_of<'t>(
    feature: &Feature,
    table: &'t LogTable,
) -> Result<(&'t Arc<Vec<String>>, &'t [u32]), BatchError> {
    let column = column_of(feature, table)?;
    match &column.values {
        Values::Names { names, codes } => Ok((names, codes)),
        _ => Err(wrong_kind(feature, column, "a column of names")),
    }
}

pub(super) fn lists_of<'t>(
    feature: &Feature,
    table: &'t LogTable,
) -> Result<(&'t Arc<Vec<String>>, &'t Ragged), BatchError> {
    let column = column_of(feature, table)?;
    match &column.values {
        Values::Lists { names, codes, .. } => Ok((names, codes)),
        _ => Err(wrong_kind(feature, column, "a column of lists")),
    }
}

pub(super) fn numbers_of<'t>(feature: &Feature, column: &'t RawColumn) -> Result<&'t [f64], BatchError> {
    match &column.values {
        Values::Numbers(numbers) => Ok(numbers),
        _ => Err(wrong_kind(feature, column, "a column of numbers")),
    }
}
