//! What can go wrong with runs.

use crate::batches::BatchError;
use crate::eval::EvalError;
use crate::layers::LayerError;
use crate::rank::{RankError, UtilityError};
use crate::train::{SealError, TrainError};
use std::path::PathBuf;

/// Why there is no run, or no answer from one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The table.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The model asks for what the table has not.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A model that fits itself.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// Several tasks' scores as one.
    #[error(transparent)]
    Utility(#[from] UtilityError),
    /// A figure.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A file that cannot be read or written.
    #[error("cannot {doing} {}: {source}; check the path, who may write there, and the space left", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of settings that is none.
    #[error("{} is no file of settings: {source}\nit has table, [model] and [train], as in configs/deepfm.toml; see docs/runs.md", path.display())]
    Settings {
        /// Which.
        path: PathBuf,
        /// What the parser said, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A setting that means nothing.
    #[error("{setting} must be {expected}, not {got}; change it in the file of settings")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// No data.
    #[error("there is no folder {}; give --data DIR with the files of the table {table:?}", path.display())]
    NoData {
        /// Where it was looked for.
        path: PathBuf,
        /// Which table.
        table: String,
    },
    /// Something finished is not lost by accident.
    #[error("{} holds a finished run; give --again to replace it, or another folder to --run", path.display())]
    Finished {
        /// The folder.
        path: PathBuf,
    },
    /// Nor something half done.
    #[error("{} holds a run that was stopped; give --resume to go on with it, or --again to begin anew", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing to go on from.
    #[error("{} holds no stopped run; leave --resume out to begin one", path.display())]
    NothingStopped {
        /// The folder.
        path: PathBuf,
    },
    /// Another process is at it.
    #[error("another training writes to {}; wait for it, or give another folder to --run", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A stopped run of something else.
    #[error(
        "{} was stopped with another {what}: {held}, and not {given}; give --again to begin anew, or another folder to --run",
        path.display()
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the folder has.
        held: String,
        /// What was given.
        given: String,
    },
    /// A file of a run that is not what was written.
    #[error("{} cannot be used: {source}; {next}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What has happened to it.
        source: SealError,
        /// What to do.
        next: &'static str,
    },
    /// A run's record that cannot be read.
    #[error("{} is no record of a run: {detail}; train into this folder with --again", path.display())]
    Record {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// No model there.
    #[error("{} holds no finished run; make one with `sottovoce-server train ranker --config FILE.toml --data DIR --run {}`", path.display(), path.display())]
    NoModel {
        /// The folder.
        path: PathBuf,
    },
    /// Figures of different rows cannot be set side by side.
    #[error("{} and {} are of different tables ({a_hash} and {b_hash}); train both on the same --data", a.display(), b.display())]
    OtherData {
        /// One folder.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// The table of the one.
        a_hash: String,
        /// The table of the other.
        b_hash: String,
    },
    /// The data are not those that the run was trained on.
    #[error("{} holds the table {got}, and the run is of {expected}; give --data DIR with the run's own data", path.display())]
    ChangedData {
        /// The folder of the data.
        path: PathBuf,
        /// The run's table.
        expected: String,
        /// What is there.
        got: String,
    },
    /// No task in common.
    #[error("no task is in both runs: one has {a}, the other {b}; train them with the same train.tasks")]
    NoCommonTask {
        /// Tasks of the one.
        a: String,
        /// Of the other.
        b: String,
    },
    /// No such row.
    #[error("there is no row {row} in the test part, which has rows 0 to {last}; give --row a number among them")]
    NoRow {
        /// Which was asked for.
        row: usize,
        /// The last there is.
        last: usize,
    },
}
