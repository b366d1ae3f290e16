//! The table against a plain map of rows that learns one row after the other, and its snapshots against damage.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp, reason = "tests; exact bits are the claim")]

use proptest::prelude::*;
use sottovoce_algebra::{EmbeddingTable, Init, RowOptimiser, Rows, TableConfig, TableError};
use std::collections::BTreeMap;

const OPTIMISERS: [RowOptimiser; 4] = [
    RowOptimiser::Adagrad { rate: 0.1, epsilon: 1e-8 },
    RowOptimiser::RowAdagrad { rate: 0.1, epsilon: 1e-8 },
    RowOptimiser::Ftrl { alpha: 0.1, beta: 1.0, l1: 0.01, l2: 0.1 },
    RowOptimiser::Adam { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
];

fn table(k: usize, optimiser: RowOptimiser, admit_at: u32) -> EmbeddingTable {
    let config = TableConfig { admit_at, init: Init::Normal(0.1), seed: 5, ..TableConfig::new(k, optimiser) };
    EmbeddingTable::new(config).unwrap()
}

/// A gradient for every place: a function of the row and the place, as a model's would be.
fn slope(row: &[f32], place: usize) -> Vec<f32> {
    row.iter().enumerate().map(|(j, w)| 0.5 * w + 0.1 * ((place * 7 + j) % 5) as f32 - 0.2).collect()
}

/// What every lent row learns: its places' gradients, added in the order of places.
fn summed(rows: &Rows, k: usize) -> Vec<f32> {
    let mut gradient = vec![0.0; rows.len() * k];
    for (place, row) in rows.places().iter().enumerate() {
        let row = *row as usize;
        let slope = slope(&rows.rows()[row * k..][..k], place);
        gradient[row * k..][..k].iter_mut().zip(slope).for_each(|(g, s)| *g += s);
    }
    gradient
}

fn train(table: &mut EmbeddingTable, batches: &[Vec<u64>]) {
    let k = table.config().columns;
    for (now, ids) in (0u64..).zip(batches) {
        let rows = table.pull(ids, now);
        let gradient = summed(&rows, k);
        table.push(&rows, &gradient).unwrap();
    }
}

fn batches() -> impl Strategy<Value = Vec<Vec<u64>>> {
    prop::collection::vec(prop::collection::vec(0u64..40, 1..50), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pulling_and_pushing_is_a_dense_table_row_by_row(batches in batches(), which in 0usize..4, k in 1usize..9) {
        let optimiser = OPTIMISERS[which];
        let mut sparse = table(k, optimiser, 1);
        // Rows start as the table's own would: asked for alone, in another table of the same seed.
        let mut dense: BTreeMap<u64, (Vec<f32>, Vec<f32>)> = BTreeMap::new();
        let mut fresh = table(k, optimiser, 1);
        for (now, ids) in (0u64..).zip(&batches) {
            let rows = sparse.pull(ids, now);
            let mut gradients: BTreeMap<u64, Vec<f32>> = BTreeMap::new();
            for (place, id) in ids.iter().enumerate() {
                let (weights, _) = dense.entry(*id).or_insert_with(|| {
                    let weights = fresh.pull(&[*id], 0).rows().to_vec();
                    let mut state = vec![0.0; optimiser.state_len(k)];
                    optimiser.start(&weights, &mut state);
                    (weights, state)
                });
                prop_assert_eq!(&rows.rows()[rows.places()[place] as usize * k..][..k], &weights[..]);
                let sum = gradients.entry(*id).or_insert_with(|| vec![0.0; k]);
                sum.iter_mut().zip(slope(weights, place)).for_each(|(g, s)| *g += s);
            }
            sparse.push(&rows, &summed(&rows, k)).unwrap();
            for (id, gradient) in &gradients {
                let (weights, state) = dense.get_mut(id).unwrap();
                optimiser.step(weights, state, gradient);
            }
        }
        prop_assert_eq!(sparse.len(), dense.len());
        for (id, (weights, _)) in &dense {
            // The table's loops are compiled in lanes; sums within a row may round otherwise.
            for (a, b) in sparse.read(&[*id]).iter().zip(weights) {
                prop_assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{} {}", a, b);
            }
        }
    }

    #[test]
    fn shards_and_threads_change_no_row(batches in batches(), which in 0usize..4) {
        let run = |shards: usize, threads: usize| {
            let config = TableConfig { shards, ..table(4, OPTIMISERS[which], 1).config() };
            let mut table = EmbeddingTable::new(config).unwrap();
            let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            threads.install(|| train(&mut table, &batches));
            table.read(&(0..40).collect::<Vec<_>>())
        };
        let one = run(1, 1);
        prop_assert_eq!(&run(16, 1), &one);
        prop_assert_eq!(&run(16, 2), &one);
        prop_assert_eq!(&run(5, 3), &one);
    }

    #[test]
    fn a_snapshot_goes_on_as_if_nothing_had_happened(batches in batches(), more in batches(), which in 0usize..4, admit_at in 0u32..4) {
        let mut table = table(3, OPTIMISERS[which], admit_at);
        train(&mut table, &batches);
        let bytes = table.snapshot();
        let mut restored = EmbeddingTable::restore(&bytes).unwrap();
        prop_assert!(restored.snapshot() == bytes);
        train(&mut table, &more);
        train(&mut restored, &more);
        prop_assert!(restored.snapshot() == table.snapshot());
    }

    #[test]
    fn damaged_bytes_are_refused(batches in batches(), cut in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut table = table(3, OPTIMISERS[3], 2);
        train(&mut table, &batches);
        let bytes = table.snapshot();
        let at = cut.index(bytes.len());
        prop_assert!(EmbeddingTable::restore(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        prop_assert!(EmbeddingTable::restore(&flipped).is_err(), "bit {bit} of byte {at}");
        let mut longer = bytes;
        longer.push(0);
        prop_assert!(EmbeddingTable::restore(&longer).is_err());
    }

    #[test]
    fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(EmbeddingTable::restore(&bytes).is_err());
        let named = [b"svtable\0\x01\0".as_slice(), &bytes].concat();
        prop_assert!(EmbeddingTable::restore(&named).is_err());
    }
}

#[test]
fn an_id_is_admitted_when_it_has_been_asked_for_often_enough() {
    let mut table = table(2, OPTIMISERS[0], 3);
    let rows = table.pull(&[7, 8, 7], 0);
    assert_eq!((table.len(), table.waiting()), (0, 2));
    assert_eq!((rows.len(), rows.rows()), (2, &[0.0; 4][..])); // a row of zeros in each of two shards
    table.push(&rows, &[1.0; 4]).unwrap();
    let rows = table.pull(&[8, 7, 7], 1);
    assert_eq!((table.len(), table.waiting()), (1, 1));
    let of_seven = rows.places()[1];
    assert_eq!(rows.places()[2], of_seven, "in for the whole batch");
    assert!(rows.rows()[of_seven as usize * 2..][..2].iter().all(|w| *w != 0.0));
    assert_eq!(table.read(&[8]), [0.0, 0.0]);
}

#[test]
fn what_nobody_asks_for_goes_and_comes_back_new() {
    let mut table = table(2, OPTIMISERS[3], 1);
    let start = table.pull(&[1, 2], 10);
    table.push(&start, &[1.0; 4]).unwrap();
    let learnt = table.read(&[1, 2]);
    table.pull(&[2], 20);
    assert_eq!((table.evict(15), table.len()), (1, 1));
    assert_eq!(table.read(&[2]), learnt[2..], "what stays is as it was");
    assert_eq!(table.read(&[1]), [0.0, 0.0]);
    assert_eq!(table.push(&start, &[1.0; 4]), Err(TableError::Stale { lent: 0, now: 1 }));
    let back = table.pull(&[1], 21);
    assert_eq!(back.rows(), &start.rows()[start.places()[0] as usize * 2..][..2], "as it first was");
}

#[test]
fn settings_and_gradients_that_do_not_fit_are_errors() {
    let config = TableConfig::new(4, OPTIMISERS[0]);
    let wrong = [
        TableConfig { columns: 0, ..config },
        TableConfig { shards: 0, ..config },
        TableConfig { optimiser: RowOptimiser::adagrad(-1.0), ..config },
        TableConfig { optimiser: RowOptimiser::adagrad(f32::NAN), ..config },
        TableConfig { optimiser: RowOptimiser::ftrl(0.1, 1.0, -1.0, 0.0), ..config },
        TableConfig { optimiser: RowOptimiser::Adam { rate: 0.1, beta1: 1.0, beta2: 0.9, epsilon: 0.0 }, ..config },
        TableConfig { init: Init::Normal(f32::INFINITY), ..config },
    ];
    for config in wrong {
        assert!(matches!(EmbeddingTable::new(config), Err(TableError::Setting { .. })), "{config:?}");
    }
    let mut table = table(4, OPTIMISERS[0], 1);
    let rows = table.pull(&[1, 2], 0);
    let expected = TableError::ShapeMismatch { what: "the gradient", expected: 8, got: 7 };
    assert_eq!(table.push(&rows, &[0.0; 7]), Err(expected));
}
