//! A log as a table of raw columns: what a source makes, and what an encoder reads.

use super::{BatchError, Ragged, RowSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// When a column's value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Before the song is shown: a feature may be made of it.
    Before,
    /// Only after: labels and weights are made of it, features never.
    After,
}

/// Texts, each once, by number.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    names: Vec<String>,
    index: HashMap<String, u32>,
}

impl Dictionary {
    /// The number of a text, new or known.
    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.index.get(text) {
            return *code;
        }
        let code = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(text.to_owned());
        self.index.insert(text.to_owned(), code);
        code
    }

    /// The number of a text, if it has one.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.index.get(text).copied()
    }

    /// The text of a number; empty where there is none.
    #[must_use]
    pub fn name(&self, code: u32) -> &str {
        self.names.get(code as usize).map_or("", String::as_str)
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The texts, by number.
    #[must_use]
    pub fn into_names(self) -> Arc<Vec<String>> {
        Arc::new(self.names)
    }
}

/// The values of a column, before any vocabulary.
#[derive(Clone, Debug)]
pub enum Values {
    /// A text a row.
    Names {
        /// The texts there are.
        names: Arc<Vec<String>>,
        /// Which one a row has.
        codes: Vec<u32>,
    },
    /// A list of texts a row, oldest first where there is an order.
    Lists {
        /// The texts there are.
        names: Arc<Vec<String>>,
        /// Which ones a row has.
        codes: Ragged,
        /// When the newest entry of a row's list happened (ms), where that is known: it is held against the row's own time.
        latest: Option<Vec<u64>>,
    },
    /// A number a row.
    Numbers(Vec<f64>),
}

impl Values {
    /// Texts, one a row.
    #[must_use]
    pub fn names<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut dictionary = Dictionary::default();
        let codes = texts.into_iter().map(|text| dictionary.code(text.as_ref())).collect();
        Self::Names { names: dictionary.into_names(), codes }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Names { .. } => "a column of names",
            Self::Lists { .. } => "a column of lists",
            Self::Numbers(_) => "a column of numbers",
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Names { codes, .. } => codes.len(),
            Self::Lists { codes, .. } => codes.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

/// A raw column.
#[derive(Clone, Debug)]
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// When its values are known.
    pub known: Known,
    /// The rows whose labels it was computed from, where it was: it describes no row among them.
    pub learned_from: Option<RowSet>,
    /// Its values.
    pub values: Values,
}

impl RawColumn {
    /// A column known before the song is shown and computed from no label.
    #[must_use]
    pub fn known_before(name: &str, values: Values) -> Self {
        Self { name: name.to_owned(), known: Known::Before, learned_from: None, values }
    }

    /// A column known only afterwards.
    #[must_use]
    pub fn known_after(name: &str, values: Values) -> Self {
        Self { name: name.to_owned(), known: Known::After, learned_from: None, values }
    }

    /// A column computed from the labels of these rows: a statistic, the score of another model.
    #[must_use]
    pub fn learned(name: &str, values: Values, from: RowSet) -> Self {
        Self { name: name.to_owned(), known: Known::Before, learned_from: Some(from), values }
    }
}

/// What is to be foretold of every row.
#[derive(Clone, Debug)]
pub struct RawTask {
    /// Its name.
    pub name: String,
    /// 0 or 1, a row each.
    pub labels: Vec<f32>,
    /// How much a row counts; 0 where the label is not known. Empty: 1 everywhere.
    pub weights: Vec<f32>,
}

/// The fingerprint of a table: row numbers mean something in this table only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableHash(pub(crate) [u8; 32]);

impl fmt::Display for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableHash({self})")
    }
}

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
    /// [`BatchError::Shape`] where lengths or codes do not fit, [`BatchError::TwoOfOneName`], [`BatchError::NonFinite`] for a label or
    /// weight that is no number, [`BatchError::Future`] where a list holds something later than its row. Numbers that are none are
    /// refused later, where a feature is made of them: a column that nobody reads may have holes.
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
    pub fn row_numbers(&self) -> impl Iterator<Item = u32> + use<> {
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

fn check(column: &RawColumn, at: &[u64]) -> Result<(), BatchError> {
    match &column.values {
        Values::Names { names, codes } => match codes.iter().find(|code| **code as usize >= names.len()) {
            None => Ok(()),
            Some(code) => Err(BatchError::Shape {
                column: column.name.clone(),
                what: "as a code",
                expected: names.len(),
                got: *code as usize,
            }),
        },
        Values::Lists { names, codes, latest } => {
            codes.check(&column.name, names.len())?;
            let Some(latest) = latest else { return Ok(()) };
            if latest.len() != at.len() {
                let (expected, got) = (at.len(), latest.len());
                return Err(BatchError::Shape { column: column.name.clone(), what: "times", expected, got });
            }
            match (0..).zip(latest.iter().zip(at)).find(|(_, (latest, at))| latest > at) {
                None => Ok(()),
                Some((row, (latest, at))) => {
                    Err(BatchError::Future { column: column.name.clone(), row, latest: *latest, at: *at })
                }
            }
        }
        Values::Numbers(_) => Ok(()),
    }
}

/// Every part goes in behind its length, so that no two tables run together to the same bytes.
fn fingerprint(name: &str, listeners: &[u32], at: &[u64], columns: &[RawColumn], tasks: &[RawTask]) -> TableHash {
    let mut ink = Ink::new("sottovoce log table 1");
    ink.text(name);
    ink.numbers(listeners);
    ink.all(at.iter().map(|at| at.to_le_bytes()));
    for column in columns {
        ink.text(&column.name);
        ink.text(column.values.kind());
        ink.text(if column.known == Known::Before { "before" } else { "after" });
        match &column.values {
            Values::Names { names, codes } => {
                ink.texts(names);
                ink.numbers(codes);
            }
            Values::Lists { names, codes, .. } => {
                ink.texts(names);
                codes.stored().into_iter().for_each(|part| ink.numbers(part));
            }
            Values::Numbers(numbers) => ink.all(numbers.iter().map(|n| n.to_le_bytes())),
        }
    }
    for task in tasks {
        ink.text(&task.name);
        ink.all(task.labels.iter().map(|label| label.to_le_bytes()));
        ink.all(task.weights.iter().map(|weight| weight.to_le_bytes()));
    }
    TableHash(ink.dry())
}

/// SHA-256 over parts behind their lengths.
pub(super) struct Ink(Sha256);

impl Ink {
    pub(super) fn new(what: &str) -> Self {
        let mut ink = Self(Sha256::new());
        ink.text(what);
        ink
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    pub(super) fn texts(&mut self, texts: &[String]) {
        self.0.update((texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|text| self.text(text));
    }

    pub(super) fn numbers(&mut self, numbers: &[u32]) {
        self.all(numbers.iter().map(|n| n.to_le_bytes()));
    }

    /// Numbers as bytes, gathered first: a hash fed four bytes at a time is many times slower.
    pub(super) fn all<const N: usize>(&mut self, numbers: impl Iterator<Item = [u8; N]>) {
        let bytes: Vec<u8> = numbers.flatten().collect();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(&bytes);
    }

    pub(super) fn dry(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
