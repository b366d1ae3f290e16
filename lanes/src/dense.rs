//! Small dense products, row-major, added to what is there: the layers of a tower and their gradients.
//!
//! Every output is one chain of additions over `k`, upwards, whichever tile it falls into; so a batch gives the bits of its rows
//! one by one.

use crate::madd::madd;
use bytemuck::must_cast;
use wide::{f32x4, f32x8};

/// `c ← c + a·b` with `a: m × k`, `b: k × n` and `c: m × n`, all row by row.
///
/// # Panics
/// If a slice is too short for its shape.
pub fn multiply(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let (a, b, c) = (&a[..m * k], &b[..k * n], &mut c[..m * n]);
    let row = |i: usize| &a[i * k..][..k];
    let mut rest = 0;
    for i in (0..m / 4 * 4).step_by(4) {
        let rows = [row(i), row(i + 1), row(i + 2), row(i + 3)];
        tiles::<4, 1>(0, n, &|p| [rows[0][p], rows[1][p], rows[2][p], rows[3][p]], b, &mut c[i * n..]);
        rest = i + 4;
    }
    for i in rest..m {
        let row = row(i);
        single(n, |p| row[p], b, &mut c[i * n..]);
    }
    columns_left(n, |i, p| a[i * k + p], b, c);
}

/// `c ← c + aᵀ·b` with `a: k × m`, `b: k × n` and `c: m × n`, all row by row.
///
/// # Panics
/// If a slice is too short for its shape.
pub fn turned_multiply(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let (a, b, c) = (&a[..m * k], &b[..k * n], &mut c[..m * n]);
    let mut rest = 0;
    for i in (0..m / 4 * 4).step_by(4) {
        tiles::<4, 1>(0, n, &|p| a[p * m + i..][..4].as_chunks().0[0], b, &mut c[i * n..]);
        rest = i + 4;
    }
    for i in rest..m {
        single(n, |p| a[p * m + i], b, &mut c[i * n..]);
    }
    columns_left(n, |i, p| a[p * m + i], b, c);
}

/// One row of `c`: tiles of thirty-two columns, then of eight.
#[inline(always)]
fn single(n: usize, left: impl Fn(usize) -> f32, b: &[f32], c: &mut [f32]) {
    let left = |p: usize| [left(p)];
    let j = tiles::<1, 4>(0, n, &left, b, c);
    tiles::<1, 1>(j, n, &left, b, c);
}

/// The columns that fill no tile.
#[inline(always)]
fn columns_left(n: usize, left: impl Fn(usize, usize) -> f32, b: &[f32], c: &mut [f32]) {
    for (i, c) in c.chunks_exact_mut(n.max(1)).enumerate() {
        for (j, c) in c.iter_mut().enumerate().skip(n / 8 * 8) {
            for (p, row) in b.chunks_exact(n).enumerate() {
                *c += left(i, p) * row[j];
            }
        }
    }
}

/// The tiles of `M` rows by `8·V` columns from column `j` on, held in registers while the rows of `b` run; `left` gives the rows' factors for
/// each of those. Answers the column behind them.
///
/// Tiles are as large as sixteen registers of four lanes hold, with as many chains of additions as hide the adder's latency: four rows
/// by eight columns, or one row by thirty-two.
#[inline(always)]
fn tiles<const M: usize, const V: usize>(
    mut j: usize,
    n: usize,
    left: &impl Fn(usize) -> [f32; M],
    b: &[f32],
    c: &mut [f32],
) -> usize {
    while n > 0 && j + 8 * V <= n {
        let mut sums = [[f32x8::ZERO; V]; M];
        for (r, sums) in sums.iter_mut().enumerate() {
            let (row, _) = c[r * n + j..][..8 * V].as_chunks::<8>();
            sums.iter_mut().zip(row).for_each(|(sum, c)| *sum = must_cast(*c));
        }
        for (p, row) in b.chunks_exact(n).enumerate() {
            let (row, _) = row[j..j + 8 * V].as_chunks::<8>();
            for (sums, x) in sums.iter_mut().zip(left(p)) {
                let x = f32x8::splat(x);
                sums.iter_mut().zip(row).for_each(|(sum, b)| *sum = madd(*sum, x, must_cast(*b)));
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let (row, _) = c[r * n + j..][..8 * V].as_chunks_mut::<8>();
            sums.iter().zip(row).for_each(|(sum, c)| *c = must_cast(*sum));
        }
        j += 8 * V;
    }
    j
}

/// `c ← c + a·bᵀ`: every row of `a` with every row of `b`, rows of `k` numbers each; `c` has a row for each of `a`'s. Every product is
/// [`dot`]'s.
pub fn scores(k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    if k == 0 {
        return;
    }
    // Four products end together, so the longer of the two is taken four rows at a time: where `b` is one row, `c` is one too.
    let (a, b) = if b.len() == k { (b, a) } else { (a, b) };
    for (a, c) in a.chunks_exact(k).zip(c.chunks_exact_mut((b.len() / k).max(1))) {
        let fours = if k.is_multiple_of(16) { c.len() / 4 } else { 0 };
        let (many, few) = b.split_at(4 * k * fours);
        let (first, rest) = c.split_at_mut(4 * fours);
        for (b, c) in many.chunks_exact(4 * k).zip(first.as_chunks_mut::<4>().0) {
            let ([s, t], [u, v]) = (two(a, &b[..k], &b[k..]), two(a, &b[2 * k..], &b[3 * k..]));
            let [s, t, u, v] = f32x4::transpose([s, t, u, v]);
            *c = must_cast(must_cast::<[f32; 4], f32x4>(*c) + ((s + u) + (t + v)));
        }
        for (b, c) in few.chunks_exact(k).zip(rest) {
            *c += dot(a, b);
        }
    }
}

/// The sixteen partial sums of `⟨a, b⟩` and of `⟨a, c⟩` over whole sixteens, in four parts: eight chains of additions, and each part of `a`
/// is read once for both.
#[inline(always)]
fn two(a: &[f32], b: &[f32], c: &[f32]) -> [f32x4; 2] {
    let (mut x, mut y) = ([f32x8::ZERO; 2], [f32x8::ZERO; 2]);
    for ((a, b), c) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0).zip(c.as_chunks::<16>().0) {
        let (a, b, c): ([f32x8; 2], [f32x8; 2], [f32x8; 2]) = (must_cast(*a), must_cast(*b), must_cast(*c));
        x[0] = madd(x[0], a[0], b[0]);
        x[1] = madd(x[1], a[1], b[1]);
        y[0] = madd(y[0], a[0], c[0]);
        y[1] = madd(y[1], a[1], c[1]);
    }
    [halved(x[0] + x[1]), halved(y[0] + y[1])]
}

#[inline(always)]
fn halved(x: f32x8) -> f32x4 {
    let [low, high]: [f32x4; 2] = must_cast(x);
    low + high
}

/// `to ← bᵀ` where `b` is stored as rows of `n` numbers.
pub fn turn(n: usize, b: &[f32], to: &mut [f32]) {
    if n == 0 {
        return;
    }
    let k = b.len() / n;
    // Four rows at a time: what lies in one column of them lies side by side afterwards.
    let fours = b.chunks_exact(4 * n);
    let rest = fours.remainder();
    for (i, four) in fours.enumerate() {
        for (j, column) in to.chunks_exact_mut(k).enumerate().take(n) {
            column[4 * i..][..4].copy_from_slice(&[four[j], four[n + j], four[2 * n + j], four[3 * n + j]]);
        }
    }
    for (i, row) in rest.chunks_exact(n).enumerate() {
        for (column, value) in to.chunks_exact_mut(k.max(1)).zip(row) {
            column[k / 4 * 4 + i] = *value;
        }
    }
}

/// `⟨a, b⟩` over the shorter of the two: sixteen partial sums over coordinates 16 apart, added as a tree, then the rest upwards.
#[must_use]
#[inline(never)] // one copy for all: the page carries it
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let ((a16, a_rest), (b16, b_rest)) = (a[..n].as_chunks::<16>(), b[..n].as_chunks::<16>());
    let mut sums = [f32x8::ZERO; 2];
    for (a, b) in a16.iter().zip(b16) {
        let (a, b): ([f32x8; 2], [f32x8; 2]) = (must_cast(*a), must_cast(*b));
        sums[0] = madd(sums[0], a[0], b[0]);
        sums[1] = madd(sums[1], a[1], b[1]);
    }
    let s: [f32; 4] = must_cast(halved(sums[0] + sums[1]));
    let mut sum = (s[0] + s[2]) + (s[1] + s[3]);
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    sum
}

/// Appends so many zeros.
pub fn grow(values: &mut Vec<f32>, zeros: usize) {
    values.resize(values.len() + zeros, 0.0);
}

/// `y ← y + s · x`, over the shorter of the two.
pub fn axpy(s: f32, x: &[f32], y: &mut [f32]) {
    let n = x.len().min(y.len());
    let (x8, x_rest) = x[..n].as_chunks::<8>();
    let (y8, y_rest) = y[..n].as_chunks_mut::<8>();
    let factor = f32x8::splat(s);
    for (y, x) in y8.iter_mut().zip(x8) {
        *y = must_cast(madd(must_cast(*y), factor, must_cast(*x)));
    }
    for (y, x) in y_rest.iter_mut().zip(x_rest) {
        *y += s * x;
    }
}

/// `y ← max(x, y)`, over the shorter of the two.
pub fn raise(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = if *x > *y { *x } else { *y };
    }
}

/// `x ← (x − mean) / spread`.
#[inline(never)]
pub fn standardize(mean: f32, spread: f32, x: &mut [f32]) {
    for x in x {
        *x = (*x - mean) / spread;
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact bits are the claim")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed | 1;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 16_777_216.0 - 0.5
            })
            .collect()
    }

    proptest! {
        #[test]
        fn products_are_the_plain_sums(m in 0usize..11, n in 0usize..40, k in 0usize..30, seed in any::<u32>()) {
            let (values, b, start) = (numbers(m * k, seed), numbers(k * n, seed ^ 5), numbers(m * n, seed ^ 9));
            let mut c = start.clone();
            multiply(m, n, k, &values, &b, &mut c);
            let (mut turned, mut same) = (vec![0.0; m * k], start.clone());
            turn(k, &values, &mut turned);
            turned_multiply(m, n, k, &turned, &b, &mut same);
            prop_assert_eq!(&same, &c);
            let at = |i: usize, p: usize| values[i * k + p];
            for i in 0..m {
                for j in 0..n {
                    let plain = (0..k).fold(start[i * n + j], |s, p| s + at(i, p) * b[p * n + j]);
                    prop_assert_eq!(c[i * n + j], plain);
                }
            }
        }

        #[test]
        fn scores_are_products_with_the_transpose(m in 0usize..11, n in 1usize..11, k in 1usize..40, seed in any::<u32>()) {
            let (a, b, start) = (numbers(m * k, seed), numbers(n * k, seed ^ 5), numbers(m * n, seed ^ 9));
            let (mut c, mut turned) = (start.clone(), vec![0.0; n * k]);
            scores(k, &a, &b, &mut c);
            turn(k, &b, &mut turned);
            for (i, a) in a.chunks_exact(k).enumerate() {
                for (j, b) in b.chunks_exact(k).enumerate() {
                    prop_assert_eq!(c[i * n + j], start[i * n + j] + dot(a, b));
                    for (p, value) in b.iter().enumerate() {
                        prop_assert_eq!(turned[p * n + j], *value);
                    }
                }
            }
        }

        #[test]
        fn dot_and_axpy_over_the_shorter(n in 0usize..70, more in 0usize..20, seed in any::<u32>()) {
            let (a, b) = (numbers(n, seed), numbers(n + more, seed ^ 3));
            let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-5);
            prop_assert_eq!(dot(&a, &b), dot(&b, &a));
            prop_assert_eq!(dot(&a, &b), dot(&a, &b[..n]));
            let mut y = b.clone();
            axpy(0.5, &a, &mut y);
            for i in 0..n + more {
                prop_assert_eq!(y[i], if i < n { b[i] + 0.5 * a[i] } else { b[i] });
            }
            let mut y = b.clone();
            raise(&a, &mut y);
            for i in 0..n + more {
                prop_assert_eq!(y[i], if i < n { b[i].max(a[i]) } else { b[i] });
            }
        }
    }
}
