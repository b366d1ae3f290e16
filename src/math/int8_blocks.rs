//! Resident item vectors as the bytes they came in: a quarter of the memory of [`super::ItemBlocks`], and sums of whole numbers,
//! which are exact in any order on any machine.
//!
//! A query is rounded to 16 bits, so that its own rounding is 256 times finer than that of the rows. The inner loops are
//! `sottovoce_lanes::int8`.

use super::{ItemBlocks, LANES};
use sottovoce_lanes::dense;
use sottovoce_lanes::int8::{self, Pair, QUERY_MAX};

/// Item vectors of one dimension `d` as int8 rows with a scale each, in blocks of [`LANES`].
///
/// # Example
/// ```
/// use sottovoce::math::Int8Blocks;
/// let mut items = Int8Blocks::new(2);
/// items.push(&[100, 0], 0.01);
/// items.push(&[0, -50], 0.02);
/// let mut scores = Vec::new();
/// items.dot_max(&[1.0, 0.5], &mut scores);
/// assert!((scores[0] - 1.0).abs() < 1e-4 && (scores[1] + 0.5).abs() < 1e-4);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Int8Blocks {
    dimension: usize,
    len: usize,
    /// `lanes[(slot / 16) · ⌈d/2⌉ + pair][slot % 16]`.
    lanes: Vec<Pair>,
    scales: Vec<[f32; LANES]>,
}

/// A query in 16 bits: `≈ pairs · scale`.
#[derive(Clone, Debug)]
pub struct Query {
    /// As many as the items have; the others are zeros.
    pairs: [[i16; 2]; 128],
    scale: f32,
}

impl Default for Query {
    fn default() -> Self {
        Self { pairs: [[0; 2]; 128], scale: 0.0 }
    }
}

impl Int8Blocks {
    /// No items yet, of dimension `d`, at most 256: so the sums of a query stay within 31 bits.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self { dimension, ..Self::default() }
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

    fn pairs(&self) -> usize {
        self.dimension.div_ceil(2)
    }

    /// Makes room for `items` more.
    pub fn reserve(&mut self, items: usize) {
        let blocks = (self.len + items).div_ceil(LANES);
        self.scales.reserve(blocks.saturating_sub(self.scales.len()));
        self.lanes.reserve((blocks * self.pairs()).saturating_sub(self.lanes.len()));
    }

    /// Adds an item and answers its slot. A row shorter than `d` is filled with zeros; a longer one is cut.
    #[allow(clippy::cast_possible_truncation, reason = "2³² rows are more than wasm32 can hold")]
    pub fn push(&mut self, codes: &[i8], scale: f32) -> u32 {
        let slot = self.len as u32;
        self.grow(1);
        self.set(slot, codes, scale);
        slot
    }

    /// Adds rows of `d` codes, one after the other, one for each of `scales`. Codes without a scale, and scales without a row, are left
    /// out.
    #[allow(clippy::cast_possible_truncation, reason = "2³² rows are more than wasm32 can hold")]
    pub fn extend(&mut self, rows: &[i8], scales: &[f32]) {
        let (d, first) = (self.dimension.max(1), self.len as u32);
        self.grow(scales.len().min(rows.len() / d));
        for (slot, (codes, scale)) in (first..self.len as u32).zip(rows.chunks_exact(d).zip(scales)) {
            self.set(slot, codes, *scale);
        }
    }

    /// Makes so many items more, all zeros.
    fn grow(&mut self, items: usize) {
        self.len += items;
        let blocks = self.len.div_ceil(LANES);
        self.lanes.resize(blocks * self.pairs(), [[0; 2]; LANES]);
        self.scales.resize(blocks, [0.0; LANES]);
    }

    /// Leaves the rest of the last block empty, so that the next item begins a block.
    pub(super) fn fill_block(&mut self) {
        self.len = self.len.next_multiple_of(LANES);
    }

    /// Replaces the item in `slot`; answers false where there is none.
    pub fn set(&mut self, slot: u32, codes: &[i8], scale: f32) -> bool {
        let (block, lane) = (slot as usize / LANES, slot as usize % LANES);
        if slot as usize >= self.len {
            return false;
        }
        self.scales[block][lane] = scale;
        let pairs = self.pairs();
        let row = &codes[..self.dimension.min(codes.len())];
        int8::put(row, lane, &mut self.lanes[block * pairs..(block + 1) * pairs]);
        true
    }

    /// Copies an item's bytes into `codes` and answers its scale; zeros where there is no such item.
    pub fn codes(&self, slot: u32, codes: &mut [i8]) -> f32 {
        codes.fill(0);
        let (block, lane) = (slot as usize / LANES, slot as usize % LANES);
        if slot as usize >= self.len {
            return 0.0;
        }
        let start = block * self.pairs();
        for (i, code) in codes.iter_mut().enumerate().take(self.dimension) {
            *code = self.lanes[start + i / 2][lane][i % 2];
        }
        self.scales[block][lane]
    }

    /// The item in `slot` as numbers, `code · scale` each; zeros, and false, where there is no such item.
    pub fn row(&self, slot: u32, row: &mut [f32]) -> bool {
        row.fill(0.0);
        let (block, lane) = (slot as usize / LANES, slot as usize % LANES);
        if slot as usize >= self.len {
            return false;
        }
        let start = block * self.pairs();
        let long = self.dimension.min(row.len());
        int8::row(&self.lanes[start..start + self.pairs()], lane, self.scales[block][lane], &mut row[..long]);
        true
    }

    /// Rounds a query of `d` numbers to 16 bits, in storage that is used again. Numbers that are not finite count as 0.
    #[allow(clippy::cast_possible_truncation, reason = "rounded values lie within ±32767")]
    pub fn query(&self, values: &[f32], query: &mut Query) {
        let at = |i: usize| values.get(i).copied().filter(|v| v.is_finite() && i < self.dimension).unwrap_or(0.0);
        let largest = (0..self.dimension).fold(0.0f32, |m, i| at(i).abs().max(m));
        query.scale = largest / f32::from(QUERY_MAX);
        let usable = query.scale >= f32::MIN_POSITIVE;
        query.scale = if usable { query.scale } else { 0.0 };
        let round = |v: f32| {
            let y = if usable { v / query.scale } else { 0.0 };
            (if y < 0.0 { y - 0.5 } else { y + 0.5 }).clamp(-32_767.0, 32_767.0) as i16
        };
        for (p, pair) in query.pairs[..self.pairs()].iter_mut().enumerate() {
            *pair = [round(at(2 * p)), round(at(2 * p + 1))];
        }
    }

    /// The inner products of the `queries` (one after the other, `d` numbers each) with every item: `out[query · stride + slot]`. Answers
    /// the stride; between two columns lie the empty lanes of the last block.
    pub fn dots(&self, queries: &[f32], out: &mut Vec<f32>) -> usize {
        let (d, stride) = (self.dimension.max(1), self.len.next_multiple_of(LANES));
        let (mut first, mut second) = (Query::default(), Query::default());
        out.resize(queries.len() / d * stride, 0.0);
        if self.dimension == 0 {
            out.fill(0.0);
        }
        // Two queries meet a block while it is in the registers.
        for (values, out) in queries.chunks(2 * d).zip(out.chunks_mut((2 * stride).max(1))) {
            let (one, other) = out.split_at_mut(stride);
            self.query(&values[..d.min(values.len())], &mut first);
            if other.is_empty() {
                self.score(&first, 0, one.as_chunks_mut().0);
                continue;
            }
            self.query(&values[d..], &mut second);
            let out = (one.as_chunks_mut().0, other.as_chunks_mut().0);
            int8::scores_of_two((self.cut(&first), self.cut(&second)), &self.lanes, &self.scales, out);
        }
        stride
    }

    /// The inner product of `query` with every item: `out[slot]`.
    pub fn dot_all(&self, query: &[f32], out: &mut Vec<f32>) {
        let mut rounded = Query::default();
        self.query(query, &mut rounded);
        out.resize(self.len.next_multiple_of(LANES), 0.0);
        self.score(&rounded, 0, out.as_chunks_mut().0);
        out.truncate(self.len);
    }

    /// The largest inner product of any of the `queries` with every item: `out[slot]`; zeros without a query.
    pub fn dot_max(&self, queries: &[f32], out: &mut Vec<f32>) {
        let stride = self.dots(queries, out);
        let most = stride.min(out.len());
        let (most, others) = out.split_at_mut(most);
        others.chunks_exact(stride.max(1)).for_each(|column| dense::raise(column, most));
        out.resize(self.len, 0.0);
    }

    /// As many pairs as the items have.
    fn cut<'q>(&self, query: &'q Query) -> int8::Query<'q> {
        (&query.pairs[..self.pairs()], query.scale)
    }

    /// The scores of the blocks from `first` on, as many as `out` holds.
    pub(super) fn score(&self, query: &Query, first: usize, out: &mut [[f32; LANES]]) {
        let (lanes, scales) = (&self.lanes[first * self.pairs()..], &self.scales[first..]);
        int8::scores(self.cut(query), lanes, scales, out);
    }

    /// The inner products of the `queries` with the items in `slots`, in that order: `out[query · slots + place]`; 0 for a slot that is
    /// not held. The bits are those of [`Int8Blocks::dots`].
    #[allow(clippy::cast_precision_loss, reason = "as the lanes do")]
    pub fn dots_slots(&self, queries: &[f32], slots: &[u32], out: &mut Vec<f32>) {
        let mut query = Query::default();
        out.clear();
        for values in queries.chunks_exact(self.dimension.max(1)) {
            self.query(values, &mut query);
            out.extend(slots.iter().map(|slot| {
                let (block, lane) = (*slot as usize / LANES, *slot as usize % LANES);
                if *slot as usize >= self.len {
                    return 0.0;
                }
                let block_lanes = &self.lanes[block * self.pairs()..(block + 1) * self.pairs()];
                let sum = self.cut(&query).0.iter().zip(block_lanes).fold(0i32, |sum, (q, pair)| {
                    let [a, b] = pair[lane].map(i32::from);
                    sum + i32::from(q[0]) * a + i32::from(q[1]) * b
                });
                sum as f32 * self.scales[block][lane] * query.scale
            }));
        }
    }

    /// Copies the items in `slots`, in that order and as numbers, into `into`, whose storage is used again; zeros for a slot that is not
    /// held.
    pub fn gather(&self, slots: &[u32], into: &mut ItemBlocks) {
        into.reset(self.dimension);
        for slot in slots {
            let (block, lane) = (*slot as usize / LANES, *slot as usize % LANES);
            let (to, to_lane) = into.grow();
            if (*slot as usize) < self.len {
                let from = &self.lanes[block * self.pairs()..(block + 1) * self.pairs()];
                int8::copy(from, lane, self.scales[block][lane], to, to_lane);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_possible_truncation, reason = "tests compare exact bits and small counts")]
mod tests {
    use super::*;
    use crate::math::{Rng, dot, quantize_row};
    use proptest::prelude::*;

    fn random(n: usize, d: usize, seed: u64) -> (Int8Blocks, Vec<Vec<f32>>) {
        let mut rng = Rng::new(seed);
        let mut items = Int8Blocks::new(d);
        let rows = (0..n)
            .map(|slot| {
                let row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
                let mut codes = vec![0; d];
                let scale = quantize_row(&row, &mut codes);
                assert_eq!(items.push(&codes, scale) as usize, slot);
                row
            })
            .collect();
        (items, rows)
    }

    proptest! {
        #[test]
        fn scores_are_close_and_every_path_gives_the_same_bits(n in 0usize..70, d in 1usize..40, k in 1usize..4, seed in any::<u64>()) {
            let (items, rows) = random(n, d, seed);
            let mut rng = Rng::new(!seed);
            let queries: Vec<f32> = (0..k * d).map(|_| rng.normal()).collect();
            let (mut all, mut each, mut some) = (vec![3.0; 5], vec![4.0; 3], vec![]);
            items.dot_max(&queries, &mut all);
            let stride = items.dots(&queries, &mut each);
            let slots: Vec<u32> = (0..n as u32).rev().collect();
            items.dots_slots(&queries, &slots, &mut some);
            prop_assert_eq!((each.len(), some.len()), (k * stride, k * n));
            for slot in 0..n {
                let of = |q: usize| each[q * stride + slot];
                prop_assert!((0..k).all(|q| of(q) == some[q * n + n - 1 - slot]));
                prop_assert_eq!(all[slot], (0..k).map(of).fold(f32::MIN, f32::max));
            }
            for (score, row) in all.iter().zip(&rows) {
                let exact = queries.chunks_exact(d).map(|q| dot(q, row)).fold(f32::MIN, f32::max);
                prop_assert!((score - exact).abs() < 0.05 * (d as f32).sqrt() * 2.0, "{} {}", score, exact);
            }
            let mut at_once = Int8Blocks::new(d);
            let (mut codes, mut scales, mut one) = (vec![], vec![], vec![0; d]);
            for slot in 0..n as u32 {
                let scale = items.codes(slot, &mut one);
                codes.extend_from_slice(&one);
                scales.push(scale);
            }
            let half = n / 2;
            at_once.extend(&codes[..half * d], &scales[..half]);
            at_once.extend(&codes[half * d..], &scales[half..]);
            prop_assert_eq!(&items, &at_once);
            let mut gathered = ItemBlocks::default();
            items.gather(&slots, &mut gathered);
            let (mut a, mut b) = (vec![0.0; d], vec![0.0; d]);
            for (i, slot) in slots.iter().enumerate() {
                gathered.row(i as u32, &mut a);
                items.row(*slot, &mut b);
                prop_assert_eq!(&a, &b);
            }
        }
    }

    #[test]
    fn hostile_queries_score_zero_or_finite() {
        let (items, _) = random(20, 3, 1);
        let mut out = vec![];
        for query in [[f32::NAN; 3], [0.0; 3], [1e-45, 0.0, 0.0]] {
            items.dot_max(&query, &mut out);
            assert!(out.iter().all(|s| *s == 0.0));
        }
        items.dot_max(&[1e30, f32::INFINITY, -1.0], &mut out);
        assert!(out.iter().all(|s| s.is_finite()));
    }

    #[test]
    fn the_widest_sums_fit() {
        let mut items = Int8Blocks::new(256);
        items.push(&[-127; 256], 1.0);
        let mut out = vec![];
        items.dot_max(&[2.0; 256], &mut out);
        assert!((out[0] / (-127.0 * 512.0) - 1.0).abs() < 1e-6);
    }
}
