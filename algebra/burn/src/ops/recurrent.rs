//! Gated recurrent units and long short-term memory, a step at a time.

use crate::graph::Matrix;
use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, tanh};

/// Every step of what the input says, `B × n` each.
fn by_steps(x: Matrix, steps: usize) -> Vec<Matrix> {
    let [rows, n] = x.dims();
    let x: Tensor<3> = x.reshape([rows / steps, steps, n]);
    (0..steps).map(|t| x.clone().narrow(1, t, 1).reshape([rows / steps, n])).collect()
}

/// One of the gates side by side.
fn gate(x: &Matrix, which: usize, h: usize) -> Matrix {
    x.clone().narrow(1, which * h, h)
}

/// States of all steps, `B × h` each, as `B·T × h`.
fn beneath(states: Vec<Matrix>) -> Matrix {
    let ([examples, h], steps) = (states[0].dims(), states.len());
    let states: Tensor<3> = Tensor::stack(states, 1);
    states.reshape([examples * steps, h])
}

fn zeros(x: &Matrix, rows: usize, columns: usize) -> Matrix {
    Tensor::zeros([rows, columns], (&x.device(), x.dtype()))
}

/// `mapped` is `[W^u x + b^u | W^r x + b^r | W^h x + b^h]`, `u` the maps of the state, `share` (`B × T`) mask times attention.
pub(crate) fn gru(mapped: Matrix, u: Matrix, share: Matrix) -> Matrix {
    let ([examples, steps], h) = (share.dims(), u.dims()[0]);
    let (mut state, mut states) = (zeros(&mapped, examples, h), Vec::with_capacity(steps));
    for (t, x) in by_steps(mapped, steps).into_iter().enumerate() {
        let met = state.clone().matmul(u.clone());
        let update = sigmoid(gate(&x, 0, h) + gate(&met, 0, h));
        let reset = sigmoid(gate(&x, 1, h) + gate(&met, 1, h));
        let candidate = tanh(gate(&x, 2, h) + reset * gate(&met, 2, h));
        let update = update * share.clone().narrow(1, t, 1);
        state = (update.clone().neg() + 1.0) * state + update * candidate;
        states.push(state.clone());
    }
    beneath(states)
}

/// `mapped` is `[W^i x + b^i | W^f x + b^f | W^g x + b^g | W^o x + b^o]`, `mask` is `B × T`.
pub(crate) fn lstm(mapped: Matrix, u: Matrix, mask: Matrix) -> Matrix {
    let ([examples, steps], h) = (mask.dims(), u.dims()[0]);
    let (mut state, mut states) = (zeros(&mapped, examples, h), Vec::with_capacity(steps));
    let mut cell = state.clone();
    for (t, x) in by_steps(mapped, steps).into_iter().enumerate() {
        let gates = x + state.clone().matmul(u.clone());
        let (input, forget, out) =
            (sigmoid(gate(&gates, 0, h)), sigmoid(gate(&gates, 1, h)), sigmoid(gate(&gates, 3, h)));
        let next = forget * cell.clone() + input * tanh(gate(&gates, 2, h));
        let here = mask.clone().narrow(1, t, 1);
        state = here.clone() * (out * tanh(next.clone()) - state.clone()) + state;
        cell = here * (next - cell.clone()) + cell;
        states.push(state.clone());
    }
    beneath(states)
}
