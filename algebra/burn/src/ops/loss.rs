//! Losses: a number an example, and their mean.

use crate::graph::Matrix;
use crate::ops::activation::shares;
use burn::tensor::activation::{log_softmax, sigmoid};

/// What each example counts of the whole, in f64: `wᵢ / Σ w`, nothing where they sum to nothing.
pub(crate) fn fractions(count: usize, weights: Option<&[f32]>) -> Vec<f64> {
    assert!(weights.is_none_or(|w| w.len() == count), "not a weight an example");
    let weights: Vec<f64> = weights.map_or_else(|| vec![1.0; count], |w| w.iter().map(|w| f64::from(*w)).collect());
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| if sum > 0.0 { w / sum } else { 0.0 }).collect()
}

/// `Σ fractionᵢ·lossᵢ` over `n × 1`.
pub(crate) fn mean(losses: Matrix, fractions: &Matrix) -> Matrix {
    (losses * fractions.clone()).sum().reshape([1, 1])
}

/// `ln(1 + eˣ)` without overflow. What is taken out of the exponentials is a constant, so that the derivative at 0 is ½ and not that of a kink.
pub(crate) fn softplus(x: Matrix) -> Matrix {
    let most = x.clone().detach().clamp_min(0.0);
    ((x - most.clone()).exp() + most.clone().neg().exp()).log() + most
}

/// `−y ln σ(z) − (1−y) ln(1−σ(z))`.
pub(crate) fn logistic(z: Matrix, y: Matrix) -> Matrix {
    softplus(z.clone()) - y * z
}

/// The same for `σ(a)·σ(b)`: `−ln σ(a)σ(b)` less `(1−y)·ln((1 − σ(a)σ(b)) / σ(a)σ(b))`, whose fraction is `e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ`.
pub(crate) fn joint(a: Matrix, b: Matrix, y: Matrix) -> Matrix {
    let (a, b) = (a.neg(), b.neg());
    let terms = Matrix::cat(vec![a.clone(), b.clone(), a.clone() + b.clone()], 1);
    let happens = softplus(a) + softplus(b);
    happens + (y - 1.0) * log_sum(terms)
}

/// `ln Σ eˣ` of every row.
pub(crate) fn log_sum(x: Matrix) -> Matrix {
    let most = x.clone().detach().max_dim(1);
    (x - most.clone()).exp().sum_dim(1).log() + most
}

/// `−T² Σ softmax(t/T) ln softmax(s/T)`, or `σ` for rows of one.
pub(crate) fn distilled(student: Matrix, teacher: Matrix, temperature: f64) -> Matrix {
    // Times 1/T: the derivative that burn has of a division by a number is rounded to f32 whatever it computes in.
    let cool = 1.0 / temperature;
    let (s, t) = (student * cool, teacher * cool);
    let loss = match s.dims()[1] {
        1 => logistic(s, sigmoid(t)),
        _ => (shares(t, None) * log_softmax(s, 1)).sum_dim(1).neg(),
    };
    loss * (temperature * temperature)
}
