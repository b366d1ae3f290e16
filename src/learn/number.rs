//! What the tape needs of a number: f32 on the device, f64 in gradient checks.

use crate::math::Real;
use nalgebra::{DMatrixView, DMatrixViewMut, DVectorView, Dyn};
use sottovoce_lanes::{dense, elementary};

/// A matrix read through strides, so that a transpose costs nothing: element `(i, k)` is `values[i · row + k · column]`.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, R> {
    /// The numbers.
    pub values: &'a [R],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

/// A number the tape works in.
pub trait Number: Real {
    /// `c ← c + a·b` with `a: m × k`, `b: k × n` and `c: m × n`, the latter two row by row.
    fn multiply(m: usize, n: usize, k: usize, a: Operand<'_, Self>, b: &[Self], c: &mut [Self]);
    /// `⟨a, b⟩`, of equal lengths.
    fn dot(a: &[Self], b: &[Self]) -> Self;
    /// `y ← y + s·x`.
    fn axpy(s: Self, x: &[Self], y: &mut [Self]);
    /// `x ← eˣ`, for each.
    fn exp_all(values: &mut [Self]);
    /// `x ← tanh x`, for each.
    fn tanh_all(values: &mut [Self]);
}

/// The device's own: `sottovoce_lanes`.
impl Number for f32 {
    fn multiply(m: usize, n: usize, k: usize, a: Operand<'_, f32>, b: &[f32], c: &mut [f32]) {
        dense::multiply(m, n, k, dense::Strided { values: a.values, row: a.row, column: a.column }, b, c);
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        dense::dot(a, b)
    }

    fn axpy(s: f32, x: &[f32], y: &mut [f32]) {
        dense::axpy(s, x, y);
    }

    fn exp_all(values: &mut [f32]) {
        elementary::exp(values);
    }

    fn tanh_all(values: &mut [f32]) {
        elementary::tanh(values);
    }
}

/// The oracle's: nalgebra and libm, which share no line with the device's.
impl Number for f64 {
    fn multiply(m: usize, n: usize, k: usize, a: Operand<'_, f64>, b: &[f64], c: &mut [f64]) {
        if m == 0 || n == 0 || k == 0 {
            return;
        }
        // Row by row is nalgebra's column by column, transposed: cᵀ ← cᵀ + bᵀ·aᵀ.
        let a = DMatrixView::from_slice_with_strides_generic(a.values, Dyn(k), Dyn(m), Dyn(a.column), Dyn(a.row));
        let b = DMatrixView::from_slice(&b[..k * n], n, k);
        DMatrixViewMut::from_slice(&mut c[..m * n], n, m).gemm(1.0, &b, &a, 1.0);
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        DVectorView::from_slice(a, a.len()).dot(&DVectorView::from_slice(b, b.len()))
    }

    fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += s * x;
        }
    }

    fn exp_all(values: &mut [f64]) {
        values.iter_mut().for_each(|v| *v = Real::exp(*v));
    }

    fn tanh_all(values: &mut [f64]) {
        values.iter_mut().for_each(|v| *v = Real::tanh(*v));
    }
}
