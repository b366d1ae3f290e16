//! From files to a [`Dataset`](super::Dataset), one file a format. Every importer reads through the same helpers: `read`
//! and `table` (lines and rows, gzip, bounds), `job` (bad rows: file, line, column, what was expected), `builder` (names
//! to dense ids). `own` says what the columns of one's own CSV and Parquet mean.
//! Hostile bytes end in a [`DataError`](super::DataError) or a reported row, never in a panic.

mod atomic;
mod builder;
mod csv;
mod format;
mod hetrec;
mod hetrec_tags;
mod job;
mod kuairand;
mod own;
mod parquet;
mod read;
mod s3rec;
mod sessions;
mod table;
mod time;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod parquet_tests;
#[cfg(test)]
mod tests;

pub use format::Format;
pub(crate) use job::Job;
pub use job::{ImportOptions, ImportReport};
pub(crate) use read::{find, named};
pub(crate) use table::{Column, Row, Style, Table};
