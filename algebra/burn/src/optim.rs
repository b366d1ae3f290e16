//! Adam, where the weights are.

use crate::gradients::Gradients;
use crate::graph::Matrix;
use crate::number::Number;
use crate::weights::Weights;
use sottovoce_algebra::AdamConfig;

/// Adam with bias correction and decoupled weight decay: the steps of [`sottovoce_algebra::Adam`], on the device.
///
/// Source: Kingma & Ba, *Adam*, ICLR 2015, algorithm 1; Loshchilov & Hutter, *Decoupled Weight Decay*, ICLR 2019, algorithm 2.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    /// By the part's number.
    moments: Vec<Option<Moments>>,
}

#[derive(Clone, Debug)]
struct Moments {
    first: Matrix,
    second: Matrix,
    /// Steps that the part has taken.
    steps: i32,
}

impl Adam {
    /// Before the first step.
    #[must_use]
    pub fn new(config: AdamConfig) -> Self {
        Self { config, moments: Vec::new() }
    }

    /// One step. A part that the loss does not depend on stands still.
    pub fn step<R: Number>(&mut self, weights: &mut Weights<R>, gradients: &Gradients<R>) {
        let AdamConfig { rate, beta1, beta2, epsilon, decay } = self.config;
        let [rate, b1, b2, epsilon, decay] = [rate, beta1, beta2, epsilon, rate * decay].map(f64::from);
        self.moments.resize_with(weights.parts.len(), || None);
        for (part, g) in gradients.matrices() {
            let (w, kept) = (&mut weights.parts[part.index as usize], &mut self.moments[part.index as usize]);
            let none = || Moments { first: g.zeros_like(), second: g.zeros_like(), steps: 0 };
            let Moments { first, second, steps } = kept.take().unwrap_or_else(none);
            let steps = steps + 1;
            let first = first * b1 + g.clone() * (1.0 - b1);
            let second = second * b2 + g.clone() * g * (1.0 - b2);
            let step = first.clone() * (rate / (1.0 - b1.powi(steps)));
            let step = step / ((second.clone() * (1.0 / (1.0 - b2.powi(steps)))).sqrt() + epsilon);
            *w = w.clone() - w.clone() * decay - step;
            *kept = Some(Moments { first, second, steps });
        }
    }
}
