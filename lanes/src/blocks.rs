//! Inner products of queries with item blocks: one multiplication of a query's coordinate meets sixteen items, and no horizontal
//! sum is ever needed.
//!
//! A block is `d` rows of sixteen lanes: `block[coordinate][item]`. Blocks follow each other: `lanes[b · d + coordinate][item]`.
//! The sum over coordinates runs upwards from 0, whatever stands beside it.

use crate::LANES;
use bytemuck::must_cast;
use wide::f32x8;

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
            x[0] += q * a[0];
            x[1] += q * a[1];
            y[0] += q * b[0];
            y[1] += q * b[1];
        }
        *pair = [must_cast(x), must_cast(y)];
    }
    for sums in last {
        let mut x = [f32x8::ZERO; 2];
        for (q, a) in query.iter().zip(rest) {
            let q = f32x8::splat(*q);
            let a = load(a);
            x[0] += q * a[0];
            x[1] += q * a[1];
        }
        *sums = must_cast(x);
    }
}

/// Blocks that stay in the first cache while one query after the other meets them.
const STRIPE: usize = 16;

/// `out[b][i] = max_k ⟨query_k, item i of block b⟩`, the queries one after the other in `queries`, `dimension` numbers each. One
/// query gives the bits of [`dots`]; none gives zeros.
pub fn dots_max(queries: &[f32], dimension: usize, lanes: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    if dimension == 0 || queries.len() < dimension {
        return out.fill([0.0; LANES]);
    }
    let (first, others) = queries.split_at(dimension);
    let mut scratch = [[0.0; LANES]; STRIPE];
    for (out, lanes) in out.chunks_mut(STRIPE).zip(lanes.chunks(STRIPE * dimension)) {
        dots(first, dimension, lanes, out);
        for query in others.chunks_exact(dimension) {
            let scratch = &mut scratch[..out.len()];
            dots(query, dimension, lanes, scratch);
            for (best, new) in out.iter_mut().zip(scratch) {
                let (b, n) = (load(best), load(new));
                *best = must_cast([larger(b[0], n[0]), larger(b[1], n[1])]);
            }
        }
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
            x[0] += a[0] * a[0];
            x[1] += a[1] * a[1];
        }
        *sums = must_cast(x);
    }
}

/// `left[i] ← max(floor, left[i] + sign · (dots[i] + constant)²)`: what a greedy step leaves of every item.
pub fn spread(dots: &[[f32; LANES]], constant: f32, sign: f32, floor: f32, left: &mut [[f32; LANES]]) {
    let (constant, sign, floor) = (f32x8::splat(constant), f32x8::splat(sign), f32x8::splat(floor));
    for (left, dots) in left.iter_mut().zip(dots) {
        let (d, l) = (load(dots), load(left));
        let step = |d: f32x8, l: f32x8| {
            let e = d + constant;
            larger(floor, l + sign * (e * e))
        };
        *left = must_cast([step(d[0], l[0]), step(d[1], l[1])]);
    }
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
            let queries: Vec<f32> = lanes(d, 1, !seed).iter().flat_map(|l| [l[0], l[3], l[7]]).collect();
            let (mut out, mut most) = (vec![[9.0; LANES]; blocks], vec![[9.0; LANES]; blocks]);
            dots(&queries[..d], d, &items, &mut out);
            dots_max(&queries, d, &items, &mut most);
            for (b, block) in items.chunks_exact(d).enumerate() {
                for lane in 0..LANES {
                    prop_assert_eq!(out[b][lane], plain(&queries[..d], block, lane));
                    let best = queries.chunks_exact(d).map(|q| plain(q, block, lane)).fold(f32::MIN, f32::max);
                    prop_assert_eq!(most[b][lane], best);
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

    #[test]
    fn not_a_number_is_never_above() {
        let mut values = [f32::NAN; LANES];
        values[3] = f32::INFINITY;
        assert_eq!(above(&values, f32::NEG_INFINITY), 1 << 3);
    }
}
