//! A training that is stopped anywhere and goes on ends with the same bits; a checkpoint that something has happened to is refused.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use super::{Balance, Moment, SealError, TrainConfig, TrainError, Trained, Trainer};
use crate::batches::{Columns, DenseColumn, IdColumn, ListColumn, Part, Ragged, TableHash, TaskColumn};
use crate::rank::Trainable;
use crate::registry::RankSpec;
use proptest::prelude::*;
use sottovoce::math::Rng;
use sottovoce_algebra::Parameters;
use std::sync::OnceLock;

const SPEC: &str = "name = 'deep_fm'\n[fields]\ndimension = 4\n[layers]\nhidden = [8]\ndropout = 0.3";

fn columns(part: Part, rows: u32, seed: u64) -> Columns {
    let mut rng = Rng::new(seed);
    let (mut user, mut item, mut labels, mut real) = (vec![], vec![], vec![], vec![]);
    let mut lists = Ragged::default();
    for _ in 0..rows {
        let (u, i) = (rng.below(6), rng.below(9));
        user.push(u);
        item.push(i);
        lists.push(&(0..rng.below(3)).map(|_| 1 + rng.below(4)).collect::<Vec<_>>());
        real.push(rng.normal());
        labels.push(f32::from(u8::from(rng.uniform() < if (u + i) % 2 == 0 { 0.8 } else { 0.3 })));
    }
    let id = |name: &str, size, values| IdColumn { name: name.into(), size, values };
    Columns {
        table: TableHash([7; 32]),
        part: Some(part),
        rows: (0..rows).collect(),
        listeners: user.clone(),
        at: vec![0; rows as usize],
        ids: vec![id("user", 6, user), id("item", 9, item)],
        dense: vec![DenseColumn { name: "length".into(), values: real }],
        lists: vec![ListColumn {
            name: "tags".into(),
            size: 5,
            bound: 3,
            ordered: false,
            shares: None,
            names: vec![],
            values: lists,
        }],
        tasks: vec![TaskColumn { name: "click".into(), weights: vec![1.0; rows as usize], labels }],
    }
}

fn config() -> TrainConfig {
    let balance = Balance::GradNorm { alpha: 1.0, rate: 0.025 };
    TrainConfig { batch: 16, epochs: 4, patience: 2, learning_rate: 0.02, balance, ..TrainConfig::default() }
}

fn parts() -> (Columns, Columns) {
    (columns(Part::Train, 150, 1), columns(Part::Valid, 80, 2))
}

/// A model with its first weights.
fn model(train: &Columns) -> (Box<Trainable>, Parameters<f32>) {
    let spec: RankSpec = toml::from_str(SPEC).unwrap();
    let mut parameters = Parameters::new(config().seed);
    (spec.build(train, &mut parameters).unwrap(), parameters)
}

/// Trains on, from a checkpoint where one is given, and ends by itself or before the given checkpoint is told of; all checkpoints.
fn train(from: Option<&[u8]>, stop: usize) -> (Result<Trained, TrainError>, Vec<Vec<u8>>) {
    let (train, validation) = parts();
    let (model, parameters) = model(&train);
    let mut trainer = Trainer::new(config(), &*model, parameters);
    if let Some(bytes) = from {
        trainer = trainer.resumed(&train, &validation, bytes).unwrap();
    }
    let mut kept = Vec::new();
    let trained = trainer.watched(&train, &validation, Some(40), &mut |moment| {
        if let Moment::Checkpoint(bytes) = moment {
            if kept.len() == stop {
                return Err(TrainError::Stopped { why: "a test".to_owned() });
            }
            kept.push(bytes);
        }
        Ok(())
    });
    (trained, kept)
}

fn bits(trained: &Trained) -> (Vec<u32>, &[super::Epoch], u64) {
    (trained.parameters.values().iter().map(|w| w.to_bits()).collect(), &trained.epochs, trained.best)
}

#[test]
fn whoever_goes_on_ends_with_the_same_bits() {
    let (whole, all) = train(None, usize::MAX);
    let whole = whole.unwrap();
    // Every 40 rows of 150, at the end of each epoch, and at the beginning.
    assert!(all.len() > 4 * 3, "{}", all.len());
    for (place, from) in all.iter().enumerate() {
        let (again, later) = train(Some(from), usize::MAX);
        assert_eq!(bits(&again.unwrap()), bits(&whole), "from checkpoint {place}");
        // What it keeps from there on is what the other kept.
        let rest = if place == 0 { &all[..] } else { &all[place + 1..] };
        assert_eq!(later, rest, "from checkpoint {place}");
    }
    let (stopped, some) = train(None, 5);
    assert!(matches!(stopped, Err(TrainError::Stopped { .. })));
    assert_eq!(some, all[..5]);
}

#[test]
fn other_settings_and_other_data_are_not_gone_on_with() {
    let (_, all) = train(None, 3);
    let (train, validation) = parts();
    let (model, parameters) = model(&train);
    let other = TrainConfig { learning_rate: 0.03, ..config() };
    let refused = Trainer::new(other, &*model, parameters.clone()).resumed(&train, &validation, &all[2]).unwrap_err();
    assert!(refused.to_string().contains("other settings or other data"), "{refused}");
    let changed = columns(Part::Train, 150, 3);
    let refused = Trainer::new(config(), &*model, parameters).resumed(&changed, &validation, &all[2]);
    assert!(matches!(refused, Err(TrainError::Checkpoint(SealError::Content { .. }))));
    let spec: RankSpec = toml::from_str("name = 'lr'").unwrap();
    let mut parameters = Parameters::new(1);
    let linear = spec.build(&train, &mut parameters).unwrap();
    let refused = Trainer::new(config(), &*linear, parameters).resumed(&train, &validation, &all[2]).unwrap_err();
    assert!(refused.to_string().contains("where the model has"), "{refused}");
}

fn middle() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| train(None, 7).1.pop().unwrap())
}

fn restored(bytes: &[u8]) -> Result<(), TrainError> {
    let (train, validation) = parts();
    let (model, parameters) = model(&train);
    Trainer::new(config(), &*model, parameters).resumed(&train, &validation, bytes).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_checkpoint_is_an_error(at in any::<prop::sample::Index>(), flip in 1u8.., lies in any::<u64>()) {
        let whole = middle();
        let at = at.index(whole.len());
        prop_assert!(restored(&whole[..at]).is_err());
        let mut changed = whole.to_vec();
        changed[at] ^= flip;
        prop_assert!(restored(&changed).is_err());
        // Damage under a seal that fits it: somebody wrote it so.
        let seal = super::checkpoint::CHECKPOINT;
        let payload = seal.open(whole).unwrap();
        let mut length = payload.to_vec();
        length[..8].copy_from_slice(&lies.to_le_bytes());
        prop_assert!(restored(&seal.close(&length)).is_err());
        let cut = at.min(payload.len() - 1);
        let refused = restored(&seal.close(&payload[..cut]));
        let is_content = matches!(refused, Err(TrainError::Checkpoint(SealError::Content { .. })));
        prop_assert!(is_content);
        // Any byte of the head may say another number; what may not happen is a panic.
        let mut head = payload.to_vec();
        let place = at % payload.len();
        head[place] ^= flip;
        let _ = restored(&seal.close(&head));
    }
}

#[test]
fn errors_say_what_happened_and_what_to_do() {
    let message = |bytes: &[u8]| restored(bytes).unwrap_err().to_string();
    let whole = middle();
    let cut = message(&whole[..whole.len() / 2]);
    assert!(cut.contains("cut short") && cut.contains("--again"), "{cut}");
    let mut changed = whole.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert!(message(&changed).contains("a byte was changed"), "{}", message(&changed));
    assert!(message(b"").contains("0 bytes"), "{}", message(b""));
    assert!(message(&[0; 500]).contains("no checkpoint"), "{}", message(&[0; 500]));
    assert!(restored(whole).is_ok());
}
