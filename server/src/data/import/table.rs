//! Files with a header line: CSV and tab-separated tables, read by column name.

use super::job::Job;
use super::read::{self, MAX_LINE, blame};
use crate::data::error::{BadRow, DataError};
use csv::{ErrorKind, ReaderBuilder, StringRecord};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One row, whichever file it is from.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    file: &'a Path,
    line: u64,
    columns: &'a [String],
    cells: Cells<'a>,
}

#[derive(Clone, Copy)]
enum Cells<'a> {
    Text(&'a StringRecord),
    Made(&'a [String]),
}

/// A column that was looked up once, for every row.
#[derive(Clone, Copy)]
pub(crate) struct Column(usize);

impl Column {
    /// Its place in the header, from 0.
    pub(super) fn place(self) -> usize {
        self.0
    }
}

impl<'a> Row<'a> {
    /// A row whose cells were made into text elsewhere.
    pub(super) fn made(file: &'a Path, line: u64, columns: &'a [String], cells: &'a [String]) -> Self {
        Self { file, line, columns, cells: Cells::Made(cells) }
    }

    /// The text of a column, without the space around it; empty where the file has no such column.
    pub(crate) fn text(&self, column: Option<Column>) -> &'a str {
        let Some(Column(i)) = column else { return "" };
        let cell = match self.cells {
            Cells::Text(record) => record.get(i),
            Cells::Made(cells) => cells.get(i).map(String::as_str),
        };
        cell.unwrap_or("").trim()
    }

    /// A complaint about a column.
    pub(crate) fn bad(&self, column: Option<Column>, expected: impl Into<String>) -> BadRow {
        let name = column.and_then(|Column(i)| self.columns.get(i));
        BadRow::new(self.file, self.line, name.map(String::as_str), expected, self.text(column))
    }

    /// The text of a column that must not be empty.
    pub(crate) fn needed(&self, column: Column, expected: &str) -> Result<&'a str, BadRow> {
        let text = self.text(Some(column));
        if text.is_empty() { Err(self.bad(Some(column), expected)) } else { Ok(text) }
    }

    /// A number; `None` where the cell is empty.
    pub(crate) fn number<T: FromStr>(&self, column: Option<Column>, expected: &str) -> Result<Option<T>, BadRow> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.bad(column, expected))
    }

    /// A number with or without a fraction, finite and not negative; `None` where the cell is empty.
    pub(crate) fn measure(&self, column: Option<Column>, expected: &str) -> Result<Option<f64>, BadRow> {
        match self.number::<f64>(column, expected)? {
            Some(value) if !(value.is_finite() && value >= 0.0) => Err(self.bad(column, expected)),
            value => Ok(value),
        }
    }

    /// Milliseconds of a song, from 0 to 2³²−1; a fraction is dropped. `None` where the cell is empty.
    pub(super) fn milliseconds(&self, column: Option<Column>) -> Result<Option<u32>, BadRow> {
        let expected = "milliseconds from 0 to 4294967295";
        let Some(value) = self.measure(column, expected)? else { return Ok(None) };
        if value > f64::from(u32::MAX) {
            return Err(self.bad(column, expected));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Some(value as u32))
    }
}

/// Where a column stands.
pub(super) fn find_column(columns: &[String], name: &str) -> Option<Column> {
    columns.iter().position(|column| column == name).map(Column)
}

/// Where a column stands that must be there.
pub(super) fn need_column(file: &Path, columns: &[String], name: &str) -> Result<Column, DataError> {
    find_column(columns, name).ok_or_else(|| {
        let mut found: String = columns.join(", ").chars().take(200).collect();
        if found.is_empty() {
            found.push_str("none");
        }
        DataError::MissingColumn { file: file.to_owned(), column: name.to_owned(), found }
    })
}

/// How the cells of a file are set apart.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    /// `,` and quotes.
    Csv,
    /// Tabs, and quotes are ordinary letters.
    Tabs,
}

/// A text file with a header, row by row.
pub(crate) struct Table<'t> {
    path: PathBuf,
    columns: Vec<String>,
    reader: csv::Reader<Bounded<'t>>,
    allowance: Arc<AtomicUsize>,
    record: StringRecord,
}

/// Refuses to deliver more than the allowance, which every record renews: an opened quote that never closes would
/// otherwise make one record of the whole rest of the file.
struct Bounded<'t> {
    inner: Box<dyn BufRead + 't>,
    allowance: Arc<AtomicUsize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.allowance.load(Ordering::Relaxed);
        if left == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        let take = left.min(buffer.len());
        let read = self.inner.read(&mut buffer[..take])?;
        self.allowance.store(left - read, Ordering::Relaxed);
        Ok(read)
    }
}

impl<'t> Table<'t> {
    /// Opens a file and reads its header. Names are taken without the space around them; with [`Style::Tabs`] also
    /// without the `:type` of RecBole's atomic files.
    pub(crate) fn open(path: &Path, style: Style, job: &mut Job<'t>) -> Result<Self, DataError> {
        let allowance = Arc::new(AtomicUsize::new(MAX_LINE));
        let inner = read::open(path, &job.meter)?;
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true);
        if let Style::Tabs = style {
            builder.delimiter(b'\t').quoting(false);
        }
        let reader = builder.from_reader(Bounded { inner, allowance: allowance.clone() });
        let mut table =
            Self { path: path.to_owned(), columns: Vec::new(), reader, allowance, record: StringRecord::new() };
        let mut header = Vec::new();
        if table.advance(job)?.is_some() {
            let name = |text: &str| match style {
                Style::Csv => text.trim().to_owned(),
                Style::Tabs => text.trim().split(':').next().unwrap_or_default().to_owned(),
            };
            header = table.record.iter().map(|text| name(text.trim_start_matches('\u{feff}'))).collect();
        }
        table.columns = header;
        Ok(table)
    }

    /// The columns' names.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// A column that may be missing.
    pub(crate) fn find(&self, name: &str) -> Option<Column> {
        find_column(&self.columns, name)
    }

    /// A column that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<Column, DataError> {
        need_column(&self.path, &self.columns, name)
    }

    /// The next row; rows that are no UTF-8 or have too few or too many cells are reported and passed over.
    pub(crate) fn next(&mut self, job: &mut Job<'_>) -> Result<Option<Row<'_>>, DataError> {
        loop {
            let Some(line) = self.advance(job)? else { return Ok(None) };
            if self.record.len() == self.columns.len() {
                return Ok(Some(Row {
                    file: &self.path,
                    line,
                    columns: &self.columns,
                    cells: Cells::Text(&self.record),
                }));
            }
            let expected = format!("{} cells, found {}", self.columns.len(), self.record.len());
            let text = self.record.iter().take(8).collect::<Vec<_>>().join(" | ");
            job.bad(BadRow::new(&self.path, line, None, expected, &text))?;
        }
    }

    /// Reads one record of valid UTF-8 and tells its line.
    fn advance(&mut self, job: &mut Job<'_>) -> Result<Option<u64>, DataError> {
        loop {
            self.allowance.store(MAX_LINE, Ordering::Relaxed);
            let line = self.reader.position().line();
            match self.reader.read_record(&mut self.record) {
                Ok(true) => return Ok(Some(self.record.position().map_or(line, csv::Position::line))),
                Ok(false) => return Ok(None),
                Err(error) => match error.into_kind() {
                    ErrorKind::Utf8 { pos, err } => {
                        let line = pos.as_ref().map_or(line, csv::Position::line);
                        let expected = format!("UTF-8 text in cell {}", err.field() + 1);
                        job.bad(BadRow::new(&self.path, line, None, expected, "other bytes"))?;
                    }
                    ErrorKind::Io(source) if source.kind() == std::io::ErrorKind::FileTooLarge => {
                        return Err(DataError::LineTooLong { path: self.path.clone(), line, limit: MAX_LINE });
                    }
                    ErrorKind::Io(source) => return Err(blame(&self.path, line.saturating_sub(1), source)),
                    // Flexible records without serde have no other errors; were one to come, it is the row's.
                    other => job.bad(BadRow::new(&self.path, line, None, "a row", &format!("{other:?}")))?,
                },
            }
        }
    }
}
