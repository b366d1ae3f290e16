//! Fields in pairs, and a function known at points.

use crate::graph::Matrix;
use burn::tensor::{Int, Tensor};

/// `½((Σᵢ vᵢ)² − Σᵢ vᵢ²)`: `B × k`.
pub(crate) fn pairs(v: Matrix, fields: usize) -> Matrix {
    let [rows, columns] = v.dims();
    let v = v.reshape([rows, fields, columns / fields]);
    let sum = v.clone().sum_dim(1);
    ((sum.clone() * sum - (v.clone() * v).sum_dim(1)) * 0.5).reshape([rows, columns / fields])
}

/// `Σ_{i<j} xᵢᵀ φᵢⱼ xⱼ`, every pair beside every other; `first` and `second` are the fields of each.
pub(crate) fn kernel(x: Matrix, phi: Matrix, fields: usize, first: Tensor<1, Int>, second: Tensor<1, Int>) -> Matrix {
    let ([rows, columns], [k, width]) = (x.dims(), phi.dims());
    let (x, pairs) = (x.reshape([rows, fields, columns / fields]), width / k);
    let left = x.clone().select(1, first).swap_dims(0, 1);
    let right = x.select(1, second).swap_dims(0, 1);
    let phi = phi.reshape([k, pairs, k]).swap_dims(0, 1);
    (left.matmul(phi) * right).sum_dims(&[0, 2]).reshape([rows, 1])
}

/// Straight lines between values at points that lie evenly from −1 to 1.
pub(crate) fn interpolate(q: Matrix, values: Matrix) -> Matrix {
    let last = values.dims()[1] - 1;
    let along = (q.clamp(-1.0, 1.0) + 1.0) * (0.5 * last as f64);
    let below = along.clone().detach().floor().clamp(0.0, (last - 1) as f64);
    let (on, place) = (along - below.clone(), below.int());
    let from = values.clone().gather(1, place.clone());
    from.clone() + on * (values.gather(1, place + 1) - from)
}
