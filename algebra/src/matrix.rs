//! Products of matrices on one core, for blocks that [`crate::parallel`] hands out.
//!
//! The f32 kernel holds a tile of `c` in registers while `k` runs: 6 rows by 4 vectors where there are 32 registers (AVX-512), 6 by 2
//! where there are 16. Panels of `b` are copied side by side first, padded with zeros to whole vectors, so that a panel stays in the
//! cache whatever the rows' distance. Every number of `c` is one chain of additions over `k`, upwards, in blocks of [`DEPTH`]: how the
//! rows of `a` are cut never changes a bit.
//!
//! Source: Goto & van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM TOMS 34(3), 2008, §4.

use crate::real::Real;
use core::array::from_fn;
use core::cell::RefCell;
use core::ops::Range;
use pulp::{Arch, Simd, WithSimd};

/// So many steps of `k` are done for a whole panel before the next: 256 rows of 64 numbers are 64 kB, which the second cache holds.
const DEPTH: usize = 256;
/// 6 rows of 4 vectors of 16, or as many numbers in another form.
const LARGEST_TILE: usize = 6 * 4 * 16;

/// A matrix that is read: rows and columns at fixed distances, one of which is 1.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, R> {
    values: &'a [R],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a, R> View<'a, R> {
    /// Row by row, without gaps.
    ///
    /// # Panics
    /// If there are fewer numbers than that.
    #[must_use]
    pub fn new(values: &'a [R], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Row by row, rows `row` numbers apart.
    ///
    /// # Panics
    /// If there are fewer numbers than that.
    #[must_use]
    pub fn strided(values: &'a [R], rows: usize, columns: usize, row: usize) -> Self {
        assert!(rows == 0 || (rows - 1) * row + columns <= values.len(), "{rows} rows {row} apart of {}", values.len());
        Self { values, rows, columns, row, column: 1 }
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Some of its rows; nothing is moved.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn cut(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        Self { values: &self.values[rows.start * self.row..], rows: rows.len(), ..self }
    }

    /// The transpose; nothing is moved.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }
}

/// `c = a·b` or `c += a·b` in f32.
pub(crate) fn single(a: View<'_, f32>, b: View<'_, f32>, c: &mut [f32], stride: usize, add: bool) {
    thread_local!(static PANEL: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) });
    check(&a, &b, c, stride);
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    PANEL.with_borrow_mut(|panel| Arch::new().dispatch(Product { a, b, c, stride, add, panel }));
}

/// The same in f64, as a textbook has it.
pub(crate) fn double(a: View<'_, f64>, b: View<'_, f64>, c: &mut [f64], stride: usize, add: bool) {
    check(&a, &b, c, stride);
    for i in 0..a.rows {
        for j in 0..b.columns {
            let terms = (0..a.columns).map(|p| a.values[i * a.row + p * a.column] * b.values[p * b.row + j * b.column]);
            let sum: f64 = terms.sum();
            let c = &mut c[i * stride + j];
            *c = if add { *c + sum } else { sum };
        }
    }
}

fn check<R: Real>(a: &View<'_, R>, b: &View<'_, R>, c: &[R], stride: usize) {
    assert_eq!(a.columns, b.rows, "inner lengths differ");
    assert!(b.columns <= stride || a.rows <= 1, "rows of the product overlap");
    assert!(a.rows == 0 || (a.rows - 1) * stride + b.columns <= c.len(), "the product does not fit");
}

struct Product<'a> {
    a: View<'a, f32>,
    b: View<'a, f32>,
    c: &'a mut [f32],
    stride: usize,
    add: bool,
    panel: &'a mut Vec<f32>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product { a, b, c, stride, add, panel } = self;
        let lanes = S::F32_LANES;
        let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        if panel.len() < DEPTH * widest * lanes {
            panel.resize(DEPTH * widest * lanes, 0.0);
        }
        if a.columns == 0 && !add {
            (0..a.rows).for_each(|i| c[i * stride..][..b.columns].fill(0.0));
        }
        for from in (0..a.columns).step_by(DEPTH) {
            let depth = DEPTH.min(a.columns - from);
            let add = add || from > 0;
            let mut j = 0;
            while j < b.columns {
                let vectors = (b.columns - j).div_ceil(lanes).min(widest);
                let width = (b.columns - j).min(vectors * lanes);
                pack(&b, from, depth, j, width, vectors * lanes, panel);
                let panel = &panel[..depth * vectors * lanes];
                let tiles = Tiles { a: &a, from, panel, first: j, width, stride, add };
                match vectors {
                    4 => tiles.all::<S, 6, 4>(simd, c),
                    3 => tiles.all::<S, 8, 3>(simd, c),
                    2 if widest == 4 => tiles.all::<S, 12, 2>(simd, c),
                    2 => tiles.all::<S, 6, 2>(simd, c),
                    _ => tiles.all::<S, 12, 1>(simd, c),
                }
                j += width;
            }
        }
    }
}

/// Copies `width` columns of `b` side by side, filled up with zeros to `padded`.
#[inline(always)]
fn pack(b: &View<'_, f32>, from: usize, depth: usize, first: usize, width: usize, padded: usize, panel: &mut [f32]) {
    if b.column == 1 {
        for (p, row) in panel.chunks_exact_mut(padded).take(depth).enumerate() {
            let (taken, rest) = row.split_at_mut(width);
            taken.copy_from_slice(&b.values[(from + p) * b.row + first..][..width]);
            rest.fill(0.0);
        }
        return;
    }
    // Turned: a column of the panel lies together in `b`. A line of the panel is written from sixteen columns that are read side by side.
    panel.chunks_exact_mut(padded).take(depth).for_each(|row| row[width..].fill(0.0));
    let column = |j: usize| &b.values[(first + j) * b.column + from..][..depth];
    for j in (0..width / 16 * 16).step_by(16) {
        let columns: [&[f32]; 16] = from_fn(|c| column(j + c));
        for (p, row) in panel.chunks_exact_mut(padded).take(depth).enumerate() {
            if let Some((to, _)) = row[j..].split_first_chunk_mut::<16>() {
                for c in 0..16 {
                    to[c] = columns[c][p];
                }
            }
        }
    }
    for j in width / 16 * 16..width {
        panel.chunks_exact_mut(padded).zip(column(j)).for_each(|(row, value)| row[j] = *value);
    }
}

/// The tiles of one panel.
struct Tiles<'a> {
    a: &'a View<'a, f32>,
    from: usize,
    panel: &'a [f32],
    first: usize,
    width: usize,
    stride: usize,
    add: bool,
}

impl Tiles<'_> {
    #[inline(always)]
    fn all<S: Simd, const M: usize, const V: usize>(&self, simd: S, c: &mut [f32]) {
        let mut i = 0;
        while i + M <= self.a.rows {
            self.tile::<S, M, V>(simd, i, c);
            i += M;
        }
        while i + 4 <= self.a.rows {
            self.tile::<S, 4, V>(simd, i, c);
            i += 4;
        }
        while i < self.a.rows {
            self.tile::<S, 1, V>(simd, i, c);
            i += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(&self, simd: S, i: usize, c: &mut [f32]) {
        let sums = self.sums::<S, M, V>(simd, i);
        let c = &mut c[i * self.stride + self.first..];
        if self.width == V * S::F32_LANES {
            put::<S, M, V>(simd, sums, c, self.stride, self.add);
            return;
        }
        // The panel's last columns are padding: the tile is put aside and what belongs to `c` is copied.
        let mut aside = [0.0; LARGEST_TILE];
        put::<S, M, V>(simd, sums, &mut aside, V * S::F32_LANES, false);
        for (r, row) in aside.chunks_exact(V * S::F32_LANES).enumerate().take(M) {
            for (c, sum) in c[r * self.stride..][..self.width].iter_mut().zip(row) {
                *c = if self.add { *c + sum } else { *sum };
            }
        }
    }

    /// What the tile adds up to, over the panel's steps.
    #[inline(always)]
    fn sums<S: Simd, const M: usize, const V: usize>(&self, simd: S, i: usize) -> [[S::f32s; V]; M] {
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let (panel, _) = S::as_simd_f32s(self.panel);
        let depth = panel.len() / V;
        if self.a.column == 1 {
            let rows: [&[f32]; M] = from_fn(|r| &self.a.values[(i + r) * self.a.row + self.from..][..depth]);
            for p in 0..depth {
                let b: [S::f32s; V] = from_fn(|v| panel[p * V + v]);
                for r in 0..M {
                    let x = simd.splat_f32s(rows[r][p]);
                    for v in 0..V {
                        sums[r][v] = simd.mul_add_e_f32s(x, b[v], sums[r][v]);
                    }
                }
            }
        } else {
            for p in 0..depth {
                let b: [S::f32s; V] = from_fn(|v| panel[p * V + v]);
                let row = &self.a.values[(self.from + p) * self.a.column + i..][..M];
                for r in 0..M {
                    let x = simd.splat_f32s(row[r]);
                    for v in 0..V {
                        sums[r][v] = simd.mul_add_e_f32s(x, b[v], sums[r][v]);
                    }
                }
            }
        }
        sums
    }
}

/// Stores a tile. Loops of known length over both indices, as in [`Tiles::sums`]: an array that is indexed by a running number cannot
/// live in registers.
#[inline(always)]
fn put<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: [[S::f32s; V]; M],
    to: &mut [f32],
    stride: usize,
    add: bool,
) {
    for r in 0..M {
        let (row, _) = S::as_mut_simd_f32s(&mut to[r * stride..][..V * S::F32_LANES]);
        if let Ok(row) = <&mut [S::f32s; V]>::try_from(row) {
            for v in 0..V {
                row[v] = if add { simd.add_f32s(row[v], sums[r][v]) } else { sums[r][v] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        (0..n).map(|_| next()).collect()
    }

    proptest! {
        #[test]
        fn products_are_the_textbooks(m in 0usize..30, n in 0usize..150, k in 0usize..300, gap in 0usize..3,
            turned in any::<(bool, bool, bool)>(), seed in any::<u32>()) {
            let (a, b) = (numbers((m + gap) * (k + gap), seed), numbers((k + gap) * (n + gap), seed ^ 77));
            let start = numbers(m * (n + gap), seed ^ 5);
            let wide = |v: &[f32]| -> Vec<f64> { v.iter().map(|x| f64::from(*x)).collect() };
            fn pick<R>(values: &[R], rows: usize, columns: usize, gap: usize, turned: bool) -> View<'_, R> {
                if turned { View::strided(values, columns, rows, rows + gap).turned() }
                else { View::strided(values, rows, columns, columns + gap) }
            }
            let (mut c, mut exact) = (start.clone(), wide(&start));
            let (x, y) = (wide(&a), wide(&b));
            single(pick(&a, m, k, gap, turned.0), pick(&b, k, n, gap, turned.1), &mut c, n + gap, turned.2);
            double(pick(&x, m, k, gap, turned.0), pick(&y, k, n, gap, turned.1), &mut exact, n + gap, turned.2);
            for (c, exact) in c.iter().zip(&exact) {
                prop_assert!((f64::from(*c) - exact).abs() < 2e-5, "{} {}", c, exact);
            }
        }
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exact bits are the claim")]
    fn how_rows_are_cut_changes_no_bit() {
        let (m, n, k) = (37, 70, 300);
        let (a, b) = (numbers(m * k, 3), numbers(k * n, 4));
        let (mut whole, mut row) = (vec![0.0; m * n], vec![0.0; n]);
        single(View::new(&a, m, k), View::new(&b, k, n), &mut whole, n, false);
        for i in 0..m {
            single(View::new(&a[i * k..], 1, k), View::new(&b, k, n), &mut row, n, false);
            assert_eq!(row, whole[i * n..][..n], "row {i}");
        }
    }
}
