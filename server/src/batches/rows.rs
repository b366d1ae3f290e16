//! Which rows: sets of them, and the split into what is learned from and what is measured on.

use super::{BatchError, LogTable, TableHash};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A set of rows of one table, a bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSet {
    words: Vec<u32>,
}

impl RowSet {
    /// Adds a row.
    pub fn insert(&mut self, row: u32) {
        let word = (row / 32) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 32);
    }

    /// Whether a row is in it.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get((row / 32) as usize).is_some_and(|word| word >> (row % 32) & 1 == 1)
    }

    /// How many rows are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

impl FromIterator<u32> for RowSet {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut set = Self::default();
        rows.into_iter().for_each(|row| set.insert(row));
        set
    }
}

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What is learned from.
    Train,
    /// What settings and the last epoch are chosen on.
    Valid,
    /// What figures are from.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Valid => "validation",
            Self::Test => "test",
        })
    }
}

/// The rows of a table in three parts, each in the table's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    table: TableHash,
    train: Vec<u32>,
    valid: Vec<u32>,
    test: Vec<u32>,
}

impl Split {
    /// A split by any rule; `None` leaves a row out.
    #[must_use]
    pub fn new(table: &LogTable, part_of: impl Fn(u32) -> Option<Part>) -> Self {
        let mut split = Self { table: table.hash(), train: vec![], valid: vec![], test: vec![] };
        for row in table.row_numbers() {
            match part_of(row) {
                Some(Part::Train) => split.train.push(row),
                Some(Part::Valid) => split.valid.push(row),
                Some(Part::Test) => split.test.push(row),
                None => {}
            }
        }
        split
    }

    /// By time over all listeners: validation from `valid_from` on, test from `test_from` on (milliseconds).
    #[must_use]
    pub fn by_time(table: &LogTable, valid_from: u64, test_from: u64) -> Self {
        Self::new(table, |row| {
            let at = table.at()[row as usize];
            Some(if at >= test_from {
                Part::Test
            } else if at >= valid_from {
                Part::Valid
            } else {
                Part::Train
            })
        })
    }

    /// By time within each listener: the first `train` of the rows, then up to `valid` of them (both as shares, rounded down), then
    /// the rest. A listener's rows stand together and in time order.
    ///
    /// Two listeners' parts overlap in time, so a statistic over all listeners knows a little of the test's future; figures of such a
    /// split are for standing beside others of the same split.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    pub fn by_listener(table: &LogTable, train: f64, valid: f64) -> Self {
        let mut parts = Vec::with_capacity(table.len());
        for run in table.listeners().chunk_by(|a, b| a == b) {
            let [a, b] = [train, valid].map(|share| (run.len() as f64 * share) as usize);
            parts.extend((0..run.len()).map(|k| match k {
                _ if k < a => Part::Train,
                _ if k < b => Part::Valid,
                _ => Part::Test,
            }));
        }
        Self::new(table, |row| Some(parts[row as usize]))
    }

    /// The same split with the validation rows among the training rows, for the last fit before the test.
    #[must_use]
    pub fn with_validation_trained(&self) -> Self {
        let mut train = [self.train.as_slice(), &self.valid].concat();
        train.sort_unstable();
        Self { train, valid: vec![], test: self.test.clone(), table: self.table }
    }

    /// The rows of a part.
    ///
    /// # Errors
    /// [`BatchError::EmptyPart`].
    pub fn rows(&self, part: Part) -> Result<&[u32], BatchError> {
        let rows = match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        };
        if rows.is_empty() { Err(BatchError::EmptyPart { part }) } else { Ok(rows) }
    }

    /// The training rows of a table: what everything that learns is given, and the only way to come by one.
    ///
    /// # Errors
    /// [`BatchError::EmptyPart`], and [`BatchError::OtherTable`] where the split is another table's.
    pub fn training<'a>(&'a self, table: &'a LogTable) -> Result<Training<'a>, BatchError> {
        table.must_be(self.table)?;
        Ok(Training { table, rows: self.rows(Part::Train)? })
    }

    /// The table it is of.
    #[must_use]
    pub fn table(&self) -> TableHash {
        self.table
    }
}

/// The training rows of a split, with their table.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    table: &'a LogTable,
    rows: &'a [u32],
}

impl<'a> Training<'a> {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &'a LogTable {
        self.table
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &'a [u32] {
        self.rows
    }
}
