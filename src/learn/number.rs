//! What the tape needs of a number: f32 on the device, f64 in gradient checks.

use crate::math::Real;
use nalgebra::{DMatrixView, DMatrixViewMut, DVectorView};
use sottovoce_lanes::{dense, elementary};

/// A number the tape works in.
pub trait Number: Real {
    /// `c ← c + a·b` with `a: m × k`, `b: k × n` and `c: m × n`, all row by row.
    fn multiply(m: usize, n: usize, k: usize, a: &[Self], b: &[Self], c: &mut [Self]);
    /// `c ← c + aᵀ·b` with `a: k × m`, `b: k × n` and `c: m × n`, all row by row.
    fn turned_multiply(m: usize, n: usize, k: usize, a: &[Self], b: &[Self], c: &mut [Self]);
    /// `c ← c + a·bᵀ`: every row of `a` with every row of `b`, rows of `k` numbers.
    fn scores(k: usize, a: &[Self], b: &[Self], c: &mut [Self]);
    /// `to ← bᵀ` where `b` is stored as rows of `n`.
    fn turn(n: usize, b: &[Self], to: &mut [Self]);
    /// `⟨a, b⟩`, of equal lengths.
    fn dot(a: &[Self], b: &[Self]) -> Self;
    /// `y ← y + s·x`.
    fn axpy(s: Self, x: &[Self], y: &mut [Self]);
    /// `x ← eˣ`, for each.
    fn exp_all(values: &mut [Self]);
    /// `x ← tanh x`, for each.
    fn tanh_all(values: &mut [Self]);
    /// `softmax`, shifted by the maximum, of at least one number.
    fn softmax(values: &mut [Self]);
    /// Appends so many zeros.
    fn grow(values: &mut Vec<Self>, zeros: usize);
    /// Appends a row of f32.
    fn extend(values: &mut Vec<Self>, row: &[f32]);
}

/// The device's own: `sottovoce_lanes`.
impl Number for f32 {
    fn multiply(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        dense::multiply(m, n, k, a, b, c);
    }

    fn turned_multiply(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        dense::turned_multiply(m, n, k, a, b, c);
    }

    fn scores(k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        dense::scores(k, a, b, c);
    }

    fn turn(n: usize, b: &[f32], to: &mut [f32]) {
        dense::turn(n, b, to);
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

    fn softmax(values: &mut [f32]) {
        elementary::softmax(values);
    }

    fn grow(values: &mut Vec<f32>, zeros: usize) {
        dense::grow(values, zeros);
    }

    fn extend(values: &mut Vec<f32>, row: &[f32]) {
        values.extend_from_slice(row);
    }
}

/// The oracle's: nalgebra and libm, which share no line with the device's.
impl Number for f64 {
    fn multiply(m: usize, n: usize, k: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
        if m == 0 || n == 0 || k == 0 {
            return;
        }
        // Row by row is nalgebra's column by column, transposed: cᵀ ← cᵀ + bᵀ·aᵀ.
        let a = DMatrixView::from_slice(&a[..m * k], k, m);
        let b = DMatrixView::from_slice(&b[..k * n], n, k);
        DMatrixViewMut::from_slice(&mut c[..m * n], n, m).gemm(1.0, &b, &a, 1.0);
    }

    fn turned_multiply(m: usize, n: usize, k: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
        if m == 0 || n == 0 || k == 0 {
            return;
        }
        // cᵀ ← cᵀ + bᵀ·a, in nalgebra's columns.
        let a = DMatrixView::from_slice(&a[..m * k], m, k).transpose();
        let b = DMatrixView::from_slice(&b[..k * n], n, k);
        DMatrixViewMut::from_slice(&mut c[..m * n], n, m).gemm(1.0, &b, &a, 1.0);
    }

    fn scores(k: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
        let (m, n) = (a.len() / k.max(1), b.len() / k.max(1));
        let (a, b) = (DMatrixView::from_slice(a, k, m), DMatrixView::from_slice(b, k, n));
        DMatrixViewMut::from_slice(&mut c[..m * n], n, m).gemm_tr(1.0, &b, &a, 1.0);
    }

    fn turn(n: usize, b: &[f64], to: &mut [f64]) {
        let turned = DMatrixView::from_slice(b, n, b.len() / n.max(1)).transpose();
        to.copy_from_slice(turned.as_slice());
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

    fn softmax(z: &mut [f64]) {
        let most = z.iter().copied().fold(z[0], Real::maximum);
        z.iter_mut().for_each(|v| *v = Real::exp(*v - most));
        let sum: f64 = z.iter().sum();
        z.iter_mut().for_each(|v| *v /= sum);
    }

    fn grow(values: &mut Vec<f64>, zeros: usize) {
        values.resize(values.len() + zeros, 0.0);
    }

    fn extend(values: &mut Vec<f64>, row: &[f32]) {
        values.extend(row.iter().map(|&v| f64::from(v)));
    }
}
