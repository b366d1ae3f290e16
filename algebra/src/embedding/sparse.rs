//! Rows of hashed features, behind one another.

use crate::embedding::TableError;

/// Examples of few features out of very many: hashes, values, a label and a weight for each. Cleared and filled again, it allocates
/// nothing.
///
/// # Example
/// ```
/// use sottovoce_algebra::SparseRows;
/// # fn main() -> Result<(), sottovoce_algebra::TableError> {
/// let mut rows = SparseRows::default();
/// rows.add(0x51c3);
/// rows.add(0x0a77);
/// rows.end(1.0, 1.0)?;
/// assert_eq!((rows.len(), rows.features(0)), (1, &[0x51c3, 0x0a77][..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct SparseRows {
    pub(super) hashes: Vec<u32>,
    /// As long as `hashes`, or empty: every value is 1.
    pub(super) values: Vec<f32>,
    pub(super) ends: Vec<usize>,
    pub(super) labels: Vec<f32>,
    pub(super) weights: Vec<f32>,
}

impl SparseRows {
    /// A feature of the row that has begun, with value 1.
    #[inline]
    pub fn add(&mut self, hash: u32) {
        self.hashes.push(hash);
        if !self.values.is_empty() {
            self.values.push(1.0);
        }
    }

    /// A feature with a value.
    #[inline]
    pub fn add_valued(&mut self, hash: u32, value: f32) {
        self.values.resize(self.hashes.len(), 1.0);
        self.hashes.push(hash);
        self.values.push(value);
    }

    /// Several features of value 1.
    #[inline]
    pub fn add_all(&mut self, hashes: &[u32]) {
        self.hashes.extend_from_slice(hashes);
        if !self.values.is_empty() {
            self.values.resize(self.hashes.len(), 1.0);
        }
    }

    /// Ends the row that has begun: what happened, from 0 to 1, and how much it counts.
    ///
    /// # Errors
    /// [`TableError::Setting`] for a label or weight that is none, and for values that are not finite; the row is dropped.
    #[inline]
    pub fn end(&mut self, label: f32, weight: f32) -> Result<(), TableError> {
        let begin = self.ends.last().copied().unwrap_or(0);
        let values = self.values.get(begin..).unwrap_or(&[]);
        let wrong = if !(0.0..=1.0).contains(&label) {
            Some(("a row's label", "from 0 to 1", label))
        } else if !(weight.is_finite() && weight >= 0.0) {
            Some(("a row's weight", "0 or above", weight))
        } else {
            let value = values.iter().copied().find(|value| !value.is_finite());
            value.map(|value| ("a feature's value", "a finite number", value))
        };
        if let Some((what, expected, got)) = wrong {
            self.drop_begun();
            return Err(TableError::Setting { what, expected, got: got.to_string() });
        }
        self.ends.push(self.hashes.len());
        self.labels.push(label);
        self.weights.push(weight);
        Ok(())
    }

    /// Forgets the row that has begun.
    pub fn drop_begun(&mut self) {
        let begin = self.ends.last().copied().unwrap_or(0);
        self.hashes.truncate(begin);
        self.values.truncate(begin);
    }

    /// Forgets all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.values.clear();
        self.ends.clear();
        self.labels.clear();
        self.weights.clear();
    }

    /// How many rows have ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The hashes of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn features(&self, row: usize) -> &[u32] {
        &self.hashes[self.begin(row)..self.ends[row]]
    }

    /// The labels, row by row.
    #[must_use]
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// The weights, row by row.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    #[inline(always)]
    pub(super) fn begin(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }

    /// The values from `begin` to `end`; nothing where all are 1.
    #[inline(always)]
    pub(super) fn values(&self, begin: usize, end: usize) -> &[f32] {
        self.values.get(begin..end).unwrap_or(&[])
    }
}
