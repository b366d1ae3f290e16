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

/// `out[b][i] = Σ query · item i of block b`. `query` holds as many pairs as a block has; `out` as many blocks as there are.
pub fn dots(query: &[[i16; 2]], lanes: &[Pair], out: &mut [[i32; LANES]]) {
    if query.is_empty() {
        return out.fill([0; LANES]);
    }
    for (sums, block) in out.iter_mut().zip(lanes.chunks_exact(query.len())) {
        let mut x = [i32x8::ZERO; 2];
        for (q, pair) in query.iter().zip(block) {
            let q: i16x16 = must_cast([*q; 8]);
            let [a, b]: [i8x16; 2] = must_cast(*pair);
            x[0] += i16x16::from_i8x16(a).dot(q);
            x[1] += i16x16::from_i8x16(b).dot(q);
        }
        *sums = must_cast(x);
    }
}

/// `out[b][i] = (Σ query · item i of block b) · scales[b][i] · scale`, or the larger of that and what stood there.
pub fn scores(
    query: &[[i16; 2]],
    scale: f32,
    lanes: &[Pair],
    scales: &[[f32; LANES]],
    keep_larger: bool,
    out: &mut [[f32; LANES]],
) {
    if query.is_empty() {
        return out.fill([0.0; LANES]);
    }
    let scale = f32x8::splat(scale);
    for ((out, scales), block) in out.iter_mut().zip(scales).zip(lanes.chunks_exact(query.len())) {
        let mut x = [i32x8::ZERO; 2];
        for (q, pair) in query.iter().zip(block) {
            let q: i16x16 = must_cast([*q; 8]);
            let [a, b]: [i8x16; 2] = must_cast(*pair);
            x[0] += i16x16::from_i8x16(a).dot(q);
            x[1] += i16x16::from_i8x16(b).dot(q);
        }
        let s: [f32x8; 2] = must_cast(*scales);
        let mut y = [x[0].round_float() * s[0] * scale, x[1].round_float() * s[1] * scale];
        if keep_larger {
            let before: [f32x8; 2] = must_cast(*out);
            y = [0, 1].map(|i| before[i].simd_gt(y[i]).select(before[i], y[i]));
        }
        *out = must_cast(y);
    }
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
            let mut out = vec![[7; LANES]; blocks];
            dots(&query, &items, &mut out);
            for (b, block) in items.chunks_exact(pairs).enumerate() {
                for lane in 0..LANES {
                    let plain: i64 = query.iter().zip(block).map(|(q, p)| {
                        i64::from(q[0]) * i64::from(p[lane][0]) + i64::from(q[1]) * i64::from(p[lane][1])
                    }).sum();
                    prop_assert_eq!(i64::from(out[b][lane]), plain);
                }
            }
            let scales: Vec<[f32; LANES]> = (0..blocks).map(|b| core::array::from_fn(|i| (b * 16 + i) as f32)).collect();
            let mut y = vec![[0.25; LANES]; blocks];
            scores(&query, 0.5, &items, &scales, true, &mut y);
            for ((y, sums), scales) in y.iter().flatten().zip(out.iter().flatten()).zip(scales.iter().flatten()) {
                prop_assert_eq!(*y, (*sums as f32 * scales * 0.5).max(0.25));
            }
        }
    }
}
