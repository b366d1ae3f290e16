//! What bends a line.

use crate::graph::Matrix;
use burn::tensor::{Bool, Tensor, activation};

/// What stands for minus infinity: `e` to it is 0, and differences of it are numbers.
pub(crate) const LOWEST: f64 = -1e30;

/// `softmax` along the last side, over what is not barred; zeros elsewhere.
pub(crate) fn shares<const D: usize>(x: Tensor<D>, barred: Option<Tensor<D, Bool>>) -> Tensor<D> {
    let Some(barred) = barred else { return activation::softmax(x, D - 1) };
    let x = x.mask_fill(barred.clone(), LOWEST);
    let most = x.clone().detach().max_dim(D - 1);
    let e = (x - most).exp().mask_fill(barred, 0.0);
    let sum = e.clone().sum_dim(D - 1);
    // Where all is barred, 0/1 and not 0/0.
    let none = sum.clone().equal_scalar(0.0);
    e / sum.mask_fill(none, 1.0)
}

/// `x` where it is above 0, `a·x` elsewhere.
pub(crate) fn prelu(x: Matrix, slope: Matrix) -> Matrix {
    let above = x.clone().greater_scalar(0.0);
    (x.clone() * slope).mask_where(above, x)
}

/// Over moments that are given, or the batch's own.
pub(crate) fn dice(x: Matrix, slope: Matrix, moments: Option<(Matrix, Matrix)>) -> Matrix {
    let (mean, variance) = moments.unwrap_or_else(|| {
        let mean = x.clone().mean_dim(0);
        let off = x.clone() - mean.clone();
        (mean, (off.clone() * off).mean_dim(0))
    });
    let p = activation::sigmoid((x.clone() - mean) / (variance + 1e-8).sqrt());
    p.clone() * x.clone() + (p.neg() + 1.0) * slope * x
}
