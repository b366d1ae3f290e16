//! Optimisers over dense parameters. A parameter that a loss does not depend on stands still, and so does what is remembered of it.

use crate::parallel;
use crate::parameters::{Parameters, Part};
use crate::real::Real;
use crate::tape::Gradients;

/// Numbers of one piece of a step.
const PIECE: usize = 16 * 1024;

/// Moves parameters against a gradient.
pub trait Optimiser<R: Real> {
    /// One step.
    fn step(&mut self, parameters: &mut Parameters<R>, gradients: &Gradients<R>);
}

/// Stochastic gradient descent: `w ← w − η·g`.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// `η`.
    pub rate: f32,
}

impl Sgd {
    fn advance<R: Real>(&self, parameters: &mut Parameters<R>, gradients: &Gradients<R>) {
        let rate = R::from_f32(self.rate);
        for (part, g) in gradients.parts() {
            parallel::map!(parameters.part_mut(part), g, |w, g| *w -= rate * g,);
        }
    }
}

/// `n ← n + g²`, `w ← w − η·g / (√n + ε)`.
///
/// Source: Duchi, Hazan & Singer, *Adaptive Subgradient Methods*, JMLR 12, 2011, fig. 1 (diagonal).
#[derive(Clone, Debug)]
pub struct Adagrad<R> {
    rate: R,
    epsilon: R,
    sums: Vec<R>,
}

impl<R: Real> Adagrad<R> {
    /// With step size `η`; `ε` is 10⁻¹⁰.
    #[must_use]
    pub fn new(rate: f32) -> Self {
        Self { rate: R::from_f32(rate), epsilon: R::from_f64(1e-10), sums: Vec::new() }
    }

    /// What is remembered, a number a parameter, for a checkpoint.
    pub fn state_mut(&mut self) -> &mut Vec<R> {
        &mut self.sums
    }
}

impl<R: Real> Adagrad<R> {
    fn advance(&mut self, parameters: &mut Parameters<R>, gradients: &Gradients<R>) {
        let (rate, epsilon) = (self.rate, self.epsilon);
        self.sums.resize(parameters.len(), R::ZERO);
        for (part, g) in gradients.parts() {
            let n = &mut self.sums[part.range()];
            pieces(
                parameters.part_mut(part),
                g,
                n,
                &mut [],
                #[inline(always)]
                |w: &mut [R], g: &[R], n: &mut [R], _: &mut [R]| {
                    for ((w, g), n) in w.iter_mut().zip(g).zip(n) {
                        *n += *g * *g;
                        *w -= rate * *g / (n.sqrt() + epsilon);
                    }
                },
            );
        }
    }
}

/// How fast Adam goes and forgets.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamConfig {
    /// `α`; the paper takes 0.001.
    pub rate: f32,
    /// `β₁`; 0.9.
    pub beta1: f32,
    /// `β₂`; 0.999.
    pub beta2: f32,
    /// `ε`; 10⁻⁸.
    pub epsilon: f32,
    /// `λ`: weights shrink by `α·λ` of themselves a step, apart from the gradient; 0 in the paper.
    pub decay: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.0 }
    }
}

/// Adam with bias correction, and decoupled weight decay where asked for.
///
/// Source: Kingma & Ba, *Adam*, ICLR 2015, algorithm 1; Loshchilov & Hutter, *Decoupled Weight Decay*, ICLR 2019, algorithm 2.
#[derive(Clone, Debug)]
pub struct Adam<R> {
    config: AdamConfig,
    first: Vec<R>,
    second: Vec<R>,
    /// Steps that each part has taken.
    steps: Vec<i32>,
}

impl<R: Real> Adam<R> {
    /// Before the first step.
    #[must_use]
    pub fn new(config: AdamConfig) -> Self {
        Self { config, first: Vec::new(), second: Vec::new(), steps: Vec::new() }
    }

    /// What is remembered, for a checkpoint: first and second moments, a number a parameter, and the steps of every part.
    pub fn state_mut(&mut self) -> (&mut Vec<R>, &mut Vec<R>, &mut Vec<i32>) {
        (&mut self.first, &mut self.second, &mut self.steps)
    }

    /// `(α / (1 − β₁ᵗ), 1 / (1 − β₂ᵗ))` at the next step of a part.
    fn correction(&mut self, part: Part) -> (R, R) {
        let index = part.index as usize;
        if self.steps.len() <= index {
            self.steps.resize(index + 1, 0);
        }
        self.steps[index] += 1;
        let left = |beta: f32| 1.0 - f64::from(beta).powi(self.steps[index]);
        (R::from_f64(f64::from(self.config.rate) / left(self.config.beta1)), R::from_f64(1.0 / left(self.config.beta2)))
    }
}

impl<R: Real> Adam<R> {
    fn advance(&mut self, parameters: &mut Parameters<R>, gradients: &Gradients<R>) {
        let AdamConfig { rate, beta1, beta2, epsilon, decay } = self.config;
        let [b1, b2, epsilon, decay] = [beta1, beta2, epsilon, rate * decay].map(R::from_f32);
        self.first.resize(parameters.len(), R::ZERO);
        self.second.resize(parameters.len(), R::ZERO);
        for (part, g) in gradients.parts() {
            let (rate, correct) = self.correction(part);
            let (m, v) = (&mut self.first[part.range()], &mut self.second[part.range()]);
            pieces(
                parameters.part_mut(part),
                g,
                m,
                v,
                #[inline(always)]
                |w: &mut [R], g: &[R], m: &mut [R], v: &mut [R]| {
                    for ((w, g), (m, v)) in w.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
                        *m = b1 * *m + (R::ONE - b1) * *g;
                        *v = b2 * *v + (R::ONE - b2) * *g * *g;
                        *w -= decay * *w + rate * *m / ((*v * correct).sqrt() + epsilon);
                    }
                },
            );
        }
    }
}

/// An implementation for each precision, so that steps are compiled with this crate (as those of `tape`).
macro_rules! optimisers_over {
    ($($real:ty),*) => {
        $(
            optimisers_over!($real: Sgd, Adagrad<$real>, Adam<$real>);
        )*
    };
    ($real:ty: $($optimiser:ty),*) => {
        $(
            impl Optimiser<$real> for $optimiser {
                fn step(&mut self, parameters: &mut Parameters<$real>, gradients: &Gradients<$real>) {
                    self.advance(parameters, gradients);
                }
            }
        )*
    };
}

optimisers_over!(f32, f64);

/// Runs `f` over weights, gradient and two states of them, in pieces where there are many.
fn pieces<R: Real>(
    w: &mut [R],
    g: &[R],
    m: &mut [R],
    v: &mut [R],
    f: impl Fn(&mut [R], &[R], &mut [R], &mut [R]) + Copy + Sync + Send,
) {
    if w.len() <= PIECE {
        return parallel::vectorize!(|| f(w, g, m, v));
    }
    let half = w.len() / 2;
    let (w, g) = (w.split_at_mut(half), g.split_at(half));
    // An optimiser that remembers one number a weight has no second state.
    let (m, v) = (m.split_at_mut(half), v.split_at_mut(half.min(v.len())));
    rayon::join(|| pieces(w.0, g.0, m.0, v.0, f), || pieces(w.1, g.1, m.1, v.1, f));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algebra, Init, Pool, Tape};

    /// Steps towards the minimum of `Σ (w − t)²`, in f64, beside the formula written out.
    fn beside(mut optimiser: impl Optimiser<f64>, formula: impl Fn(&[f64], usize, &mut [f64; 2]) -> f64) {
        let mut parameters = Parameters::<f64>::new(1);
        let part = parameters.add("w", 1, 3, Init::Normal(1.0));
        let mut expected = parameters.values().to_vec();
        let mut state = [[0.0; 2]; 3];
        let pool = Pool::default();
        for t in 1..=20 {
            let mut tape = Tape::new(&parameters, &pool);
            let w = tape.parameter(part);
            let loss = tape.squared_error(w, &[0.5, -1.0, 2.0], None);
            let gradients = tape.grad(loss);
            let g = gradients.part(part).unwrap().to_vec();
            drop(tape);
            optimiser.step(&mut parameters, &gradients);
            for i in 0..3 {
                expected[i] += formula(&[expected[i], g[i]], t, &mut state[i]);
                assert!((expected[i] - parameters.values()[i]).abs() < 1e-12, "step {t}");
            }
        }
    }

    #[test]
    fn each_is_its_formula() {
        beside(Sgd { rate: 0.125 }, |x, _, _| -0.125 * x[1]);
        beside(Adagrad::new(0.25), |x, _, state| {
            state[0] += x[1] * x[1];
            -0.25 * x[1] / (state[0].sqrt() + 1e-10)
        });
        let config = AdamConfig { rate: 0.125, beta1: 0.75, beta2: 0.875, epsilon: 0.0625, decay: 0.25 };
        beside(Adam::new(config), |x, t, [m, v]| {
            *m = 0.75 * *m + 0.25 * x[1];
            *v = 0.875 * *v + 0.125 * x[1] * x[1];
            let t = i32::try_from(t).unwrap();
            let (first, second) = (*m / (1.0 - 0.75f64.powi(t)), *v / (1.0 - 0.875f64.powi(t)));
            -0.125 * 0.25 * x[0] - 0.125 * first / (second.sqrt() + 0.0625)
        });
    }

    #[test]
    fn what_a_loss_does_not_depend_on_stands_still() {
        let mut parameters = Parameters::<f32>::new(1);
        let (used, unused) =
            (parameters.add("a", 1, 1, Init::Normal(1.0)), parameters.add("b", 1, 1, Init::Normal(1.0)));
        let before = parameters.values().to_vec();
        let mut adam = Adam::new(AdamConfig { decay: 0.1, ..AdamConfig::default() });
        let pool = Pool::default();
        let mut tape = Tape::new(&parameters, &pool);
        let (x, _) = (tape.parameter(used), tape.parameter(unused));
        let gradients = tape.grad(x);
        drop(tape);
        adam.step(&mut parameters, &gradients);
        assert!(parameters.values()[0] < before[0] && parameters.values()[1].to_bits() == before[1].to_bits());
        assert_eq!(adam.state_mut().2, &[1]);
    }
}
