//! One model on both sides: over the tape, whose derivatives are written by hand, and over burn, which derives its own.

#![allow(dead_code, reason = "each test file takes what it needs")]

#[path = "../../../tests/operations/mod.rs"]
pub mod operations;

use burn::tensor::Device;
use sottovoce_algebra::{Algebra, Gradients, Parameters, Pool, Tape, Var};
use sottovoce_burn::{Graph, Number, Weights};

/// A number, its derivatives with respect to all parameters, behind one another, and whatever else a model has to say.
pub type Outcome = (f64, Vec<f64>);

/// Every parameter, in order.
pub fn parameters_of<A: Algebra, R: Number>(a: &mut A, parameters: &Parameters<R>) -> Vec<A::Var> {
    parameters.parts().map(|(_, part)| a.parameter(part)).collect()
}

/// A model over the tape.
pub fn by_tape<R: Number>(parameters: &Parameters<R>, model: impl FnOnce(&mut Tape<'_, R>, &[Var]) -> Var) -> Outcome
where
    for<'p> Tape<'p, R>: Algebra<Var = Var, Gradients = Gradients<R>>,
{
    let pool = Pool::default();
    let mut tape = Tape::new(parameters, &pool);
    let vars = parameters_of(&mut tape, parameters);
    let loss = model(&mut tape, &vars);
    let mut flat = vec![0.0; parameters.len()];
    for (part, gradient) in tape.grad(loss).parts() {
        flat[part.range()].iter_mut().zip(gradient).for_each(|(to, g)| *to = sottovoce_algebra::Real::to_f64(*g));
    }
    (sottovoce_algebra::Real::to_f64(tape.value(loss)[0]), flat)
}

/// The same over burn.
pub fn by_burn<R: Number>(
    parameters: &Parameters<R>,
    model: impl FnOnce(&mut Graph<'_, R>, &[sottovoce_burn::Var]) -> sottovoce_burn::Var,
) -> Outcome {
    let weights = Weights::new(parameters, &Device::flex());
    let mut graph = Graph::new(&weights);
    let vars = parameters_of(&mut graph, parameters);
    let loss = model(&mut graph, &vars);
    let first = flat(parameters, &graph.grad(loss));
    // Asked for again it is computed again, by another way.
    assert_eq!(first, flat(parameters, &graph.grad(loss)), "asked for twice, two answers");
    (sottovoce_algebra::Real::to_f64(graph.numbers(loss)[0]), first)
}

/// Derivatives behind one another, zeros where the loss does not depend on a parameter.
pub fn flat<R: Number>(parameters: &Parameters<R>, gradients: &sottovoce_burn::Gradients<R>) -> Vec<f64> {
    let mut flat = vec![0.0; parameters.len()];
    for (part, gradient) in gradients.parts() {
        flat[part.range()].iter_mut().zip(gradient).for_each(|(to, g)| *to = sottovoce_algebra::Real::to_f64(g));
    }
    flat
}

/// How far two outcomes are apart, relative to what they are where that is above 1.
pub fn distance(a: &Outcome, b: &Outcome) -> f64 {
    assert_eq!(a.1.len(), b.1.len());
    let all = [(a.0, b.0)].into_iter().chain(a.1.iter().copied().zip(b.1.iter().copied()));
    // `max` would lose a NaN.
    all.map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, |most, d| if d <= most { most } else { d })
}

/// Holds both sides to each other, and asks for something that flows.
#[track_caller]
pub fn near(tape: &Outcome, burn: &Outcome, within: f64) {
    let apart = distance(tape, burn);
    // `cargo test -- --nocapture` says how far they are.
    println!("{apart:.1e} apart, {within:.0e} allowed");
    assert!(apart < within, "{apart:e} apart: tape {tape:?}\nburn {burn:?}");
    assert!(tape.0.is_finite() && tape.1.iter().any(|g| g.abs() > 1e-9), "nothing flows back: {tape:?}");
}
