//! What can go wrong with models that are no tape's.

use sottovoce_algebra::TableError;

/// Why there is no such model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RankError {
    /// A setting, or bytes that are no model.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A setting that no model can have.
    #[error("{setting} is {got}; {expected}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What would do.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// A task that the columns have not.
    #[error("there is no task {task:?}; the columns have {known}")]
    Task {
        /// What was asked for.
        task: String,
        /// What there is.
        known: String,
    },
    /// A cross or a statistic of a feature that the columns have not.
    #[error("the settings ask for the feature {feature:?}; the columns have {known}")]
    Feature {
        /// What was asked for.
        feature: String,
        /// What there is.
        known: String,
    },
    /// A row of text that says nothing.
    #[error("line {line}: {found:?} where {expected} should be")]
    Row {
        /// Which line, from 1.
        line: u64,
        /// What should be there.
        expected: &'static str,
        /// What is there, or its beginning.
        found: String,
    },
    /// Text that cannot be read.
    #[error("after line {line}: {source}")]
    Read {
        /// How far it was read.
        line: u64,
        /// Why no further.
        source: std::io::Error,
    },
    /// What the library that grows trees refuses, or trees that it cannot have grown.
    #[error("no trees: {message}")]
    Library {
        /// What it says.
        message: String,
    },
    /// A model's file that is no JSON of one.
    #[error("not a model's file: {source}")]
    Json {
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
}
