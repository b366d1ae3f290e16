//! Rounds against a real state file: counting once, closing, deadlines, restarts, forgetting.

use super::*;
use crate::state::State;
use proptest::prelude::*;
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::Gradient;
use sottovoce::protocol::{ReceiptStatus, TowerShape, TowerWeights, WeightUpdate};
use sqlx::SqlitePool;
use std::path::Path;

const P: usize = 6;

async fn pool(path: Option<&Path>) -> SqlitePool {
    let state = match path {
        Some(path) => State::open(path).await,
        None => State::in_memory().await,
    };
    state.unwrap().pool().clone()
}

fn config(cohort: u32, minimum: u32) -> CoordinatorConfig {
    CoordinatorConfig { cohort, minimum, deadline_ms: 1000, extensions: 2, ..CoordinatorConfig::default() }
}

fn initial() -> TowerWeights {
    let shape = TowerShape { attention: 1, hidden: 1, ..TowerShape::usual(2) };
    TowerWeights { version: WeightsVersion(0), shape, values: vec![0.5; P] }
}

async fn coordinator(path: Option<&Path>, config: CoordinatorConfig) -> Coordinator {
    Coordinator::open(pool(path).await, config, initial()).await.unwrap()
}

fn key(i: u8) -> UpdateKey {
    UpdateKey([i; 16])
}

/// The update of device `i`: all different, norm below 1.
fn update(round: u64, from: u64, i: u8) -> WeightUpdate {
    let values = (0..P).map(|p| 0.01 * f32::from(i) - 0.003 * f32::from(u8::try_from(p).unwrap())).collect();
    WeightUpdate::new(RoundId(round), WeightsVersion(from), Gradient::new(values).clip(1.0))
}

async fn send(c: &Coordinator, now: u64, round: u64, from: u64, i: u8) -> ReceiptStatus {
    c.accept(Millis(now), RoundId(round), key(i), &update(round, from, i)).await.unwrap().status
}

#[tokio::test]
async fn a_round_opens_fills_closes_and_the_next_one_opens() {
    let c = coordinator(None, config(3, 2)).await;
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

#[tokio::test]
async fn what_is_wrong_is_named_and_not_counted() {
    let c = coordinator(None, config(3, 2)).await;
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

#[tokio::test]
async fn deadlines_close_extend_and_abandon() {
    let c = coordinator(None, config(5, 2)).await;
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

#[tokio::test]
async fn a_resting_coordinator_invites_nobody() {
    let c = coordinator(None, CoordinatorConfig { rest_ms: 500, ..config(1, 1) }).await;
    assert!(c.offer(Millis(0)).await.unwrap().is_some());
    assert_eq!(send(&c, 100, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert!(c.offer(Millis(599)).await.unwrap().is_none());
    assert_eq!(c.offer(Millis(600)).await.unwrap().unwrap().round, RoundId(2));
}

#[tokio::test]
async fn a_restart_anywhere_ends_in_the_same_weights() {
    let steps: Vec<(u64, u8)> = (1..=2).flat_map(|round| (1..=4).map(move |i| (round, i))).collect();
    let without = coordinator(None, config(4, 2)).await;
    without.tick(Millis(0)).await.unwrap();
    for &(round, i) in &steps {
        send(&without, 1, round, round - 1, i).await;
    }
    let expected = without.weights().await.unwrap();
    assert_eq!(expected.version, WeightsVersion(2));

    for cut in 0..=steps.len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let first = coordinator(Some(&path), config(4, 2)).await;
        first.tick(Millis(0)).await.unwrap();
        for &(round, i) in &steps[..cut] {
            assert_eq!(send(&first, 1, round, round - 1, i).await, ReceiptStatus::Accepted);
        }
        drop(first);
        let second = coordinator(Some(&path), config(4, 2)).await;
        for &(round, i) in &steps[..cut] {
            assert_eq!(send(&second, 1, round, round - 1, i).await, ReceiptStatus::AlreadyCounted);
        }
        for &(round, i) in &steps[cut..] {
            assert_eq!(send(&second, 1, round, round - 1, i).await, ReceiptStatus::Accepted);
        }
        assert_eq!(second.weights().await.unwrap(), expected, "cut after {cut}");
    }
}

#[tokio::test]
async fn a_kill_between_the_last_update_and_the_closing_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let first = coordinator(Some(&path), config(2, 1)).await;
    first.tick(Millis(0)).await.unwrap();
    for i in 1..=2 {
        first.count(Millis(1), RoundId(1), key(i), &update(1, 0, i)).await.unwrap(); // `accept` without its second half
    }
    assert_eq!(first.round(RoundId(1)).await.unwrap().state, RoundState::Open);
    drop(first);
    let second = coordinator(Some(&path), config(2, 1)).await;
    assert_eq!(second.tick(Millis(2)).await.unwrap(), Some(Transition::Closed(RoundId(1), WeightsVersion(1))));
    let whole = coordinator(None, config(2, 1)).await;
    whole.tick(Millis(0)).await.unwrap();
    send(&whole, 1, 1, 0, 1).await;
    send(&whole, 1, 1, 0, 2).await;
    assert_eq!(second.weights().await.unwrap(), whole.weights().await.unwrap());
}

#[tokio::test]
async fn two_coordinators_over_one_file_close_a_round_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let a = coordinator(Some(&path), config(8, 1)).await;
    let b = coordinator(Some(&path), config(8, 1)).await;
    a.tick(Millis(0)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..24 {
        let c = if i % 2 == 0 { a.clone() } else { b.clone() };
        tasks.spawn(async move { send(&c, 1, 1, 0, i % 12).await }); // every update is sent twice, once to each
    }
    let statuses = tasks.join_all().await;
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!(count(ReceiptStatus::Accepted), 8, "{statuses:?}");
    let rounds = a.rounds(10).await.unwrap();
    assert_eq!(
        rounds.iter().map(|r| (r.id.0, r.state, r.updates)).collect::<Vec<_>>(),
        [(2, RoundState::Open, 0), (1, RoundState::Closed, 8)]
    );
    assert_eq!(b.weights_version().await.unwrap(), WeightsVersion(1));
}

#[tokio::test]
async fn a_closed_round_leaves_no_update_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let c = coordinator(Some(&path), config(3, 1)).await;
    c.tick(Millis(0)).await.unwrap();
    let trace: Vec<u8> = update(1, 0, 1).values().iter().flat_map(|v| v.to_le_bytes()).collect();
    let found = || {
        ["state.db", "state.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
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

#[tokio::test]
async fn a_state_of_another_shape_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    coordinator(Some(&path), config(1, 1)).await;
    let mut other = initial();
    other.shape.hidden = 9;
    let opened = Coordinator::open(pool(Some(&path)).await, config(1, 1), other).await;
    assert!(matches!(opened, Err(RoundError::ShapeChanged { .. })));
}

#[tokio::test]
async fn other_embeddings_start_the_weights_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let on = |basis: &str| CoordinatorConfig { basis: basis.into(), ..config(2, 1) };
    let c = coordinator(Some(&path), on("songs A")).await;
    c.tick(Millis(0)).await.unwrap();
    send(&c, 1, 1, 0, 1).await;
    send(&c, 1, 1, 0, 2).await;
    assert_eq!(send(&c, 2, 2, 1, 1).await, ReceiptStatus::Accepted);

    let mut other = initial();
    other.shape.hidden = 2;
    other.values = vec![0.25; P + 2];
    let c = Coordinator::open(pool(Some(&path)).await, on("songs B"), other.clone()).await.unwrap();
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
            let c = coordinator(None, config(9, 1)).await;
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
