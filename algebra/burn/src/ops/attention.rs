//! Scaled-dot attention in heads.

use crate::graph::Matrix;
use crate::ops::activation::shares;
use burn::tensor::{Bool, Int, Tensor};

/// How long sequences are, and what may not be seen.
pub(crate) struct Shape {
    pub(crate) examples: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) heads: usize,
    pub(crate) scale: f64,
    /// `B·Q × T`.
    pub(crate) barred: Option<Tensor<2, Bool>>,
    /// `B·Q·T`.
    pub(crate) buckets: Option<Tensor<1, Int>>,
}

impl Shape {
    /// `B·T × d` as `B × h × T × d/h`.
    fn heads(&self, x: Matrix, steps: usize) -> Tensor<4> {
        let width = x.dims()[1] / self.heads;
        x.reshape([self.examples, steps, self.heads, width]).swap_dims(1, 2)
    }

    /// `softmax(scale·Q·Kᵀ + bias)·V`.
    pub(crate) fn attend(&self, q: Matrix, k: Matrix, v: Matrix, table: Option<Matrix>) -> Matrix {
        let Self { examples, queries, keys, heads, .. } = *self;
        let columns = v.dims()[1];
        let (q, k, v) = (self.heads(q, queries), self.heads(k, keys), self.heads(v, keys));
        let mut logits = q.matmul(k.swap_dims(2, 3)) * self.scale;
        if let (Some(table), Some(buckets)) = (table, &self.buckets) {
            let bias = table.select(0, buckets.clone()).reshape([examples, queries, keys, heads]);
            logits = logits + bias.permute([0, 3, 1, 2]);
        }
        let barred = self.barred.clone().map(|barred| {
            let barred: Tensor<4, Bool> = barred.reshape([examples, 1, queries, keys]);
            barred.expand([examples, heads, queries, keys])
        });
        shares(logits, barred).matmul(v).swap_dims(1, 2).reshape([examples * queries, columns])
    }
}
