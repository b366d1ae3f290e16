//! How a row learns, from what it remembers.

use crate::real::Real;

/// How rows learn. Every row remembers for itself, so that a row which is seldom asked for learns as fast as if it were alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RowOptimiser {
    /// `n ← n + g²`, `w ← w − η·g / (√n + ε)` for every number.
    ///
    /// Source: Duchi, Hazan & Singer 2011, fig. 1.
    Adagrad {
        /// `η`.
        rate: f32,
        /// `ε`.
        epsilon: f32,
    },
    /// The same with one `n` a row, which takes the mean of `g²`: a number to remember instead of `k`.
    ///
    /// Source: Naumov et al., *Deep Learning Recommendation Model*, 2019, §4.1 (row-wise).
    RowAdagrad {
        /// `η`.
        rate: f32,
        /// `ε`.
        epsilon: f32,
    },
    /// `σ = (√(n + g²) − √n) / α`, `z ← z + g − σw`, `n ← n + g²`; `w = 0` where `|z| ≤ λ₁`, else
    /// `w = −(z − sgn(z)·λ₁) / ((β + √n)/α + λ₂)`.
    ///
    /// Source: McMahan et al., *Ad Click Prediction: a View from the Trenches*, KDD 2013, algorithm 1.
    Ftrl {
        /// `α`.
        alpha: f32,
        /// `β`; the paper takes 1.
        beta: f32,
        /// `λ₁`: how strongly weights are drawn to 0.
        l1: f32,
        /// `λ₂`.
        l2: f32,
    },
    /// Adam whose moments and step count move only with their row.
    ///
    /// Source: Kingma & Ba 2015, algorithm 1, row by row.
    Adam {
        /// `α`.
        rate: f32,
        /// `β₁`.
        beta1: f32,
        /// `β₂`.
        beta2: f32,
        /// `ε`.
        epsilon: f32,
    },
}

impl RowOptimiser {
    /// Adagrad with `ε = 10⁻⁸`.
    #[must_use]
    pub fn adagrad(rate: f32) -> Self {
        Self::Adagrad { rate, epsilon: 1e-8 }
    }

    /// Row-wise Adagrad with `ε = 10⁻⁸`.
    #[must_use]
    pub fn row_adagrad(rate: f32) -> Self {
        Self::RowAdagrad { rate, epsilon: 1e-8 }
    }

    /// FTRL-proximal.
    #[must_use]
    pub fn ftrl(alpha: f32, beta: f32, l1: f32, l2: f32) -> Self {
        Self::Ftrl { alpha, beta, l1, l2 }
    }

    /// Adam with the paper's `β₁ = 0.9`, `β₂ = 0.999`, `ε = 10⁻⁸`.
    #[must_use]
    pub fn adam(rate: f32) -> Self {
        Self::Adam { rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// How many numbers a row of `k` remembers.
    #[must_use]
    pub fn state_len(&self, k: usize) -> usize {
        match self {
            Self::Adagrad { .. } => k,
            Self::RowAdagrad { .. } => 1,
            Self::Ftrl { .. } => 2 * k,
            Self::Adam { .. } => 2 * k + 1,
        }
    }

    /// What a new row remembers. FTRL's weights are a function of `z`: it starts where that function gives the row.
    pub fn start<R: Real>(&self, w: &[R], state: &mut [R]) {
        state.fill(R::ZERO);
        if let Self::Ftrl { alpha, beta, l1, l2 } = self {
            let [alpha, beta, l1, l2] = [*alpha, *beta, *l1, *l2].map(R::from_f32);
            for (z, w) in state.iter_mut().zip(w) {
                let away = if *w > R::ZERO { l1 } else { -l1 };
                *z = if *w == R::ZERO { R::ZERO } else { -*w * (beta / alpha + l2) - away };
            }
        }
    }

    /// One step of one row.
    #[inline(always)]
    pub fn step<R: Real>(&self, w: &mut [R], state: &mut [R], g: &[R]) {
        let k = w.len();
        match *self {
            Self::Adagrad { rate, epsilon } => {
                let (rate, epsilon) = (R::from_f32(rate), R::from_f32(epsilon));
                for ((w, n), g) in w.iter_mut().zip(state).zip(g) {
                    *n += *g * *g;
                    *w -= rate * *g / (n.sqrt() + epsilon);
                }
            }
            Self::RowAdagrad { rate, epsilon } => {
                let squares: R = g.iter().map(|g| *g * *g).sum();
                state[0] += squares / R::from_count(k);
                let rate = R::from_f32(rate) / (state[0].sqrt() + R::from_f32(epsilon));
                w.iter_mut().zip(g).for_each(|(w, g)| *w -= rate * *g);
            }
            Self::Ftrl { alpha, beta, l1, l2 } => {
                let [alpha, beta, l1, l2] = [alpha, beta, l1, l2].map(R::from_f32);
                let (z, n) = state.split_at_mut(k);
                for (((w, z), n), g) in w.iter_mut().zip(z).zip(n).zip(g) {
                    let grown = *n + *g * *g;
                    *z += *g - (grown.sqrt() - n.sqrt()) / alpha * *w;
                    *n = grown;
                    let shrunk = if *z > R::ZERO { *z - l1 } else { *z + l1 };
                    let moved = -shrunk / ((beta + grown.sqrt()) / alpha + l2);
                    *w = if z.abs() > l1 { moved } else { R::ZERO };
                }
            }
            Self::Adam { rate, beta1, beta2, epsilon } => {
                let (moments, steps) = state.split_at_mut(2 * k);
                steps[0] += R::ONE;
                // A count in f32 stands still at 2²⁴, long after the corrections are 1.
                let left = |beta: f32| 1.0 - f64::from(beta).powf(steps[0].to_f64());
                let rate = R::from_f64(f64::from(rate) / left(beta1));
                let correct = R::from_f64(1.0 / left(beta2));
                let [b1, b2, epsilon] = [beta1, beta2, epsilon].map(R::from_f32);
                let (first, second) = moments.split_at_mut(k);
                for (((w, m), v), g) in w.iter_mut().zip(first).zip(second).zip(g) {
                    *m = b1 * *m + (R::ONE - b1) * *g;
                    *v = b2 * *v + (R::ONE - b2) * *g * *g;
                    *w -= rate * *m / ((*v * correct).sqrt() + epsilon);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Algorithm 1 of McMahan et al. 2013, letter by letter: the weight from `z` and `n` before the gradient, then both.
        #[test]
        fn ftrl_is_the_papers(gradients in prop::collection::vec(-3.0f64..3.0, 1..60), l1 in 0.0f32..3.0, l2 in 0.0f32..2.0,
            alpha in 0.01f32..1.0, beta in 0.0f32..2.0) {
            let optimiser = RowOptimiser::ftrl(alpha, beta, l1, l2);
            let (mut w, mut state) = ([0.0f64], [0.0f64; 2]);
            optimiser.start(&w, &mut state);
            let [alpha, beta, l1, l2] = [alpha, beta, l1, l2].map(f64::from);
            let (mut z, mut n) = (0.0f64, 0.0f64);
            let weight = |z: f64, n: f64| if z.abs() <= l1 { 0.0 } else { -(z - z.signum() * l1) / ((beta + n.sqrt()) / alpha + l2) };
            for g in gradients {
                let before = weight(z, n);
                let sigma = ((n + g * g).sqrt() - n.sqrt()) / alpha;
                z += g - sigma * before;
                n += g * g;
                optimiser.step(&mut w, &mut state, &[g]);
                prop_assert!((w[0] - weight(z, n)).abs() < 1e-9, "{} {}", w[0], weight(z, n));
            }
        }

        /// A row that starts anywhere is what its `z` says, before a gradient has come.
        #[test]
        fn ftrl_starts_where_the_row_is(start in -1.0f64..1.0, l1 in 0.0f32..2.0) {
            let optimiser = RowOptimiser::ftrl(0.1, 1.0, l1, 0.5);
            let (mut w, mut state) = ([start], [0.0f64; 2]);
            optimiser.start(&w, &mut state);
            optimiser.step(&mut w, &mut state, &[0.0]);
            prop_assert!((w[0] - start).abs() < 1e-12);
        }
    }

    #[test]
    fn ftrl_leaves_noise_at_zero_and_lets_signal_through() {
        let optimiser = RowOptimiser::ftrl(0.1, 1.0, 2.0, 0.0);
        let (mut w, mut state) = ([0.0f64; 2], [0.0f64; 4]);
        for i in 0..200 {
            optimiser.step(&mut w, &mut state, &[if i % 2 == 0 { 0.5 } else { -0.5 }, -0.5]);
        }
        assert!(w[0].abs() < 1e-300 && w[1] > 0.1, "{w:?}");
    }

    #[test]
    fn adam_and_adagrad_are_their_formulas() {
        let (mut w, mut state) = ([1.0f64], [0.0f64; 3]);
        let (mut v, mut sums) = ([1.0f64], [0.0f64]);
        let (mut m, mut s, mut n, mut by_adam, mut by_adagrad) = (0.0, 0.0, 0.0, 1.0, 1.0);
        for t in 1..30 {
            let g = f64::from(t % 5) - 1.7;
            RowOptimiser::Adam { rate: 0.125, beta1: 0.75, beta2: 0.875, epsilon: 0.0 }.step(&mut w, &mut state, &[g]);
            RowOptimiser::Adagrad { rate: 0.125, epsilon: 0.0 }.step(&mut v, &mut sums, &[g]);
            m = 0.75 * m + 0.25 * g;
            s = 0.875 * s + 0.125 * g * g;
            by_adam -= 0.125 * (m / (1.0 - 0.75f64.powi(t))) / (s / (1.0 - 0.875f64.powi(t))).sqrt();
            n += g * g;
            by_adagrad -= 0.125 * g / f64::sqrt(n);
            assert!((w[0] - by_adam).abs() < 1e-12 && (v[0] - by_adagrad).abs() < 1e-12, "step {t}");
        }
    }
}
