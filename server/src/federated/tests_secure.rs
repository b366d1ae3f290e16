//! Secure rounds from the first enlisted device to published weights, over both databases: what devices mask, the server's step must be that of
//! the plain sum, to the bit, whoever dies in between.

use super::secure::SumError;
use super::tests::{config, initial};
use super::*;
use crate::store::testing::{Db, on_both};
use crate::store::{Fault, Store, StoreError};
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::{Fate, NoiseTerms, SecureOffer, SplitVotes, Stage, verify, weights_hash};
use sottovoce::secagg::{Error, Join, Joined, Joining, Member, Odds, Policy, Report};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const P: usize = 6;

on_both!(
    from_nobody_enlisted_to_weights_of_the_sum,
    a_fault_at_any_point_ends_in_the_same_weights,
    three_coordinators_in_each_others_way_publish_what_one_would,
    who_stays_away_costs_a_round_and_no_weights,
    kinds_of_rounds_do_not_mix,
    a_sum_that_clipped_updates_cannot_come_to_is_dropped,
);

pub(super) fn secure(multiplier: f64) -> CoordinatorConfig {
    let noise = NoiseTerms { multiplier, steps: 1 << 10 };
    let secure = SecureConfig { noise, reporting_ms: 1000, opening_ms: 1000, ..SecureConfig::default() };
    CoordinatorConfig { secure: Some(secure), lease_ms: 100, ..config(4, 3) }
}

async fn open(store: Store, config: CoordinatorConfig) -> Coordinator {
    Coordinator::open(store, config, initial()).await.unwrap()
}

/// Devices and members as they go from round to round. What a device has made it sends again, never another.
pub(super) struct World {
    rng: ChaCha20Rng,
    members: Vec<Member>,
    joined: BTreeMap<(RoundId, u8), (Joined, Join)>,
    noised: BTreeMap<(RoundId, u8), Noised>,
    reports: BTreeMap<(RoundId, u8), Report>,
    /// Sends eight times what it may.
    liar: Option<u8>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([9; 32]);
        let members = (0..3).map(|_| Member::new(&mut rng)).collect();
        Self { rng, members, joined: BTreeMap::new(), noised: BTreeMap::new(), reports: BTreeMap::new(), liar: None }
    }

    pub(super) async fn enlist(&self, c: &Coordinator, now: u64) -> Result<(), SumError> {
        for member in &self.members {
            c.sums().enlist(Millis(now), &member.enlist(RoundId(1000))).await?;
        }
        Ok(())
    }

    /// What device `i` has to give: another vector for each round.
    fn vector(&mut self, offer: &SecureOffer, i: u8) -> Noised {
        let round = offer.terms.terms.round;
        let noised = self.noised.entry((round, i)).or_insert_with(|| {
            // A liar keeps to a plan of its own.
            let honest = offer.noise_plan().unwrap();
            let clip = if self.liar == Some(i) { 8.0 } else { offer.plan.clip_norm };
            let least = offer.terms.terms.least;
            let plan =
                NoisePlan::new(honest.noise_multiplier(), clip, least, honest.grid(), honest.dimension()).unwrap();
            let pending = Account::new(Budget::new(f64::INFINITY, 1e-6).unwrap()).charge(plan).unwrap();
            let stored = pending.bytes().to_vec();
            let charged = pending.recorded(&stored).unwrap();
            let of = |p: usize| 0.01 * f32::from(i + 1) - 0.003 * (p % 7) as f32 + 0.02 * round.0 as f32;
            let length = offer.terms.terms.dimension as usize;
            let mut key = [i; 32];
            key[..8].copy_from_slice(&round.0.to_le_bytes());
            let mut noise = Noise::new(NoiseKey::new(key));
            let gradient =
                Gradient::new((0..length).map(of).map(|x| if clip > 1.0 { 1e3 * x } else { x }).collect()).clip(clip);
            gradient.quantized(clip, plan.grid(), &mut noise).noised(charged, &mut noise).unwrap()
        });
        noised.clone()
    }

    pub(super) async fn join(&mut self, c: &Coordinator, offer: &SecureOffer, i: u8) -> Result<(), SumError> {
        let round = offer.terms.terms.round;
        if !self.joined.contains_key(&(round, i)) {
            let model =
                SecureOffer::model(weights_hash(&c.weights().await.unwrap()), &offer.plan, &offer.noise, &offer.blocks);
            let odds = Odds::default();
            let policy = Policy { server: c.sums().key(), least: 3, seats: 3, odds, last_round: None, seen: None };
            let joined = Joining::new(offer.terms.clone(), policy, model).unwrap().join(&mut self.rng).unwrap();
            self.joined.insert((round, i), joined);
        }
        c.sums().join(round, &self.joined[&(round, i)].1).await.map(|_| ())
    }

    async fn report(&mut self, c: &Coordinator, offer: &SecureOffer, i: u8) -> Result<(), SumError> {
        let round = offer.terms.terms.round;
        let joined = self.joined[&(round, i)].0.clone();
        if !self.reports.contains_key(&(round, i)) {
            let view = c.sums().view(round, joined.identity()).await?;
            let neighbourhood = joined.check(&view).unwrap();
            let report = joined.mask(&neighbourhood, self.vector(offer, i)).unwrap().finish();
            self.reports.insert((round, i), report);
        }
        c.sums().report(round, &self.reports[&(round, i)]).await.map(|_| ())
    }

    async fn answer(&mut self, c: &Coordinator, round: RoundId) -> Result<(), SumError> {
        let (terms, question) = (c.sums().round(round).await?.terms, c.sums().question(round).await?);
        let mut voted = Vec::new();
        for member in &mut self.members {
            let seated = member.seat(terms.clone(), c.sums().key()).unwrap();
            let (v, vote) =
                seated.vote(member, question.entries.clone(), question.beacon, question.split.clone()).unwrap();
            c.sums().vote(round, &vote).await?;
            voted.push(v);
        }
        let SplitVotes { votes } = c.sums().votes(round).await?;
        for (member, voted) in self.members.iter().zip(voted) {
            c.sums().disclose(round, &voted.disclose(member, &votes).unwrap()).await?;
        }
        Ok(())
    }

    /// All that is still to be done of the round under way, for these devices; true once it has become weights.
    pub(super) async fn go_on(&mut self, c: &Coordinator, now: u64, devices: &[u8]) -> Result<bool, RoundError> {
        self.enlist(c, now).await?;
        let Some(offer) = c.secure_offer(Millis(now)).await? else { return Ok(false) };
        let round = offer.terms.terms.round;
        if offer.stage == Stage::Joining {
            for &i in devices {
                self.join(c, &offer, i).await?;
            }
            c.tick(Millis(now)).await?;
        }
        if c.sums().round(round).await?.phase == secure::Phase::Reporting {
            for &i in devices {
                match self.report(c, &offer, i).await {
                    Err(SumError::Refused(Error::Stranger { .. })) => {} // its joining came to nothing before the roster closed
                    other => other?,
                }
            }
            c.tick(Millis(now)).await?;
        }
        if c.sums().round(round).await?.phase == secure::Phase::Opening {
            self.answer(c, round).await?;
            c.tick(Millis(now)).await?;
        }
        Ok(c.round(round).await?.state == RoundState::Closed)
    }

    /// The plain sum of what these devices gave in a round, in steps of the grid.
    pub(super) fn sum(&self, round: RoundId, devices: &[u8]) -> Vec<i32> {
        let of = |i: &u8| self.noised[&(round, *i)].clone().into_values();
        let add = |mut sum: Vec<i32>, one: Vec<i32>| {
            sum.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
            sum
        };
        devices.iter().map(of).reduce(add).unwrap()
    }

    /// The weights that plain sums of the same vectors give, round by round.
    fn expected(&self, config: &CoordinatorConfig, rounds: &[(RoundId, Vec<u8>)]) -> Vec<f32> {
        let (mut values, mut moments) = (initial().values, config.optimiser.initial(P));
        for (round, devices) in rounds {
            let unit = 1024.0 * devices.len() as f64;
            let mean: Vec<f64> = self.sum(*round, devices).iter().map(|sum| f64::from(*sum) / unit).collect();
            config.optimiser.step(&mut values, &mut moments, &mean).unwrap();
        }
        values
    }
}

async fn from_nobody_enlisted_to_weights_of_the_sum(db: Db) {
    let rules = secure(0.5);
    let c = open(db.store().await, rules.clone()).await;
    let mut world = World::new();
    assert_eq!(c.secure_offer(Millis(1)).await.unwrap(), None, "no committee, no round");
    world.enlist(&c, 2).await.unwrap();
    let offer = c.secure_offer(Millis(3)).await.unwrap().unwrap();
    assert_eq!((offer.stage, offer.cohort, offer.terms.terms.least), (Stage::Joining, 4, 3));
    assert_eq!(offer.terms.terms.seats.len(), 3);
    assert_eq!(c.offer(Millis(3)).await.unwrap(), None, "nobody is invited to send in the open");

    // Three of four join, and two of three report; then three of three.
    assert!(!world.go_on(&c, 4, &[0, 1, 2]).await.unwrap(), "a fourth may still come");
    assert_eq!(c.sums().round(RoundId(1)).await.unwrap().joined, 3);
    assert!(world.go_on(&c, 1100, &[0, 1, 2]).await.unwrap(), "the deadline has closed the roster");
    let round = c.round(RoundId(1)).await.unwrap();
    assert_eq!((round.updates, round.weights_to), (3, Some(WeightsVersion(1))));
    assert_eq!(c.weights().await.unwrap().values, world.expected(&rules, &[(RoundId(1), vec![0, 1, 2])]));

    assert!(world.go_on(&c, 1200, &[0, 1, 2, 3]).await.unwrap(), "a full cohort needs no deadline");
    let both = [(RoundId(1), vec![0, 1, 2]), (RoundId(2), vec![0, 1, 2, 3])];
    assert_eq!(c.weights().await.unwrap().values, world.expected(&rules, &both));

    // The log says what it cost, and who was there.
    let log = c.log(WeightsVersion(0), 10).await.unwrap();
    verify(&log, None, &c.log_key()).unwrap();
    let mut account = Account::new(Budget::new(f64::INFINITY, 1e-6).unwrap());
    for (version, logged) in log.iter().enumerate() {
        let record = logged.record;
        assert_eq!(record.epsilon.to_bits(), account.spent().epsilon.to_bits(), "version {version}");
        assert_eq!(record.roster == [0; 32], version == 0);
        let _ = account.charge(offer.noise_plan().unwrap()).unwrap();
    }
    assert!(log[2].record.epsilon > log[1].record.epsilon && log[2].record.epsilon.is_finite());
    let kept = c.store.read().await.unwrap().rows("SELECT body FROM reports", &[]).await.unwrap();
    assert!(kept.is_empty(), "no report outlives its round");
    let identity = world.joined[&(RoundId(2), 3)].0.identity();
    assert_eq!(c.sums().fate(RoundId(2), identity).await.unwrap(), Fate::Included);
}

/// One life after the other ends at its n-th point, until there are two versions; each time the next goes on from what is in the store. Gives who
/// was in the sum of each round that closed.
pub(super) async fn lives<F: Future<Output = Result<Coordinator, RoundError>>>(
    db: &Db,
    world: &mut World,
    whole: &Coordinator,
    open: impl Fn(Store) -> F,
) -> Vec<(RoundId, Vec<u8>)> {
    let mut lives = 0;
    while whole.weights_version().await.unwrap() < WeightsVersion(2) {
        lives += 1;
        assert!(lives < 400, "it comes to no end");
        // Each life is a little longer than the one before: an early one does not get past its first message.
        let left = Arc::new(AtomicUsize::new(lives));
        let hook =
            Fault::new(move |at| match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                Ok(n) if n > 1 => Ok(()),
                _ => Err(StoreError::Injected { at }),
            });
        let now = lives as u64 * 150; // the last one's lease has expired
        let outcome = match open(db.store().await.with_fault(hook)).await {
            Ok(mortal) => world.go_on(&mortal, now, &[0, 1, 2, 3]).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {}
            Err(
                RoundError::State(StoreError::Injected { .. })
                | RoundError::Sum(SumError::Store(StoreError::Injected { .. })),
            ) => {}
            // The clock of this world leaps: a deadline may pass between two lives.
            Err(RoundError::Sum(SumError::OtherPhase { .. })) => {}
            Err(error) => panic!("life {lives}: {error}"),
        }
    }
    assert!(lives > 10, "{lives} lives");
    // The clock goes on between two lives, so a deadline may leave a device out: who was in a sum is what the sum says.
    let closed = whole.rounds(400).await.unwrap().into_iter().rev().filter(|round| round.weights_to.is_some());
    let mut included: Vec<(RoundId, Vec<u8>)> = Vec::new();
    for round in closed.map(|round| round.id) {
        let mut of = Vec::new();
        for i in 0..4 {
            let Some((joined, _)) = world.joined.get(&(round, i)) else { continue };
            if whole.sums().fate(round, joined.identity()).await.is_ok_and(|fate| fate == Fate::Included) {
                of.push(i);
            }
        }
        assert!(of.len() >= 3, "{round}: {of:?}");
        included.push((round, of));
    }
    assert_eq!(included.len(), 2);
    included
}

async fn a_fault_at_any_point_ends_in_the_same_weights(db: Db) {
    let rules = secure(0.0);
    let whole = open(db.store().await, rules.clone()).await;
    let mut world = World::new();
    let included = lives(&db, &mut world, &whole, |store| Coordinator::open(store, rules.clone(), initial())).await;
    assert_eq!(whole.weights().await.unwrap().values, world.expected(&rules, &included));
    verify(&whole.log(WeightsVersion(0), 10).await.unwrap(), None, &whole.log_key()).unwrap();
}

async fn three_coordinators_in_each_others_way_publish_what_one_would(db: Db) {
    let rules = secure(0.0);
    let mut three = Vec::new();
    for _ in 0..3 {
        three.push(open(db.store().await, rules.clone()).await);
    }
    let mut world = World::new();
    for round in 1..=4u64 {
        // Each step through another coordinator, while all tick at once.
        let mut done = false;
        for c in three.iter().cycle().take(9) {
            let mut ticks = tokio::task::JoinSet::new();
            for other in &three {
                let other = other.clone();
                ticks.spawn(async move { other.tick(Millis(round)).await.map(|_| ()) });
            }
            done = world.go_on(c, round, &[0, 1, 2, 3]).await.unwrap() || c.weights_version().await.unwrap().0 == round;
            ticks.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
            if done || c.weights_version().await.unwrap().0 == round {
                done = true;
                break;
            }
        }
        assert!(done, "round {round}");
    }
    let all: Vec<(RoundId, Vec<u8>)> = (1..=4).map(|round| (RoundId(round), vec![0, 1, 2, 3])).collect();
    assert_eq!(three[0].weights().await.unwrap().values, world.expected(&rules, &all));
    assert_eq!(three[2].rounds(10).await.unwrap().len(), 5);
}

async fn who_stays_away_costs_a_round_and_no_weights(db: Db) {
    let c = open(db.store().await, secure(0.0)).await;
    let mut world = World::new();
    world.enlist(&c, 1).await.unwrap();
    let offer = c.secure_offer(Millis(1)).await.unwrap().unwrap();
    for i in 0..4 {
        world.join(&c, &offer, i).await.unwrap();
    }
    c.tick(Millis(2)).await.unwrap();
    for i in 0..2 {
        world.report(&c, &offer, i).await.unwrap(); // one too few
    }
    assert_eq!(c.tick(Millis(1002)).await.unwrap(), Some(Transition::Abandoned(RoundId(1))));
    let identity = world.joined[&(RoundId(1), 0)].0.identity();
    assert_eq!(c.sums().fate(RoundId(1), identity).await.unwrap(), Fate::Missed);
    assert_eq!(c.weights_version().await.unwrap(), WeightsVersion(0));
    // Everybody comes back, and nobody opens: the next one goes the same way, with nothing disclosed.
    world.enlist(&c, 1003).await.unwrap();
    let offer = c.secure_offer(Millis(1003)).await.unwrap().unwrap();
    assert_eq!(offer.terms.terms.round, RoundId(2));
    for i in 0..4 {
        world.join(&c, &offer, i).await.unwrap();
    }
    c.tick(Millis(1004)).await.unwrap();
    for i in 0..4 {
        world.report(&c, &offer, i).await.unwrap();
    }
    c.tick(Millis(1005)).await.unwrap();
    assert_eq!(c.secure_offer(Millis(1006)).await.unwrap().unwrap().stage, Stage::Opening);
    assert_eq!(c.tick(Millis(2006)).await.unwrap(), Some(Transition::Abandoned(RoundId(2))));
    assert_eq!(c.weights_version().await.unwrap(), WeightsVersion(0));
    // An operator lets the third one go: the same.
    world.enlist(&c, 2007).await.unwrap();
    let offer = c.secure_offer(Millis(2007)).await.unwrap().unwrap();
    world.join(&c, &offer, 0).await.unwrap();
    assert_eq!(c.let_go(Millis(2008), RoundId(3)).await.unwrap().state, RoundState::Abandoned);
    let late = world.join(&c, &offer, 1).await;
    assert!(matches!(late, Err(SumError::OtherPhase { .. })), "{late:?}");
}

async fn kinds_of_rounds_do_not_mix(db: Db) {
    let c = open(db.store().await, secure(0.0)).await;
    let mut world = World::new();
    world.enlist(&c, 1).await.unwrap();
    c.secure_offer(Millis(1)).await.unwrap().unwrap();
    let open_update = super::tests::update(1, 0, 1);
    let refused = c.accept(Millis(2), RoundId(1), super::tests::key(1), &open_update).await;
    assert!(matches!(refused, Err(RoundError::Secure { round: RoundId(1) })), "{refused:?}");
    // A coordinator that would open rounds in the open finishes this one as it is.
    let other = open(db.store().await, config(4, 3)).await;
    assert_eq!(other.offer(Millis(2)).await.unwrap(), None);
    assert!(world.go_on(&other, 3, &[0, 1, 2, 3]).await.unwrap());
    assert_eq!(other.offer(Millis(4)).await.unwrap().unwrap().round, RoundId(2), "and opens its own kind next");

    let bad = CoordinatorConfig { minimum: 1, ..secure(0.0) };
    let refused = Coordinator::open(db.store().await, bad, initial()).await.unwrap_err();
    assert_eq!(refused.to_string(), "minimum is 1, expected at least 2: the sum of one device is its update");
    let mut bad = secure(0.0);
    bad.secure.as_mut().unwrap().noise = NoiseTerms { multiplier: 100.0, steps: 1 << 20 };
    bad.plan.clip_norm = 16.0;
    assert!(Coordinator::open(db.store().await, bad, initial()).await.is_err(), "no ring is so wide");
}

/// The ring bounds each number, and eight clip norms fit into it; of a vector's length it says nothing.
async fn a_sum_that_clipped_updates_cannot_come_to_is_dropped(db: Db) {
    let c = open(db.store().await, secure(0.0)).await;
    let mut world = World { liar: Some(2), ..World::new() };
    world.enlist(&c, 1).await.unwrap();
    assert!(!world.go_on(&c, 2, &[0, 1, 2, 3]).await.unwrap());
    let round = c.round(RoundId(1)).await.unwrap();
    assert_eq!((round.state, c.weights_version().await.unwrap()), (RoundState::Abandoned, WeightsVersion(0)));
    let identity = world.joined[&(RoundId(1), 0)].0.identity();
    assert_eq!(c.sums().fate(RoundId(1), identity).await.unwrap(), Fate::Missed);
    // Without it the next one is like any other.
    world.liar = None;
    assert!(world.go_on(&c, 3, &[0, 1, 2, 3]).await.unwrap());
    assert_eq!(c.weights_version().await.unwrap(), WeightsVersion(1));
}
