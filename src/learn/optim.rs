//! Optimisers over flat vectors. Fixed order, no FMA: the same bits on every machine.

use sottovoce_lanes::dense;

/// One step of stochastic gradient descent: `w ← w − η·g`.
pub fn sgd(weights: &mut [f32], gradient: &[f32], learning_rate: f32) {
    dense::axpy(-learning_rate, gradient, weights);
}

/// Adam with bias correction.
///
/// Source: Kingma & Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, Algorithm 1.
#[derive(Clone, Debug)]
pub struct Adam {
    learning_rate: f32,
    first: Vec<f32>,
    second: Vec<f32>,
    /// `β₁ᵗ` and `β₂ᵗ`, kept as running products: no `powi`, whose bits differ between machines.
    decayed: (f32, f32),
}

impl Adam {
    const BETA1: f32 = 0.9;
    const BETA2: f32 = 0.999;
    const EPSILON: f32 = 1e-8;

    /// For `len` weights, with step size `learning_rate` (the paper's α; it takes 0.001).
    #[must_use]
    pub fn new(len: usize, learning_rate: f32) -> Self {
        Self { learning_rate, first: vec![0.0; len], second: vec![0.0; len], decayed: (1.0, 1.0) }
    }

    /// One step.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32]) {
        self.decayed = (self.decayed.0 * Self::BETA1, self.decayed.1 * Self::BETA2);
        let (c1, c2) = (1.0 / (1.0 - self.decayed.0), 1.0 / (1.0 - self.decayed.1));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = Self::BETA1 * *m + (1.0 - Self::BETA1) * g;
            *v = Self::BETA2 * *v + (1.0 - Self::BETA2) * g * g;
            *w -= self.learning_rate * (*m * c1) / ((*v * c2).sqrt() + Self::EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With bias correction Adam's first step has length η in every coordinate with a gradient (§2.1 of the paper).
    #[test]
    fn the_first_step_of_adam_has_length_eta() {
        let mut weights = [1.0, -2.0, 3.0];
        Adam::new(3, 0.01).step(&mut weights, &[5.0, -0.003, 0.0]);
        for (got, want) in weights.iter().zip([0.99, -1.99, 3.0]) {
            assert!((got - want).abs() < 1e-5, "{got} vs {want}");
        }
    }

    #[test]
    fn both_find_the_minimum_of_a_parabola() {
        let target = [0.5f32, -1.5];
        let gradient = |w: &[f32]| [2.0 * (w[0] - target[0]), 2.0 * (w[1] - target[1])];
        let (mut by_sgd, mut by_adam) = ([0.0f32; 2], [0.0f32; 2]);
        let mut adam = Adam::new(2, 0.05);
        for _ in 0..500 {
            let g = gradient(&by_sgd);
            sgd(&mut by_sgd, &g, 0.1);
            let g = gradient(&by_adam);
            adam.step(&mut by_adam, &g);
        }
        for w in [by_sgd, by_adam] {
            assert!((w[0] - target[0]).abs() < 1e-3 && (w[1] - target[1]).abs() < 1e-3, "{w:?}");
        }
    }
}
