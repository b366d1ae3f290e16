//! Many devices at once: one transaction, to each its own verdict, whoever dies or goes away in the middle.

use super::tables::Device as Table;
use super::tests::{Device, ROUND, RULES, World, sums};
use super::together::Letter;
use super::*;
use crate::store::testing::{Db, on_both};
use crate::store::{Fault, Isolation, Point, StoreError};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::protocol::encode;
use sottovoce::secagg::{Join, PublicKey, Report};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

on_both!(
    each_of_many_gets_its_own_verdict,
    who_comes_at_once_shares_a_commit,
    a_server_that_dies_among_many_loses_nothing_it_acknowledged,
    who_goes_away_takes_nobody_along,
);

fn letter(table: Table, round: RoundId, of: PublicKey, body: Vec<u8>) -> Letter {
    Letter::new(table, round, of, body).0
}

fn join(join: &Join) -> Letter {
    letter(Table::Joins, ROUND, join.identity, encode(join))
}

/// The roster of the first `n` devices, closed, and their reports.
async fn reports(sums: &Sums, world: &World, n: usize) -> Vec<Report> {
    for device in &world.devices[..n] {
        sums.join(ROUND, &device.join).await.unwrap();
    }
    assert_eq!(sums.tick(Millis(101), &RULES).await.unwrap(), Some(Phase::Reporting));
    let mut reports = Vec::new();
    for device in &world.devices[..n] {
        reports.push(device.report(&sums.view(ROUND, device.join.identity).await.unwrap()));
    }
    reports
}

async fn each_of_many_gets_its_own_verdict(db: Db) {
    let sums = sums(db.store().await);
    let world = World::new(&sums, 3, 8).await;
    let of = |i: usize| &world.devices[i].join;
    sums.join(ROUND, of(0)).await.unwrap();
    let other = letter(Table::Joins, ROUND, of(0).identity, vec![7]);
    let nowhere = letter(Table::Joins, RoundId(99), of(1).identity, vec![7]);
    let early = letter(Table::Reports, ROUND, of(1).identity, vec![7]);
    let batch = [join(of(0)), other, join(of(1)), join(of(1)), nowhere, early, join(of(2)), join(of(3)), join(of(4))];
    let verdicts = sums.write_once(&batch).await.unwrap();
    let [again, differs, new, twice, nowhere, early, rest @ ..] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert!(matches!(again, Ok(Taken::Again)), "{again:?}");
    assert!(matches!(differs, Err(SumError::Differs { .. })), "{differs:?}");
    assert!(matches!((new, twice), (Ok(Taken::New), Ok(Taken::Again))), "{new:?}, {twice:?}");
    assert!(matches!(nowhere, Err(SumError::NoSuchRound { round: RoundId(99) })), "{nowhere:?}");
    assert!(
        matches!(early, Err(SumError::OtherPhase { got: Phase::Joining, expected: Phase::Reporting, .. })),
        "{early:?}"
    );
    assert!(rest.iter().all(|verdict| matches!(verdict, Ok(Taken::New))), "{rest:?}");
    assert_eq!(sums.round(ROUND).await.unwrap().joined, 5);

    // One place is left.
    let verdicts = sums.write_once(&[join(of(5)), join(of(6)), join(of(0))]).await.unwrap();
    assert!(
        matches!(
            &verdicts[..],
            [Ok(Taken::New), Err(SumError::OtherPhase { got: Phase::Joining, .. }), Ok(Taken::Again)]
        ),
        "{verdicts:?}"
    );
    assert_eq!(sums.round(ROUND).await.unwrap().joined, RULES.cohort);
    assert_eq!(sums.tick(Millis(2), &RULES).await.unwrap(), Some(Phase::Reporting));
    let verdicts = sums.write_once(&[join(of(7)), join(of(5))]).await.unwrap();
    assert!(
        matches!(&verdicts[..], [Err(SumError::OtherPhase { got: Phase::Reporting, .. }), Ok(Taken::Again)]),
        "{verdicts:?}"
    );
}

async fn who_comes_at_once_shares_a_commit(db: Db) {
    let whole = sums(db.store().await);
    let world = World::new(&whole, 3, 6).await;
    let commits = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&commits);
    let counted = sums(db.store().await.with_fault(Fault::new(move |at| {
        seen.fetch_add(usize::from(at == Point::Commit), Ordering::Relaxed);
        Ok(())
    })));
    let mut tasks = JoinSet::new();
    for device in &world.devices {
        let (sums, join) = (counted.clone(), device.join.clone());
        tasks.spawn(async move { sums.put(Table::Joins, ROUND, join.identity, encode(&join)).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await, [Taken::New; 6]);
    assert_eq!(commits.load(Ordering::Relaxed), 2, "the first, and all who came while it was written");
    assert_eq!(whole.round(ROUND).await.unwrap().joined, 6);
}

/// All send at once; the server dies at its n-th point, and every n is tried.
async fn a_server_that_dies_among_many_loses_nothing_it_acknowledged(db: Db) {
    let whole = sums(db.store().await);
    let mut world = World::new(&whole, 3, 6).await;
    let reports = reports(&whole, &world, 6).await;
    let mut acknowledged = BTreeSet::new();
    for life in 1.. {
        assert!(life < 100, "it comes to no end");
        let left = Arc::new(Mutex::new(life));
        let mortal = sums(db.store().await.with_fault(Fault::new(move |at| {
            let mut left = left.lock().unwrap();
            *left = i32::max(*left - 1, 0);
            if *left > 0 { Ok(()) } else { Err(StoreError::Injected { at }) } // and from then on: it is dead
        })));
        let mut tasks = JoinSet::new();
        for report in &reports {
            let (sums, report) = (mortal.clone(), report.clone());
            tasks.spawn(async move { (report.identity, sums.report(ROUND, &report).await) });
        }
        let told = tasks.join_all().await;
        let dead = told.iter().filter(|(_, verdict)| verdict.is_err()).count();
        for (device, verdict) in told {
            match verdict {
                Ok(_) => _ = acknowledged.insert(device),
                Err(SumError::Store(StoreError::Injected { .. })) => {}
                Err(error) => panic!("life {life}: {error}"),
            }
        }
        let rows = whole.store.read().await.unwrap().rows("SELECT identity FROM reports", &[]).await.unwrap();
        let kept: BTreeSet<_> =
            rows.iter().map(|row| PublicKey(row.get::<Vec<u8>>("identity").unwrap().try_into().unwrap())).collect();
        assert!(acknowledged.is_subset(&kept), "life {life}");
        assert_eq!(whole.round(ROUND).await.unwrap().reported as usize, kept.len(), "life {life}");
        if dead == 0 {
            break;
        }
    }
    assert_eq!(whole.tick(Millis(102), &RULES).await.unwrap(), Some(Phase::Opening), "all have reported");
    world.answer(&whole, 3).await.unwrap();
    assert_eq!(whole.opened(ROUND).await.unwrap().unwrap().sum, world.plain(|_| true));
}

async fn who_goes_away_takes_nobody_along(db: Db) {
    let sums = sums(db.store().await);
    let world = World::new(&sums, 3, 6).await;
    let spawn = |tasks: &mut JoinSet<_>, device: &Device| {
        let (sums, join) = (sums.clone(), device.join.clone());
        tasks.spawn(async move { sums.join(ROUND, &join).await })
    };
    for yields in 0..40 {
        // The first, who writes for the others, goes away after a while.
        let mut tasks = JoinSet::new();
        let leaving = spawn(&mut tasks, &world.devices[0]);
        world.devices[1..].iter().for_each(|device| _ = spawn(&mut tasks, device));
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        leaving.abort();
        let mut taken = 0;
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(verdict) => taken += u32::from(verdict.unwrap() == Taken::New),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        assert!(taken >= 5, "{taken} after {yields}");
        let mut write = sums.store.write(Isolation::Swap).await.unwrap();
        let written = write.execute("DELETE FROM joins WHERE round = $1", &[ROUND.into()]).await.unwrap();
        let counted = "UPDATE sums SET joined = 0 WHERE round = $1 AND joined = $2";
        assert_eq!(write.execute(counted, &[ROUND.into(), written.into()]).await.unwrap(), 1, "after {yields}");
        write.commit().await.unwrap();
    }
}
