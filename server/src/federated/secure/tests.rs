//! Whole rounds over both databases: the device's own code at one end, a store at the other, and everything in between going wrong.

use super::*;
use crate::store::testing::{Db, on_both};
use crate::store::{Fault, Isolation, Store, StoreError};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::{Fate, SplitQuestion, SplitVotes};
use sottovoce::secagg::{
    Digest, Error, Identity, Join, Joined, Joining, Member, Odds, Policy, Prg, Report, Ring, RosterView, Terms,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

on_both!(
    from_enlisting_to_the_sum,
    every_message_twice_and_to_two_servers,
    a_fault_at_any_point_loses_no_report_and_counts_none_twice,
    what_is_acknowledged_while_the_roster_and_the_split_close_is_in_them,
    too_few_members_and_nothing_is_disclosed,
    what_does_not_fit_is_refused_and_leaves_nothing,
);

const D: usize = 7;
pub(super) const ROUND: RoundId = RoundId(3);
pub(super) const RULES: Rules = Rules { cohort: 6, least_members: 3, absent_ms: 1000, patience_ms: [100, 100, 100] };

pub(super) fn sums(store: Store) -> Sums {
    Sums::new(store, Identity::from_seed([1; 32]))
}

fn terms() -> Terms {
    Terms {
        round: ROUND,
        weights: WeightsVersion(2),
        model: Digest::of(b"model"),
        record: Digest::default(),
        dimension: u32::try_from(D).unwrap(),
        ring: Ring::new(20).unwrap(),
        prg: Prg::default(),
        least: 2,
        degree: 8,
        threshold: 0,
        seats: Vec::new(),
    }
}

/// Devices with their vectors, and a committee.
pub(super) struct World {
    rng: ChaCha20Rng,
    members: Vec<Member>,
    pub(super) devices: Vec<Device>,
}

pub(super) struct Device {
    joined: Joined,
    pub(super) join: Join,
    values: Vec<i32>,
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Noised {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1).unwrap(), values.len()).unwrap();
    let pending = Account::new(Budget::new(f64::INFINITY, 1e-9).unwrap()).charge(plan).unwrap();
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise).unwrap()
}

impl Device {
    pub(super) fn report(&self, view: &RosterView) -> Report {
        let neighbourhood = self.joined.check(view).unwrap();
        self.joined.clone().mask(&neighbourhood, noised(&self.values)).unwrap().finish()
    }
}

impl World {
    /// Enlists a committee, opens the round, draws devices for it.
    pub(super) async fn new(sums: &Sums, members: usize, devices: usize) -> Self {
        let mut rng = ChaCha20Rng::from_seed([9; 32]);
        let members: Vec<Member> = (0..members).map(|_| Member::new(&mut rng)).collect();
        for member in &members {
            sums.enlist(Millis(0), &member.enlist(RoundId(10))).await.unwrap();
        }
        assert!(sums.open(Millis(1), &RULES, terms(), Digest::of(b"draw")).await.unwrap());
        let mut this = Self { rng, members, devices: Vec::new() };
        for _ in 0..devices {
            this.device(sums).await;
        }
        this
    }

    async fn device(&mut self, sums: &Sums) {
        let offered = sums.newest().await.unwrap().unwrap().terms;
        let odds = Odds::default();
        let policy = Policy { server: sums.key(), least: 2, seats: 3, odds, last_round: None, seen: None };
        let joining = Joining::new(offered, policy, Digest::of(b"model")).unwrap();
        let (joined, join) = joining.join(&mut self.rng).unwrap();
        let values = (0..D).map(|_| i32::try_from(self.rng.next_u32() % 2000).unwrap() - 1000).collect();
        self.devices.push(Device { joined, join, values });
    }

    pub(super) fn plain(&self, who: impl Fn(usize) -> bool) -> Vec<i32> {
        let mut sum = vec![0; D];
        for (_, device) in self.devices.iter().enumerate().filter(|(i, _)| who(*i)) {
            sum.iter_mut().zip(&device.values).for_each(|(s, v)| *s += v);
        }
        sum
    }

    /// Everybody who has a seat among the first `members` answers.
    pub(super) async fn answer(&mut self, sums: &Sums, members: usize) -> Result<(), SumError> {
        let terms = sums.round(ROUND).await?.terms;
        let SplitQuestion { entries, beacon, split } = sums.question(ROUND).await?;
        let mut voted = Vec::new();
        for (i, member) in self.members.iter_mut().enumerate().take(members) {
            let seated = member.seat(terms.clone(), sums.key())?;
            let (v, vote) = seated.vote(member, entries.clone(), beacon, split.clone())?;
            sums.vote(ROUND, &vote).await?;
            voted.push((i, v));
        }
        let SplitVotes { votes } = sums.votes(ROUND).await?;
        for (i, voted) in voted {
            sums.disclose(ROUND, &voted.disclose(&self.members[i], &votes)?).await?;
        }
        Ok(())
    }
}

async fn finish(sums: &Sums) -> bool {
    let mut write = sums.store.write(Isolation::Swap).await.unwrap();
    let ours = sums.finish(&mut write, Millis(500), ROUND).await.unwrap();
    write.commit().await.unwrap();
    ours
}

async fn from_enlisting_to_the_sum(db: Db) {
    let sums = sums(db.store().await);
    let mut world = World::new(&sums, 4, 6).await;
    for device in &world.devices {
        assert_eq!(sums.join(ROUND, &device.join).await.unwrap(), Taken::New);
    }
    assert_eq!(sums.tick(Millis(2), &RULES).await.unwrap(), Some(Phase::Reporting), "the cohort is full");
    for device in &world.devices[1..] {
        let view = sums.view(ROUND, device.join.identity).await.unwrap();
        assert_eq!(sums.report(ROUND, &device.report(&view)).await.unwrap(), Taken::New);
    }
    assert_eq!(sums.tick(Millis(50), &RULES).await.unwrap(), None, "one may still come");
    assert_eq!(sums.tick(Millis(102), &RULES).await.unwrap(), Some(Phase::Opening));
    assert_eq!(sums.fate(ROUND, world.devices[0].join.identity).await.unwrap(), Fate::Missed);
    assert_eq!(sums.fate(ROUND, world.devices[1].join.identity).await.unwrap(), Fate::Waiting);
    assert_eq!(sums.opened(ROUND).await.unwrap(), None);
    world.answer(&sums, 4).await.unwrap();
    let opened = sums.opened(ROUND).await.unwrap().unwrap();
    assert_eq!((opened.sum, opened.devices, opened.least), (world.plain(|i| i > 0), 5, 2));
    assert!(finish(&sums).await);
    assert!(!finish(&sums).await, "it ends once");
    assert_eq!(sums.fate(ROUND, world.devices[1].join.identity).await.unwrap(), Fate::Included);
    assert_eq!(sums.fate(ROUND, world.devices[0].join.identity).await.unwrap(), Fate::Missed);
}

async fn every_message_twice_and_to_two_servers(db: Db) {
    let (a, b) = (sums(db.store().await), sums(db.store().await));
    let mut world = World::new(&a, 3, 4).await;
    assert!(!b.open(Millis(1), &RULES, terms(), Digest::of(b"other")).await.unwrap(), "it is open");
    for device in &world.devices {
        assert_eq!(a.join(ROUND, &device.join).await.unwrap(), Taken::New);
        assert_eq!(b.join(ROUND, &device.join).await.unwrap(), Taken::Again);
    }
    assert_eq!(b.tick(Millis(101), &RULES).await.unwrap(), Some(Phase::Reporting));
    assert_eq!(a.tick(Millis(101), &RULES).await.unwrap(), None);
    for device in &world.devices {
        assert_eq!(b.join(ROUND, &device.join).await.unwrap(), Taken::Again, "also when the roster is closed");
        let view = a.view(ROUND, device.join.identity).await.unwrap();
        assert_eq!(view, b.view(ROUND, device.join.identity).await.unwrap(), "both close the same roster");
        let report = device.report(&view);
        assert_eq!(a.report(ROUND, &report).await.unwrap(), Taken::New);
        assert_eq!(b.report(ROUND, &report).await.unwrap(), Taken::Again);
    }
    assert_eq!(a.tick(Millis(102), &RULES).await.unwrap(), Some(Phase::Opening), "all have reported");
    world.answer(&a, 3).await.unwrap();
    world.answer(&b, 3).await.unwrap();
    let (of_a, of_b) = (a.opened(ROUND).await.unwrap(), b.opened(ROUND).await.unwrap());
    assert_eq!(of_a, of_b, "any coordinator comes to the same sum");
    assert_eq!(of_a.unwrap().sum, world.plain(|_| true));
}

/// One life after the other ends at its n-th point; each time the next goes on from what is in the store.
async fn a_fault_at_any_point_loses_no_report_and_counts_none_twice(db: Db) {
    let whole = sums(db.store().await);
    let mut world = World::new(&whole, 3, 3).await;
    let points = Arc::new(AtomicUsize::new(0));
    let mut lives = 0;
    loop {
        lives += 1;
        // Each life is a little longer than the one before: an early one does not get past its first message.
        let left = Arc::new(AtomicUsize::new(lives));
        let points = Arc::clone(&points);
        let hook = Fault::new(move |at| {
            points.fetch_add(1, Ordering::Relaxed);
            match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                Ok(n) if n > 1 => Ok(()),
                _ => Err(StoreError::Injected { at }),
            }
        });
        let mortal = sums(db.store().await.with_fault(hook));
        match live(&mortal, &mut world).await {
            Ok(()) => break,
            Err(SumError::Store(StoreError::Injected { .. })) => assert!(lives < 400, "it comes to no end"),
            Err(error) => panic!("life {lives}: {error}"),
        }
    }
    let sum = whole.round(ROUND).await.unwrap();
    assert_eq!((sum.phase, sum.joined, sum.reported), (Phase::Opening, 3, 3));
    assert_eq!(whole.opened(ROUND).await.unwrap().unwrap().sum, world.plain(|_| true));
    assert!(lives > 5 && points.load(Ordering::Relaxed) > 30, "{lives} lives");
}

/// What is still to be done of a round, done once more from its beginning.
async fn live(sums: &Sums, world: &mut World) -> Result<(), SumError> {
    for device in &world.devices {
        sums.join(ROUND, &device.join).await?;
    }
    sums.tick(Millis(101), &RULES).await?;
    if sums.round(ROUND).await?.phase == Phase::Reporting {
        for device in &world.devices {
            let view = sums.view(ROUND, device.join.identity).await?;
            sums.report(ROUND, &device.report(&view)).await?;
        }
        sums.tick(Millis(102), &RULES).await?;
    }
    world.answer(sums, 3).await
}

async fn what_is_acknowledged_while_the_roster_and_the_split_close_is_in_them(db: Db) {
    let (a, b) = (sums(db.store().await), sums(db.store().await));
    let mut world = World::new(&a, 3, 12).await;
    let wide = Rules { cohort: 100, ..RULES };
    for device in &world.devices[..3] {
        a.join(ROUND, &device.join).await.unwrap(); // enough that the deadline closes the roster
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (i, device) in world.devices.iter().enumerate() {
        let (sums, join) = (if i % 2 == 0 { a.clone() } else { b.clone() }, device.join.clone());
        tasks.spawn(async move { (i, sums.join(ROUND, &join).await.is_ok()) });
    }
    // The deadline falls in between.
    while a.tick(Millis(101), &wide).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let joined: Vec<usize> = tasks.join_all().await.into_iter().filter(|(_, ok)| *ok).map(|(i, _)| i).collect();
    assert_eq!(a.round(ROUND).await.unwrap().joined as usize, joined.len());
    let mut reports = Vec::new();
    for &i in &joined {
        let view = a.view(ROUND, world.devices[i].join.identity).await.unwrap();
        reports.push((i, world.devices[i].report(&view)));
    }
    for (_, report) in &reports[..2] {
        a.report(ROUND, report).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (i, report) in reports {
        let sums = if i % 2 == 0 { b.clone() } else { a.clone() };
        tasks.spawn(async move { (i, sums.report(ROUND, &report).await.is_ok()) });
    }
    while b.tick(Millis(500), &wide).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let reported: Vec<usize> = tasks.join_all().await.into_iter().filter(|(_, ok)| *ok).map(|(i, _)| i).collect();
    world.answer(&a, 3).await.unwrap();
    let opened = b.opened(ROUND).await.unwrap().unwrap();
    assert_eq!(opened.devices as usize, reported.len());
    assert_eq!(opened.sum, world.plain(|i| reported.contains(&i)));
}

async fn too_few_members_and_nothing_is_disclosed(db: Db) {
    let sums = sums(db.store().await);
    let mut world = World::new(&sums, 4, 3).await;
    for device in &world.devices {
        sums.join(ROUND, &device.join).await.unwrap();
    }
    sums.tick(Millis(101), &RULES).await.unwrap();
    for device in &world.devices {
        let view = sums.view(ROUND, device.join.identity).await.unwrap();
        sums.report(ROUND, &device.report(&view)).await.unwrap();
    }
    sums.tick(Millis(102), &RULES).await.unwrap();
    // Four members, three to open; two answer.
    let error = world.answer(&sums, 2).await.unwrap_err();
    assert!(matches!(error, SumError::Refused(Error::TooFew { got: 2, least: 3, .. })), "{error}");
    assert_eq!(sums.opened(ROUND).await.unwrap(), None);
    assert_eq!(sums.tick(Millis(202), &RULES).await.unwrap(), Some(Phase::Abandoned));
    for device in &world.devices {
        assert_eq!(sums.fate(ROUND, device.join.identity).await.unwrap(), Fate::Missed, "it may try again");
    }
    let kept = sums.store.read().await.unwrap().rows("SELECT body FROM reports", &[]).await.unwrap();
    assert!(kept.is_empty(), "nothing of what was sent is kept");
}

async fn what_does_not_fit_is_refused_and_leaves_nothing(db: Db) {
    let sums = sums(db.store().await);
    let early = sums.open(Millis(0), &RULES, terms(), Digest::default()).await;
    assert!(matches!(early, Err(SumError::NoCommittee { got: 0, least: 3 })), "{early:?}");
    let mut world = World::new(&sums, 3, 2).await;
    let nowhere = sums.join(RoundId(99), &world.devices[0].join).await;
    assert!(matches!(nowhere, Err(SumError::NoSuchRound { round: RoundId(99) })), "{nowhere:?}");
    let mut forged = world.devices[0].join.clone();
    forged.mask_key.0[0] ^= 1;
    assert!(matches!(sums.join(ROUND, &forged).await, Err(SumError::Refused(Error::Signature { .. }))));
    assert_eq!(sums.round(ROUND).await.unwrap().joined, 0);
    for device in &world.devices {
        sums.join(ROUND, &device.join).await.unwrap();
    }
    assert!(matches!(sums.view(ROUND, sums.key()).await, Err(SumError::OtherPhase { got: Phase::Joining, .. })));
    assert!(matches!(sums.question(ROUND).await, Err(SumError::OtherPhase { .. })));
    sums.tick(Millis(101), &RULES).await.unwrap();
    world.device(&sums).await;
    let late = sums.join(ROUND, &world.devices[2].join).await;
    assert!(
        matches!(late, Err(SumError::OtherPhase { got: Phase::Reporting, expected: Phase::Joining, .. })),
        "{late:?}"
    );
    let stranger = sums.view(ROUND, world.devices[2].join.identity).await;
    assert!(matches!(stranger, Err(SumError::Refused(Error::Stranger { .. }))), "{stranger:?}");
    let device = &world.devices[0];
    let view = sums.view(ROUND, device.join.identity).await.unwrap();
    sums.report(ROUND, &device.report(&view)).await.unwrap();
    // The same device, another vector: a second report under the same name.
    let other = Device { joined: device.joined.clone(), join: device.join.clone(), values: vec![1; D] };
    let twice = sums.report(ROUND, &other.report(&view)).await;
    assert!(matches!(twice, Err(SumError::Differs { .. })), "{twice:?}");
    assert_eq!(sums.round(ROUND).await.unwrap().reported, 1);
}
