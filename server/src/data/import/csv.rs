//! CSV of one's own: `events.csv` and, where the songs are described, `songs.csv`. `own` says what the columns mean.

use super::builder::Builder;
use super::job::Job;
use super::own::{EventColumns, SongColumns};
use super::read::find;
use super::table::{Style, Table};
use crate::data::Dataset;
use crate::data::error::DataError;
use std::path::Path;

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    find(path, "events.csv").is_some()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let events = find(folder, "events.csv").ok_or_else(|| DataError::MissingFile {
        folder: folder.to_owned(),
        file: "events.csv".to_owned(),
        format: "csv",
    })?;
    let songs = find(folder, "songs.csv");
    let mut builder = Builder::default();
    if let Some(path) = &songs {
        let mut table = Table::open(path, Style::Csv, job)?;
        let columns = SongColumns::of(path, table.columns())?;
        while let Some(row) = table.next(job)? {
            columns.take(&row, &mut builder, job)?;
        }
    }
    let mut table = Table::open(&events, Style::Csv, job)?;
    let columns = EventColumns::of(&events, table.columns(), songs.is_some())?;
    while let Some(row) = table.next(job)? {
        columns.take(&row, &mut builder, job)?;
    }
    Ok(builder.finish(name, columns.clock()))
}
