//! The server of the tests' world, in memory and made of `secagg` alone.

use super::world::{block, weights};
use crate::ids::{Millis, RoundId};
use crate::protocol::{
    Fate, LocalPlan, NoiseTerms, Outcome, SecureOffer, SplitQuestion, SplitVotes, Stage, TowerWeights, decode, encode,
    weights_hash,
};
use crate::secagg::*;
use std::collections::BTreeMap;

const BEACON: Digest = Digest([8; 32]);

/// A round at the server.
pub(super) struct Live {
    pub(super) offer: SecureOffer,
    pub(super) joins: BTreeMap<PublicKey, Join>,
    pub(super) roster: Option<Roster>,
    pub(super) reports: BTreeMap<PublicKey, Report>,
    split: Option<Split>,
    votes: BTreeMap<u32, Vote>,
    disclosures: BTreeMap<u32, Disclosure>,
    pub(super) sum: Option<Vec<i32>>,
    over: bool,
}

/// From a path and the honest answer to another one.
pub(super) type Forge = Box<dyn FnMut(&str, u16, Vec<u8>) -> (u16, Vec<u8>)>;

/// The server; `forge` may change what it answers.
pub(super) struct Server {
    pub(super) identity: Identity,
    pub(super) weights: TowerWeights,
    blocks: Vec<Vec<u8>>,
    pub(super) members: BTreeMap<PublicKey, Enlistment>,
    pub(super) rounds: BTreeMap<RoundId, Live>,
    pub(super) noise: f64,
    /// Everything that was put, in order.
    pub(super) wire: Vec<(String, Vec<u8>)>,
    pub(super) asked: usize,
    pub(super) forge: Option<Forge>,
}

impl Server {
    pub(super) fn new(vertical: bool) -> Self {
        Self {
            identity: Identity::from_seed([2; 32]),
            weights: weights(1),
            blocks: if vertical { vec![encode(&block(1))] } else { Vec::new() },
            members: BTreeMap::new(),
            rounds: BTreeMap::new(),
            noise: 1.0,
            wire: Vec::new(),
            asked: 0,
            forge: None,
        }
    }

    pub(super) fn live(&mut self) -> Option<&mut Live> {
        self.rounds.values_mut().next_back()
    }

    /// Opens a round with all enlisted members on its committee.
    pub(super) fn open(&mut self, round: u64, cohort: u32, edit: impl FnOnce(&mut Terms)) {
        let plan = LocalPlan {
            epochs: 2,
            batch: 4,
            learning_rate: 0.1,
            negatives: 4,
            max_examples: 16,
            clip_norm: 0.5,
            proximal: 0.0,
        };
        let noise = NoiseTerms { multiplier: self.noise, steps: 1 << 10 };
        let blocks: Vec<Digest> = self.blocks.iter().map(|bytes| Digest::of(bytes)).collect();
        let numbers = self.weights.values.len() + self.blocks.len() * block(1).rows.len();
        let mut terms = Terms {
            round: RoundId(round),
            weights: self.weights.version,
            model: SecureOffer::model(weights_hash(&self.weights), &plan, &noise, &blocks),
            record: Digest([1; 32]),
            dimension: u32::try_from(numbers).unwrap(),
            ring: Ring::new(24).unwrap(),
            prg: Prg::Aes128Ctr,
            least: 2,
            degree: 4,
            threshold: Committee::of(self.members.len()).threshold,
            seats: self.members.values().copied().collect(),
        };
        edit(&mut terms);
        let terms = terms.sign(&self.identity).unwrap();
        let offer = SecureOffer { stage: Stage::Joining, closes_at: Millis(0), cohort, plan, noise, blocks, terms };
        let live = Live {
            offer,
            joins: BTreeMap::new(),
            roster: None,
            reports: BTreeMap::new(),
            split: None,
            votes: BTreeMap::new(),
            disclosures: BTreeMap::new(),
            sum: None,
            over: false,
        };
        self.rounds.insert(RoundId(round), live);
    }

    pub(super) fn close_joins(&mut self) {
        let live = self.live().unwrap();
        let entries = live.joins.values().map(Join::entry).collect();
        live.roster = Some(Roster::close(&live.offer.terms, entries, BEACON).unwrap());
        live.offer.stage = Stage::Reporting;
    }

    pub(super) fn close_reports(&mut self) {
        let live = self.live().unwrap();
        let roster = live.roster.as_ref().unwrap();
        let who: Vec<bool> = roster.entries().iter().map(|e| live.reports.contains_key(&e.identity)).collect();
        live.split = Some(roster.split(&live.offer.terms, &who).unwrap());
        live.offer.stage = Stage::Opening;
    }

    /// Opens the sum, if enough members have disclosed.
    pub(super) fn finish(&mut self) -> bool {
        let live = self.live().unwrap();
        let terms = &live.offer.terms;
        let (Some(split), Some(roster)) = (&live.split, &live.roster) else { return false };
        if live.disclosures.len() < terms.terms.threshold as usize {
            return false;
        }
        let votes: Vec<Vote> = live.votes.values().copied().collect();
        let mut unmasking = Unmasking::new(terms, roster, split, &votes).unwrap();
        for disclosure in live.disclosures.values() {
            let joins = roster.entries().iter().map(|entry| &live.joins[&entry.identity]);
            assert_eq!(unmasking.disclose(disclosure, joins).unwrap(), 0);
        }
        let mut sum = vec![0; terms.terms.dimension as usize];
        for report in live.reports.values() {
            roster.accept(terms, report).unwrap();
            terms.terms.ring.add_packed(&report.body, &mut sum).unwrap();
        }
        unmasking.jobs().unwrap().iter().for_each(|job| job.apply(terms.terms.ring, &mut sum).unwrap());
        live.sum = Some(terms.terms.ring.centred(&sum));
        live.over = true;
        true
    }

    pub(super) fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        self.asked += 1;
        let (status, body) = self.look(path);
        match &mut self.forge {
            Some(forge) => forge(path, status, body),
            None => (status, body),
        }
    }

    fn look(&self, path: &str) -> (u16, Vec<u8>) {
        let parts: Vec<&str> = path.split('/').collect();
        if path == "v1/tower/weights" {
            return (200, encode(&self.weights));
        }
        if path == "v1/rounds/next" {
            let live = self.rounds.values().next_back().filter(|live| !live.over);
            return live.map_or((204, Vec::new()), |live| (200, encode(&live.offer)));
        }
        let round = RoundId(parts[2].parse().unwrap());
        let Some(live) = self.rounds.get(&round) else { return (404, Vec::new()) };
        let identity = || *live.joins.keys().find(|key| super::errand::hex(**key) == parts[4]).unwrap();
        match parts[3] {
            "blocks" => (200, self.blocks[parts[4].parse::<usize>().unwrap()].clone()),
            "rosters" => match &live.roster {
                None => (204, Vec::new()),
                Some(roster) => match roster.index_of(identity()) {
                    Some(index) if live.split.is_none() => (200, encode(&roster.view(index, &self.identity).unwrap())),
                    _ => (409, Vec::new()),
                },
            },
            "outcomes" => {
                let reported = live.reports.contains_key(&identity());
                let fate = match (live.over, reported) {
                    (false, _) => Fate::Waiting,
                    (true, true) => Fate::Included,
                    (true, false) => Fate::Missed,
                };
                (200, encode(&Outcome { round, fate }))
            }
            "split" | "votes" if live.over => (409, Vec::new()),
            "split" => live.split.as_ref().map_or((204, Vec::new()), |split| {
                let entries = live.roster.as_ref().unwrap().entries().to_vec();
                (200, encode(&SplitQuestion { entries, beacon: BEACON, split: split.clone() }))
            }),
            "votes" if live.votes.len() < live.offer.terms.terms.threshold as usize => (204, Vec::new()),
            "votes" => (200, encode(&SplitVotes { votes: live.votes.values().copied().collect() })),
            _ => (404, Vec::new()),
        }
    }

    pub(super) fn put(&mut self, path: &str, body: &[u8]) -> u16 {
        self.wire.push((path.to_owned(), body.to_vec()));
        let parts: Vec<&str> = path.split('/').collect();
        if parts[1] == "members" {
            let enlistment: Enlistment = decode(body).unwrap();
            enlistment.verify(RoundId(0)).unwrap();
            return if self.members.insert(enlistment.identity, enlistment).is_some() { 200 } else { 201 };
        }
        let Some(live) = self.rounds.get_mut(&RoundId(parts[2].parse().unwrap())) else { return 404 };
        match parts[3] {
            "joins" => {
                let join: Join = decode(body).unwrap();
                live.offer.terms.admit(&join).unwrap();
                match live.joins.get(&join.identity) {
                    Some(known) if *known == join => 200,
                    Some(_) => 422,
                    None if live.roster.is_some() => 409,
                    None => {
                        live.joins.insert(join.identity, join);
                        201
                    }
                }
            }
            "reports" => {
                let report: Report = decode(body).unwrap();
                match live.reports.get(&report.identity) {
                    Some(known) if *known == report => 200,
                    Some(_) => panic!("two different reports of one device"),
                    None if live.split.is_some() => 409,
                    None => {
                        live.roster.as_ref().unwrap().accept(&live.offer.terms, &report).unwrap();
                        live.reports.insert(report.identity, report);
                        201
                    }
                }
            }
            "votes" => {
                let vote: Vote = decode(body).unwrap();
                live.split.as_ref().unwrap().verify(&live.offer.terms, &vote).unwrap();
                assert!(live.votes.insert(vote.seat, vote).is_none_or(|before| before == vote));
                201
            }
            "disclosures" if live.over => 409,
            "disclosures" => {
                let disclosure: Disclosure = decode(body).unwrap();
                disclosure.check(&live.offer.terms, live.split.as_ref().unwrap()).unwrap();
                live.disclosures.insert(disclosure.seat, disclosure);
                201
            }
            _ => 404,
        }
    }
}
