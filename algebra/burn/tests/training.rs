//! Ten steps of training end at the same weights, whoever takes them.

#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod beside;
mod worlds;

use burn::tensor::Device;
use sottovoce_algebra::{Adam, AdamConfig, Algebra, Optimiser as _, Parameters, Pool, Real, Tape};
use sottovoce_burn::{Graph, Number, Weights};
use sottovoce_server::batches::Batch;
use sottovoce_server::layers::{FieldsConfig, MlpConfig, Pass};
use sottovoce_server::rank::{Answer, DeepFm, DeepFmConfig, Ranker};

fn loss<A: Algebra>(model: &DeepFm, a: &mut A, batch: &Batch, seed: u64) -> A::Var {
    let [Answer::Logit(z)] = model.forward(a, batch, Pass::Train { seed }).answers[..] else { panic!("not one task") };
    a.binary_cross_entropy(z, &batch.tasks[0].labels, Some(&batch.tasks[0].weights))
}

/// Losses before each of ten steps, and the last weights.
fn by_tape<R: Number>(
    model: &DeepFm,
    batch: &Batch,
    mut parameters: Parameters<R>,
    config: AdamConfig,
) -> (Vec<f64>, Vec<f64>)
where
    for<'p> Tape<'p, R>: Algebra<Var = sottovoce_algebra::Var, Gradients = sottovoce_algebra::Gradients<R>>,
    Adam<R>: sottovoce_algebra::Optimiser<R>,
{
    let (pool, mut adam, mut losses) = (Pool::default(), Adam::new(config), Vec::new());
    for seed in 0..10 {
        let mut tape = Tape::new(&parameters, &pool);
        let loss = loss(model, &mut tape, batch, seed);
        losses.push(Real::to_f64(tape.value(loss)[0]));
        let gradients = tape.grad(loss);
        drop(tape);
        adam.step(&mut parameters, &gradients);
    }
    (losses, parameters.values().iter().map(|w| Real::to_f64(*w)).collect())
}

fn by_burn<R: Number>(
    model: &DeepFm,
    batch: &Batch,
    mut parameters: Parameters<R>,
    config: AdamConfig,
) -> (Vec<f64>, Vec<f64>) {
    let mut weights = Weights::new(&parameters, &Device::flex());
    let (mut adam, mut losses) = (sottovoce_burn::Adam::new(config), Vec::new());
    for seed in 0..10 {
        let mut graph = Graph::new(&weights);
        let loss = loss(model, &mut graph, batch, seed);
        losses.push(Real::to_f64(graph.numbers(loss)[0]));
        let gradients = graph.grad(loss);
        adam.step(&mut weights, &gradients);
    }
    weights.read(&mut parameters);
    (losses, parameters.values().iter().map(|w| Real::to_f64(*w)).collect())
}

#[test]
fn ten_steps_of_adam_end_at_the_same_weights() {
    let columns = worlds::fields(64, 2);
    let batch = worlds::whole(&columns);
    let mut parameters = Parameters::new(5);
    let fields = FieldsConfig { dimension: 8, ..FieldsConfig::default() };
    let layers = MlpConfig { hidden: vec![16, 8], dropout: 0.2 };
    let model = DeepFm::new(&columns, &DeepFmConfig { fields, layers }, &mut parameters);
    let config = AdamConfig { rate: 0.02, decay: 0.01, ..AdamConfig::default() };
    let apart = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| if d <= most { most } else { d })
    };
    let (tape, burn) =
        (by_tape(&model, &batch, parameters.clone(), config), by_burn(&model, &batch, parameters.clone(), config));
    assert!(tape.0[9] < tape.0[0] - 0.01, "nothing was learned: {:?}", tape.0);
    let (losses, ends) = (apart(&tape.0, &burn.0), apart(&tape.1, &burn.1));
    assert!(losses < 1e-3 && ends < 1e-2, "f32: losses {losses:e} apart, weights {ends:e}");
    // Adam divides by the size of a gradient, which makes little differences of little gradients large; in f64 there are none to speak of.
    let double = parameters.convert::<f64>();
    let (tape, burn) = (by_tape(&model, &batch, double.clone(), config), by_burn(&model, &batch, double, config));
    let (exact, at) = (apart(&tape.0, &burn.0), apart(&tape.1, &burn.1));
    assert!(exact < 1e-9 && at < 1e-6, "f64: losses {exact:e} apart, weights {at:e}");
    println!("f32: losses {losses:.1e} apart, weights {ends:.1e}; f64: losses {exact:.1e}, weights {at:.1e}");
}
