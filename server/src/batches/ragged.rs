//! A list for every row, in three flat vectors.

use super::BatchError;

/// A list of `u32` for every row. A row whose list equals the one before shares it: a history that stays the same over a listener's
/// rows is stored once. The form is canonical, so equal lists are equal vectors.
///
/// # Example
/// ```
/// # use sottovoce_server::batches::Ragged;
/// let mut lists = Ragged::default();
/// for list in [&[7, 8][..], &[7, 8], &[], &[9]] {
///     lists.push(list);
/// }
/// assert_eq!((lists.len(), lists.get(1), lists.get(3), lists.values()), (4, &[7, 8][..], &[9][..], 3));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ragged {
    /// Where each distinct list ends in `values`.
    ends: Vec<u32>,
    values: Vec<u32>,
    /// Which distinct list a row has.
    of_row: Vec<u32>,
}

impl Ragged {
    /// Appends a row.
    ///
    /// # Panics
    /// Beyond 2³² values: no table of this size fits the memory that everything else needs.
    pub fn push(&mut self, list: &[u32]) {
        if self.of_row.is_empty() || self.get(self.of_row.len() - 1) != list {
            self.values.extend_from_slice(list);
            self.ends.push(u32::try_from(self.values.len()).expect("fewer than 2³² values"));
        }
        self.of_row.push(u32::try_from(self.ends.len() - 1).expect("no more lists than values and rows"));
    }

    /// The list of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &[u32] {
        let list = self.of_row[row] as usize;
        let start = if list == 0 { 0 } else { self.ends[list - 1] };
        &self.values[start as usize..self.ends[list] as usize]
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of_row.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of_row.is_empty()
    }

    /// How many values are stored.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// How many values the rows have together, shared lists counted for each.
    #[must_use]
    pub fn total(&self) -> usize {
        (0..self.len()).map(|row| self.get(row).len()).sum()
    }

    /// Whether every value is below `size`.
    pub(super) fn check(&self, column: &str, size: usize) -> Result<(), BatchError> {
        match self.values.iter().find(|value| **value as usize >= size) {
            None => Ok(()),
            Some(value) => Err(BatchError::OutOfRange { column: column.to_owned(), value: *value, size }),
        }
    }

    pub(super) fn stored(&self) -> [&[u32]; 3] {
        [&self.ends, &self.values, &self.of_row]
    }
}
