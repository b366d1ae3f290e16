//! What holds for every model: shapes, eight examples by heart, the same twice; and what each paper claims over the model before it, on worlds
//! where it can.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "tests")]

use crate::batches::{Batch, Batches, Columns, IdColumn, ListColumn, Part, Ragged, TableHash, TaskColumn};
use crate::eval::auc;
use crate::layers::Pass;
use crate::rank::{Answer, DeepKfmConfig, Trainable};
use crate::registry::RankSpec;
use sottovoce::math::Rng;
use sottovoce_algebra::{Adam, AdamConfig, Algebra as _, Optimiser as _, Parameters, Pool, Tape, Var};

const SPECS: [&str; 14] = [
    "name = 'lr'",
    "name = 'fm'",
    "name = 'nfm'",
    "name = 'nfm'\n[deep]\nhidden = [8]",
    "name = 'wide_deep'",
    "name = 'deep_fm'",
    "name = 'dcn'\ncrossing = 'vector'",
    "name = 'dcn'\ncrossing = 'matrix'",
    "name = 'kfm'",
    "name = 'auto_int'",
    "name = 'kfm'\ncross = 2",
    "name = 'kfm'\ncross = 2\n[interacting]\ndepth = 1",
    "name = 'kfm'\ncross = 2\n[interacting]\ndepth = 1\n[bits]\nunits = 16",
    "name = 'kfm'\n[bits]\nunits = 16\nbins = 33",
];

pub(super) fn spec(text: &str) -> RankSpec {
    toml::from_str(text).unwrap()
}

/// Rows of ids, `sizes` of each field, one list, labels by `label`.
fn columns(rows: usize, sizes: &[u32], seed: u64, label: impl Fn(&[u32], &mut Rng) -> f32) -> Columns {
    let mut rng = Rng::new(seed);
    let mut ids: Vec<Vec<u32>> = vec![Vec::new(); sizes.len()];
    let (mut labels, mut lists) = (Vec::new(), Ragged::default());
    for _ in 0..rows {
        let row: Vec<u32> = sizes.iter().map(|size| rng.below(*size)).collect();
        ids.iter_mut().zip(&row).for_each(|(column, id)| column.push(*id));
        let entries: Vec<u32> = (0..rng.below(4)).map(|_| 1 + rng.below(4)).collect();
        lists.push(&entries);
        labels.push(label(&row, &mut rng));
    }
    let id = |(i, values): (usize, Vec<u32>)| IdColumn { name: format!("field {i}"), size: sizes[i], values };
    let list = ListColumn {
        name: "tags".into(),
        size: 5,
        bound: 4,
        ordered: false,
        shares: None,
        names: vec![],
        values: lists,
    };
    let click = TaskColumn { name: "click".into(), weights: vec![1.0; rows], labels };
    training_part(ids.into_iter().enumerate().map(id).collect(), vec![list], vec![click])
}

/// A training part of nothing but these columns.
pub(super) fn training_part(ids: Vec<IdColumn>, lists: Vec<ListColumn>, tasks: Vec<TaskColumn>) -> Columns {
    let rows = tasks[0].labels.len();
    Columns {
        table: TableHash([0; 32]),
        part: Some(Part::Train),
        rows: (0..rows as u32).collect(),
        listeners: vec![0; rows],
        at: vec![0; rows],
        ids,
        dense: vec![],
        lists,
        tasks,
    }
}

/// The only answer's.
fn logit<'p>(model: &Trainable, tape: &mut Tape<'p, f32>, batch: &Batch, pass: Pass) -> Var {
    match model.forward(tape, batch, pass).answers[..] {
        [Answer::Logit(logit)] => logit,
        _ => panic!("not one task"),
    }
}

fn coin(_: &[u32], rng: &mut Rng) -> f32 {
    f32::from(u8::from(rng.uniform() < 0.5))
}

/// Trains for so many passes over everything in batches of `size`; logits of `measured`, and the last loss.
pub(super) fn trained(
    spec: &RankSpec,
    train: &Columns,
    measured: &Columns,
    passes: usize,
    size: usize,
    rate: f32,
) -> (Vec<f64>, f32) {
    let mut parameters = Parameters::new(3);
    let model = spec.build(train, &mut parameters).unwrap();
    let mut adam = Adam::new(AdamConfig { rate, ..AdamConfig::default() });
    let (pool, mut last) = (Pool::default(), f32::NAN);
    let mut batch = Batch::default();
    let mut batches = Batches::shuffled(train, size, 1).unwrap();
    for pass in 0..passes as u64 {
        batches = batches.at(crate::batches::Place { epoch: pass, position: 0 });
        while batches.next_into(&mut batch) {
            let mut tape = Tape::new(&parameters, &pool);
            let logit = logit(&*model, &mut tape, &batch, Pass::Serve);
            let task = &batch.tasks[0];
            let loss = tape.binary_cross_entropy(logit, &task.labels, Some(&task.weights));
            last = tape.value(loss)[0];
            let gradients = tape.grad(loss);
            drop(tape);
            adam.step(&mut parameters, &gradients);
        }
    }
    let mut in_order = Batches::in_order(measured, 256).unwrap();
    let mut logits = Vec::new();
    while in_order.next_into(&mut batch) {
        let mut tape = Tape::new(&parameters, &pool);
        let logit = logit(&*model, &mut tape, &batch, Pass::Serve);
        logits.extend(tape.value(logit).iter().map(|z| f64::from(*z)));
    }
    (logits, last)
}

pub(super) fn area(spec: &RankSpec, train: &Columns, test: &Columns) -> f64 {
    let (logits, _) = trained(spec, train, test, 12, 128, 0.01);
    let labels: Vec<bool> = test.tasks[0].labels.iter().map(|label| *label > 0.5).collect();
    auc(&logits, &labels).unwrap()
}

#[test]
fn eight_examples_are_learned_by_heart_and_twice_the_same() {
    let eight = columns(8, &[8, 5, 3], 2, |row, _| f32::from(u8::from(row[0] % 2 == 0)));
    for text in SPECS {
        let spec = spec(text);
        let (logits, loss) = trained(&spec, &eight, &eight, 400, 8, 0.02);
        assert!(loss < 0.05, "{text}: {loss}");
        assert_eq!(logits, trained(&spec, &eight, &eight, 400, 8, 0.02).0, "{text}");
        for (logit, label) in logits.iter().zip(&eight.tasks[0].labels) {
            assert!((*logit > 0.0) == (*label > 0.5), "{text}: {logit} for {label}");
        }
    }
}

#[test]
fn dropout_is_of_training_alone_and_follows_its_seed() {
    let rows = columns(16, &[8, 5, 3], 2, coin);
    let mut parameters = Parameters::new(3);
    let model = spec("name = 'deep_fm'").build(&rows, &mut parameters).unwrap();
    let mut batch = Batch::default();
    assert!(Batches::in_order(&rows, 16).unwrap().next_into(&mut batch));
    let logits = |pass| {
        let pool = Pool::default();
        let mut tape = Tape::new(&parameters, &pool);
        let logit = logit(&*model, &mut tape, &batch, pass);
        tape.value(logit).to_vec()
    };
    assert_eq!(logits(Pass::Serve), logits(Pass::Serve));
    assert_eq!(logits(Pass::Train { seed: 1 }), logits(Pass::Train { seed: 1 }));
    assert_ne!(logits(Pass::Train { seed: 1 }), logits(Pass::Train { seed: 2 }));
    assert_ne!(logits(Pass::Train { seed: 1 }), logits(Pass::Serve));
}

/// Whoever likes what goes with what: no value of a field says anything by itself.
#[test]
fn pairs_are_what_a_linear_model_cannot_see() {
    let goes_with = |row: &[u32], rng: &mut Rng| {
        let fits = (row[0] + row[1]).is_multiple_of(2);
        f32::from(u8::from(rng.uniform() < if fits { 0.9 } else { 0.1 }))
    };
    let train = columns(4000, &[12, 12, 6], 5, goes_with);
    let test = columns(2000, &[12, 12, 6], 6, goes_with);
    let linear = area(&spec("name = 'lr'"), &train, &test);
    assert!(linear < 0.6, "{linear}");
    for text in &SPECS[1..] {
        let found = area(&spec(text), &train, &test);
        assert!(found > 0.85, "{text}: {found}");
    }
}

/// A kernel of its own for each pair starts at the identity: at the very logits of a factorisation machine.
#[test]
fn kernels_start_as_a_factorisation_machine() {
    let rows = columns(32, &[8, 5, 3], 2, coin);
    // No pass: the weights as they are drawn. `first order` and `bias` are zero in both.
    let (fm, _) = trained(&spec("name = 'fm'"), &rows, &rows, 0, 8, 0.0);
    let (kernels, _) =
        trained(&RankSpec::Kfm(DeepKfmConfig { deep: None, ..DeepKfmConfig::default() }), &rows, &rows, 0, 8, 0.0);
    for (a, b) in fm.iter().zip(&kernels) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}
