//! What sequence models claim over what they are measured against, on worlds where the claim can be true.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "tests")]

use super::model_tests::{area, spec, trained, training_part};
use crate::batches::{Batch, Batches, Columns, IdColumn, ListColumn, Ragged, TaskColumn};
use crate::layers::{Fields, FieldsConfig, LayerError, Lists, Pooling};
use crate::rank::{BstConfig, SessionsConfig};
use crate::registry::RankSpec;
use sottovoce::math::Rng;
use sottovoce_algebra::{Algebra as _, Parameters, Pool, Tape};

const ITEMS: u32 = 40;
const KINDS: u32 = 5;
const LENGTH: usize = 8;

/// What a listener met: items, what came of each, and in which sitting.
struct Past {
    items: Vec<u32>,
    liked: Vec<bool>,
    sittings: Vec<u32>,
}

/// Rows of a candidate and a past; whether it is liked is nine times in ten what `rule` says.
fn world(rows: usize, seed: u64, rule: impl Fn(u32, &Past) -> bool) -> Columns {
    let mut rng = Rng::new(seed);
    let mut lists: [Ragged; 4] = Default::default();
    let (mut items, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let length = 3 + rng.below(LENGTH as u32 - 2);
        let past = Past {
            items: (0..length).map(|_| 1 + rng.below(ITEMS)).collect(),
            liked: (0..length).map(|_| rng.below(2) == 0).collect(),
            sittings: (0..length).rev().map(|back| 1 + back / 3).collect(),
        };
        let item = 1 + rng.below(ITEMS);
        let says = rule(item, &past) == (rng.uniform() < 0.9);
        lists[0].push(&past.items);
        // Names 1 and 2: liked, skipped.
        lists[1].push(&past.liked.iter().map(|liked| 2 - u32::from(*liked)).collect::<Vec<_>>());
        lists[2].push(&vec![1; past.items.len()]);
        lists[3].push(&past.sittings);
        items.push(item);
        labels.push(f32::from(u8::from(says)));
    }
    let names = ["recent", "recent_behaviour", "recent_gap", "recent_sitting"];
    let sizes = [ITEMS + 1, 3, 2, 5];
    let list = |((name, size), values): ((&str, u32), Ragged)| ListColumn {
        name: name.into(),
        size,
        bound: LENGTH as u32,
        ordered: true,
        shares: (name == "recent").then(|| "item".into()),
        names: if name == "recent_behaviour" { vec!["liked".into(), "skipped".into()] } else { vec![] },
        values,
    };
    let item = IdColumn { name: "item".into(), size: ITEMS + 1, values: items };
    let click = TaskColumn { name: "click".into(), weights: vec![1.0; rows], labels };
    training_part(vec![item], names.into_iter().zip(sizes).zip(lists).map(list).collect(), vec![click])
}

fn kind(item: u32) -> u32 {
    item % KINDS
}

/// Areas of several models on one world.
fn areas<const N: usize>(specs: [&str; N], rule: impl Fn(u32, &Past) -> bool + Copy) -> [f64; N] {
    let (train, test) = (world(6000, 5, rule), world(2000, 6, rule));
    specs.map(|text| area(&spec(text), &train, &test))
}

/// Liked is what is of a kind that was met before, wherever.
#[test]
fn attention_to_the_candidate_finds_what_a_mean_blurs() {
    let specs = ["name = 'din'\nreading = 'none'", "name = 'din'\nreading = 'mean'", "name = 'din'"];
    let [none, mean, din] = areas(specs, |item, past| past.items.iter().any(|met| kind(*met) == kind(item)));
    assert!(none < 0.55 && mean > none + 0.05 && din > mean + 0.02 && din > 0.8, "{none} {mean} {din}");
}

/// The sum of a history's entries is their mean as often as there are entries: what a sum knows besides is how many.
#[test]
fn a_sum_of_a_history_knows_how_long_it_is() {
    let rows = world(64, 3, |_, _| true);
    let mut batch = Batch::default();
    Batches::in_order(&rows, 64).unwrap().next_into(&mut batch);
    let embedded = |pooling| {
        let config = FieldsConfig { dimension: 4, deviation: 1.0, lists: Lists::All, pooling };
        let mut parameters = Parameters::<f32>::new(9);
        let fields = Fields::new(&rows, config, &mut parameters);
        let pool = Pool::default();
        let mut tape = Tape::new(&parameters, &pool);
        let e = fields.embed(&mut tape, &batch);
        assert_eq!(tape.shape(e), (64, fields.width()));
        tape.values(e)
    };
    let (mean, sum) = (embedded(Pooling::Mean), embedded(Pooling::Sum));
    for (row, (mean, sum)) in mean.chunks_exact(20).zip(sum.chunks_exact(20)).enumerate() {
        let entries = rows.lists[0].values.get(row).len() as f32;
        for (place, (mean, sum)) in mean.iter().zip(sum).enumerate() {
            // One id of four numbers, then four lists of as many.
            let times = if place < 4 { 1.0 } else { entries };
            assert!((mean * times - sum).abs() < 1e-4, "row {row}, place {place}: {mean} {sum}, {entries} entries");
        }
    }
}

/// Liked is what is of the kind that was met last.
#[test]
fn the_newest_step_counts_where_order_is_read() {
    let specs = [
        "name = 'din'\nreading = 'mean'",
        "name = 'recurrent'\ncell = 'gru'\nstate = 16",
        "name = 'recurrent'\ncell = 'lstm'\nstate = 16",
        "name = 'bst'\nlength = 8",
    ];
    let [mean, others @ ..] = areas(specs, |item, past| past.items.last().is_some_and(|met| kind(*met) == kind(item)));
    for (found, text) in others.iter().zip(&specs[1..]) {
        assert!(*found > mean + 0.04, "{text}: {found}, mean {mean}");
    }
}

/// Of the two kinds that a candidate has to do with, its own and the next, the one met later decides: attention alone cannot tell, and memory alone
/// has to remember for all candidates.
#[test]
fn interests_evolve_towards_the_candidate() {
    let later = |item: u32, past: &Past| {
        let own = past.items.iter().rposition(|met| kind(*met) == kind(item));
        let next = past.items.iter().rposition(|met| kind(*met) == kind(item + 1));
        own > next
    };
    let [din, dien] = areas(["name = 'din'", "name = 'dien'"], later);
    assert!(dien > din + 0.02, "{dien} {din}");
}

/// Disliked is what is of a kind that was skipped; what was liked says nothing.
#[test]
fn what_was_skipped_speaks_against() {
    let all = "name = 'sessions'\nnegative = ['skipped']";
    let blind = "name = 'sessions'\nleave_out = ['skipped']";
    let skipped = |item: u32, past: &Past| {
        !past.items.iter().zip(&past.liked).any(|(met, liked)| !liked && kind(*met) == kind(item))
    };
    let [all, blind, din] = areas([all, blind, "name = 'din'"], skipped);
    assert!(all > blind + 0.1 && all > din + 0.02, "{all} without skips {blind}, one sequence {din}");
}

/// Liked is what is of a kind met in the newest sitting.
#[test]
fn a_sitting_is_read_by_itself() {
    let newest = |item: u32, past: &Past| {
        past.items.iter().zip(&past.sittings).any(|(met, sitting)| *sitting == 1 && kind(*met) == kind(item))
    };
    let [sessions, mean] = areas(["name = 'sessions'", "name = 'din'\nreading = 'mean'"], newest);
    assert!(sessions > mean + 0.02, "{sessions} {mean}");
}

#[test]
fn every_one_learns_eight_examples_by_heart_and_twice_the_same() {
    let eight = world(8, 9, |item, _| item % 2 == 0);
    for text in [
        "name = 'din'",
        "name = 'din'\nweights = 'softmax'\nnearest = 2",
        "name = 'dien'",
        "name = 'recurrent'\ncell = 'gru'",
        "name = 'recurrent'\ncell = 'lstm'",
        "name = 'bst'",
        "name = 'sessions'\nnegative = ['skipped']",
    ] {
        let spec = spec(text);
        let (logits, loss) = trained(&spec, &eight, &eight, 200, 8, 0.02);
        assert!(loss < 0.05, "{text}: {loss}");
        assert_eq!(logits, trained(&spec, &eight, &eight, 200, 8, 0.02).0, "{text}");
    }
}

/// Nobody has a past at first.
#[test]
fn an_empty_past_is_a_past() {
    let mut rows = world(16, 9, |item, _| item % 2 == 0);
    for list in &mut rows.lists {
        list.values = Ragged::default();
        (0..16).for_each(|_| list.values.push(&[]));
    }
    for text in ["name = 'din'", "name = 'dien'", "name = 'recurrent'", "name = 'bst'", "name = 'sessions'"] {
        let (logits, _) = trained(&spec(text), &rows, &rows, 2, 8, 0.01);
        assert!(logits.iter().all(|z| z.is_finite()), "{text}");
    }
}

/// Of a longer history the nearest steps alone: with as many as there are, it is the same model to the bit.
#[test]
fn searching_for_all_is_not_searching() {
    let rows = world(64, 9, |item, _| item % 2 == 0);
    let (all, _) = trained(&spec("name = 'din'"), &rows, &rows, 1, 16, 0.01);
    let (searched, _) = trained(&spec("name = 'din'\nnearest = 8"), &rows, &rows, 1, 16, 0.01);
    let (fewer, _) = trained(&spec("name = 'din'\nnearest = 2"), &rows, &rows, 1, 16, 0.01);
    assert_eq!(all, searched);
    assert_ne!(all, fewer);
}

#[test]
fn what_the_columns_have_not_is_said() {
    let rows = world(4, 9, |item, _| item % 2 == 0);
    let mut nameless = rows.clone();
    nameless.lists[1].names.clear();
    let many = spec("name = 'sessions'").build(&nameless, &mut Parameters::new(1)).map(drop).unwrap_err();
    assert!(many.to_string().contains("behaviours"), "{many}");
    let refused = |spec: RankSpec| spec.build(&rows, &mut Parameters::new(1)).map(drop).unwrap_err();
    let unknown = refused(spec("name = 'din'\nhistory = 'resent'"));
    assert!(unknown.to_string().contains("\"resent\"") && unknown.to_string().contains("recent_gap"), "{unknown}");
    let unshared = refused(spec("name = 'din'\nhistory = 'recent_gap'"));
    assert!(matches!(unshared, LayerError::Unshared { .. }), "{unshared}");
    let entry = refused(RankSpec::Sessions(SessionsConfig { negative: vec!["skip".into()], ..Default::default() }));
    assert!(entry.to_string().contains("liked, skipped"), "{entry}");
    let mut bst = BstConfig::default();
    bst.transformer.heads = 3;
    let heads = refused(RankSpec::Bst(bst));
    assert!(heads.to_string().contains("model.transformer.heads is 3"), "{heads}");
}
