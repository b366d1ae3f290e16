//! What losses have in common: labels and weights come from outside, and examples that weigh nothing cost nothing.

use crate::graph::{Graph, Matrix, Var};
use crate::number::Number;
use crate::ops::{loss, softmax};
use sottovoce_algebra::Samples;

impl<R: Number> Graph<'_, R> {
    /// The mean of `losses` (`n × 1`) by weights, which are 1 where none are given.
    pub(crate) fn weighted(
        &mut self,
        inputs: &[Var],
        count: usize,
        weights: Option<&[f32]>,
        losses: impl Fn(&[Matrix]) -> Matrix + 'static,
    ) -> Var {
        let fractions = self.data(count, 1, loss::fractions(count, weights));
        self.record(inputs, move |m| loss::mean(losses(m), &fractions))
    }

    /// Labels beside logits.
    pub(crate) fn labels(&self, logits: &[Var], labels: &[f32]) -> Matrix {
        assert!(logits.iter().all(|z| z.shape() == (labels.len(), 1)), "not a logit a label");
        self.data(labels.len(), 1, labels.to_vec())
    }

    /// Cross-entropy of what examples chose among all items, or among samples.
    pub(crate) fn chosen(
        &mut self,
        [x, items]: [Var; 2],
        targets: &[u32],
        samples: Option<Samples<'_>>,
        weights: Option<&[f32]>,
    ) -> Var {
        assert_eq!((x.columns, x.rows), (items.columns, targets.len()), "rows differ in length, or not a target each");
        assert!(weights.is_none_or(|w| w.len() == targets.len()), "not a weight an example");
        let counts = |i: &u32| weights.is_none_or(|w| w[*i as usize] > 0.0);
        let examples: Vec<u32> = (0u32..).take(targets.len()).filter(counts).collect();
        if examples.is_empty() {
            return self.record(&[x], |m| m[0].clone().sum().reshape([1, 1]) * 0.0);
        }
        let targets: Vec<u32> = examples.iter().map(|i| targets[*i as usize]).collect();
        assert!(targets.iter().all(|t| (*t as usize) < items.rows), "an item beyond the {} there are", items.rows);
        let kept: Option<Vec<f32>> = weights.map(|w| examples.iter().map(|i| w[*i as usize]).collect());
        let fractions = loss::fractions(examples.len(), kept.as_deref());
        let drawn = samples.map(|Samples { log_q, ids, .. }| {
            assert_eq!((log_q.len(), ids.len()), (items.rows, items.rows), "not a candidate each");
            let again = |target: &u32| {
                let target = *target as usize;
                (0..ids.len()).map(move |j| ids[j] == ids[target] && j != target)
            };
            let hits = targets.iter().flat_map(again).collect();
            (self.data(1, items.rows, log_q.to_vec()), self.barred(targets.len(), items.rows, hits))
        });
        let chosen = softmax::Chosen {
            examples: self.places(&examples),
            targets: self.places(&targets).reshape([targets.len(), 1]),
            fractions: self.data(targets.len(), 1, fractions),
            drawn,
        };
        self.record(&[x, items], move |m| chosen.cross_entropy(m[0].clone(), m[1].clone()))
    }
}
