//! What can go wrong in a replay.

use crate::catalog::ShardError;
use crate::data::DataError;
use crate::embed::EmbedError;
use crate::eval::EvalError;
use crate::recall::RecallError;
use sottovoce::client;
use std::path::PathBuf;

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The folder cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of it cannot be read.
    #[error("cannot read {}: {source}; a replay needs a KuaiRand folder (`data formats`)", path.display())]
    Csv {
        /// Which file.
        path: PathBuf,
        /// What the reader said, with its line.
        source: csv::Error,
    },
    /// A file lacks a column, or a row of it a number.
    #[error("{}:{line}, column {column}: expected {expected}; a replay needs KuaiRand's own columns", path.display())]
    Cell {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// The folder has no log of impressions.
    #[error("{} has no log_standard*.csv; replay needs impressions with their outcomes, as KuaiRand has them", path.display())]
    NoImpressions {
        /// The folder.
        path: PathBuf,
    },
    /// A part of the log is empty.
    #[error("no impressions {part}; give other days (--validate, --test as YYYYMMDD; the log has {first} to {last})")]
    NoDays {
        /// Which part.
        part: &'static str,
        /// The log's first day.
        first: u32,
        /// The log's last day.
        last: u32,
    },
    /// The recall channels.
    #[error(transparent)]
    Recall(#[from] RecallError),
    /// The embeddings.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The shards.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// The engine.
    #[error("a replayed device refused what it was given: {0}")]
    Device(#[from] client::Error),
    /// The figures.
    #[error(transparent)]
    Eval(#[from] EvalError),
}
