//! Resident item vectors, sixteen to a block, dimension by dimension inside a block: one multiplication of a query's
//! coordinate meets sixteen items, and no horizontal sum is ever needed. The inner loops are `sottovoce_lanes::blocks`.

use super::TopK;
use sottovoce_lanes::blocks;

/// Items in a block.
pub const LANES: usize = sottovoce_lanes::LANES;

/// Item vectors of one dimension `d`, in blocks of [`LANES`]. A slot is an item's place, from 0, in order of arrival.
///
/// An item's inner product with a query has the same bits through every method here, whatever else is resident.
///
/// # Example
/// ```
/// use sottovoce::math::ItemBlocks;
/// let mut items = ItemBlocks::new(2);
/// items.push(&[1.0, 0.0]);
/// items.push(&[0.0, 1.0]);
/// let mut scores = Vec::new();
/// items.dot_all(&[0.5, 2.0], &mut scores);
/// assert_eq!(scores, [0.5, 2.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemBlocks {
    dimension: usize,
    len: usize,
    /// `lanes[(slot / 16) · d + coordinate][slot % 16]`; lanes beyond `len` are zero.
    lanes: Vec<[f32; LANES]>,
}

impl ItemBlocks {
    /// No items yet, of dimension `d`.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self { dimension, len: 0, lanes: Vec::new() }
    }

    /// `d`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many items are resident.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the items and takes dimension `d`; keeps the storage.
    pub fn reset(&mut self, dimension: usize) {
        self.dimension = dimension;
        self.len = 0;
        self.lanes.clear();
    }

    /// Makes room for `items` more.
    pub fn reserve(&mut self, items: usize) {
        let blocks = (self.len + items).div_ceil(LANES);
        self.lanes.reserve((blocks * self.dimension).saturating_sub(self.lanes.len()));
    }

    /// Adds an item and answers its slot. A row shorter than `d` is filled with zeros; a longer one is cut.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "2³² items of one coordinate are 16 GiB: more than wasm32 can hold"
    )]
    pub fn push(&mut self, row: &[f32]) -> u32 {
        let slot = self.len as u32;
        let (block, lane) = self.grow();
        blocks::put(row, lane, block);
        slot
    }

    /// Adds items one after the other, four at a time where they fall into one block.
    pub fn extend<'r>(&mut self, mut rows: impl Iterator<Item = &'r [f32]>) {
        while let Some(first) = rows.next() {
            let more = [rows.next(), rows.next(), rows.next()];
            if let [Some(b), Some(c), Some(d)] = more
                && self.len.is_multiple_of(4)
                && [first, b, c, d].iter().all(|row| row.len() >= self.dimension)
            {
                let (block, lane) = self.grow();
                blocks::put_four([first, b, c, d], lane, block);
                self.len += 3;
            } else {
                _ = self.push(first);
                more.into_iter().flatten().for_each(|row| _ = self.push(row));
            }
        }
    }

    /// Makes room for one item more: its block, and its lane there, which is all zeros where the block is new.
    pub(super) fn grow(&mut self) -> (&mut [[f32; LANES]], usize) {
        if self.len.is_multiple_of(LANES) {
            self.lanes.resize(self.lanes.len() + self.dimension, [0.0; LANES]);
        }
        self.len += 1;
        let (start, lane) = self.place(self.len - 1);
        (&mut self.lanes[start..start + self.dimension], lane)
    }

    /// Replaces the item in `slot`; answers false where there is none.
    pub fn set(&mut self, slot: u32, row: &[f32]) -> bool {
        let held = (slot as usize) < self.len;
        if held {
            self.write(slot as usize, row);
        }
        held
    }

    fn write(&mut self, slot: usize, row: &[f32]) {
        let (start, lane) = self.place(slot);
        blocks::put(row, lane, &mut self.lanes[start..start + self.dimension]);
    }

    fn place(&self, slot: usize) -> (usize, usize) {
        (slot / LANES * self.dimension, slot % LANES)
    }

    /// Copies the item in `slot` into `row`. Where there is no such item, `row` becomes zeros and the answer is false.
    pub fn row(&self, slot: u32, row: &mut [f32]) -> bool {
        if slot as usize >= self.len {
            row.fill(0.0);
            return false;
        }
        let (start, lane) = self.place(slot as usize);
        for (value, coordinate) in row.iter_mut().zip(&self.lanes[start..start + self.dimension]) {
            *value = coordinate[lane];
        }
        true
    }

    /// The blocks in order: `d` coordinates of sixteen items each.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &[[f32; LANES]]> {
        self.lanes.chunks_exact(self.dimension.max(1))
    }

    /// One block: `d` coordinates of sixteen items each.
    ///
    /// # Panics
    /// If there is no such block.
    #[must_use]
    pub fn block(&self, index: usize) -> &[[f32; LANES]] {
        &self.lanes[index * self.dimension..(index + 1) * self.dimension]
    }

    /// The inner product of `query` with every item: `out[slot]`. A query shorter than `d` counts as filled with zeros.
    pub fn dot_all(&self, query: &[f32], out: &mut Vec<f32>) {
        self.whole_blocks(out, |lanes, out| blocks::dots(query, self.dimension, lanes, out));
    }

    /// As [`ItemBlocks::dot_all`], block by block; lanes beyond the last item are 0.
    pub fn dot_blocks(&self, query: &[f32], out: &mut Vec<[f32; LANES]>) {
        out.resize(self.len.div_ceil(LANES), [0.0; LANES]);
        blocks::dots(query, self.dimension, &self.lanes, out);
    }

    /// `‖v‖²` of every item: `out[slot]`.
    pub fn squared_norms(&self, out: &mut Vec<f32>) {
        self.whole_blocks(out, |lanes, out| blocks::squared_norms(self.dimension, lanes, out));
    }

    /// As [`ItemBlocks::squared_norms`], block by block; lanes beyond the last item are 0.
    pub fn squared_norm_blocks(&self, out: &mut Vec<[f32; LANES]>) {
        out.resize(self.len.div_ceil(LANES), [0.0; LANES]);
        blocks::squared_norms(self.dimension, &self.lanes, out);
    }

    /// The `k` items whose inner product with `query` is largest, best first: scores, their threshold and the selection hand in hand.
    pub fn best(&self, query: &[f32], top: &mut TopK, k: usize, out: &mut Vec<u32>) {
        let fill = |scores: &mut [[f32; LANES]], most: &mut Vec<f32>| {
            blocks::dots_and_best(query, self.dimension, &self.lanes, scores, most);
        };
        top.select_filled(self.len, k, fill, out);
    }

    fn whole_blocks(&self, out: &mut Vec<f32>, fill: impl FnOnce(&[[f32; LANES]], &mut [[f32; LANES]])) {
        out.resize(self.len.next_multiple_of(LANES), 0.0);
        fill(&self.lanes, out.as_chunks_mut().0);
        out.truncate(self.len);
    }

    /// The inner product of `query` with the items in `slots`, in that order; 0 for a slot that is not held.
    pub fn dot_slots(&self, query: &[f32], slots: &[u32], out: &mut Vec<f32>) {
        out.clear();
        out.extend(slots.iter().map(|slot| {
            let slot = *slot as usize;
            if slot >= self.len {
                return 0.0;
            }
            let (start, lane) = self.place(slot);
            let item = &self.lanes[start..start + self.dimension];
            query.iter().zip(item).fold(0.0, |sum, (q, coordinate)| sum + q * coordinate[lane])
        }));
    }

    /// Copies the items in `slots`, in that order, into `into`, whose storage is used again. A slot that is not held
    /// becomes a zero vector.
    pub fn gather(&self, slots: &[u32], into: &mut ItemBlocks) {
        into.reset(self.dimension);
        into.len = slots.len();
        into.lanes.resize(slots.len().div_ceil(LANES) * self.dimension, [0.0; LANES]);
        for (to, slots) in into.lanes.chunks_exact_mut(self.dimension.max(1)).zip(slots.chunks(LANES)) {
            for (lane, slot) in slots.iter().enumerate() {
                if (*slot as usize) < self.len {
                    let (start, from) = self.place(*slot as usize);
                    for (to, coordinate) in to.iter_mut().zip(&self.lanes[start..start + self.dimension]) {
                        to[lane] = coordinate[from];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests compare exact values and small counts"
)]
mod tests {
    use super::*;
    use crate::math::{Rng, dot};
    use proptest::prelude::*;

    fn random(items: usize, d: usize, seed: u64) -> (Vec<Vec<f32>>, ItemBlocks, Vec<f32>) {
        let mut rng = Rng::new(seed);
        let rows: Vec<Vec<f32>> = (0..items).map(|_| (0..d).map(|_| rng.normal()).collect()).collect();
        let mut blocks = ItemBlocks::new(d);
        for (slot, row) in rows.iter().enumerate() {
            assert_eq!(blocks.push(row) as usize, slot);
        }
        let query = (0..d).map(|_| rng.normal()).collect();
        (rows, blocks, query)
    }

    proptest! {
        #[test]
        fn every_path_gives_the_same_bits(items in 0usize..80, d in 1usize..70, seed in any::<u64>()) {
            let (rows, blocks, query) = random(items, d, seed);
            let (mut all, mut some, mut gathered) = (vec![9.0; 3], vec![], vec![]);
            blocks.dot_all(&query, &mut all);
            prop_assert_eq!(all.len(), items);
            for (row, score) in rows.iter().zip(&all) {
                prop_assert!((dot(row, &query) - score).abs() < 1e-4);
            }
            let (first, rest) = rows.split_at(seed as usize % (items + 1));
            let mut in_fours = ItemBlocks::new(d);
            first.iter().for_each(|row| _ = in_fours.push(row));
            in_fours.extend(rest.iter().map(Vec::as_slice));
            prop_assert_eq!(&in_fours, &blocks);
            let mut norms = vec![];
            blocks.squared_norms(&mut norms);
            prop_assert!(norms.len() == items && rows.iter().zip(&norms).all(|(row, n)| (dot(row, row) - n).abs() < 1e-3));
            let mut slots: Vec<u32> = (0..items as u32).collect();
            Rng::new(seed).shuffle(&mut slots);
            let (mut best, mut selected) = (vec![], vec![]);
            blocks.best(&query, &mut TopK::new(), items.min(3), &mut best);
            TopK::new().select(&all, items.min(3), &mut selected);
            prop_assert_eq!(best, selected);
            blocks.dot_slots(&query, &slots, &mut some);
            let mut copy = ItemBlocks::new(1);
            copy.push(&[7.0]);
            blocks.gather(&slots, &mut copy);
            copy.dot_all(&query, &mut gathered);
            for (i, slot) in slots.iter().enumerate() {
                prop_assert_eq!(all[*slot as usize].to_bits(), some[i].to_bits());
                prop_assert_eq!(all[*slot as usize].to_bits(), gathered[i].to_bits());
            }
        }

        #[test]
        fn rows_come_back_as_they_went_in(items in 1usize..40, d in 1usize..20, seed in any::<u64>()) {
            let (rows, mut blocks, query) = random(items, d, seed);
            let mut row = vec![0.0; d];
            for (slot, want) in rows.iter().enumerate() {
                prop_assert!(blocks.row(slot as u32, &mut row));
                prop_assert_eq!(&row, want);
            }
            prop_assert!(blocks.set(0, &query) && blocks.row(0, &mut row));
            prop_assert_eq!(&row, &query);
            if items > 1 {
                prop_assert!(blocks.row(1, &mut row));
                prop_assert_eq!(&row, &rows[1]);
            }
        }
    }

    #[test]
    fn what_is_not_held_is_zero_and_said() {
        let (_, mut blocks, query) = random(3, 4, 1);
        let mut row = [9.0; 4];
        assert!(!blocks.row(3, &mut row) && !blocks.set(3, &query));
        assert_eq!(row, [0.0; 4]);
        let mut out = vec![];
        blocks.dot_slots(&query, &[3, 400], &mut out);
        assert_eq!(out, [0.0, 0.0]);
        let mut copy = ItemBlocks::new(4);
        blocks.gather(&[u32::MAX, 1], &mut copy);
        assert!(copy.row(0, &mut row) && copy.len() == 2);
        assert_eq!(row, [0.0; 4]);
    }

    #[test]
    fn short_rows_short_queries_and_no_dimension() {
        let mut blocks = ItemBlocks::new(3);
        blocks.push(&[1.0]);
        blocks.push(&[1.0, 2.0, 3.0, 4.0]);
        let mut out = vec![];
        blocks.dot_all(&[1.0, 1.0], &mut out);
        assert_eq!(out, [1.0, 3.0]);
        let mut none = ItemBlocks::new(0);
        none.push(&[]);
        none.dot_all(&[], &mut out);
        assert_eq!(out, [0.0]);
        none.gather(&[0], &mut blocks);
        assert_eq!((blocks.len(), blocks.dimension()), (1, 0));
    }

    #[test]
    fn storage_is_used_again() {
        let (_, blocks, query) = random(100, 8, 2);
        let slots: Vec<u32> = (0..64).collect();
        let (mut copy, mut out) = (ItemBlocks::new(8), vec![]);
        blocks.gather(&slots, &mut copy);
        blocks.dot_all(&query, &mut out);
        let before = (copy.lanes.as_ptr(), out.as_ptr());
        blocks.gather(&slots[..40], &mut copy);
        blocks.dot_all(&query, &mut out);
        assert_eq!((copy.lanes.as_ptr(), out.as_ptr()), before);
    }
}
