//! Inner products of a query with items kept as bytes: four times as many songs in the same memory.
//!
//! A block holds sixteen items; two coordinates of one item lie side by side, `block[pair][item] = [c₂ₚ, c₂ₚ₊₁]`, because the machine
//! multiplies pairs of 16-bit numbers and adds each pair in one instruction. The query is rounded to 16 bits, the sums are whole
//! numbers: exact, in whatever order.

use crate::LANES;
use bytemuck::must_cast;
use wide::{f32x8, i8x16, i16x16, i32x8};

/// Two coordinates of sixteen items.
pub type Pair = [[i8; 2]; LANES];

/// The largest magnitude of a rounded query: `512 · 127 · 32767` stays within 31 bits.
pub const QUERY_MAX: i16 = 32_767;

/// Puts a row of codes into a lane of a block. What the row is short of is filled with zeros.
pub fn put(row: &[i8], lane: usize, block: &mut [Pair]) {
    let (pairs, odd) = row.as_chunks::<2>();
    let (head, rest) = block.split_at_mut(pairs.len().min(block.len()));
    for (to, pair) in head.iter_mut().zip(pairs) {
        to[lane % LANES] = *pair;
    }
    let mut last = odd.first().copied();
    for to in rest {
        to[lane % LANES] = [last.take().unwrap_or(0), 0];
    }
}

/// `out[i] = code i of the item in `lane` · scale`, over the shorter of the two.
pub fn row(block: &[Pair], lane: usize, scale: f32, out: &mut [f32]) {
    let (pairs, odd) = out.as_chunks_mut::<2>();
    for (to, pair) in pairs.iter_mut().zip(block) {
        *to = pair[lane % LANES].map(|code| f32::from(code) * scale);
    }
    if let ([last], Some(pair)) = (odd, block.get(pairs.len())) {
        *last = f32::from(pair[lane % LANES][0]) * scale;
    }
}

/// Copies the item in `lane` as numbers, `code · scale`, into a lane of a block of numbers, as many coordinates as both have.
pub fn copy(block: &[Pair], lane: usize, scale: f32, to: &mut [[f32; LANES]], to_lane: usize) {
    let (lane, to_lane) = (lane % LANES, to_lane % LANES);
    let (pairs, odd) = to.as_chunks_mut::<2>();
    for ([first, second], pair) in pairs.iter_mut().zip(block) {
        first[to_lane] = f32::from(pair[lane][0]) * scale;
        second[to_lane] = f32::from(pair[lane][1]) * scale;
    }
    if let ([last], Some(pair)) = (odd, block.get(pairs.len())) {
        last[to_lane] = f32::from(pair[lane][0]) * scale;
    }
}

/// A query in 16 bits, two coordinates side by side, and its scale: `≈ pairs · scale`.
pub type Query<'a> = (&'a [[i16; 2]], f32);

/// `out[b][i] = (Σ query · item i of block b) · scales[b][i] · scale`.
pub fn scores(query: Query<'_>, lanes: &[Pair], scales: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    if query.0.is_empty() {
        return out.fill([0.0; LANES]);
    }
    for ((out, scales), block) in out.iter_mut().zip(scales).zip(lanes.chunks_exact(query.0.len())) {
        let mut x = [i32x8::ZERO; 2];
        for (q, pair) in query.0.iter().zip(block) {
            add(&mut x, *q, widened(pair));
        }
        *out = scaled(x, scales, query.1);
    }
}

/// [`scores`] of two queries of one length, `first` and `second`, in one pass: the items are read and widened once.
pub fn scores_of_two(
    (first, second): (Query<'_>, Query<'_>),
    lanes: &[Pair],
    scales: &[[f32; LANES]],
    out: (&mut [[f32; LANES]], &mut [[f32; LANES]]),
) {
    let blocks = lanes.chunks_exact(first.0.len().max(1)).zip(scales);
    for ((block, scales), (a, b)) in blocks.zip(out.0.iter_mut().zip(out.1)) {
        let (mut x, mut y) = ([i32x8::ZERO; 2], [i32x8::ZERO; 2]);
        for ((p, q), pair) in first.0.iter().zip(second.0).zip(block) {
            let items = widened(pair);
            add(&mut x, *p, items);
            add(&mut y, *q, items);
        }
        *a = scaled(x, scales, first.1);
        *b = scaled(y, scales, second.1);
    }
}

#[inline(always)]
fn widened(pair: &Pair) -> [i16x16; 2] {
    let [a, b]: [i8x16; 2] = must_cast(*pair);
    [i16x16::from_i8x16(a), i16x16::from_i8x16(b)]
}

#[inline(always)]
fn add(sums: &mut [i32x8; 2], query: [i16; 2], items: [i16x16; 2]) {
    let q: i16x16 = must_cast([query; 8]);
    sums[0] += items[0].dot(q);
    sums[1] += items[1].dot(q);
}

#[inline(always)]
fn scaled(sums: [i32x8; 2], scales: &[f32; LANES], scale: f32) -> [f32; LANES] {
    let (s, scale): ([f32x8; 2], f32x8) = (must_cast(*scales), f32x8::splat(scale));
    must_cast([sums[0].round_float() * s[0] * scale, sums[1].round_float() * s[1] * scale])
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact bits are the claim")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_lane_is_the_plain_sum(pairs in 1usize..130, blocks in 0usize..5, seed in any::<u32>()) {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state
            };
            let query: Vec<[i16; 2]> = (0..pairs).map(|_| [(next() >> 16) as i16, QUERY_MAX]).collect();
            let items: Vec<Pair> =
                (0..pairs * blocks).map(|_| core::array::from_fn(|_| [(next() >> 24) as i8, -127])).collect();
            let plain = |block: &[Pair], lane: usize| -> i64 {
                let terms = query.iter().zip(block).map(|(q, p)| {
                    i64::from(q[0]) * i64::from(p[lane][0]) + i64::from(q[1]) * i64::from(p[lane][1])
                });
                terms.sum()
            };
            let scales: Vec<[f32; LANES]> = (0..blocks).map(|b| core::array::from_fn(|i| (b * 16 + i) as f32)).collect();
            let (mut y, mut z) = (vec![[0.25; LANES]; blocks], vec![[0.5; LANES]; blocks]);
            scores((&query, 0.5), &items, &scales, &mut y);
            let other: Vec<[i16; 2]> = query.iter().map(|[a, b]| [*b, *a]).collect();
            scores((&other, 2.0), &items, &scales, &mut z);
            let (mut first, mut second) = (vec![[7.0; LANES]; blocks], vec![[9.0; LANES]; blocks]);
            scores_of_two(((&query, 0.5), (&other, 2.0)), &items, &scales, (&mut first, &mut second));
            prop_assert_eq!((&first, second), (&y, z));
            for (b, block) in items.chunks_exact(pairs).enumerate() {
                for lane in 0..LANES {
                    let sum = i32::try_from(plain(block, lane));
                    prop_assert!(sum.is_ok(), "a sum of more than 31 bits");
                    let score = sum.map_or(0.0, |sum| sum as f32 * scales[b][lane] * 0.5);
                    prop_assert_eq!(y[b][lane], score);
                }
            }
        }

        #[test]
        fn what_is_put_in_comes_out(d in 1usize..20, short in 0usize..3, lane in 0usize..16, seed in any::<u32>()) {
            let codes: Vec<i8> = (0..d.saturating_sub(short)).map(|i| (seed >> (i % 24)).to_le_bytes()[0].cast_signed()).collect();
            let mut block = vec![[[9; 2]; LANES]; d.div_ceil(2)];
            put(&codes, lane, &mut block);
            let mut out = vec![7.0; d];
            row(&block, lane, 0.5, &mut out);
            for (i, value) in out.iter().enumerate() {
                prop_assert_eq!(*value, codes.get(i).map_or(0.0, |code| f32::from(*code) * 0.5));
            }
            let others = block.iter().flat_map(|pairs| pairs.iter().enumerate().filter(|(l, _)| *l != lane));
            prop_assert!(others.into_iter().all(|(_, pair)| *pair == [9; 2]));
        }
    }
}
