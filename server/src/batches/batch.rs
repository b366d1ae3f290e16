//! Batches: rows of columns in the order in which a trainer sees them.
//!
//! The order of an epoch depends on the seed and the epoch's number only, so a run that was stopped goes on from [`Place`] with the
//! batches it would have had. A [`Batch`] is filled again and again: after the first ones nothing is allocated.

use super::{BatchError, Columns};
use serde::{Deserialize, Serialize};
use sottovoce::math::Rng;

/// Where a trainer is: what a checkpoint keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which pass over the rows, from 0.
    pub epoch: u64,
    /// How many rows of it were given.
    pub position: u64,
}

/// How long the lists of a batch are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As the longest of the batch: less to compute.
    Longest,
    /// As the feature's bound: every batch has one shape.
    Bound,
}

/// The lists of one feature: `B × steps`, padded with 0 behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListBatch {
    /// How long each is with its padding, at least 1.
    pub steps: usize,
    /// The numbers, row by row.
    pub ids: Vec<u32>,
    /// 1 where something is, 0 where nothing is.
    pub mask: Vec<f32>,
}

/// One task of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskBatch {
    /// `B` of 0 and 1.
    pub labels: Vec<f32>,
    /// `B`; 0 where a row has no label for this task.
    pub weights: Vec<f32>,
}

/// `B` rows, as matrices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `B`: the rows' places in their columns.
    pub places: Vec<u32>,
    /// `B`: to whom.
    pub listeners: Vec<u32>,
    /// For each id column, `B` numbers.
    pub ids: Vec<Vec<u32>>,
    /// `B × D`, row by row.
    pub dense: Vec<f32>,
    /// For each list column.
    pub lists: Vec<ListBatch>,
    /// For each task.
    pub tasks: Vec<TaskBatch>,
}

impl Batch {
    /// `B`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// All id columns side by side, `B × F`, as numbers of one embedding table in which each column begins at its offset
    /// ([`Columns::offsets`]).
    pub fn side_by_side(&self, offsets: &[u32], into: &mut Vec<u32>) {
        into.clear();
        for row in 0..self.len() {
            into.extend(self.ids.iter().zip(offsets).map(|(column, offset)| column[row] + offset));
        }
    }
}

/// Goes through columns, batch by batch and epoch by epoch.
///
/// # Example
/// ```
/// # use sottovoce_server::batches::{Batch, Batches, Columns, BatchError};
/// fn epoch(train: &Columns, seed: u64) -> Result<usize, BatchError> {
///     let mut batches = Batches::shuffled(train, 2_048, seed)?;
///     let (mut batch, mut rows) = (Batch::default(), 0);
///     while batches.next_into(&mut batch) {
///         rows += batch.len();
///     }
///     Ok(rows)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    columns: &'a Columns,
    size: usize,
    seed: Option<u64>,
    padding: Padding,
    /// Which lists are filled; all where absent.
    read: Option<Vec<usize>>,
    /// The rows there are, by place.
    chosen: Vec<u32>,
    /// The same in this epoch's order.
    order: Vec<u32>,
    place: Place,
}

impl<'a> Batches<'a> {
    /// In the columns' order: for measuring.
    ///
    /// # Errors
    /// [`BatchError::Setting`] for batches of no rows, or no rows at all.
    pub fn in_order(columns: &'a Columns, size: usize) -> Result<Self, BatchError> {
        let all = (0..u32::try_from(columns.len()).unwrap_or(u32::MAX)).collect();
        Self::new(columns, size, None, all)
    }

    /// In a new order each epoch.
    ///
    /// # Errors
    /// As [`Batches::in_order`].
    pub fn shuffled(columns: &'a Columns, size: usize, seed: u64) -> Result<Self, BatchError> {
        Ok(Self { seed: Some(seed), ..Self::in_order(columns, size)? }.at(Place::default()))
    }

    /// Only these rows, by their places in the columns: what a sampler has chosen. Begins anew.
    ///
    /// # Errors
    /// [`BatchError::Setting`] for no rows; [`BatchError::OutOfRange`] for a place that there is not.
    pub fn only(self, places: Vec<u32>) -> Result<Self, BatchError> {
        let (padding, read) = (self.padding, self.read);
        Ok(Self { padding, read, ..Self::new(self.columns, self.size, self.seed, places)? })
    }

    /// With lists of this length.
    #[must_use]
    pub fn padded(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// With these lists only, by place; others are left empty, and cost nothing.
    #[must_use]
    pub fn reading(self, lists: Vec<usize>) -> Self {
        Self { read: Some(lists), ..self }
    }

    /// Goes on from where another run was.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self.arrange();
        self
    }

    fn new(columns: &'a Columns, size: usize, seed: Option<u64>, chosen: Vec<u32>) -> Result<Self, BatchError> {
        for (setting, got) in [("size", size), ("rows", chosen.len())] {
            if got == 0 {
                let (feature, got) = ("batches".to_owned(), got.to_string());
                return Err(BatchError::Setting { feature, setting, expected: "at least 1", got });
            }
        }
        if let Some(place) = chosen.iter().find(|place| **place as usize >= columns.len()) {
            let (column, size) = ("batches".to_owned(), columns.len());
            return Err(BatchError::OutOfRange { column, value: *place, size });
        }
        let (order, place) = (Vec::new(), Place::default());
        Ok(Self { columns, size, seed, padding: Padding::Longest, read: None, chosen, order, place }.at(place))
    }

    /// The order of this epoch.
    fn arrange(&mut self) {
        self.order.clone_from(&self.chosen);
        if let Some(seed) = self.seed {
            Rng::new(seed).split("batches").split_at(self.place.epoch).shuffle(&mut self.order);
        }
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// How many rows an epoch has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.chosen.len()
    }

    /// Fills the next batch of this epoch, the last one perhaps smaller; `false` at its end, after which the next epoch begins.
    pub fn next_into(&mut self, batch: &mut Batch) -> bool {
        let start = usize::try_from(self.place.position).unwrap_or(usize::MAX).min(self.order.len());
        let places = &self.order[start..self.order.len().min(start.saturating_add(self.size))];
        if places.is_empty() {
            self.place = Place { epoch: self.place.epoch + 1, position: 0 };
            self.arrange();
            return false;
        }
        fill(self.columns, places, self.padding, self.read.as_deref(), batch);
        self.place.position = (start + places.len()) as u64;
        true
    }
}

fn fill(columns: &Columns, places: &[u32], padding: Padding, read: Option<&[usize]>, batch: &mut Batch) {
    batch.places.clear();
    batch.places.extend_from_slice(places);
    batch.listeners.clear();
    batch.listeners.extend(places.iter().map(|place| columns.listeners[*place as usize]));
    batch.ids.resize_with(columns.ids.len(), Vec::new);
    for (into, column) in batch.ids.iter_mut().zip(&columns.ids) {
        into.clear();
        into.extend(places.iter().map(|place| column.values[*place as usize]));
    }
    let width = columns.dense.len();
    batch.dense.clear();
    batch.dense.resize(places.len() * width, 0.0);
    for (place_of, column) in columns.dense.iter().enumerate() {
        let into = batch.dense.iter_mut().skip(place_of).step_by(width);
        into.zip(places).for_each(|(into, place)| *into = column.values[*place as usize]);
    }
    batch.lists.resize_with(columns.lists.len(), ListBatch::default);
    for (list, (into, column)) in batch.lists.iter_mut().zip(&columns.lists).enumerate() {
        if read.is_some_and(|read| !read.contains(&list)) {
            *into = ListBatch::default();
            continue;
        }
        let longest = || places.iter().map(|place| column.values.get(*place as usize).len()).max().unwrap_or(0);
        into.steps = match padding {
            Padding::Longest => longest().max(1),
            Padding::Bound => column.bound as usize,
        };
        into.ids.clear();
        into.ids.resize(places.len() * into.steps, 0);
        into.mask.clear();
        into.mask.resize(places.len() * into.steps, 0.0);
        let rows = into.ids.chunks_exact_mut(into.steps).zip(into.mask.chunks_exact_mut(into.steps));
        for ((ids, mask), place) in rows.zip(places) {
            let list = column.values.get(*place as usize);
            ids[..list.len()].copy_from_slice(list);
            mask[..list.len()].fill(1.0);
        }
    }
    batch.tasks.resize_with(columns.tasks.len(), TaskBatch::default);
    for (into, task) in batch.tasks.iter_mut().zip(&columns.tasks) {
        into.labels.clear();
        into.labels.extend(places.iter().map(|place| task.labels[*place as usize]));
        into.weights.clear();
        into.weights.extend(places.iter().map(|place| task.weights[*place as usize]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
mod tests {
    use super::*;
    use crate::batches::{DenseColumn, IdColumn, ListColumn, Part, Ragged, TableHash, TaskColumn};

    fn columns(rows: u32) -> Columns {
        let mut lists = Ragged::default();
        (0..rows).for_each(|row| lists.push(&vec![1 + row % 3; (row % 4) as usize]));
        let all: Vec<u32> = (0..rows).collect();
        let real: Vec<f32> = (0..rows).map(|row| row as f32).collect();
        let dense = |name: &str, sign: f32| DenseColumn {
            name: name.to_owned(),
            values: real.iter().map(|x| sign * x).collect(),
        };
        Columns {
            table: TableHash([0; 32]),
            part: Some(Part::Train),
            rows: all.clone(),
            listeners: all.clone(),
            at: vec![0; rows as usize],
            ids: [rows, rows + 5].map(|size| IdColumn { name: size.to_string(), size, values: all.clone() }).to_vec(),
            dense: vec![dense("plus", 1.0), dense("minus", -1.0)],
            lists: vec![ListColumn {
                name: "l".to_owned(),
                size: 4,
                bound: 3,
                ordered: true,
                shares: None,
                names: vec![],
                values: lists,
            }],
            tasks: vec![TaskColumn { name: "t".to_owned(), labels: real, weights: vec![1.0; rows as usize] }],
        }
    }

    fn epoch(batches: &mut Batches<'_>) -> Vec<Batch> {
        let (mut all, mut batch) = (vec![], Batch::default());
        while batches.next_into(&mut batch) {
            all.push(batch.clone());
        }
        all
    }

    #[test]
    fn an_epoch_has_every_row_once_and_a_row_is_itself_in_every_matrix() {
        let columns = columns(103);
        let mut batches = Batches::shuffled(&columns, 10, 3).unwrap();
        let (first, second) = (epoch(&mut batches), epoch(&mut batches));
        assert_ne!(first, second, "another epoch, another order");
        assert_eq!(first.iter().map(Batch::len).collect::<Vec<_>>(), [vec![10; 10], vec![3]].concat());
        let mut seen: Vec<u32> = first.iter().flat_map(|batch| batch.places.clone()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..103).collect::<Vec<u32>>());
        let (offsets, size) = columns.offsets();
        assert_eq!((offsets.as_slice(), size), (&[0, 103][..], 211));
        let mut fields = vec![];
        for batch in &first {
            batch.side_by_side(&offsets, &mut fields);
            for (i, place) in batch.places.iter().enumerate() {
                let x = *place as f32;
                assert_eq!((batch.ids[0][i], batch.ids[1][i], batch.listeners[i]), (*place, *place, *place));
                assert_eq!(fields[2 * i..2 * i + 2], [*place, 103 + place]);
                assert_eq!((&batch.dense[2 * i..2 * i + 2], batch.tasks[0].labels[i]), (&[x, -x][..], x));
                let list = &batch.lists[0];
                let there = (place % 4) as usize;
                let row = i * list.steps..(i + 1) * list.steps;
                assert_eq!(list.mask[row.clone()].iter().sum::<f32>(), there as f32);
                assert!(list.ids[row.clone()][..there].iter().all(|id| *id == 1 + place % 3));
                assert!(list.ids[row][there..].iter().all(|id| *id == 0));
            }
        }
    }

    #[test]
    fn goes_on_from_any_place_with_the_same_batches() {
        let columns = columns(103);
        let mut straight = Batches::shuffled(&columns, 10, 3).unwrap();
        epoch(&mut straight);
        let mut batch = Batch::default();
        for _ in 0..4 {
            straight.next_into(&mut batch);
        }
        let json = serde_json::to_string(&straight.place()).unwrap();
        let mut resumed = Batches::shuffled(&columns, 10, 3).unwrap().at(serde_json::from_str(&json).unwrap());
        assert_eq!(resumed.place(), Place { epoch: 1, position: 40 });
        assert_eq!(epoch(&mut straight), epoch(&mut resumed));
        assert_eq!(epoch(&mut straight), epoch(&mut resumed), "and the epochs after it");
    }

    #[test]
    fn a_filled_batch_is_filled_again_without_allocating() {
        let columns = columns(5_000);
        let mut batches = Batches::shuffled(&columns, 2_048, 1).unwrap().padded(Padding::Bound);
        let mut batch = Batch::default();
        assert!(batches.next_into(&mut batch));
        let buffers = |b: &Batch| {
            let list = &b.lists[0];
            let task = &b.tasks[0];
            (
                [b.ids[0].as_ptr(), list.ids.as_ptr(), b.places.as_ptr()],
                [b.dense.as_ptr(), list.mask.as_ptr(), task.labels.as_ptr(), task.weights.as_ptr()],
            )
        };
        let first = buffers(&batch);
        for _ in 0..7 {
            batches.next_into(&mut batch);
            assert_eq!(buffers(&batch), first);
        }
        assert_eq!(batch.lists[0].steps, 3);
    }

    #[test]
    fn only_what_a_sampler_chose() {
        let columns = columns(20);
        let mut batches = Batches::in_order(&columns, 4).unwrap().only(vec![3, 5, 7, 11, 13]).unwrap();
        let places: Vec<u32> = epoch(&mut batches).into_iter().flat_map(|batch| batch.places).collect();
        assert_eq!(places, [3, 5, 7, 11, 13]);
        assert!(matches!(Batches::in_order(&columns, 0), Err(BatchError::Setting { setting: "size", .. })));
        let none = Batches::in_order(&columns, 4).unwrap().only(vec![]);
        assert!(matches!(none, Err(BatchError::Setting { setting: "rows", .. })));
        let beyond = Batches::in_order(&columns, 4).unwrap().only(vec![20]);
        assert!(matches!(beyond, Err(BatchError::OutOfRange { value: 20, size: 20, .. })));
    }
}
