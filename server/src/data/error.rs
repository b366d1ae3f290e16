//! What can go wrong between a file and a data set.

use std::fmt;
use std::path::PathBuf;

/// A row that an importer could not take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadRow {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its line, from 1 (for Parquet: its row, from 1).
    pub line: u64,
    /// The column at fault, where one is.
    pub column: Option<String>,
    /// What should have stood there.
    pub expected: String,
    /// What stood there, shortened.
    pub got: String,
}

impl BadRow {
    /// So many characters of the offending text are kept.
    const SHOWN: usize = 60;

    /// A complaint about `column` of a row.
    pub(crate) fn new(
        file: &std::path::Path,
        line: u64,
        column: Option<&str>,
        expected: impl Into<String>,
        got: &str,
    ) -> Self {
        let mut shown: String = got.chars().take(Self::SHOWN).collect();
        if shown.len() < got.len() {
            shown.push('…');
        }
        Self { file: file.to_owned(), line, column: column.map(str::to_owned), expected: expected.into(), got: shown }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": expected {}, got {:?}", self.expected, self.got)
    }
}

/// Why no data set came out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}; check the path, and that it may be read", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A gzip stream is damaged or ends early.
    #[error(
        "{} is damaged or cut short after line {line}: {source}; fetch it again (`gzip -t FILE` checks a copy)",
        path.display()
    )]
    Compression {
        /// Which file.
        path: PathBuf,
        /// The last whole line that was read.
        line: u64,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The folder is of no known format.
    #[error("{} is of no known format; `sottovoce-server data formats` lists what is read", path.display())]
    UnknownFormat {
        /// What was looked at.
        path: PathBuf,
    },
    /// No format has this name.
    #[error("no format is called {name:?}; expected one of {known}")]
    FormatName {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A file that the format needs is not there.
    #[error(
        "{} has no {file} (nor {file}.gz), which format {format} needs; `sottovoce-server data formats` lists each format's files",
        folder.display()
    )]
    MissingFile {
        /// Where it was looked for.
        folder: PathBuf,
        /// Its name.
        file: String,
        /// The format's name.
        format: &'static str,
    },
    /// A file lacks a column that the format needs.
    #[error("{} has no column {column:?}; its columns are {found}", file.display())]
    MissingColumn {
        /// Which file.
        file: PathBuf,
        /// The column.
        column: String,
        /// What it has instead.
        found: String,
    },
    /// A row is bad and the import is strict.
    #[error("{0}; correct the row, or leave out --strict to go on without it")]
    Strict(Box<BadRow>),
    /// More rows are bad than the caller allows.
    #[error("more than {limit} bad rows, the first: {first}; is this the right format? Raise --max-errors to go on")]
    TooManyBadRows {
        /// How many were allowed.
        limit: u64,
        /// The first of them.
        first: Box<BadRow>,
    },
    /// A line is longer than any real one.
    #[error("{}:{line} is longer than {limit} bytes; is this a text file?", path.display())]
    LineTooLong {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// The limit.
        limit: usize,
    },
    /// A file that must be read as a whole is too large for that.
    #[error("{} holds more than {limit} bytes unpacked; split it", path.display())]
    FileTooLong {
        /// Which file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Not JSON, or not of the expected shape.
    #[error("{}: {source}; expected {expected}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// The shape it should have.
        expected: &'static str,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// Not a Parquet file, or a damaged one.
    #[error("{} is no readable Parquet file: {detail}; write it again, or give CSV", path.display())]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What the reader said.
        detail: String,
    },
    /// More than 2³² of something.
    #[error("more than {} {what}; a data set holds no more", u32::MAX)]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// Nothing was left to learn from.
    #[error(
        "{} holds no usable event{}; is this the right folder and format?",
        path.display(),
        bad.as_ref().map_or_else(String::new, |bad| format!(" ({bad})"))
    )]
    Empty {
        /// What was read.
        path: PathBuf,
        /// The first bad row, where there was one.
        bad: Option<Box<BadRow>>,
    },
    /// The state file failed.
    #[error(transparent)]
    State(#[from] crate::state::StateError),
    /// The state file holds no data set.
    #[error(
        "the state file holds no data set; import one with `sottovoce-server data import FORMAT PATH --into FILE.db`"
    )]
    NothingStored,
    /// The state file's data set breaks its own rules.
    #[error("the state file's data set is damaged ({what}); import it again")]
    Damaged {
        /// Where.
        what: &'static str,
    },
    /// A time that no state file can hold.
    #[error("a time of {at} ms is later than the state file can hold; are these milliseconds?")]
    TooLate {
        /// The time.
        at: u64,
    },
}
