//! What a source hands over, and how it reads its files: strictly, because figures stand beside other people's only on the same rows.

use super::{BatchError, Dictionary, LogTable, RawColumn, Schema, Split, Values};
use crate::data::{BadRow, Column, DataError, ImportOptions, Job, Row, Style, Table};
use std::path::Path;

/// A table with what is usually made of it and how it is usually cut.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The rows.
    pub table: LogTable,
    /// The features; another schema may be used in its place.
    pub schema: Schema,
    /// The parts.
    pub split: Split,
}

/// Goes through the rows of a file; a bad one ends it.
pub(super) fn each_row<const N: usize>(
    path: &Path,
    style: Style,
    names: [&str; N],
    mut take: impl FnMut(&Row<'_>, [Column; N]) -> Result<(), BadRow>,
) -> Result<(), BatchError> {
    let mut job = Job::new(&ImportOptions { strict: true, ..ImportOptions::default() });
    let mut table = Table::open(path, style, &mut job)?;
    let columns = names.map(|name| table.need(name));
    let mut found = Vec::with_capacity(N);
    for column in columns {
        found.push(column?);
    }
    // As many were pushed as there are names.
    let Ok(found) = <[Column; N]>::try_from(found) else { return Ok(()) };
    while let Some(row) = table.next(&mut job)? {
        take(&row, found).map_err(|bad| DataError::Strict(Box::new(bad)))?;
    }
    Ok(())
}

/// A file that must be there.
pub(super) fn needed(folder: &Path, file: &str, format: &'static str) -> Result<std::path::PathBuf, BatchError> {
    let missing = || DataError::MissingFile { folder: folder.to_owned(), file: file.to_owned(), format };
    Ok(crate::data::find(folder, file).ok_or_else(missing)?)
}

/// A number that must be there.
pub(super) fn number<T: std::str::FromStr>(row: &Row<'_>, column: Column, expected: &str) -> Result<T, BadRow> {
    row.number(Some(column), expected)?.ok_or_else(|| row.bad(Some(column), expected))
}

/// What a file of its own says of each user or each item, by a key that the log has too.
pub(super) struct Side<const N: usize> {
    keys: Dictionary,
    /// By column, by key: codes of `texts`.
    codes: [Vec<u32>; N],
    texts: [Dictionary; N],
    names: [&'static str; N],
}

impl<const N: usize> Side<N> {
    /// Reads a file by its key column. Of two lines of one key the first counts.
    pub(super) fn read(path: &Path, style: Style, key: &str, names: [&'static str; N]) -> Result<Self, BatchError> {
        let mut side = Self {
            keys: Dictionary::default(),
            codes: [(); N].map(|()| vec![]),
            texts: [(); N].map(|()| Dictionary::default()),
            names,
        };
        let mut job = Job::new(&ImportOptions { strict: true, ..ImportOptions::default() });
        let mut table = Table::open(path, style, &mut job)?;
        let key = table.need(key)?;
        let mut columns = Vec::with_capacity(N);
        for name in names {
            columns.push(table.need(name)?);
        }
        while let Some(row) = table.next(&mut job)? {
            let known = side.keys.len();
            if (side.keys.code(row.text(Some(key))) as usize) < known {
                continue;
            }
            for (place, column) in columns.iter().enumerate() {
                let code = side.texts[place].code(row.text(Some(*column)));
                side.codes[place].push(code);
            }
        }
        Ok(side)
    }

    /// The text of a column for a key; empty for a key that the file has not.
    pub(super) fn text(&self, place: usize, key: &str) -> &str {
        let code = self.keys.find(key).map(|key| self.codes[place][key as usize]);
        code.map_or("", |code| self.texts[place].name(code))
    }

    /// Columns `0..count` as raw columns of names: for each row of the log the text of its key.
    pub(super) fn columns(&self, count: usize, keys: &[String], codes: &[u32]) -> Vec<RawColumn> {
        let column = |place: usize| {
            let mut dictionary = Dictionary::default();
            let of_key: Vec<u32> = keys.iter().map(|key| dictionary.code(self.text(place, key))).collect();
            let codes = codes.iter().map(|code| of_key[*code as usize]).collect();
            RawColumn::known_before(self.names[place], Values::Names { names: dictionary.into_names(), codes })
        };
        (0..count).map(column).collect()
    }
}
