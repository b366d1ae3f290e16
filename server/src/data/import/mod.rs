//! From files to a [`Dataset`](super::Dataset), one file a format. Every importer reads through the same three helpers: `read`
//! (lines, gzip, bounds), `job` (bad rows: file, line, column, what was expected), `builder` (names to dense ids).
//! Hostile bytes end in a [`DataError`](super::DataError) or a reported row, never in a panic.

mod builder;
mod format;
mod hetrec;
mod job;
mod read;
mod s3rec;

pub use format::Format;
pub use job::{ImportOptions, ImportReport};
