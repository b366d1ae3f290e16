//! Small dense products, row-major, added to what is there: the layers of a tower and their gradients.
//!
//! Every output is one chain of additions over `k`, upwards, whichever tile it falls into; so a batch gives the bits of its rows
//! one by one.

use bytemuck::must_cast;
use wide::f32x8;

/// A matrix read through strides: element `(i, k)` is `values[i · row + k · column]`, so that a transpose costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// The numbers.
    pub values: &'a [f32],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

/// `c ← c + a · b` with `a: m × k`, `b: k × n` and `c: m × n`, the latter two row by row.
///
/// # Panics
/// If a slice is too short for its shape.
pub fn multiply(m: usize, n: usize, k: usize, a: Strided<'_>, b: &[f32], c: &mut [f32]) {
    assert!(b.len() >= k * n && c.len() >= m * n, "a matrix is shorter than its shape");
    assert!(
        m == 0 || k == 0 || a.values.len() > (m - 1) * a.row + (k - 1) * a.column,
        "a matrix is shorter than its shape"
    );
    let mut i = 0;
    while i + 4 <= m {
        rows::<4>(i, n, k, a, b, c);
        i += 4;
    }
    while i < m {
        rows::<1>(i, n, k, a, b, c);
        i += 1;
    }
    // The columns that fill no tile.
    let whole = n / 16 * 16;
    for i in 0..m {
        for j in whole..n {
            let mut sum = c[i * n + j];
            for p in 0..k {
                sum += a.values[i * a.row + p * a.column] * b[p * n + j];
            }
            c[i * n + j] = sum;
        }
    }
}

#[inline(always)]
fn rows<const M: usize>(i: usize, n: usize, k: usize, a: Strided<'_>, b: &[f32], c: &mut [f32]) {
    let mut j = 0;
    while j + 16 <= n {
        tile::<M, 2>(i, j, n, k, a, b, c);
        j += 16;
    }
}

/// `M` rows by `8·V` columns held in registers while `k` runs.
#[inline(always)]
fn tile<const M: usize, const V: usize>(
    i: usize,
    j: usize,
    n: usize,
    k: usize,
    a: Strided<'_>,
    b: &[f32],
    c: &mut [f32],
) {
    let mut sums = [[f32x8::ZERO; V]; M];
    for (r, sums) in sums.iter_mut().enumerate() {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = load(&c[(i + r) * n + j + 8 * v..]);
        }
    }
    for p in 0..k {
        let row = &b[p * n + j..p * n + j + 8 * V];
        let mut columns = [f32x8::ZERO; V];
        for (v, column) in columns.iter_mut().enumerate() {
            *column = load(&row[8 * v..]);
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let x = f32x8::splat(a.values[(i + r) * a.row + p * a.column]);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum += x * column;
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            let at = (i + r) * n + j + 8 * v;
            c[at..at + 8].copy_from_slice(&must_cast::<f32x8, [f32; 8]>(*sum));
        }
    }
}

#[inline(always)]
fn load(values: &[f32]) -> f32x8 {
    match values.first_chunk::<8>() {
        Some(chunk) => must_cast(*chunk),
        None => f32x8::ZERO,
    }
}

/// `⟨a, b⟩` over the shorter of the two: sixteen partial sums over coordinates 16 apart, added as a tree, then the rest upwards.
#[must_use]
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
        fn products_are_the_plain_sums(m in 0usize..11, n in 0usize..40, k in 0usize..30, turned: bool, seed in any::<u32>()) {
            let (values, b, start) = (numbers(m * k, seed), numbers(k * n, seed ^ 5), numbers(m * n, seed ^ 9));
            let (row, column) = if turned { (1, m) } else { (k, 1) };
            let mut c = start.clone();
            multiply(m, n, k, Strided { values: &values, row, column }, &b, &mut c);
            for i in 0..m {
                for j in 0..n {
                    let plain = (0..k).fold(start[i * n + j], |s, p| s + values[i * row + p * column] * b[p * n + j]);
                    prop_assert_eq!(c[i * n + j], plain);
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
