//! Several coordinators over one store, some of which die: leases, races, faults at every point.

use super::tests::{alone, config, coordinator, initial, key, send, update};
use super::*;
use crate::store::testing::{Db, on_both};
use crate::store::{Fault, StoreError};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{ReceiptStatus, TowerWeights, verify};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

on_both!(
    two_coordinators_over_one_store_close_a_round_once,
    three_coordinators_in_each_others_way_publish_what_one_would,
    who_dies_holding_the_lease_is_replaced_and_not_a_bit_changes,
    who_only_slept_through_the_lease_changes_nothing,
    who_comes_late_with_its_lease_holds_up_nobody,
    a_fault_at_any_point_loses_nothing_and_counts_nothing_twice,
);

async fn two_coordinators_over_one_store_close_a_round_once(db: Db) {
    let a = coordinator(&db, config(8, 1)).await;
    let b = coordinator(&db, config(8, 1)).await;
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

async fn three_coordinators_in_each_others_way_publish_what_one_would(db: Db) {
    const ROUNDS: u64 = 8;
    let whole = alone(config(6, 1)).await;
    let mut three = Vec::new();
    for _ in 0..3 {
        three.push(coordinator(&db, config(6, 1)).await);
    }
    for round in 1..=ROUNDS {
        whole.tick(Millis(round)).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for (c, i) in three.iter().cycle().zip(1..=9) {
            // Six devices; three of them send twice, to two coordinators; and all coordinators tick all the time.
            let c = c.clone();
            tasks.spawn(async move {
                c.tick(Millis(round)).await.unwrap();
                let status = send(&c, round, round, round - 1, (i - 1) % 6 + 1).await;
                c.tick(Millis(round)).await.unwrap();
                status
            });
        }
        let statuses = tasks.join_all().await;
        let accepted = statuses.iter().filter(|status| **status == ReceiptStatus::Accepted).count();
        assert_eq!(accepted, 6, "round {round}: {statuses:?}");
        assert!(!statuses.contains(&ReceiptStatus::RoundClosed), "round {round}: {statuses:?}");
        for i in 1..=6 {
            send(&whole, round, round, round - 1, i).await;
        }
        three[0].tick(Millis(round)).await.unwrap(); // where the closer was told that another is at it
        assert_eq!(three[1].weights().await.unwrap(), whole.weights().await.unwrap(), "round {round}");
    }
    let log = three[2].log(WeightsVersion(0), 100).await.unwrap();
    assert_eq!(verify(&log, None, &whole_key(&three)).unwrap().unwrap().version, WeightsVersion(ROUNDS));
}

fn whole_key(coordinators: &[Coordinator]) -> ed25519_dalek::VerifyingKey {
    let key = coordinators[0].log_key();
    assert!(coordinators.iter().all(|c| c.log_key() == key), "one log, one key");
    key
}

/// What a whole, undisturbed round of these two makes.
async fn undisturbed(cohort: u8) -> TowerWeights {
    let whole = alone(config(cohort.into(), 1)).await;
    whole.tick(Millis(0)).await.unwrap();
    for i in 1..=cohort {
        send(&whole, 1, 1, 0, i).await;
    }
    whole.weights().await.unwrap()
}

async fn who_dies_holding_the_lease_is_replaced_and_not_a_bit_changes(db: Db) {
    let rules = CoordinatorConfig { lease_ms: 100, ..config(3, 1) };
    let (a, b) = (coordinator(&db, rules.clone()).await, coordinator(&db, rules).await);
    a.tick(Millis(0)).await.unwrap();
    for i in 1..=3 {
        a.count(Millis(1), RoundId(1), key(i), &update(1, 0, i)).await.unwrap();
    }
    assert!(a.seal(Millis(10), &a.round(RoundId(1)).await.unwrap()).await.unwrap());
    a.store.close().await; // dead, with the lease until 110
    drop(a);

    assert_eq!(b.round(RoundId(1)).await.unwrap().state, RoundState::Closing);
    assert_eq!(b.tick(Millis(109)).await.unwrap(), None, "the lease has not expired");
    assert!(b.offer(Millis(109)).await.unwrap().is_none(), "a sealed round invites nobody");
    assert_eq!(send(&b, 109, 1, 0, 3).await, ReceiptStatus::AlreadyCounted);
    assert_eq!(send(&b, 109, 1, 0, 4).await, ReceiptStatus::RoundClosed);
    assert_eq!(b.tick(Millis(110)).await.unwrap(), Some(Transition::Closed(RoundId(1), WeightsVersion(1))));
    assert_eq!(b.weights().await.unwrap(), undisturbed(3).await);
    assert_eq!(b.offer(Millis(111)).await.unwrap().unwrap().round, RoundId(2));
}

async fn who_only_slept_through_the_lease_changes_nothing(db: Db) {
    let rules = CoordinatorConfig { lease_ms: 100, ..config(2, 1) };
    let (a, b) = (coordinator(&db, rules.clone()).await, coordinator(&db, rules).await);
    a.tick(Millis(0)).await.unwrap();
    for i in 1..=2 {
        a.count(Millis(1), RoundId(1), key(i), &update(1, 0, i)).await.unwrap();
    }
    let round = a.round(RoundId(1)).await.unwrap();
    assert!(a.seal(Millis(10), &round).await.unwrap());
    assert!(!b.seal(Millis(11), &round).await.unwrap(), "one lease, one owner");
    assert!(a.seal(Millis(50), &round).await.unwrap(), "the owner may keep it for longer");
    let slow = a.fold(Millis(50), &round).await.unwrap();
    assert_eq!(b.tick(Millis(150)).await.unwrap(), Some(Transition::Closed(RoundId(1), WeightsVersion(1))));
    let published = b.weights().await.unwrap();
    assert_eq!(a.finish(Millis(160), &round, &slow).await.unwrap(), None, "the round has ended");
    assert_eq!(a.weights().await.unwrap(), published);
    assert_eq!(published, undisturbed(2).await);
    assert_eq!(a.weights_version().await.unwrap(), WeightsVersion(1));
}

/// It read the round before another closed it, and comes with its lease when all is done.
async fn who_comes_late_with_its_lease_holds_up_nobody(db: Db) {
    let (a, b) = (coordinator(&db, config(1, 1)).await, coordinator(&db, config(1, 1)).await);
    a.tick(Millis(0)).await.unwrap();
    let stale = b.round(RoundId(1)).await.unwrap();
    assert_eq!(send(&a, 1, 1, 0, 1).await, ReceiptStatus::Accepted);
    assert_eq!(b.close(Millis(2), &stale).await.unwrap(), None, "it is closed");
    assert_eq!(send(&a, 3, 2, 1, 1).await, ReceiptStatus::Accepted);
    assert_eq!(a.round(RoundId(2)).await.unwrap().state, RoundState::Closed, "at once, not when a lease expires");
}

/// The n-th point of the store's own ends a coordinator's life, for every n there is; another one goes on. A device that got no
/// receipt sends again, as devices do.
async fn a_fault_at_any_point_loses_nothing_and_counts_nothing_twice(db: Db) {
    let rules = CoordinatorConfig { lease_ms: 1, ..config(2, 1) };
    let whole = alone(rules.clone()).await;
    let mut expected = Vec::new();
    let (mut now, mut round) = (0, 0);
    let points = Arc::new(AtomicUsize::new(0));
    let mut faults = 0;
    for life in 0..80 {
        let left = Arc::new(AtomicUsize::new(life % 40 + 1));
        let hook = {
            let (left, points) = (Arc::clone(&left), Arc::clone(&points));
            Fault::new(move |at| {
                points.fetch_add(1, Ordering::Relaxed);
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                    Ok(n) if n > 1 => Ok(()),
                    _ => Err(StoreError::Injected { at }), // and from then on: it is dead
                }
            })
        };
        let store = db.store().await;
        let mortal = Coordinator::open(store.clone().with_fault(hook), rules.clone(), initial()).await;
        let heir = Coordinator::open(store, rules.clone(), initial()).await.unwrap();
        now += 10;
        heir.tick(Millis(now)).await.unwrap();
        if heir.rounds(1).await.unwrap()[0].id.0 > round {
            round += 1; // all lives of a round send the same two updates
            whole.tick(Millis(now)).await.unwrap();
            for i in 1..=2 {
                send(&whole, now, round, round - 1, i).await;
            }
            expected.push(whole.weights().await.unwrap());
        }
        for i in 1..=2 {
            let sent = match &mortal {
                Ok(mortal) => mortal.accept(Millis(now), RoundId(round), key(i), &update(round, round - 1, i)).await,
                Err(_) => break,
            };
            match sent {
                Ok(receipt) => assert_ne!(receipt.status, ReceiptStatus::RoundClosed, "life {life}, update {i}"),
                Err(RoundError::State(StoreError::Injected { .. })) => faults += 1,
                Err(error) => panic!("life {life}: {error}"),
            }
        }
        now += 10;
        for i in 1..=2 {
            let sent = send(&heir, now, round, round - 1, i).await;
            assert_ne!(sent, ReceiptStatus::RoundClosed, "life {life}, update {i}");
        }
        now += 10;
        heir.tick(Millis(now)).await.unwrap(); // where the closing was cut off
        assert_eq!(heir.weights().await.unwrap(), expected[usize::try_from(round).unwrap() - 1], "life {life}");
        assert_eq!(heir.round(RoundId(round)).await.unwrap().updates, 2, "life {life}");
        assert_eq!(heir.round(RoundId(round)).await.unwrap().state, RoundState::Closed, "life {life}");
    }
    assert!(faults > 20, "the faults hit {faults} sends; at {} points", points.load(Ordering::Relaxed));
}
