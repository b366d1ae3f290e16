//! Inner products of queries with item blocks: one multiplication of a query's coordinate meets sixteen items, and no horizontal
//! sum is ever needed.
//!
//! A block is `d` rows of sixteen lanes: `block[coordinate][item]`. Blocks follow each other: `lanes[b · d + coordinate][item]`.
//! The sum over coordinates runs upwards from 0, whatever stands beside it.

use crate::LANES;
use crate::madd::madd;
use bytemuck::must_cast;
use wide::{f32x4, f32x8};

type Pair = [f32x8; 2];

#[inline(always)]
fn load(lanes: &[f32; LANES]) -> Pair {
    must_cast(*lanes)
}

/// `out[b][i] = ⟨query, item i of block b⟩`. A query longer than `dimension` is cut; a shorter one counts as filled with zeros.
pub fn dots(query: &[f32], dimension: usize, lanes: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    if dimension == 0 {
        return out.fill([0.0; LANES]);
    }
    let query = &query[..query.len().min(dimension)];
    // Two blocks at a time: eight independent chains of additions hide the adder's latency.
    let (pairs, last) = out.as_chunks_mut::<2>();
    let mut rest = lanes;
    for pair in pairs {
        let Some((a, after)) = rest.split_at_checked(dimension) else { return };
        let Some((b, after)) = after.split_at_checked(dimension) else { return };
        rest = after;
        let (mut x, mut y) = ([f32x8::ZERO; 2], [f32x8::ZERO; 2]);
        for (q, (a, b)) in query.iter().zip(a.iter().zip(b)) {
            let q = f32x8::splat(*q);
            let (a, b) = (load(a), load(b));
            x[0] = madd(x[0], q, a[0]);
            x[1] = madd(x[1], q, a[1]);
            y[0] = madd(y[0], q, b[0]);
            y[1] = madd(y[1], q, b[1]);
        }
        *pair = [must_cast(x), must_cast(y)];
    }
    for sums in last {
        let mut x = [f32x8::ZERO; 2];
        for (q, a) in query.iter().zip(rest) {
            let q = f32x8::splat(*q);
            let a = load(a);
            x[0] = madd(x[0], q, a[0]);
            x[1] = madd(x[1], q, a[1]);
        }
        *sums = must_cast(x);
    }
}

/// Blocks whose scores stay in the first cache while they are looked at again.
const STRIPE: usize = 16;

/// As [`dots`], and the largest of each block in `best`, a stripe that is still in the first cache at a time. NaN counts as negative
/// infinity there.
pub fn dots_and_best(
    query: &[f32],
    dimension: usize,
    lanes: &[[f32; LANES]],
    out: &mut [[f32; LANES]],
    best: &mut Vec<f32>,
) {
    best.clear();
    let lanes = lanes.chunks(STRIPE * dimension.max(1)).chain(core::iter::repeat(&[][..]));
    for (out, lanes) in out.chunks_mut(STRIPE).zip(lanes) {
        dots(query, dimension, lanes, out);
        best.extend(out.iter().map(largest_in_block));
    }
}

#[inline(always)]
fn larger(a: f32x8, b: f32x8) -> f32x8 {
    b.simd_gt(a).select(b, a)
}

/// `out[b][i] = ‖item i of block b‖²`.
pub fn squared_norms(dimension: usize, lanes: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    if dimension == 0 {
        return out.fill([0.0; LANES]);
    }
    for (sums, block) in out.iter_mut().zip(lanes.chunks_exact(dimension)) {
        let mut x = [f32x8::ZERO; 2];
        for a in block {
            let a = load(a);
            x[0] = madd(x[0], a[0], a[0]);
            x[1] = madd(x[1], a[1], a[1]);
        }
        *sums = must_cast(x);
    }
}

/// `left[i] ← max(floor, left[i] + sign · (dots[i] + constant)²)`: what a greedy step leaves of every item. NaN stays NaN.
pub fn spread(dots: &[[f32; LANES]], constant: f32, sign: f32, floor: f32, left: &mut [[f32; LANES]]) {
    let (constant, sign, floor) = (f32x8::splat(constant), f32x8::splat(sign), f32x8::splat(floor));
    for (left, dots) in left.iter_mut().zip(dots) {
        let (d, l) = (load(dots), load(left));
        let step = |d: f32x8, l: f32x8| {
            let e = d + constant;
            let next = madd(l, sign, e * e);
            next.simd_lt(floor).select(floor, next)
        };
        *left = must_cast([step(d[0], l[0]), step(d[1], l[1])]);
    }
}

/// `out[i] = a[i] · b[i]`, and the largest of each block in `best`. NaN counts as negative infinity there.
pub fn products(a: &[[f32; LANES]], b: &[[f32; LANES]], out: &mut [[f32; LANES]], best: &mut [f32]) {
    for ((out, best), (a, b)) in out.iter_mut().zip(best).zip(a.iter().zip(b)) {
        let (a, b) = (load(a), load(b));
        let c = [a[0] * b[0], a[1] * b[1]];
        let none = f32x8::splat(f32::NEG_INFINITY);
        *best = most(larger(larger(none, c[0]), c[1]));
        *out = must_cast(c);
    }
}

/// `out[k][i] = ⟨query_k, item i of the block⟩`: several queries, each the first numbers of `stride`, and one block. The bits are those
/// of [`dots`].
pub fn dots_of_block(queries: &[f32], stride: usize, block: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    let mut queries = queries.chunks_exact(stride.max(1));
    for pair in pairs {
        let (Some(p), Some(q)) = (queries.next(), queries.next()) else { return };
        let (mut x, mut y) = ([f32x8::ZERO; 2], [f32x8::ZERO; 2]);
        for (a, (p, q)) in block.iter().zip(p.iter().zip(q)) {
            let (a, p, q) = (load(a), f32x8::splat(*p), f32x8::splat(*q));
            x[0] = madd(x[0], p, a[0]);
            x[1] = madd(x[1], p, a[1]);
            y[0] = madd(y[0], q, a[0]);
            y[1] = madd(y[1], q, a[1]);
        }
        *pair = [must_cast(x), must_cast(y)];
    }
    if let (Some(query), Some(sums)) = (queries.next(), last.first_mut()) {
        let mut x = [f32x8::ZERO; 2];
        for (a, q) in block.iter().zip(query) {
            let (a, q) = (load(a), f32x8::splat(*q));
            x[0] = madd(x[0], q, a[0]);
            x[1] = madd(x[1], q, a[1]);
        }
        *sums = must_cast(x);
    }
}

/// Puts a row into a lane of a block: `block[coordinate][lane]`. What the row is short of is filled with zeros.
pub fn put(row: &[f32], lane: usize, block: &mut [[f32; LANES]]) {
    let (head, rest) = block.split_at_mut(row.len().min(block.len()));
    for (to, value) in head.iter_mut().zip(row) {
        to[lane % LANES] = *value;
    }
    for to in rest {
        to[lane % LANES] = 0.0;
    }
}

/// Puts four rows into four lanes side by side, from `lane`, a multiple of four, on: as [`put`] does for rows as long as the block, with a
/// quarter of its writes.
pub fn put_four(rows: [&[f32]; 4], lane: usize, block: &mut [[f32; LANES]]) {
    let first = lane % LANES / 4 * 4;
    let [a, b, c, d] = rows;
    let (fours, rest) = block.as_chunks_mut::<4>();
    for (i, coordinates) in fours.iter_mut().enumerate() {
        let of = |row: &[f32]| -> f32x4 { must_cast::<[f32; 4], f32x4>(row[4 * i..][..4].as_chunks().0[0]) };
        let turned = f32x4::transpose([of(a), of(b), of(c), of(d)]);
        for (to, lanes) in coordinates.iter_mut().zip(turned) {
            to[first..][..4].copy_from_slice(&must_cast::<f32x4, [f32; 4]>(lanes));
        }
    }
    let done = 4 * fours.len();
    for (i, to) in rest.iter_mut().enumerate() {
        to[first..][..4].copy_from_slice(&[a[done + i], b[done + i], c[done + i], d[done + i]]);
    }
}

/// The largest of eight numbers.
fn most(m: f32x8) -> f32 {
    let m: [f32; 8] = must_cast(m);
    m.iter().fold(f32::NEG_INFINITY, |m, v| if *v > m { *v } else { m })
}

/// The largest of any number of values; negative infinity where there is none. NaN loses.
#[must_use]
#[inline(never)]
pub fn largest(values: &[f32]) -> f32 {
    let (whole, rest) = values.as_chunks::<8>();
    let mut last = [f32::NEG_INFINITY; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut m = f32x8::splat(f32::NEG_INFINITY);
    for values in whole {
        m = larger(m, must_cast(*values));
    }
    most(larger(m, must_cast(last)))
}

/// `best[b]` is the largest of the sixteen values of block `b`; negative infinity where all are NaN.
pub fn largest_of_each(values: &[[f32; LANES]], best: &mut Vec<f32>) {
    best.clear();
    best.extend(values.iter().map(largest_in_block));
}

#[inline(always)]
fn largest_in_block(values: &[f32; LANES]) -> f32 {
    let (v, none) = (load(values), f32x8::splat(f32::NEG_INFINITY));
    most(larger(larger(none, v[0]), v[1]))
}

/// Which lanes are greater than `threshold`, lane 0 in the lowest bit. NaN is not.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "eight bits each")]
pub fn above(values: &[f32; LANES], threshold: f32) -> u32 {
    let t = f32x8::splat(threshold);
    let v = load(values);
    v[0].simd_gt(t).to_bitmask() as u32 | (v[1].simd_gt(t).to_bitmask() as u32) << 8
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact bits are the claim")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lanes(d: usize, blocks: usize, seed: u32) -> Vec<[f32; LANES]> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        (0..d * blocks).map(|_| core::array::from_fn(|_| next())).collect()
    }

    fn plain(query: &[f32], block: &[[f32; LANES]], lane: usize) -> f32 {
        query.iter().zip(block).fold(0.0, |sum, (q, a)| sum + q * a[lane])
    }

    proptest! {
        #[test]
        fn every_lane_is_the_plain_sum(d in 1usize..40, blocks in 0usize..40, seed in any::<u32>()) {
            let items = lanes(d, blocks, seed);
            let query: Vec<f32> = lanes(d, 1, !seed).iter().map(|l| l[0]).collect();
            let mut out = vec![[9.0; LANES]; blocks];
            dots(&query, d, &items, &mut out);
            let (mut same, mut best) = (vec![[9.0; LANES]; blocks], vec![]);
            dots_and_best(&query, d, &items, &mut same, &mut best);
            prop_assert_eq!(&same, &out);
            prop_assert!(best.iter().zip(&out).all(|(best, of)| *best == largest(of)) && best.len() == blocks);
            for (b, block) in items.chunks_exact(d).enumerate() {
                for (lane, &score) in out[b].iter().enumerate() {
                    prop_assert_eq!(score, plain(&query, block, lane));
                }
            }
            for (b, values) in out.iter().enumerate() {
                let mask = above(values, 0.1);
                for (lane, v) in values.iter().enumerate() {
                    prop_assert_eq!(mask >> lane & 1 == 1, *v > 0.1, "{}", b);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn several_queries_and_one_block(d in 1usize..20, count in 0usize..7, more in 0usize..4, seed in any::<u32>()) {
            let (block, queries) = (lanes(d, 1, seed), lanes(d + more, count, !seed));
            let queries = &queries.as_flattened()[..count * (d + more)];
            let mut out = vec![[9.0; LANES]; count];
            dots_of_block(queries, d + more, &block, &mut out);
            for (query, out) in queries.chunks_exact(d + more).zip(&out) {
                for (lane, sum) in out.iter().enumerate() {
                    prop_assert_eq!(*sum, plain(query, &block, lane));
                }
            }
        }

        #[test]
        fn a_greedy_step_is_the_plain_formula(seed in any::<u32>(), constant in -1f32..1.0, add: bool) {
            let sign = if add { 1.0 } else { -1.0 };
            let (dots, before) = (lanes(1, 3, seed), lanes(1, 3, !seed));
            let mut left = before.clone();
            left[2][5] = f32::NAN;
            spread(&dots, constant, sign, 0.1, &mut left);
            let (mut out, mut best) = (vec![[0.0; LANES]; 3], vec![0.0; 3]);
            products(&left, &dots, &mut out, &mut best);
            prop_assert!(left[2][5].is_nan() && out[2][5].is_nan());
            for b in 0..3 {
                let mut most = f32::NEG_INFINITY;
                for i in (0..LANES).filter(|i| (b, *i) != (2, 5)) {
                    let e = dots[b][i] + constant;
                    prop_assert_eq!(left[b][i], (before[b][i] + sign * (e * e)).max(0.1));
                    prop_assert_eq!(out[b][i], left[b][i] * dots[b][i]);
                    most = most.max(out[b][i]);
                }
                prop_assert_eq!(best[b], most);
            }
        }
    }

    #[test]
    fn the_largest_of_any_number_of_values() {
        let mut values: Vec<f32> = lanes(1, 3, 7).into_flattened();
        values[20] = 7.0;
        values[21] = f32::NAN;
        for n in 0..values.len() {
            let plain = values[..n].iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(largest(&values[..n]), plain);
        }
        let (blocks, mut best) = (lanes(1, 3, 7), vec![1.0]);
        largest_of_each(&blocks, &mut best);
        assert_eq!(best, [0, 1, 2].map(|b| largest(&blocks[b])));
    }

    #[test]
    fn four_rows_at_once_are_four_rows() {
        for d in 1..12 {
            let rows = lanes(d, 4, 3).into_flattened();
            let row = |i: usize| &rows[i * d..(i + 1) * d];
            let (mut one_by_one, mut at_once) = (lanes(d, 1, 5), lanes(d, 1, 5));
            (0..4).for_each(|i| put(row(i), 8 + i, &mut one_by_one));
            put_four([row(0), row(1), row(2), row(3)], 8, &mut at_once);
            assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn not_a_number_is_never_above() {
        let mut values = [f32::NAN; LANES];
        values[3] = f32::INFINITY;
        assert_eq!(above(&values, f32::NEG_INFINITY), 1 << 3);
    }
}
