//! Cross-entropy of a softmax over many items.

use crate::graph::Matrix;
use crate::ops::activation::LOWEST;
use crate::ops::loss::{log_sum, mean};
use burn::tensor::{Bool, Int, Tensor};

/// Of the examples that count: which they are, what each chose (`n × 1`), and what each counts of the whole.
pub(crate) struct Chosen {
    pub(crate) examples: Tensor<1, Int>,
    pub(crate) targets: Tensor<2, Int>,
    pub(crate) fractions: Matrix,
    /// `ln Q`, `1 × c`, and accidental hits, `n × c`, where candidates were drawn.
    pub(crate) drawn: Option<(Matrix, Tensor<2, Bool>)>,
}

impl Chosen {
    pub(crate) fn cross_entropy(&self, x: Matrix, items: Matrix) -> Matrix {
        let mut logits = x.select(0, self.examples.clone()).matmul(items.transpose());
        if let Some((log_q, hits)) = &self.drawn {
            logits = (logits - log_q.clone()).mask_fill(hits.clone(), LOWEST);
        }
        let own = logits.clone().gather(1, self.targets.clone());
        mean(log_sum(logits) - own, &self.fractions)
    }
}
