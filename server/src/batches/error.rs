//! What can go wrong between a log and a batch.

use super::rows::Part;
use crate::data::DataError;
use std::path::PathBuf;

/// Why there are no batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A file of the data set.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A schema is no TOML, or has a key or a kind that there is not.
    #[error("the schema cannot be read: {source}")]
    Schema {
        /// What the parser said, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A feature asks for a column that the table has not.
    #[error("feature {feature:?} asks for column {column:?}; the table has {known}")]
    UnknownColumn {
        /// The feature.
        feature: String,
        /// The column.
        column: String,
        /// The columns there are.
        known: String,
    },
    /// A feature refers to another that the schema has not: a part of a cross, or the owner of a shared vocabulary.
    #[error("feature {feature:?} refers to {other:?}, which the schema has not; it has {known}")]
    UnknownFeature {
        /// The feature.
        feature: String,
        /// What it refers to.
        other: String,
        /// The features there are.
        known: String,
    },
    /// A schema asks for a task that the table has not.
    #[error("no task is called {task:?}; the table has {known}")]
    UnknownTask {
        /// The task.
        task: String,
        /// The tasks there are.
        known: String,
    },
    /// Two features of one name.
    #[error("two features are called {feature:?}; give one another name")]
    TwoOfOneName {
        /// The name.
        feature: String,
    },
    /// A column, or a feature referred to, is of another kind than the feature needs.
    #[error("feature {feature:?} needs {expected}, and {column:?} is {got}; change its kind or its column")]
    WrongKind {
        /// The feature.
        feature: String,
        /// The column, or the other feature.
        column: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: &'static str,
    },
    /// A setting of a feature that means nothing.
    #[error("feature {feature:?}: {setting} must be {expected}, not {got}")]
    Setting {
        /// The feature.
        feature: String,
        /// The setting.
        setting: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// A part of a split holds no row.
    #[error("the {part} part holds no rows; move the cuts of the split")]
    EmptyPart {
        /// The part.
        part: Part,
    },
    /// A task all of whose counted rows have the same label.
    #[error(
        "every row of the {part} part has label {label} for task {task:?}: nothing to learn; move the cuts or leave the task out"
    )]
    OneClass {
        /// The task.
        task: String,
        /// The part.
        part: Part,
        /// The label.
        label: f32,
    },
    /// A number that is none.
    #[error("row {row}, column {column:?}: {value} is no finite number; mend the row or leave the column out")]
    NonFinite {
        /// The column.
        column: String,
        /// The row of the table, from 0.
        row: u32,
        /// What stands there.
        value: f64,
    },
    /// More values than a vocabulary may hold.
    #[error(
        "feature {feature:?} has {found} values, and its limit is {limit}; raise limit or min_count, or make it hashed"
    )]
    VocabularyOverflow {
        /// The feature.
        feature: String,
        /// How many were admitted by their count.
        found: usize,
        /// How many there may be.
        limit: u32,
    },
    /// A feature made of what is known only after the fact.
    #[error(
        "feature {feature:?} reads {column:?}, which is known only after the song was shown: that is the answer, not a hint"
    )]
    Outcome {
        /// The feature.
        feature: String,
        /// The column.
        column: String,
    },
    /// What was learned from a row's label is about to describe that row.
    #[error(
        "{what:?} has learned from row {row} of the {part} part, which it is about to describe; fit it on the training part only"
    )]
    Leak {
        /// The statistic, the column or the encoder.
        what: String,
        /// The row of the table, from 0.
        row: u32,
        /// The part it was asked for.
        part: Part,
    },
    /// A feature that all but says a label.
    #[error(
        "feature {feature:?} tells {told:.3} of task {task:?} in the {part} part; {why}: find where it got the label from"
    )]
    TellsLabel {
        /// The feature.
        feature: String,
        /// The task.
        task: String,
        /// The part.
        part: Part,
        /// The share of the label's entropy that it takes away.
        told: f64,
        /// Against which bound.
        why: &'static str,
    },
    /// A list of what came before holds something later than its row.
    #[error("row {row}, column {column:?}: the list holds something from {latest} ms, and the row is from {at} ms")]
    Future {
        /// The column.
        column: String,
        /// The row of the table, from 0.
        row: u32,
        /// The time of the newest entry.
        latest: u64,
        /// The time of the row.
        at: u64,
    },
    /// Rows were numbered in another table.
    #[error("this was made for table {made_for:?} and is used on {used_on:?}; rows have other numbers there")]
    OtherTable {
        /// The table it was made for, and the start of its hash.
        made_for: String,
        /// The other.
        used_on: String,
    },
    /// Columns of one table differ in length.
    #[error("column {column:?} has {got} {what}, expected {expected}")]
    Shape {
        /// The column.
        column: String,
        /// Of what.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// A number beyond what there is: a code without a name, an id beyond its vocabulary, a place beyond the rows.
    #[error("column {column:?} holds {value}, and there are {size}")]
    OutOfRange {
        /// The column.
        column: String,
        /// The number.
        value: u32,
        /// How many there are, from 0.
        size: usize,
    },
    /// A row of the table that these columns have not.
    #[error("row {row} is not among these {rows}; a sampler's rows belong to the part that it sampled")]
    MissingRow {
        /// The row.
        row: u32,
        /// How many rows there are.
        rows: usize,
    },
    /// A file could not be written or read.
    #[error("cannot {doing} {}: {source}; check the folder and the space left", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of columns that is cut short, changed, or something else.
    #[error("{} holds no whole columns: {detail}; encode them again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// A saved encoder cannot be read.
    #[error("the encoder cannot be read: {source}; fit it again")]
    Encoder {
        /// What the parser said.
        source: serde_json::Error,
    },
}
