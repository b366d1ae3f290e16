//! The hashed learner's snapshots against damage, and what `λ₁` leaves out on a world that was planted.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp, reason = "tests; exact bits are the claim")]

use proptest::prelude::*;
use sottovoce_algebra::{HashedFtrl, HashedFtrlConfig, SparseRows, TableError, noise};

const CONFIG: HashedFtrlConfig = HashedFtrlConfig { alpha: 0.1, beta: 1.0, l1: 0.5, l2: 0.1, bits: 12 };

fn flat(rows: &[(Vec<u32>, bool)]) -> SparseRows {
    let mut flat = SparseRows::default();
    for (hashes, label) in rows {
        flat.add_all(hashes);
        flat.end(f32::from(u8::from(*label)), 1.0).unwrap();
    }
    flat
}

fn rows() -> impl Strategy<Value = Vec<(Vec<u32>, bool)>> {
    prop::collection::vec((prop::collection::vec(any::<u32>(), 0..20), any::<bool>()), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_goes_on_as_if_nothing_had_happened(first in rows(), more in rows()) {
        let (mut model, mut p, mut q) = (HashedFtrl::new(CONFIG).unwrap(), vec![], vec![]);
        model.learn(&flat(&first), &mut p);
        let bytes = model.snapshot();
        let mut restored = HashedFtrl::restore(&bytes).unwrap();
        prop_assert_eq!(restored.rows(), first.len() as u64);
        prop_assert!(restored.snapshot() == bytes);
        model.learn(&flat(&more), &mut p);
        restored.learn(&flat(&more), &mut q);
        prop_assert_eq!(p, q);
        prop_assert!(restored.snapshot() == model.snapshot());
    }

    #[test]
    fn damaged_and_foreign_bytes_are_refused(rows in rows(), cut in any::<prop::sample::Index>(), bit in 0u8..8, other in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut model = HashedFtrl::new(CONFIG).unwrap();
        model.learn(&flat(&rows), &mut vec![]);
        let bytes = model.snapshot();
        let at = cut.index(bytes.len());
        prop_assert!(HashedFtrl::restore(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        prop_assert!(HashedFtrl::restore(&flipped).is_err(), "bit {bit} of byte {at}");
        prop_assert!(HashedFtrl::restore(&[bytes.as_slice(), &[0]].concat()).is_err());
        prop_assert!(HashedFtrl::restore(&other).is_err());
        prop_assert!(HashedFtrl::restore(&[b"svftrl\0\0\x01\0".as_slice(), &other].concat()).is_err());
    }

    /// Serving needs nothing but the weights that are not 0.
    #[test]
    fn the_weights_say_what_the_model_says(rows in rows()) {
        let mut model = HashedFtrl::new(CONFIG).unwrap();
        let rows = flat(&rows);
        model.learn(&rows, &mut vec![]);
        let (weights, bias) = model.weights();
        prop_assert_eq!(weights.len() as u64, model.used().weighted);
        let weights: std::collections::HashMap<u32, f32> = weights.into_iter().collect();
        for (row, p) in model.score(&rows).into_iter().enumerate() {
            let own: f32 = rows.features(row).iter().filter_map(|hash| weights.get(&(hash % 4096))).sum();
            prop_assert!((1.0 / (1.0 + (-own - bias).exp()) - p).abs() < 1e-5);
        }
    }
}

/// A checksum says that bytes are as they were written, not that a model wrote them.
#[test]
fn a_snapshot_with_a_checksum_and_no_sense_is_refused() {
    let mut model = HashedFtrl::new(CONFIG).unwrap();
    model.learn(&flat(&[(vec![1, 2], true)]), &mut vec![]);
    let bytes = model.snapshot();
    let sealed = |body: &[u8]| [body, &crc32fast::hash(body).to_le_bytes()].concat();
    let with = |at: usize, number: u32| {
        let mut body = bytes[..bytes.len() - 4].to_vec();
        body[at..at + 4].copy_from_slice(&number.to_le_bytes());
        HashedFtrl::restore(&sealed(&body)).map(|_| ())
    };
    assert_eq!(with(10, 0.1f32.to_bits()), Ok(()), "as it was");
    assert!(matches!(with(26, 31), Err(TableError::Setting { what: "bits", .. })));
    assert!(matches!(with(26, 1), Err(TableError::Contradiction { .. })), "slot 2 of 2");
    assert!(matches!(with(54, 9), Err(TableError::Contradiction { .. })), "slots that fall");
    assert!(matches!(with(62, (-1.0f32).to_bits()), Err(TableError::Contradiction { .. })), "a sum of squares below 0");
}

/// 200 features of 400,000 count, four of them in a row, among twenty that say nothing: the odds are a normal effect each. Weights that
/// mean nothing go to 0, and the ranking stays as good.
#[test]
fn nine_in_ten_weights_are_zero_at_no_loss() {
    let row = |i: u64, flat: &mut SparseRows| {
        let seed = noise::bits(3, i);
        let number = |j: u64, below: u64| u32::try_from(noise::bits(seed, j) % below).unwrap();
        let good = [0, 1, 2, 3].map(|j| number(j, 200));
        flat.add_all(&good);
        (4..24).for_each(|j| flat.add(200 + number(j, 400_000)));
        let odds: f32 = good.iter().map(|f| noise::normal(5, u64::from(*f))).sum();
        let label = noise::uniform(seed, 99) < 1.0 / (1.0 + (-odds).exp());
        flat.end(f32::from(u8::from(label)), 1.0).unwrap();
        odds
    };
    let (mut train, mut test) = (SparseRows::default(), SparseRows::default());
    for i in 0..60_000 {
        row(i, &mut train);
    }
    let truth: Vec<f32> = (60_000..100_000).map(|i| row(i, &mut test)).collect();
    let run = |l1: f32| {
        let mut model = HashedFtrl::new(HashedFtrlConfig { l1, l2: 0.0, bits: 22, ..CONFIG }).unwrap();
        model.learn(&train, &mut vec![]);
        (area(&model.score(&test), test.labels()), model.used())
    };
    let (dense, sparse, best) = (run(0.0), run(3.0), area(&truth, test.labels()));
    println!(
        "truth: AUC {best:.4}; λ₁ = 0: AUC {:.4}, {:?}; λ₁ = 3: AUC {:.4}, {:?}",
        dense.0, dense.1, sparse.0, sparse.1
    );
    assert!(sparse.1.sparsity() > 0.9 && dense.1.sparsity() < 0.1);
    assert!(sparse.0 > dense.0 - 0.001 && sparse.0 > best - 0.01);
}

/// The area under the ROC curve; ties count half.
fn area(scores: &[f32], labels: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut sum) = (0.0, 0.0);
    for tie in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let yes = tie.iter().filter(|i| labels[**i] > 0.5).count() as f64;
        let no = tie.len() as f64 - yes;
        sum += yes * (below + no / 2.0);
        below += no;
    }
    sum / (below * (labels.len() as f64 - below))
}
