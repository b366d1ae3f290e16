//! The parameter server's promises: shares are one step, a crash changes nothing, and rows in a file are the table's.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp, reason = "tests; exact bits are the claim")]

use proptest::prelude::*;
use sottovoce_algebra::{
    EmbeddingTable, Lent, LocalServer, ParameterServer, RowFile, RowFileError, RowOptimiser, TableConfig, TableError,
    noise,
};

const K: usize = 3;

fn config(admit_at: u32) -> TableConfig {
    TableConfig { admit_at, seed: 5, ..TableConfig::new(K, RowOptimiser::adam(0.01)) }
}

/// The ids of a step's shares: a function of the step, as a reader of a log would have them.
fn shares(step: u64) -> Vec<Vec<u64>> {
    let seed = noise::bits(9, step);
    let ids = |share: u64| {
        (0..1 + noise::bits(seed, share) % 20).map(|i| noise::bits(seed, 100 * share + i + 7) % 50).collect()
    };
    (0..3).map(ids).collect()
}

/// One step, with a gradient of what was lent.
fn train(server: &mut LocalServer, step: u64) {
    let lent = pull(server, step).unwrap();
    push(server, &lent);
    if step.is_multiple_of(7) {
        server.evict(step - 3).unwrap();
    }
}

fn pull(server: &mut LocalServer, step: u64) -> Result<Vec<sottovoce_algebra::Rows>, TableError> {
    let shares = shares(step);
    server.pull(step, &shares.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn push(server: &mut LocalServer, lent: &[sottovoce_algebra::Rows]) {
    let gradients: Vec<Vec<f32>> = lent
        .iter()
        .map(|rows| Lent::rows(rows).iter().map(|w| 0.3 * w + 0.01 * rows.places().len() as f32).collect())
        .collect();
    server.push(lent, &gradients.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
}

/// Where a run is killed.
#[derive(Clone, Copy, Debug)]
enum Crash {
    BetweenPullAndPush,
    BetweenPushAndSnapshot,
    AfterSnapshot,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever was learnt since the last snapshot is learnt again, whatever is in it is not: to the bit, with admission, eviction and
    /// Adam's counts of steps among what must not be done twice.
    #[test]
    fn a_crash_changes_nothing(
        crashes in prop::collection::vec((1u64..30, prop_oneof![Just(Crash::BetweenPullAndPush), Just(Crash::BetweenPushAndSnapshot), Just(Crash::AfterSnapshot)]), 0..6),
        every in 1u64..8, admit_at in 1u32..4,
    ) {
        let mut straight = LocalServer::new(config(admit_at)).unwrap();
        (1..=30).for_each(|step| train(&mut straight, step));

        let mut kept = LocalServer::new(config(admit_at)).unwrap().snapshot().unwrap();
        let (mut server, mut crashes) = (LocalServer::restore(&kept).unwrap(), crashes);
        while server.step() < 30 {
            let step = server.step() + 1;
            let crash = crashes.iter().position(|(at, _)| *at == step).map(|i| crashes.remove(i).1);
            if let Some(Crash::BetweenPullAndPush) = crash {
                pull(&mut server, step).unwrap();
                prop_assert_eq!(server.snapshot(), Err(TableError::Open { step }));
                server = LocalServer::restore(&kept).unwrap();
                continue;
            }
            train(&mut server, step);
            if let Some(Crash::BetweenPushAndSnapshot) = crash {
                server = LocalServer::restore(&kept).unwrap();
                continue;
            }
            if step.is_multiple_of(every) {
                kept = server.snapshot().unwrap();
            }
            if let Some(Crash::AfterSnapshot) = crash {
                server = LocalServer::restore(&kept).unwrap();
            }
        }
        prop_assert!(server.snapshot().unwrap() == straight.snapshot().unwrap());
    }

    /// Shares of one step are one step of their sum.
    #[test]
    fn shares_are_summed(ids in prop::collection::vec(prop::collection::vec(0u64..12, 1..9), 1..5)) {
        let (mut server, mut table) = (LocalServer::new(config(1)).unwrap(), EmbeddingTable::new(config(1)).unwrap());
        let lent = server.pull(1, &ids.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        let gradients: Vec<Vec<f32>> = (1..).zip(&lent).map(|(i, rows)| vec![0.5 * i as f32; rows.rows().len()]).collect();
        server.push(&lent, &gradients.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        // The same by hand: halves add exactly, so their order says nothing here.
        let rows = table.pull(&ids.concat(), 1);
        let mut sum = vec![0.0; rows.rows().len()];
        let mut places = rows.places().iter();
        for (i, share) in (1..).zip(&ids) {
            let mut own: Vec<u32> = places.by_ref().take(share.len()).copied().collect();
            own.sort_unstable();
            own.dedup();
            own.iter().for_each(|row| sum[*row as usize * K..][..K].iter_mut().for_each(|s| *s += 0.5 * i as f32));
        }
        table.push(&rows, &sum).unwrap();
        let all: Vec<u64> = (0..12).collect();
        prop_assert_eq!(server.table().read(&all), table.read(&all));
    }

    #[test]
    fn damaged_and_foreign_bytes_are_refused(cut in any::<prop::sample::Index>(), bit in 0u8..8, other in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut server = LocalServer::new(config(1)).unwrap();
        train(&mut server, 1);
        let bytes = server.snapshot().unwrap();
        let at = cut.index(bytes.len());
        prop_assert!(LocalServer::restore(&bytes[..at]).is_err());
        let mut flipped = bytes;
        flipped[at] ^= 1 << bit;
        prop_assert!(LocalServer::restore(&flipped).is_err());
        prop_assert!(LocalServer::restore(&[b"svserver\x01\0".as_slice(), &other].concat()).is_err());
    }
}

#[test]
fn a_step_is_pushed_once_and_closed_before_anything_else() {
    let mut server = LocalServer::new(config(1)).unwrap();
    let lent = pull(&mut server, 4).unwrap();
    assert_eq!(pull(&mut server, 5).unwrap_err(), TableError::Open { step: 4 });
    assert_eq!(server.evict(2), Err(TableError::Open { step: 4 }));
    assert!(matches!(server.push(&lent, &[]), Err(TableError::ShapeMismatch { .. })));
    push(&mut server, &lent);
    assert_eq!(server.step(), 4);
    assert_eq!(pull(&mut server, 4).unwrap_err(), TableError::Done { step: 4, last: 4 });
    let gradients: Vec<Vec<f32>> = lent.iter().map(|rows| vec![0.0; rows.rows().len()]).collect();
    let again = server.push(&lent, &gradients.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(again, Err(TableError::Done { step: 4, last: 4 }));
}

#[test]
fn a_file_of_rows_is_the_table_and_notices_damage() {
    let folder = std::env::temp_dir().join(format!("sottovoce-rows-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("table.rows");
    let mut server = LocalServer::new(config(1)).unwrap();
    (1..20).for_each(|step| train(&mut server, step));
    server.table().write_rows(&path).unwrap();
    let (file, ids) = (RowFile::open(&path).unwrap(), (0..60).collect::<Vec<u64>>());
    assert_eq!((file.len(), file.columns()), (server.table().len(), K));
    assert_eq!(file.read(&ids).unwrap(), server.table().read(&ids));
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        std::fs::write(&path, &flipped).unwrap();
        // Filler between the parts says nothing; all else is noticed, at the latest by whoever reads the row.
        let ids_end = 64 + 8 * server.table().len();
        let filler = (28..64).contains(&at) || (ids_end..ids_end.next_multiple_of(64)).contains(&at);
        let read = RowFile::open(&path).and_then(|file| file.read(&ids));
        assert_eq!(read.is_err(), !filler, "byte {at}");
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert!(matches!(RowFile::open(&path), Err(RowFileError::Bytes { .. })), "cut at {at}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
