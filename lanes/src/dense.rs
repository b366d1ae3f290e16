//! Small dense products, row-major, added to what is there: the layers of a tower and their gradients.
//!
//! Every output is one chain of additions over `k`, upwards, whichever tile it falls into; so a batch gives the bits of its rows
//! one by one.

use bytemuck::must_cast;
use wide::f32x8;

/// `c ← c + a·b` with `a: m × k`, `b: k × n` and `c: m × n`, all row by row.
///
/// Tiles are as large as sixteen registers of four lanes hold, with as many chains of additions as hide the adder's latency: four rows
/// by eight columns, and what is left row by row.
///
/// # Panics
/// If a slice is too short for its shape.
pub fn multiply(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let (a, b, c) = (&a[..m * k], &b[..k * n], &mut c[..m * n]);
    if n == 0 {
        return;
    }
    let whole = m / 4 * 4;
    for i in (0..whole).step_by(4) {
        columns::<4, 1>(i, 0, n, k, a, b, c);
    }
    for i in whole..m {
        let j = columns::<1, 4>(i, 0, n, k, a, b, c);
        columns::<1, 1>(i, j, n, k, a, b, c);
    }
    // The columns that fill no tile.
    for i in 0..m {
        for j in n / 8 * 8..n {
            let mut sum = c[i * n + j];
            for (p, row) in b.chunks_exact(n).enumerate() {
                sum += a[i * k + p] * row[j];
            }
            c[i * n + j] = sum;
        }
    }
}

/// The tiles of `M` rows by `8·V` columns from column `j` on, held in registers while the rows of `b` run; the column behind them.
#[inline(always)]
fn columns<const M: usize, const V: usize>(
    i: usize,
    mut j: usize,
    n: usize,
    k: usize,
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
) -> usize {
    while j + 8 * V <= n {
        let mut sums = [[f32x8::ZERO; V]; M];
        for (r, sums) in sums.iter_mut().enumerate() {
            let (row, _) = c[(i + r) * n + j..(i + r) * n + j + 8 * V].as_chunks::<8>();
            sums.iter_mut().zip(row).for_each(|(sum, c)| *sum = must_cast(*c));
        }
        for (p, row) in b.chunks_exact(n).enumerate() {
            let (row, _) = row[j..j + 8 * V].as_chunks::<8>();
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = f32x8::splat(a[(i + r) * k + p]);
                sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += x * must_cast::<[f32; 8], f32x8>(*b));
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let (row, _) = c[(i + r) * n + j..(i + r) * n + j + 8 * V].as_chunks_mut::<8>();
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
    for (a, c) in a.chunks_exact(k).zip(c.chunks_exact_mut((b.len() / k).max(1))) {
        for (b, c) in b.chunks_exact(k).zip(c) {
            *c += dot(a, b);
        }
    }
}

/// `to ← bᵀ` where `b` is stored as rows of `n` numbers.
pub fn turn(n: usize, b: &[f32], to: &mut [f32]) {
    if n == 0 {
        return;
    }
    let k = b.len() / n;
    for (i, row) in b.chunks_exact(n).enumerate() {
        for (column, value) in to.chunks_exact_mut(k.max(1)).zip(row) {
            column[i] = *value;
        }
    }
}

/// `⟨a, b⟩` over the shorter of the two: sixteen partial sums over coordinates 16 apart, added as a tree, then the rest upwards.
#[must_use]
#[inline]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a16, a_rest) = a.as_chunks::<16>();
    let (b16, b_rest) = b.as_chunks::<16>();
    let mut sums = [f32x8::ZERO; 2];
    for (a, b) in a16.iter().zip(b16) {
        let (a, b): ([f32x8; 2], [f32x8; 2]) = (must_cast(*a), must_cast(*b));
        sums[0] += a[0] * b[0];
        sums[1] += a[1] * b[1];
    }
    let s: [f32; 8] = must_cast(sums[0] + sums[1]);
    let s = [s[0] + s[4], s[1] + s[5], s[2] + s[6], s[3] + s[7]];
    let mut sum = (s[0] + s[2]) + (s[1] + s[3]);
    // Where one is longer, its chunks beyond the other's rest are not met.
    if a16.len() == b16.len() {
        for (a, b) in a_rest.iter().zip(b_rest) {
            sum += a * b;
        }
    } else {
        let from = 16 * a16.len().min(b16.len());
        for (a, b) in a[from..].iter().zip(&b[from..]) {
            sum += a * b;
        }
    }
    sum
}

/// `y ← y + s · x`, over the shorter of the two.
pub fn axpy(s: f32, x: &[f32], y: &mut [f32]) {
    let n = x.len().min(y.len());
    let (x8, x_rest) = x[..n].as_chunks::<8>();
    let (y8, y_rest) = y[..n].as_chunks_mut::<8>();
    let factor = f32x8::splat(s);
    for (y, x) in y8.iter_mut().zip(x8) {
        *y = must_cast(must_cast::<[f32; 8], f32x8>(*y) + factor * must_cast::<[f32; 8], f32x8>(*x));
    }
    for (y, x) in y_rest.iter_mut().zip(x_rest) {
        *y += s * x;
    }
}

/// `x ← (x − mean) / spread`.
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
            let at = |i: usize, p: usize| values[i * k + p];
            for i in 0..m {
                for j in 0..n {
                    let plain = (0..k).fold(start[i * n + j], |s, p| s + at(i, p) * b[p * n + j]);
                    prop_assert_eq!(c[i * n + j], plain);
                }
            }
        }

        #[test]
        fn scores_are_products_with_the_transpose(m in 0usize..6, n in 1usize..7, k in 1usize..40, seed in any::<u32>()) {
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
        }
    }
}
