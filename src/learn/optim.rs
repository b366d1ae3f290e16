//! Optimisers over flat vectors. Fixed order, no FMA: the same bits on every machine.

use sottovoce_lanes::dense;

/// One step of stochastic gradient descent: `w ← w − η·g`.
pub fn sgd(weights: &mut [f32], gradient: &[f32], learning_rate: f32) {
    dense::axpy(-learning_rate, gradient, weights);
}

/// Adds `μ (w − w₀)` to a gradient: it draws training back to where it began, the more the further it goes, so that devices whose
/// listeners differ do not drift apart in a round.
///
/// Source: Li et al., *Federated Optimization in Heterogeneous Networks* (FedProx), MLSys 2020, eq. (2).
pub fn proximal(gradient: &mut [f32], weights: &[f32], start: &[f32], mu: f32) {
    for ((g, w), start) in gradient.iter_mut().zip(weights).zip(start) {
        *g += mu * (w - start);
    }
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

    /// All that it remembers: `m`, `v`, and `β₁ᵗ` and `β₂ᵗ`; what a checkpoint keeps.
    #[must_use]
    pub fn memory(&self) -> (&[f32], &[f32], (f32, f32)) {
        (&self.first, &self.second, self.decayed)
    }

    /// Goes on from what [`Adam::memory`] gave: the same steps, to the bit. `None` if the moments differ in length.
    #[must_use]
    pub fn resume(learning_rate: f32, first: Vec<f32>, second: Vec<f32>, decayed: (f32, f32)) -> Option<Self> {
        (first.len() == second.len()).then_some(Self { learning_rate, first, second, decayed })
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
    fn one_that_was_put_away_goes_on_as_if_it_had_not_been() {
        let gradients = [[0.5f32, -2.0], [0.1, 0.3], [-0.7, 0.2]];
        let (mut whole, mut parts) = ([1.0f32, 2.0], [1.0f32, 2.0]);
        let (mut adam, mut again) = (Adam::new(2, 0.05), Adam::new(2, 0.05));
        for gradient in gradients {
            adam.step(&mut whole, &gradient);
            let (first, second, decayed) = again.memory();
            again = Adam::resume(0.05, first.to_vec(), second.to_vec(), decayed).unwrap();
            again.step(&mut parts, &gradient);
        }
        assert_eq!(whole.map(f32::to_bits), parts.map(f32::to_bits));
        assert!(Adam::resume(0.05, vec![0.0], vec![], (1.0, 1.0)).is_none());
    }

    /// `min (w − t)² + μ/2 (w − w₀)²` lies at `(2t + μ w₀)/(2 + μ)`.
    #[test]
    fn what_is_drawn_back_stops_on_the_way() {
        let (target, start, mu) = ([0.5f32, -1.5], [2.0f32, 1.0], 3.0f32);
        let mut weights = start;
        for _ in 0..500 {
            let mut gradient = [2.0 * (weights[0] - target[0]), 2.0 * (weights[1] - target[1])];
            proximal(&mut gradient, &weights, &start, mu);
            sgd(&mut weights, &gradient, 0.1);
        }
        for ((w, t), w0) in weights.iter().zip(target).zip(start) {
            assert!((w - (2.0 * t + mu * w0) / (2.0 + mu)).abs() < 1e-4, "{weights:?}");
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
