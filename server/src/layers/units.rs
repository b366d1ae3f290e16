//! Units of a history that attend to a candidate.
//!
//! Source: Zhou et al., *Deep Interest Network for Click-Through Rate Prediction*, KDD 2018, eq. (3) and fig. 2.

use super::{Bending, Mlp, MlpConfig, Pass};
use serde::{Deserialize, Serialize};
use sottovoce_algebra::{Algebra, Parameters};

/// How weights of steps count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// As they come, so that a long interest is a strong one: the paper's.
    #[default]
    Plain,
    /// Their softmax: a weighted mean, which begins as the plain mean and strays from it as far as data say.
    Softmax,
}

/// `a(e_t, v) = MLP([e_t, v, e_t − v, e_t ⊙ v])`.
#[derive(Clone, Debug)]
pub struct Units {
    network: Mlp,
    weights: Weights,
}

impl Units {
    /// Over steps of `k` numbers, with these layers.
    #[must_use]
    pub fn new(name: &str, k: usize, hidden: &[usize], weights: Weights, parameters: &mut Parameters<f32>) -> Self {
        Self::of_many(name, (k, 0), hidden, weights, 1, parameters)
    }

    /// The same with so many weights a step, an interest for each of several kinds of steps, from one network, which also reads `c` numbers of a
    /// step that are not compared: `a(e_t, v, h_t)`.
    #[must_use]
    pub fn of_many(
        name: &str,
        (k, c): (usize, usize),
        hidden: &[usize],
        weights: Weights,
        kinds: usize,
        parameters: &mut Parameters<f32>,
    ) -> Self {
        let config = MlpConfig { hidden: hidden.to_vec(), dropout: 0.0 };
        Self { network: Mlp::bending(name, 4 * k + c, &config, Bending::Sigmoid, Some(kinds), parameters), weights }
    }

    /// `Σ_t a(e_t, v, h_t)·[e_t | h_t]` over the steps of the mask: `e: B·T × k`, `v: B × k`, `h: B·T × c` where there is any, to `B × (k + c)`.
    pub fn attend<A: Algebra>(&self, a: &mut A, e: A::Var, v: A::Var, h: Option<A::Var>, mask: &[f32]) -> A::Var {
        let weights = self.weigh(a, e, v, h, mask);
        let mixed = h.map_or(e, |h| a.concat(&[e, h]));
        a.mix(weights, mixed)
    }

    /// `a(e_t, v, h_t)`: `B × T`.
    pub fn weigh<A: Algebra>(&self, a: &mut A, e: A::Var, v: A::Var, h: Option<A::Var>, mask: &[f32]) -> A::Var {
        let compared = a.compare(e, v);
        let read = h.map_or(compared, |h| a.concat(&[compared, h]));
        let weights = self.network.forward(a, read, Pass::Serve);
        self.counted(a, weights, v, mask)
    }

    /// An interest for each kind, over the steps of its own mask; `h: B·T × c` is read beside, and it is what is mixed.
    pub fn attend_to_each<A: Algebra>(
        &self,
        a: &mut A,
        e: A::Var,
        v: A::Var,
        h: A::Var,
        masks: &[Vec<f32>],
    ) -> Vec<A::Var> {
        let compared = a.compare(e, v);
        let compared = a.concat(&[compared, h]);
        let weights = self.network.forward(a, compared, Pass::Serve);
        let of_kind = |(kind, mask): (usize, &Vec<f32>)| {
            let own = a.slice(weights, kind, 1);
            let own = self.counted(a, own, v, mask);
            a.mix(own, h)
        };
        masks.iter().enumerate().map(of_kind).collect()
    }

    /// Weights as they count, in rows of an example's steps.
    fn counted<A: Algebra>(&self, a: &mut A, weights: A::Var, v: A::Var, mask: &[f32]) -> A::Var {
        let (examples, _) = a.shape(v);
        let steps = (mask.len() / examples.max(1)).max(1);
        match self.weights {
            Weights::Plain => {
                let there = a.mask_rows(weights, mask);
                a.reshape(there, steps)
            }
            Weights::Softmax => {
                let rows = a.reshape(weights, steps);
                a.softmax(rows, Some(mask))
            }
        }
    }
}
