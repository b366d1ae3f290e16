//! One run of an importer: how patient it is, what it complained of, how far it is.

use crate::data::error::{BadRow, DataError};
use crate::progress::{Progress, Report, quiet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How patient an import is with bad rows.
#[derive(Clone, Copy)]
pub struct ImportOptions<'a> {
    /// Stop at the first bad row.
    pub strict: bool,
    /// Stop when more rows than this are bad.
    pub max_errors: u64,
    /// Hears how many bytes were read, packed as they lie on the disk.
    pub progress: Report<'a>,
}

impl Default for ImportOptions<'_> {
    fn default() -> Self {
        Self { strict: false, max_errors: 100, progress: &quiet }
    }
}

impl fmt::Debug for ImportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ImportOptions");
        shown.field("strict", &self.strict).field("max_errors", &self.max_errors).finish_non_exhaustive()
    }
}

/// What an import took and what it left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows that became events.
    pub taken: u64,
    /// Rows that could not be read, in the order met.
    pub bad: Vec<BadRow>,
    /// Sound rows that say nothing here, by reason.
    pub passed_over: Vec<(&'static str, u64)>,
}

/// How far a run is, in bytes as they lie on the disk. Clones count together.
#[derive(Clone)]
pub(super) struct Meter<'a> {
    report: Report<'a>,
    read: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl Meter<'_> {
    /// So many bytes more are to be read.
    pub(super) fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
        self.read(0);
    }

    /// So many bytes more were read.
    pub(super) fn read(&self, bytes: u64) {
        let done = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.report)(Progress { step: "import", done, total: self.total.load(Ordering::Relaxed) });
    }
}

/// The state of a run.
pub(crate) struct Job<'a> {
    pub(super) meter: Meter<'a>,
    strict: bool,
    max_errors: u64,
    report: ImportReport,
}

impl<'a> Job<'a> {
    pub(crate) fn new(options: &ImportOptions<'a>) -> Self {
        Self {
            meter: Meter { report: options.progress, read: Arc::default(), total: Arc::default() },
            strict: options.strict,
            max_errors: options.max_errors,
            report: ImportReport::default(),
        }
    }

    /// Notes a bad row; an error where that is one too many.
    pub(crate) fn bad(&mut self, row: BadRow) -> Result<(), DataError> {
        if self.strict {
            return Err(DataError::Strict(Box::new(row)));
        }
        if self.report.bad.len() as u64 >= self.max_errors {
            let first = self.report.bad.first().unwrap_or(&row);
            return Err(DataError::TooManyBadRows { limit: self.max_errors, first: Box::new(first.clone()) });
        }
        self.report.bad.push(row);
        Ok(())
    }

    /// The row where it is good; notes it where it is bad.
    pub(crate) fn keep<T>(&mut self, row: Result<T, BadRow>) -> Result<Option<T>, DataError> {
        match row {
            Ok(row) => Ok(Some(row)),
            Err(bad) => self.bad(bad).map(|()| None),
        }
    }

    /// Counts a sound row that says nothing here.
    pub(super) fn pass_over(&mut self, why: &'static str) {
        match self.report.passed_over.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, count)) => *count += 1,
            None => self.report.passed_over.push((why, 1)),
        }
    }

    /// Ends the run.
    pub(super) fn finish(mut self, taken: usize) -> ImportReport {
        self.report.taken = taken as u64;
        self.report
    }
}
