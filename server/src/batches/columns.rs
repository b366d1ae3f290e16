//! Encoded columns in memory: what batches are cut from.

use super::hash::Ink;
use super::{BatchError, Part, Ragged, TableHash};

/// A number a row, below `size`; 0 stands for what the vocabulary has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdColumn {
    /// The feature.
    pub name: String,
    /// How many numbers there are: the rows of an embedding table.
    pub size: u32,
    /// The numbers.
    pub values: Vec<u32>,
}

/// A real number a row.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseColumn {
    /// The feature.
    pub name: String,
    /// The numbers, all finite.
    pub values: Vec<f32>,
}

/// A list of numbers a row, each from 1 to `size − 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListColumn {
    /// The feature.
    pub name: String,
    /// How many numbers there are: the rows of an embedding table.
    pub size: u32,
    /// No list is longer.
    pub bound: u32,
    /// Whether the order means something: oldest first.
    pub ordered: bool,
    /// The id feature whose embedding table it shares.
    pub shares: Option<String>,
    /// What each number from 1 on stands for, where there are few: a model may treat a skip unlike a like. Empty for large vocabularies.
    pub names: Vec<String>,
    /// The lists.
    pub values: Ragged,
}

/// What is to be foretold, and how much each row counts.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskColumn {
    /// The task.
    pub name: String,
    /// 0 or 1.
    pub labels: Vec<f32>,
    /// 0 where a row has no label for this task.
    pub weights: Vec<f32>,
}

/// Rows of a table after encoding.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The table they are of.
    pub table: TableHash,
    /// The part they are; `None` for rows of a table that was never split.
    pub part: Option<Part>,
    /// Their numbers in the table.
    pub rows: Vec<u32>,
    /// To whom.
    pub listeners: Vec<u32>,
    /// When, in milliseconds.
    pub at: Vec<u64>,
    /// Features of one number, in the schema's order.
    pub ids: Vec<IdColumn>,
    /// Real features, in the schema's order.
    pub dense: Vec<DenseColumn>,
    /// Features of many numbers, in the schema's order.
    pub lists: Vec<ListColumn>,
    /// The tasks, in the schema's order.
    pub tasks: Vec<TaskColumn>,
}

impl Columns {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// An id column by its feature's name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<&IdColumn> {
        self.ids.iter().find(|column| column.name == name)
    }

    /// A task by its name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskColumn> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Where rows of the table stand here: from what a sampler chose to [`Batches::only`](super::Batches::only).
    ///
    /// # Errors
    /// [`BatchError::MissingRow`].
    pub fn places_of(&self, rows: &[u32]) -> Result<Vec<u32>, BatchError> {
        // An encoder gives rows in the table's order.
        let place = |row: &u32| {
            let missing = |_| BatchError::MissingRow { row: *row, rows: self.rows.len() };
            let place = self.rows.binary_search(row).map_err(missing)?;
            Ok(u32::try_from(place).unwrap_or(u32::MAX))
        };
        rows.iter().map(place).collect()
    }

    /// Where each id column begins in one embedding table for all of them, and the rows of that table.
    #[must_use]
    pub fn offsets(&self) -> (Vec<u32>, u32) {
        let mut next = 0;
        let starts = self.ids.iter().map(|column| {
            let start = next;
            next += column.size;
            start
        });
        (starts.collect(), next)
    }

    /// Multiplies the weights of a task, row by row.
    ///
    /// # Errors
    /// [`BatchError::UnknownTask`]; [`BatchError::Shape`] and [`BatchError::NonFinite`] for weights that do not fit or are no weights.
    pub fn weigh(&mut self, task: &str, weights: &[f32]) -> Result<(), BatchError> {
        let known = super::table::listed(self.tasks.iter().map(|task| task.name.as_str()));
        let rows = self.rows.len();
        let found = self.tasks.iter_mut().find(|column| column.name == task);
        let found = found.ok_or_else(|| BatchError::UnknownTask { task: task.to_owned(), known })?;
        if weights.len() != rows {
            let (column, got) = (task.to_owned(), weights.len());
            return Err(BatchError::Shape { column, what: "weights", expected: rows, got });
        }
        if let Some((row, weight)) = self.rows.iter().zip(weights).find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            let value = f64::from(*weight);
            return Err(BatchError::NonFinite { column: task.to_owned(), row: *row, value });
        }
        found.weights.iter_mut().zip(weights).for_each(|(have, weight)| *have *= weight);
        Ok(())
    }

    /// The fingerprint of everything here: what a run writes beside its figures, and what a file is held against.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut ink = Ink::new("sottovoce columns 1");
        ink.all(std::iter::once(self.table.0));
        ink.numbers(&self.rows);
        ink.numbers(&self.listeners);
        ink.all(self.at.iter().map(|at| at.to_le_bytes()));
        for column in &self.ids {
            ink.text(&column.name);
            ink.numbers(&[column.size]);
            ink.numbers(&column.values);
        }
        for column in &self.dense {
            ink.text(&column.name);
            ink.all(column.values.iter().map(|x| x.to_le_bytes()));
        }
        for column in &self.lists {
            ink.text(&column.name);
            ink.numbers(&[column.size, column.bound, u32::from(column.ordered)]);
            ink.text(column.shares.as_deref().unwrap_or(""));
            column.names.iter().for_each(|name| ink.text(name));
            column.values.stored().into_iter().for_each(|part| ink.numbers(part));
        }
        for task in &self.tasks {
            ink.text(&task.name);
            ink.all(task.labels.iter().map(|x| x.to_le_bytes()));
            ink.all(task.weights.iter().map(|x| x.to_le_bytes()));
        }
        ink.dry()
    }

    /// That every number is one of its vocabulary's, every list within its bound, every column of one length.
    pub(super) fn check(&self) -> Result<(), BatchError> {
        let rows = self.rows.len();
        let fits = |column: &str, what, expected, got| match got == expected {
            true => Ok(()),
            false => Err(BatchError::Shape { column: column.to_owned(), what, expected, got }),
        };
        fits("listener", "rows", rows, self.listeners.len())?;
        fits("at", "rows", rows, self.at.len())?;
        for column in &self.ids {
            fits(&column.name, "rows", rows, column.values.len())?;
            if let Some(id) = column.values.iter().find(|id| **id >= column.size) {
                let (column, size) = (column.name.clone(), column.size as usize);
                return Err(BatchError::OutOfRange { column, value: *id, size });
            }
        }
        for column in &self.dense {
            fits(&column.name, "rows", rows, column.values.len())?;
            if let Some((row, value)) = self.rows.iter().zip(&column.values).find(|(_, v)| !v.is_finite()) {
                let value = f64::from(*value);
                return Err(BatchError::NonFinite { column: column.name.clone(), row: *row, value });
            }
        }
        for column in &self.lists {
            fits(&column.name, "rows", rows, column.values.len())?;
            column.values.check(&column.name, column.size as usize)?;
            let longest = (0..rows).map(|row| column.values.get(row).len()).max().unwrap_or(0);
            if longest > column.bound as usize {
                fits(&column.name, "in a list", column.bound as usize, longest)?;
            }
        }
        for task in &self.tasks {
            fits(&task.name, "labels", rows, task.labels.len())?;
            fits(&task.name, "weights", rows, task.weights.len())?;
        }
        Ok(())
    }
}
