//! One run of an importer: how patient it is, what it complained of, how far it is.

use crate::data::error::{BadRow, DataError};
use indicatif::ProgressBar;

/// How patient an import is with bad rows.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Stop at the first bad row.
    pub strict: bool,
    /// Stop when more rows than this are bad.
    pub max_errors: u64,
    /// Counts packed bytes read; hidden by default.
    pub progress: ProgressBar,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { strict: false, max_errors: 100, progress: ProgressBar::hidden() }
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

/// The state of a run.
pub(super) struct Job {
    pub(super) bar: ProgressBar,
    strict: bool,
    max_errors: u64,
    report: ImportReport,
}

impl Job {
    pub(super) fn new(options: &ImportOptions) -> Self {
        Self {
            bar: options.progress.clone(),
            strict: options.strict,
            max_errors: options.max_errors,
            report: ImportReport::default(),
        }
    }

    /// Notes a bad row; an error where that is one too many.
    pub(super) fn bad(&mut self, row: BadRow) -> Result<(), DataError> {
        if self.strict {
            return Err(DataError::Strict(row));
        }
        if self.report.bad.len() as u64 >= self.max_errors {
            let first = self.report.bad.first().unwrap_or(&row).clone();
            return Err(DataError::TooManyBadRows { limit: self.max_errors, first });
        }
        self.report.bad.push(row);
        Ok(())
    }

    /// The row where it is good; notes it where it is bad.
    pub(super) fn keep<T>(&mut self, row: Result<T, BadRow>) -> Result<Option<T>, DataError> {
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
