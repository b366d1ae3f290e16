//! Several tasks over shared weights: whose gradient counts how much.
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | `w_i`, `L_i` | `weights`, `losses` | a task's weight and loss |
//! | `W` | [`shared`] | the weights that more than one task moves |
//! | `G_W^{(i)} = ‖∇_W w_i L_i‖` | `norms` | how hard a task pulls |
//! | `r_i = (L_i/L_i(0)) / mean` | `rates` | how slowly it learns beside the others |
//! | `g_i^{PC}` | [`project`] | a task's gradient without what works against another's |
//!
//! Sources: Chen et al., *GradNorm*, ICML 2018, eqs. (1)–(2), algorithm 1; Yu et al., *Gradient Surgery for Multi-Task Learning*, NeurIPS 2020,
//! algorithm 1. Kept: GradNorm's targets are constants to its own gradient, weights sum to the number of tasks after each step; PCGrad
//! projects off the others' unchanged gradients, in an order drawn anew each step. Left out: GradNorm's choice of one layer for `W`; it measures
//! all shared weights.

use serde::{Deserialize, Serialize};
use sottovoce::math::Rng;
use sottovoce_algebra::{Gradients, Part};

/// How losses become one step.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// Their sum.
    #[default]
    Equal,
    /// Weights that learn, so that tasks pull alike.
    GradNorm {
        /// `α`: how much more those may pull that learn slowly; 0 makes all alike, the paper takes up to 1.5.
        alpha: f32,
        /// Step size of the weights; the paper's .025.
        #[serde(default = "paper_rate")]
        rate: f32,
    },
    /// Gradients lose what works against one another.
    PcGrad,
}

fn paper_rate() -> f32 {
    0.025
}

/// What balancing remembers from step to step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Balanced {
    /// `w_i`; empty before the first step.
    pub weights: Vec<f32>,
    /// `L_i(0)`.
    pub first: Vec<f32>,
}

impl Balanced {
    /// `w_i` for so many tasks.
    pub(super) fn weights(&mut self, tasks: usize) -> &[f32] {
        if self.weights.is_empty() {
            self.weights = vec![1.0; tasks];
        }
        &self.weights
    }

    /// GradNorm's step: `losses` and gradients of every task, unweighted.
    pub(super) fn normalise(&mut self, alpha: f32, rate: f32, losses: &[f32], gradients: &[Gradients<f32>]) {
        if self.first.is_empty() {
            self.first = losses.to_vec();
        }
        let shared = shared(gradients);
        let norms: Vec<f64> = gradients.iter().map(|g| dot(g, g, &shared).sqrt()).collect();
        let tasks = norms.len() as f64;
        let pull: Vec<f64> = norms.iter().zip(&self.weights).map(|(norm, w)| norm * f64::from(*w)).collect();
        let mean = pull.iter().sum::<f64>() / tasks;
        let left = |(now, first): (&f32, &f32)| f64::from(*now) / f64::from(first.max(f32::MIN_POSITIVE));
        let rates: Vec<f64> = losses.iter().zip(&self.first).map(left).collect();
        let usual = rates.iter().sum::<f64>() / tasks;
        for ((w, pull), (norm, r)) in self.weights.iter_mut().zip(&pull).zip(norms.iter().zip(&rates)) {
            let target = mean * (r / usual.max(f64::MIN_POSITIVE)).powf(f64::from(alpha));
            // ∂|w‖∇L‖ − target|/∂w, with norms counted in the mean pull, so that the rate means the same for any loss.
            let slope = (pull - target).signum() * norm / mean.max(f64::MIN_POSITIVE);
            #[allow(clippy::cast_possible_truncation, reason = "weights are f32")]
            let by = (f64::from(rate) * slope) as f32;
            *w = (*w - by).max(1e-3);
        }
        let sum: f32 = self.weights.iter().sum();
        let scale = self.weights.len() as f32 / sum;
        self.weights.iter_mut().for_each(|w| *w *= scale);
    }
}

/// Weights that more than one task moves.
pub(super) fn shared(gradients: &[Gradients<f32>]) -> Vec<Part> {
    let mut times: Vec<(Part, usize)> = Vec::new();
    for (part, _) in gradients.iter().flat_map(Gradients::parts) {
        match times.iter_mut().find(|(known, _)| *known == part) {
            Some((_, times)) => *times += 1,
            None => times.push((part, 1)),
        }
    }
    times.retain(|(_, times)| *times > 1);
    times.into_iter().map(|(part, _)| part).collect()
}

/// `⟨a, b⟩` over some parts.
fn dot(a: &Gradients<f32>, b: &Gradients<f32>, over: &[Part]) -> f64 {
    let of = |part: &Part| match (a.part(*part), b.part(*part)) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum(),
        _ => 0.0,
    };
    over.iter().map(of).sum()
}

/// PCGrad: every task's gradient over the shared weights loses its part along `−g_j` for each other task `j`, in a drawn order. Weights that one
/// task alone moves are left as they are.
pub(super) fn project(gradients: &mut [Gradients<f32>], rng: &mut Rng) {
    let over = shared(gradients);
    let flat = |g: &Gradients<f32>| -> Vec<f32> {
        over.iter()
            .flat_map(|part| g.part(*part).map_or_else(|| vec![0.0; part.range().len()], <[f32]>::to_vec))
            .collect()
    };
    let held: Vec<Vec<f32>> = gradients.iter().map(flat).collect();
    for (i, gradient) in gradients.iter_mut().enumerate() {
        let mut others: Vec<usize> = (0..held.len()).filter(|j| *j != i).collect();
        rng.shuffle(&mut others);
        let mut own = held[i].clone();
        for j in others {
            without(&mut own, &held[j]);
        }
        let mut rest = &own[..];
        for part in &over {
            let (here, behind) = rest.split_at(part.range().len());
            rest = behind;
            if let Some((_, g)) = gradient.parts_mut().find(|(known, _)| known == part) {
                g.copy_from_slice(here);
            }
        }
    }
}

/// `g ← g − (g·h / ‖h‖²) h` where `g·h < 0`.
fn without(g: &mut [f32], h: &[f32]) {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let (along, length) = (product(g, h), product(h, h));
    if along < 0.0 && length > 0.0 {
        let by = along / length;
        for (g, h) in g.iter_mut().zip(h) {
            #[allow(clippy::cast_possible_truncation, reason = "back to the gradient's own precision")]
            let less = (f64::from(*g) - by * f64::from(*h)) as f32;
            *g = less;
        }
    }
}
