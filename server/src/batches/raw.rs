//! Raw columns: what a log says, before any vocabulary, and when it is known.

use super::{BatchError, Dictionary, Ragged, RowSet};
use std::sync::Arc;

/// When a column's value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Before the song is shown: a feature may be made of it.
    Before,
    /// Only after: labels and weights are made of it, features never.
    After,
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

    pub(super) fn len(&self) -> usize {
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

/// That codes have names, and that no list holds what is later than its row.
pub(super) fn check(column: &RawColumn, at: &[u64]) -> Result<(), BatchError> {
    match &column.values {
        Values::Names { names, codes } => match codes.iter().find(|code| **code as usize >= names.len()) {
            None => Ok(()),
            Some(code) => Err(BatchError::OutOfRange { column: column.name.clone(), value: *code, size: names.len() }),
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
