//! The server's ranking models, as they are, on both sides: losses and the derivatives of every weight.

#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod beside;
mod worlds;

use beside::{by_burn, by_tape, near};
use sottovoce_algebra::{Algebra, Parameters, Tape, noise};
use sottovoce_burn::Graph;
use sottovoce_server::batches::{Batch, Columns, TaskBatch};
use sottovoce_server::layers::{
    Bending, BitsConfig, Crossing, FieldsConfig, InteractingConfig, MlpConfig, Pass, Weights,
};
use sottovoce_server::rank::{
    Answer, AutoInt, AutoIntConfig, Bst, BstConfig, Cell, Cgc, CgcConfig, Dcn, DcnConfig, DeepFm, DeepFmConfig,
    DeepKfm, DeepKfmConfig, Dien, DienConfig, Din, DinConfig, Esmm, EsmmConfig, Fm, FmConfig, Forward, Lr, LrConfig,
    Mmoe, MmoeConfig, Nfm, NfmConfig, Ranker, Reading, Recurrent, RecurrentConfig, Sessions, SessionsConfig, WideDeep,
    WideDeepConfig,
};
use worlds::{pasts, whole};

/// All of a model's losses: of each task it answers, and its own.
fn loss<A: Algebra>(model: &impl Ranker<A>, a: &mut A, batch: &Batch, pass: Pass) -> A::Var {
    let Forward { answers, auxiliary, .. } = model.forward(a, batch, pass);
    let of = |(answer, task): (&Answer<A::Var>, &TaskBatch)| {
        let TaskBatch { labels, weights } = task;
        match *answer {
            Answer::Logit(z) => a.binary_cross_entropy(z, labels, Some(weights)),
            Answer::Joint(x, z) => a.joint_cross_entropy(x, z, labels, Some(weights)),
        }
    };
    let each: Vec<A::Var> = answers.iter().zip(&batch.tasks).map(of).chain(auxiliary).collect();
    each.into_iter().reduce(|sum, loss| a.add(sum, loss)).unwrap()
}

/// Learning and serving, in both precisions, away from where weights begin: there many are zero.
fn hold<M>(columns: &Columns, build: impl FnOnce(&Columns, &mut Parameters<f32>) -> M)
where
    M: for<'p> Ranker<Tape<'p, f64>> + for<'p> Ranker<Tape<'p, f32>>,
    M: for<'w> Ranker<Graph<'w, f64>> + for<'w> Ranker<Graph<'w, f32>>,
{
    let mut single = Parameters::new(5);
    let model = build(columns, &mut single);
    for (place, w) in (0u64..).zip(single.values_mut()) {
        *w += 0.4 * noise::uniform(8, place) - 0.2;
    }
    let (double, batch) = (single.convert::<f64>(), whole(columns));
    for pass in [Pass::Train { seed: 3 }, Pass::Serve] {
        let tape = by_tape(&double, |a, _| loss(&model, a, &batch, pass));
        near(&tape, &by_burn(&double, |a, _| loss(&model, a, &batch, pass)), 1e-9);
        let tape = by_tape(&single, |a, _| loss(&model, a, &batch, pass));
        near(&tape, &by_burn(&single, |a, _| loss(&model, a, &batch, pass)), 1e-4);
    }
}

fn fields() -> FieldsConfig {
    FieldsConfig { dimension: 4, deviation: 0.2, ..FieldsConfig::default() }
}

fn layers(hidden: &[usize]) -> MlpConfig {
    MlpConfig { hidden: hidden.to_vec(), dropout: 0.2 }
}

fn rows() -> Columns {
    worlds::fields(24, 2)
}

#[test]
fn first_order_and_pairs() {
    hold(&rows(), |columns, p| Lr::new(columns, LrConfig::default(), p));
    hold(&rows(), |columns, p| Fm::new(columns, FmConfig { fields: fields() }, p));
    hold(&rows(), |columns, p| Nfm::new(columns, &NfmConfig { fields: fields(), ..Default::default() }, p));
}

#[test]
fn a_deep_half() {
    let (fields, layers) = (fields(), layers(&[8, 4]));
    let config = DeepFmConfig { fields, layers: layers.clone() };
    hold(&rows(), |columns, p| DeepFm::new(columns, &config, p));
    let config = WideDeepConfig { fields, layers: layers.clone() };
    hold(&rows(), |columns, p| WideDeep::new(columns, &config, p));
    for crossing in [Crossing::Vector, Crossing::Matrix] {
        let config = DcnConfig { fields, crossing, depth: 3, layers: layers.clone() };
        hold(&rows(), |columns, p| Dcn::new(columns, &config, p));
    }
    let config = AutoIntConfig { fields, interacting: InteractingConfig::default(), deep: Some(layers) };
    hold(&rows(), |columns, p| AutoInt::new(columns, &config, p));
}

/// Up to DeepBitInt: kernels, crosses, fields that attend to fields, units that attend to units, in full and at points.
#[test]
fn kernels_and_what_stands_on_them() {
    let (fields, deep) = (fields(), Some(layers(&[8])));
    hold(&rows(), |columns, p| {
        DeepKfm::new(columns, &DeepKfmConfig { fields, deep: None, ..Default::default() }, p).unwrap()
    });
    for bins in [None, Some(9)] {
        let config = DeepKfmConfig {
            fields,
            deep: deep.clone(),
            cross: 2,
            interacting: Some(InteractingConfig { depth: 1, heads: 2, width: 3 }),
            bits: Some(BitsConfig { units: 6, depth: 2, bins }),
        };
        hold(&rows(), |columns, p| DeepKfm::new(columns, &config, p).unwrap());
    }
}

#[test]
fn several_tasks() {
    let (fields, expert, tower) = (fields(), layers(&[6]), layers(&[4]));
    let config = EsmmConfig { fields, tower: tower.clone() };
    hold(&rows(), |columns, p| Esmm::new(columns, &config, p));
    let config = MmoeConfig { fields, tasks: 2, experts: 3, expert: expert.clone(), tower: tower.clone() };
    hold(&rows(), |columns, p| Mmoe::new(columns, &config, p).unwrap());
    // One level is CGC, two are PLE.
    for levels in [1, 2] {
        let config =
            CgcConfig { fields, tasks: 2, levels, own: 2, shared: 1, expert: expert.clone(), tower: tower.clone() };
        hold(&rows(), |columns, p| Cgc::new(columns, &config, p).unwrap());
    }
}

/// Every fifth row has no past.
#[test]
fn attention_to_a_past() {
    let past = pasts(20, 4);
    let (fields, layers) = (fields(), layers(&[8, 4]));
    for (weights, bending, nearest) in [
        (Weights::Plain, Bending::Dice, None),
        (Weights::Softmax, Bending::Prelu, Some(2)),
        (Weights::Plain, Bending::Sigmoid, None),
    ] {
        let (units, layers) = (vec![5], layers.clone());
        let config = DinConfig { fields, weights, bending, nearest, units, layers, ..DinConfig::default() };
        hold(&past, |columns, p| Din::new(columns, &config, p).unwrap());
    }
    let config = DinConfig { fields, reading: Reading::Mean, layers, ..DinConfig::default() };
    hold(&past, |columns, p| Din::new(columns, &config, p).unwrap());
}

#[test]
fn a_past_in_its_order() {
    let past = pasts(20, 4);
    let (fields, layers) = (fields(), layers(&[8]));
    let config = DienConfig { fields, layers: layers.clone(), ..DienConfig::default() };
    hold(&past, |columns, p| Dien::new(columns, &config, p).unwrap());
    for cell in [Cell::Gru, Cell::Lstm] {
        let config = RecurrentConfig { fields, cell, state: 5, layers: layers.clone(), ..RecurrentConfig::default() };
        hold(&past, |columns, p| Recurrent::new(columns, &config, p).unwrap());
    }
    let mut config = BstConfig { fields, length: 5, layers, ..BstConfig::default() };
    config.transformer.heads = 2;
    hold(&past, |columns, p| Bst::new(columns, &config, p).unwrap());
}

#[test]
fn a_past_in_sittings() {
    let mut config = SessionsConfig { fields: fields(), layers: layers(&[8]), ..SessionsConfig::default() };
    (config.sittings, config.steps, config.units, config.transformer.heads) = (2, 3, vec![5], 2);
    config.negative = vec!["skipped".into()];
    hold(&pasts(20, 4), |columns, p| Sessions::new(columns, &config, p).unwrap());
}
