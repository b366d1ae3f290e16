//! One way in for every verb that takes `--data`.

use super::import::{Format, ImportOptions};
use super::{DataError, Dataset};
use std::path::Path;

/// Reads a data set: a folder of any known format.
///
/// Rows that cannot be read are left out and told to the log, up to the default limit of [`ImportOptions`].
///
/// # Errors
/// As [`Format::import`], and where the format is not known.
pub fn open(path: &Path) -> Result<Dataset, DataError> {
    std::fs::metadata(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let format = Format::detect(path).ok_or_else(|| DataError::UnknownFormat { path: path.to_owned() })?;
    let (dataset, report) = format.import(path, &ImportOptions::default())?;
    if let Some(first) = report.bad.first() {
        tracing::warn!(bad = report.bad.len(), %first, "left out rows that could not be read");
    }
    Ok(dataset)
}
