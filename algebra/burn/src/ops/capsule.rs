//! Dynamic routing.

use crate::graph::Matrix;
use crate::ops::activation::shares;
use burn::tensor::Tensor;

/// `x: B × T × d`, `start: B × T × K`, `mask: B × T × 1`, to `B·K × d`.
pub(crate) fn capsules(x: Tensor<3>, start: Tensor<3>, mask: Tensor<3>, iterations: usize) -> Matrix {
    let ([examples, _, d], [.., interests]) = (x.dims(), start.dims());
    let (mut logits, mut u) = (start, None);
    for _ in 0..iterations {
        if let Some(u) = u {
            logits = logits + x.clone().matmul(Tensor::swap_dims(u, 1, 2));
        }
        let coupling = shares(logits.clone(), None) * mask.clone();
        u = Some(squash(coupling.swap_dims(1, 2).matmul(x.clone())));
    }
    u.unwrap_or_else(|| x.narrow(1, 0, interests)).reshape([examples * interests, d])
}

/// `z·‖z‖ / (1 + ‖z‖²)`; what voted for nothing stays nothing.
fn squash(z: Tensor<3>) -> Tensor<3> {
    let square = (z.clone() * z.clone()).sum_dim(2);
    let zero = square.clone().equal_scalar(0.0);
    let length = square.clone().mask_fill(zero.clone(), 1.0).sqrt().mask_fill(zero, 0.0);
    z * (length / (square + 1.0))
}
