//! A flat weight vector with named parts. Flat, because that is what optimisers, clipping and the wire want; named, because
//! that is what a model wants.

use core::ops::Range;

/// One named part of a flat weight vector: a column-major matrix of `rows × columns` (a vector has one column).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    start: u32,
    /// Rows; for a linear map, the length of its output.
    pub rows: u32,
    /// Columns; for a linear map, the length of its input.
    pub columns: u32,
}

impl Part {
    /// Where the part lies in the flat vector.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.rows as usize * self.columns as usize
    }

    /// One column as a part of its own: a row of an embedding table that is stored one entry a column.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn column(self, index: u32) -> Part {
        assert!(index < self.columns, "column {index} of {}", self.columns);
        Part { start: self.start + index * self.rows, rows: self.rows, columns: 1 }
    }
}

/// Lays parts one behind the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    len: u32,
}

impl Layout {
    /// The next `rows × columns` weights.
    pub fn matrix(&mut self, rows: u32, columns: u32) -> Part {
        let part = Part { start: self.len, rows, columns };
        self.len += rows * columns;
        part
    }

    /// The next `rows` weights.
    pub fn vector(&mut self, rows: u32) -> Part {
        self.matrix(rows, 1)
    }

    /// How many weights so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True before the first part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_tile_the_vector() {
        let mut layout = Layout::default();
        let a = layout.matrix(3, 4);
        let b = layout.vector(5);
        assert_eq!(a.range(), 0..12);
        assert_eq!(a.column(2).range(), 6..9);
        assert_eq!(b.range(), 12..17);
        assert_eq!(layout.len(), 17);
    }
}
