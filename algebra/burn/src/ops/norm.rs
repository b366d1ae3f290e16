//! Rows brought to one scale.

use crate::graph::Matrix;

pub(crate) fn layer_norm(x: Matrix, gain: Matrix, bias: Matrix) -> Matrix {
    let off = x.clone() - x.mean_dim(1);
    let variance = (off.clone() * off.clone()).mean_dim(1);
    off / (variance + 1e-5).sqrt() * gain + bias
}

/// A row of zeros stays one, and nothing flows back to it.
pub(crate) fn normalize(x: Matrix) -> Matrix {
    let square = (x.clone() * x.clone()).sum_dim(1);
    let zero = square.clone().equal_scalar(0.0);
    let inverse = square.mask_fill(zero.clone(), 1.0).sqrt().recip().mask_fill(zero, 0.0);
    x * inverse
}
