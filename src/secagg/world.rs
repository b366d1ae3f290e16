//! A cohort for tests: a server, members, devices with known vectors, each of which can fall silent at any message boundary.

use super::*;
use crate::ids::{RoundId, WeightsVersion};
use crate::privacy::accountant::{Account, Budget};
use crate::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// How far a device gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Absent,
    Joins,
    Reports,
}

/// How far a member gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Silent,
    Votes,
    Discloses,
}

pub(super) struct World {
    pub(super) server: Identity,
    pub(super) terms: SignedTerms,
    pub(super) policy: Policy,
    pub(super) members: Vec<Member>,
    pub(super) rng: ChaCha20Rng,
    pub(super) devices: Vec<(Joined, Join)>,
    pub(super) values: Vec<Vec<i32>>,
}

pub(super) const MODEL: Digest = Digest([7; 32]);
pub(super) const BEACON: Digest = Digest([8; 32]);

/// A round that has reached its split.
pub(super) struct Reported {
    pub(super) roster: Roster,
    pub(super) joins: Vec<Join>,
    pub(super) split: Result<Split, Error>,
    pub(super) sum: Vec<u32>,
    pub(super) who: Vec<bool>,
}

impl World {
    pub(super) fn new(devices: usize, committee: usize, d: u32, seed: u64) -> Self {
        Self::with(devices, committee, seed, |terms| terms.dimension = d)
    }

    pub(super) fn with(devices: usize, committee: usize, seed: u64, edit: impl FnOnce(&mut Terms)) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let server = Identity::random(&mut rng);
        let members: Vec<Member> = (0..committee).map(|_| Member::new(&mut rng)).collect();
        let mut terms = Terms {
            round: RoundId(5),
            weights: WeightsVersion(4),
            model: MODEL,
            record: Digest([1; 32]),
            dimension: 6,
            ring: Ring::new(20).unwrap(),
            prg: Prg::Aes128Ctr,
            least: 2,
            degree: 4,
            threshold: Committee::of(committee).threshold,
            seats: members.iter().map(|member| member.enlist(RoundId(9))).collect(),
        };
        edit(&mut terms);
        let ring = terms.ring;
        let policy = Policy {
            server: server.public(),
            least: 2,
            seats: 1,
            odds: Odds { corrupt: 0.0, dropout: 0.0, ..Odds::default() },
            last_round: Some(RoundId(4)),
            seen: Some(WeightsVersion(4)),
        };
        let terms = terms.sign(&server).unwrap();
        let join = |_| Joining::new(terms.clone(), policy, MODEL).unwrap().join(&mut rng).unwrap();
        let joined: Vec<(Joined, Join)> = (0..devices).map(join).collect();
        let most = 1 << (u32::from(ring.bits()) - 1).min(15);
        let number =
            |rng: &mut ChaCha20Rng| i32::try_from(rng.next_u32() % most).unwrap() - i32::try_from(most / 2).unwrap();
        let values = (0..devices).map(|_| (0..terms.terms.dimension).map(|_| number(&mut rng)).collect()).collect();
        Self { server, terms, policy, members, rng, devices: joined, values }
    }

    /// From joining to the split.
    pub(super) fn report(&self, fates: &[Fate]) -> Result<Reported, Error> {
        let joined = || (0..self.devices.len()).filter(|i| fates[*i] != Fate::Absent);
        let entries = joined().map(|i| self.terms.admit(&self.devices[i].1)).collect::<Result<Vec<_>, _>>()?;
        let roster = Roster::close(&self.terms, entries, BEACON)?;
        let mut by_place: Vec<usize> = joined().collect();
        by_place.sort_by_key(|i| self.devices[*i].1.identity);
        let mut sum = vec![0; self.terms.terms.dimension as usize];
        let mut who = vec![false; by_place.len()];
        for &i in by_place.iter().filter(|i| fates[**i] == Fate::Reports) {
            let report = self.device_report(i, &roster)?;
            who[roster.accept(&self.terms, &report)? as usize] = true;
            self.terms.terms.ring.add_packed(&report.body, &mut sum)?;
        }
        let split = roster.split(&self.terms, &who);
        let joins = by_place.iter().map(|i| self.devices[*i].1.clone()).collect();
        Ok(Reported { roster, joins, split, sum, who })
    }

    pub(super) fn device_report(&self, i: usize, roster: &Roster) -> Result<Report, Error> {
        let device = self.devices[i].0.clone();
        let view = roster.view(roster.index_of(device.identity()).unwrap(), &self.server).unwrap();
        let neighbourhood = device.check(&view)?;
        Ok(device.mask(&neighbourhood, noised(&self.values[i]))?.finish())
    }

    /// From the split to the sum. `None` where nothing was disclosed.
    pub(super) fn open(&mut self, reported: &Reported, answers: &[Answer]) -> Result<Option<Vec<i32>>, Error> {
        let split = reported.split.clone()?;
        let mut votes = Vec::new();
        let mut voted = Vec::new();
        for (member, answer) in self.members.iter_mut().zip(answers).filter(|(_, a)| **a != Answer::Silent) {
            let seated = member.seat(self.terms.clone(), self.policy.server)?;
            let (v, vote) = seated.vote(member, reported.roster.entries().to_vec(), BEACON, split.clone())?;
            votes.push(vote);
            voted.push((member, v, *answer));
        }
        let mut disclosures = Vec::new();
        for (member, voted, _) in voted.into_iter().filter(|(_, _, a)| *a == Answer::Discloses) {
            match voted.disclose(member, &votes) {
                Ok(disclosure) => disclosures.push(disclosure),
                Err(Error::TooFew { .. }) => assert!(votes.len() < self.terms.terms.threshold as usize),
                Err(error) => return Err(error),
            }
        }
        if disclosures.is_empty() {
            return Ok(None);
        }
        self.unmask(reported, &split, &votes, &disclosures).map(Some)
    }

    pub(super) fn unmask(
        &self,
        reported: &Reported,
        split: &Split,
        votes: &[Vote],
        disclosures: &[Disclosure],
    ) -> Result<Vec<i32>, Error> {
        let ring = self.terms.terms.ring;
        let mut unmasking = Unmasking::new(&self.terms, &reported.roster, split, votes)?;
        for disclosure in disclosures {
            unmasking.disclose(disclosure, reported.joins.iter())?;
        }
        let mut sum = reported.sum.clone();
        for job in unmasking.jobs()? {
            job.apply(ring, &mut sum)?;
        }
        Ok(ring.centred(&sum))
    }

    /// The plain sum over those who reported.
    pub(super) fn plain(&self, fates: &[Fate]) -> Vec<i32> {
        let mut sum = vec![0i32; self.terms.terms.dimension as usize];
        for (values, _) in self.values.iter().zip(fates).filter(|(_, f)| **f == Fate::Reports) {
            sum.iter_mut().zip(values).for_each(|(s, v)| *s = s.wrapping_add(*v));
        }
        let wrapped: Vec<u32> = sum.iter().map(|s| s.cast_unsigned()).collect();
        self.terms.terms.ring.centred(&wrapped)
    }

    pub(super) fn draw<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.rng.next_u32() as usize % among.len()]
    }
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Noised {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1).unwrap(), values.len()).unwrap();
    let budget = Budget::new(f64::INFINITY, 1e-9).unwrap();
    let pending = Account::new(budget).charge(plan).unwrap();
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise).unwrap()
}
