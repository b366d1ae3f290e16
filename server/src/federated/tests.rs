//! Rounds against a real store, SQLite and PostgreSQL: counting once, closing, deadlines, restarts, forgetting.

use super::*;
use crate::state::State;
use crate::store::testing::{Db, on_both};
use proptest::prelude::*;
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::Gradient;
use sottovoce::protocol::{ReceiptStatus, SignedRecord, TowerShape, TowerWeights, WeightUpdate, verify};

const P: usize = 6;

pub(super) fn config(cohort: u32, minimum: u32) -> CoordinatorConfig {
    CoordinatorConfig { cohort, minimum, deadline_ms: 1000, extensions: 2, ..CoordinatorConfig::default() }
}

pub(super) fn initial() -> TowerWeights {
    let shape = TowerShape { attention: 1, hidden: 1, ..TowerShape::usual(2) };
    TowerWeights { version: WeightsVersion(0), shape, values: vec![0.5; P] }
}

pub(super) async fn coordinator(db: &Db, config: CoordinatorConfig) -> Coordinator {
    Coordinator::open(db.store().await, config, initial()).await.unwrap()
}

/// Over a state file in memory, for what the database has no part in.
pub(super) async fn alone(config: CoordinatorConfig) -> Coordinator {
    Coordinator::open(&State::in_memory().await.unwrap(), config, initial()).await.unwrap()
}

on_both!(
    a_round_opens_fills_closes_and_the_next_one_opens,
    what_is_wrong_is_named_and_not_counted,
    deadlines_close_extend_and_abandon,
    a_resting_coordinator_invites_nobody,
    a_restart_anywhere_ends_in_the_same_weights,
    a_kill_between_the_last_update_and_the_closing_is_made_good,
    an_operator_pauses_changes_and_lets_go,
    every_version_is_in_the_log_and_the_log_verifies,
    a_log_has_one_key,
    a_state_of_another_shape_is_refused,
    other_embeddings_start_the_weights_anew,
);

pub(super) fn key(i: u8) -> UpdateKey {
    UpdateKey([i; 16])
}

/// The update of device `i`: all different, norm below 1.
pub(super) fn update(round: u64, from: u64, i: u8) -> WeightUpdate {
    let values = (0..P).map(|p| 0.01 * f32::from(i) - 0.003 * f32::from(u8::try_from(p).unwrap())).collect();
    WeightUpdate::new(RoundId(round), WeightsVersion(from), Gradient::new(values).clip(1.0))
}

pub(super) async fn send(c: &Coordinator, now: u64, round: u64, from: u64, i: u8) -> ReceiptStatus {
    c.accept(Millis(now), RoundId(round), key(i), &update(round, from, i)).await.unwrap().status
}

async fn a_round_opens_fills_closes_and_the_next_one_opens(db: Db) {
    let c = coordinator(&db, config(3, 2)).await;
    let offer = c.offer(Millis(10)).await.unwrap().unwrap();
    assert_eq!((offer.round, offer.weights, offer.closes_at), (RoundId(1), WeightsVersion(0), Millis(1010)));
    assert_eq!(send(&c, 11, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert_eq!(send(&c, 12, 1, 0, 2).await, ReceiptStatus::Accepted);
    assert_eq!(send(&c, 13, 1, 0, 2).await, ReceiptStatus::AlreadyCounted);
    assert_eq!(c.round(RoundId(1)).await.unwrap().updates, 2);
    assert_eq!(send(&c, 14, 1, 0, 3).await, ReceiptStatus::Accepted);

    let closed = c.round(RoundId(1)).await.unwrap();
    assert_eq!(
        (closed.state, closed.weights_to, closed.closed_at),
        (RoundState::Closed, Some(WeightsVersion(1)), Some(Millis(14)))
    );
    assert_eq!(send(&c, 15, 1, 0, 3).await, ReceiptStatus::AlreadyCounted, "a lost receipt can be asked for again");
    assert_eq!(send(&c, 15, 1, 0, 4).await, ReceiptStatus::RoundClosed);
    let next = c.offer(Millis(16)).await.unwrap().unwrap();
    assert_eq!((next.round, next.weights), (RoundId(2), WeightsVersion(1)));

    // The weights are what the mean and the optimiser say by themselves.
    let mut mean = Mean::new(P);
    (1..=3).for_each(|i| mean.add(update(1, 0, i).values().iter().copied()).unwrap());
    let (mut expected, optimiser) = (initial().values, config(3, 2).optimiser);
    optimiser.step(&mut expected, &mut optimiser.initial(P), &mean.finish().unwrap()).unwrap();
    assert_eq!(c.weights().await.unwrap().values, expected);
}

async fn what_is_wrong_is_named_and_not_counted(db: Db) {
    let c = coordinator(&db, config(3, 2)).await;
    c.tick(Millis(0)).await.unwrap();
    let try_it = async |round: u64, key: UpdateKey, update: WeightUpdate| {
        c.accept(Millis(1), RoundId(round), key, &update).await.unwrap_err()
    };
    let of = |round, from, values: Vec<f32>, c| {
        WeightUpdate::new(RoundId(round), WeightsVersion(from), Gradient::new(values).clip(c))
    };
    assert!(matches!(try_it(9, key(1), update(9, 0, 1)).await, RoundError::NoSuchRound { .. }));
    assert!(matches!(try_it(1, key(1), update(2, 0, 1)).await, RoundError::OtherRound { .. }));
    assert!(matches!(try_it(1, key(1), update(1, 7, 1)).await, RoundError::OtherWeights { .. }));
    assert!(matches!(try_it(1, key(1), of(1, 0, vec![0.1; P + 1], 1.0)).await, RoundError::Length { .. }));
    assert!(matches!(try_it(1, key(1), of(1, 0, vec![10.0; P], 1.1)).await, RoundError::Unclipped { .. }));
    assert_eq!(send(&c, 1, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert!(matches!(try_it(1, key(1), update(1, 0, 2)).await, RoundError::KeyReused { .. }));
    assert_eq!(c.round(RoundId(1)).await.unwrap().updates, 1);
}

async fn deadlines_close_extend_and_abandon(db: Db) {
    let c = coordinator(&db, config(5, 2)).await;
    assert_eq!(c.tick(Millis(0)).await.unwrap(), Some(Transition::Opened(RoundId(1))));
    assert_eq!(c.tick(Millis(999)).await.unwrap(), None);
    // Nobody came: the deadline moves for ever, and the row stays one.
    for i in 1..=5 {
        assert_eq!(
            c.tick(Millis(i * 1000)).await.unwrap(),
            Some(Transition::Extended(RoundId(1), Millis(i * 1000 + 1000)))
        );
    }
    // One came: it waits for two more deadlines, then it is let go.
    assert_eq!(send(&c, 5500, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert_eq!(c.tick(Millis(6000)).await.unwrap(), Some(Transition::Extended(RoundId(1), Millis(7000))));
    assert_eq!(c.tick(Millis(7000)).await.unwrap(), Some(Transition::Extended(RoundId(1), Millis(8000))));
    assert_eq!(c.tick(Millis(8000)).await.unwrap(), Some(Transition::Abandoned(RoundId(1))));
    assert_eq!(send(&c, 8001, 1, 0, 1).await, ReceiptStatus::RoundClosed, "it was not counted in anything");
    // Two came: enough at the deadline. The one who is late learns so.
    assert_eq!(send(&c, 8100, 2, 0, 1).await, ReceiptStatus::Accepted);
    assert_eq!(send(&c, 8200, 2, 0, 2).await, ReceiptStatus::Accepted);
    assert_eq!(send(&c, 9000, 2, 0, 3).await, ReceiptStatus::RoundClosed);
    let rounds = c.rounds(10).await.unwrap();
    let states: Vec<_> = rounds.iter().map(|r| (r.id.0, r.state, r.updates)).collect();
    assert_eq!(states, [(3, RoundState::Open, 0), (2, RoundState::Closed, 2), (1, RoundState::Abandoned, 1)]);
    assert_eq!(c.weights_version().await.unwrap(), WeightsVersion(1));
}

async fn a_resting_coordinator_invites_nobody(db: Db) {
    let c = coordinator(&db, CoordinatorConfig { rest_ms: 500, ..config(1, 1) }).await;
    assert!(c.offer(Millis(0)).await.unwrap().is_some());
    assert_eq!(send(&c, 100, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert!(c.offer(Millis(599)).await.unwrap().is_none());
    assert_eq!(c.offer(Millis(600)).await.unwrap().unwrap().round, RoundId(2));
}

async fn a_restart_anywhere_ends_in_the_same_weights(db: Db) {
    let steps: Vec<(u64, u8)> = (1..=2).flat_map(|round| (1..=4).map(move |i| (round, i))).collect();
    let without = alone(config(4, 2)).await;
    without.tick(Millis(0)).await.unwrap();
    for &(round, i) in &steps {
        send(&without, 1, round, round - 1, i).await;
    }
    let expected = without.weights().await.unwrap();
    assert_eq!(expected.version, WeightsVersion(2));

    // A restart before every update, and everything before it sent once more.
    coordinator(&db, config(4, 2)).await.tick(Millis(0)).await.unwrap();
    for cut in 0..steps.len() {
        let restarted = coordinator(&db, config(4, 2)).await;
        for &(round, i) in &steps[..cut] {
            assert_eq!(send(&restarted, 1, round, round - 1, i).await, ReceiptStatus::AlreadyCounted);
        }
        let (round, i) = steps[cut];
        assert_eq!(send(&restarted, 1, round, round - 1, i).await, ReceiptStatus::Accepted);
        restarted.store.close().await;
    }
    assert_eq!(coordinator(&db, config(4, 2)).await.weights().await.unwrap(), expected);
}

async fn a_kill_between_the_last_update_and_the_closing_is_made_good(db: Db) {
    let first = coordinator(&db, config(2, 1)).await;
    first.tick(Millis(0)).await.unwrap();
    for i in 1..=2 {
        first.count(Millis(1), RoundId(1), key(i), &update(1, 0, i)).await.unwrap(); // `accept` without its second half
    }
    assert_eq!(first.round(RoundId(1)).await.unwrap().state, RoundState::Open);
    drop(first);
    let second = coordinator(&db, config(2, 1)).await;
    assert_eq!(second.tick(Millis(2)).await.unwrap(), Some(Transition::Closed(RoundId(1), WeightsVersion(1))));
    let whole = alone(config(2, 1)).await;
    whole.tick(Millis(0)).await.unwrap();
    send(&whole, 1, 1, 0, 1).await;
    send(&whole, 1, 1, 0, 2).await;
    assert_eq!(second.weights().await.unwrap(), whole.weights().await.unwrap());
}

#[tokio::test]
async fn a_closed_round_leaves_no_update_in_the_file() {
    let db = Db::sqlite();
    let folder = db.path().parent().unwrap().to_owned();
    let c = coordinator(&db, config(3, 1)).await;
    c.tick(Millis(0)).await.unwrap();
    let trace: Vec<u8> = update(1, 0, 1).values().iter().flat_map(|v| v.to_le_bytes()).collect();
    let found = || {
        ["state.db", "state.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
            bytes.windows(trace.len()).any(|window| window == trace)
        })
    };
    send(&c, 1, 1, 0, 1).await;
    send(&c, 1, 1, 0, 2).await;
    assert!(found(), "while the round is open the update has to be on disk");
    send(&c, 1, 1, 0, 3).await;
    assert_eq!(c.round(RoundId(1)).await.unwrap().state, RoundState::Closed);
    assert!(!found(), "the file still holds a listener's update");
}

async fn an_operator_pauses_changes_and_lets_go(db: Db) {
    let (a, b) = (coordinator(&db, config(2, 1)).await, coordinator(&db, config(2, 1)).await);
    a.tick(Millis(0)).await.unwrap();
    let pause = |paused| move |held| Settings { paused, ..held };
    a.change_settings(None, pause(true)).await.unwrap();
    assert!(b.offer(Millis(1)).await.unwrap().is_none(), "nobody is invited, by no coordinator");
    assert_eq!(send(&b, 2, 1, 0, 1).await, ReceiptStatus::Accepted, "who was invited before is heard");
    assert_eq!(send(&b, 3, 1, 0, 2).await, ReceiptStatus::Accepted);
    assert_eq!(b.round(RoundId(1)).await.unwrap().state, RoundState::Closed);
    assert_eq!(b.tick(Millis(4)).await.unwrap(), None, "and no round opens");
    assert_eq!(b.rounds(9).await.unwrap().len(), 1);

    let (revision, held) = b.settings().await.unwrap();
    assert_eq!((revision, held.paused), (1, true));
    let larger = |held| Settings { cohort: Some(7), minimum: Some(5), deadline_ms: Some(50), ..held };
    b.change_settings(Some(revision), larger).await.unwrap();
    assert!(matches!(a.change_settings(Some(revision), larger).await, Err(RoundError::Changed { revision: 2 })));
    let wrong = |held| Settings { minimum: Some(8), ..held };
    assert!(matches!(a.change_settings(None, wrong).await, Err(RoundError::Setting { what: "minimum", .. })));
    a.change_settings(None, pause(false)).await.unwrap();
    let offer = a.offer(Millis(10)).await.unwrap().unwrap();
    assert_eq!((offer.round, offer.cohort, offer.closes_at), (RoundId(2), 7, Millis(60)));

    assert_eq!(send(&a, 11, 2, 1, 1).await, ReceiptStatus::Accepted);
    assert_eq!(b.let_go(Millis(12), RoundId(2)).await.unwrap().state, RoundState::Abandoned);
    assert_eq!(a.let_go(Millis(13), RoundId(2)).await.unwrap().closed_at, Some(Millis(12)), "once");
    assert!(matches!(a.let_go(Millis(13), RoundId(1)).await, Err(RoundError::Ended { .. })));
    assert!(matches!(a.let_go(Millis(13), RoundId(9)).await, Err(RoundError::NoSuchRound { .. })));
    assert_eq!(send(&a, 14, 2, 1, 1).await, ReceiptStatus::RoundClosed);
    assert_eq!(a.offer(Millis(15)).await.unwrap().unwrap().round, RoundId(3));
}

async fn every_version_is_in_the_log_and_the_log_verifies(db: Db) {
    let (a, b) = (coordinator(&db, config(2, 1)).await, coordinator(&db, config(2, 1)).await);
    a.tick(Millis(5)).await.unwrap();
    let mut published = vec![a.weights().await.unwrap()];
    for round in 1..=5 {
        for (i, c) in [(1, &a), (2, &b)] {
            send(c, 10 * round, round, round - 1, i).await;
        }
        published.push(a.weights().await.unwrap());
    }
    let log = b.log(WeightsVersion(0), 100).await.unwrap();
    assert_eq!(b.log_key(), a.log_key());
    assert_eq!(verify(&log, None, &a.log_key()).unwrap(), Some(log[5].record));
    for (record, weights) in log.iter().zip(&published) {
        record.names(weights).unwrap();
    }
    let of = |record: &SignedRecord| (record.record.version.0, record.record.round.0, record.record.at.0);
    assert_eq!(
        log.iter().map(of).collect::<Vec<_>>(),
        [(0, 0, 5), (1, 1, 10), (2, 2, 20), (3, 3, 30), (4, 4, 40), (5, 5, 50)]
    );
    assert_eq!(a.log(WeightsVersion(4), 1).await.unwrap(), log[4..5]);
    assert!(log.iter().all(|r| r.record.roster == [0; 32]));
    assert!(
        log.iter().all(|r| (r.record.version.0 == 0) == r.record.epsilon.is_finite()),
        "in the open there is no bound"
    );

    // Other songs: the weights begin anew, and the log goes on.
    let on = CoordinatorConfig { basis: "other songs".into(), ..config(2, 1) };
    let c = coordinator(&db, on).await;
    c.tick(Millis(90)).await.unwrap();
    let newer = c.log(WeightsVersion(6), 100).await.unwrap();
    assert_eq!(newer.iter().map(of).collect::<Vec<_>>(), [(6, 0, 90)]);
    verify(&newer, Some(&log[5].record), &c.log_key()).unwrap();
    newer[0].names(&c.weights().await.unwrap()).unwrap();
}

async fn a_log_has_one_key(db: Db) {
    let given = LogKey::from_text(&format!("{}\n", "0a".repeat(32))).unwrap();
    let open = async |key: Option<&LogKey>| {
        Coordinator::open_signing(db.store().await, config(1, 1), initial(), key.cloned()).await
    };
    assert_eq!(open(Some(&given)).await.unwrap().log_key(), given.public());
    assert_eq!(open(Some(&given)).await.unwrap().log_key(), given.public());
    assert!(matches!(open(None).await, Err(RoundError::LogKey { .. })), "the store does not keep it");
    let other = LogKey::from_bytes(&[9; 32]);
    assert!(matches!(open(Some(&other)).await, Err(RoundError::LogKey { .. })));
    assert!(!format!("{given:?}").contains(&"0a".repeat(8)), "secrets are not shown");
    for wrong in ["", "0a", &"0A".repeat(32), &"0a".repeat(33)] {
        assert!(matches!(LogKey::from_text(wrong), Err(RoundError::LogKey { .. })), "{wrong}");
    }
}

async fn a_state_of_another_shape_is_refused(db: Db) {
    coordinator(&db, config(1, 1)).await;
    let mut other = initial();
    other.shape.hidden = 9;
    let opened = Coordinator::open(db.store().await, config(1, 1), other).await;
    assert!(matches!(opened, Err(RoundError::ShapeChanged { .. })));
}

async fn other_embeddings_start_the_weights_anew(db: Db) {
    let on = |basis: &str| CoordinatorConfig { basis: basis.into(), ..config(2, 1) };
    let c = coordinator(&db, on("songs A")).await;
    c.tick(Millis(0)).await.unwrap();
    send(&c, 1, 1, 0, 1).await;
    send(&c, 1, 1, 0, 2).await;
    assert_eq!(send(&c, 2, 2, 1, 1).await, ReceiptStatus::Accepted);

    let mut other = initial();
    other.shape.hidden = 2;
    other.values = vec![0.25; P + 2];
    let c = Coordinator::open(db.store().await, on("songs B"), other.clone()).await.unwrap();
    assert_eq!(c.weights().await.unwrap(), TowerWeights { version: WeightsVersion(2), ..other });
    assert_eq!(
        c.tick(Millis(3)).await.unwrap(),
        Some(Transition::Abandoned(RoundId(2))),
        "its updates speak about songs A"
    );
    let offer = c.offer(Millis(4)).await.unwrap().unwrap();
    assert_eq!((offer.round, offer.weights), (RoundId(3), WeightsVersion(2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_arrival_does_not_change_a_bit(order in Just((1u8..=9).collect::<Vec<_>>()).prop_shuffle()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async |order: Vec<u8>| {
            let c = alone(config(9, 1)).await;
            c.tick(Millis(0)).await.unwrap();
            for i in order {
                send(&c, 1, 1, 0, i).await;
            }
            c.weights().await.unwrap()
        };
        let (shuffled, sorted) = runtime.block_on(async { (run(order).await, run((1..=9).collect()).await) });
        prop_assert_eq!(shuffled.version, WeightsVersion(1));
        prop_assert_eq!(shuffled, sorted);
    }
}
