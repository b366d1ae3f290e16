//! A log as a table of raw columns: what a source makes, and what an encoder reads.

use super::BatchError;
use super::hash::{TableHash, fingerprint};
use super::raw::{RawColumn, RawTask, check};

/// A log: rows, each an impression at a time to a listener, with raw columns and tasks.
#[derive(Clone, Debug)]
pub struct LogTable {
    name: String,
    listeners: Vec<u32>,
    at: Vec<u64>,
    columns: Vec<RawColumn>,
    tasks: Vec<RawTask>,
    hash: TableHash,
}

impl LogTable {
    /// Puts a table together. `listeners` (dense, from 0) and `at` (milliseconds) have an entry for each row.
    ///
    /// # Errors
    /// [`BatchError::Shape`] where lengths do not fit, [`BatchError::OutOfRange`] for a code without a name,
    /// [`BatchError::TwoOfOneName`], [`BatchError::NonFinite`] for a label or weight that is no number, [`BatchError::Future`] where a
    /// list holds something later than its row. Numbers that are none are refused later, where a feature is made of them: a column that
    /// nobody reads may have holes.
    pub fn new(
        name: &str,
        listeners: Vec<u32>,
        at: Vec<u64>,
        columns: Vec<RawColumn>,
        mut tasks: Vec<RawTask>,
    ) -> Result<Self, BatchError> {
        let rows = listeners.len();
        let fits = |column: &str, what, got| match got == rows {
            true => Ok(()),
            false => Err(BatchError::Shape { column: column.to_owned(), what, expected: rows, got }),
        };
        if u32::try_from(rows).is_err() {
            return Err(BatchError::Shape { column: name.to_owned(), what: "rows", expected: 1 << 32, got: rows });
        }
        fits("at", "times", at.len())?;
        for (place, column) in columns.iter().enumerate() {
            fits(&column.name, "rows", column.values.len())?;
            check(column, &at)?;
            if columns[..place].iter().any(|other| other.name == column.name) {
                return Err(BatchError::TwoOfOneName { feature: column.name.clone() });
            }
        }
        for task in &mut tasks {
            if task.weights.is_empty() {
                task.weights = vec![1.0; rows];
            }
            for (what, values) in [("labels", &task.labels), ("weights", &task.weights)] {
                fits(&task.name, what, values.len())?;
                if let Some((row, value)) = (0..).zip(values).find(|(_, v)| !v.is_finite()) {
                    let value = f64::from(*value);
                    return Err(BatchError::NonFinite { column: task.name.clone(), row, value });
                }
            }
        }
        let hash = fingerprint(name, &listeners, &at, &columns, &tasks);
        Ok(Self { name: name.to_owned(), listeners, at, columns, tasks, hash })
    }

    /// Its name, for reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// The numbers of its rows.
    #[must_use]
    pub fn row_numbers(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.listeners.len()).unwrap_or(u32::MAX)
    }

    /// To whom, by row.
    #[must_use]
    pub fn listeners(&self) -> &[u32] {
        &self.listeners
    }

    /// When, by row, in milliseconds.
    #[must_use]
    pub fn at(&self) -> &[u64] {
        &self.at
    }

    /// The raw columns.
    #[must_use]
    pub fn columns(&self) -> &[RawColumn] {
        &self.columns
    }

    /// A raw column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&RawColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A task.
    ///
    /// # Errors
    /// [`BatchError::UnknownTask`].
    pub fn task(&self, name: &str) -> Result<&RawTask, BatchError> {
        self.tasks.iter().find(|task| task.name == name).ok_or_else(|| BatchError::UnknownTask {
            task: name.to_owned(),
            known: listed(self.tasks.iter().map(|task| task.name.as_str())),
        })
    }

    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> &[RawTask] {
        &self.tasks
    }

    /// The fingerprint of everything in it.
    #[must_use]
    pub fn hash(&self) -> TableHash {
        self.hash
    }

    /// That this is the table of that fingerprint.
    pub(super) fn must_be(&self, hash: TableHash) -> Result<(), BatchError> {
        if self.hash == hash {
            return Ok(());
        }
        let short = |hash: TableHash| hash.to_string()[..12].to_owned();
        Err(BatchError::OtherTable { made_for: short(hash), used_on: format!("{} {}", self.name, short(self.hash)) })
    }

    /// The same table with one more column.
    ///
    /// # Errors
    /// As [`LogTable::new`].
    pub fn with(self, column: RawColumn) -> Result<Self, BatchError> {
        let mut columns = self.columns;
        columns.push(column);
        Self::new(&self.name, self.listeners, self.at, columns, self.tasks)
    }
}

/// Names in a row, for an error that says which there are.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
