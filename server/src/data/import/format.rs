//! The formats there are, and which one a folder holds.

use super::job::{ImportOptions, ImportReport, Job};
use super::{hetrec, s3rec};
use crate::data::Dataset;
use crate::data::error::DataError;
use std::path::Path;
use std::str::FromStr;

/// A format that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// Last.fm HetRec 2011 with a knowledge graph.
    Hetrec,
    /// S3-Rec's sequences.
    S3rec,
}

impl Format {
    /// All of them, in the order in which [`Format::detect`] tries them.
    pub const ALL: [Format; 2] = [Format::Hetrec, Format::S3rec];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Hetrec => "hetrec",
            Format::S3rec => "s3rec",
        }
    }

    /// Which format a folder (or file) holds, by the names of its files.
    #[must_use]
    pub fn detect(path: &Path) -> Option<Format> {
        Self::ALL.into_iter().find(|format| match format {
            Format::Hetrec => hetrec::detect(path),
            Format::S3rec => s3rec::detect(path),
        })
    }

    /// Reads a folder (or file) of this format.
    ///
    /// # Errors
    /// Files that are missing or unreadable, more bad rows than `options` allow, or nothing to learn from.
    pub fn import(self, path: &Path, options: &ImportOptions) -> Result<(Dataset, ImportReport), DataError> {
        // A missing folder is a plainer fault than a missing file in it.
        std::fs::metadata(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        let name = name_of(path);
        let mut job = Job::new(options);
        let dataset = match self {
            Format::Hetrec => hetrec::import(path, name, &mut job),
            Format::S3rec => s3rec::import(path, name, &mut job),
        }?;
        if dataset.events.is_empty() {
            return Err(DataError::Empty { path: path.to_owned() });
        }
        let report = job.finish(dataset.events.len());
        Ok((dataset, report))
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| DataError::FormatName {
            name: name.to_owned(),
            known: Self::ALL.map(Format::name).join(", "),
        })
    }
}

/// The folder's own name, even for `.`; the file's without its endings.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if whole.is_file() { name.split('.').next().unwrap_or_default().to_owned() } else { name }
}
