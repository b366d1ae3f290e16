//! A small round with fixed seeds, as far as the answers of its committee: what hostile messages are thrown at, and good ones to begin with.

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::{SplitQuestion, SplitVotes, encode};
use sottovoce::secagg::{
    Digest, Disclosure, Error, Identity, Join, Joined, Joining, Member, Odds, Policy, Prg, Ring, Roster, SignedTerms,
    Split, Terms, Vote, Voted,
};

/// Everybody in it.
pub struct Round {
    /// The server.
    pub server: Identity,
    /// What devices insist on.
    pub policy: Policy,
    /// The hash of the model.
    pub model: Digest,
    /// The terms.
    pub terms: SignedTerms,
    /// The devices, in the roster's order.
    pub devices: Vec<(Joined, Join)>,
    /// Of all of them.
    pub roster: Roster,
    /// Two of three reported.
    pub split: Split,
    /// The committee.
    pub members: Vec<Member>,
    /// What it signed.
    pub votes: Vec<Vote>,
    /// Ready to disclose.
    pub voted: Vec<Voted>,
    /// What it disclosed.
    pub disclosures: Vec<Disclosure>,
    /// One of each message, encoded.
    pub messages: Vec<(&'static str, Vec<u8>)>,
}

/// Plays it.
///
/// # Errors
/// None, with these seeds.
pub fn round() -> Result<Round, Box<dyn std::error::Error>> {
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let server = Identity::from_seed([1; 32]);
    let mut members: Vec<Member> = (0..3).map(|_| Member::new(&mut rng)).collect();
    let model = Digest::of(b"model");
    let enlistment = members[0].enlist(RoundId(2));
    let terms = Terms {
        round: RoundId(2),
        weights: WeightsVersion(1),
        model,
        record: Digest::default(),
        dimension: 4,
        ring: Ring::new(12)?,
        prg: Prg::ChaCha20,
        least: 2,
        degree: 2,
        threshold: 3,
        seats: members.iter().map(|member| member.enlist(RoundId(2))).collect(),
    };
    let terms = terms.sign(&server)?;
    let policy =
        Policy { server: server.public(), least: 2, seats: 3, odds: Odds::default(), last_round: None, seen: None };
    let join = |_| Joining::new(terms.clone(), policy, model)?.join(&mut rng);
    let mut devices = (0..3).map(join).collect::<Result<Vec<_>, Error>>()?;
    devices.sort_by_key(|(_, join)| join.identity);
    let beacon = Digest::of(b"beacon");
    let roster = Roster::close(&terms, devices.iter().map(|(_, join)| join.entry()).collect(), beacon)?;
    let view = roster.view(0, &server).ok_or(Error::Neighbours)?;
    let report = devices[0].0.clone().mask(&devices[0].0.check(&view)?, noised(&[1; 4])?)?.finish();
    let split = roster.split(&terms, &[true, true, false])?;
    let (mut votes, mut voted) = (Vec::new(), Vec::new());
    for member in &mut members {
        let seated = member.seat(terms.clone(), server.public())?;
        let (v, vote) = seated.vote(member, roster.entries().to_vec(), beacon, split.clone())?;
        votes.push(vote);
        voted.push(v);
    }
    let disclose = |(voted, member): (&Voted, &Member)| voted.clone().disclose(member, &votes);
    let disclosures = voted.iter().zip(&members).map(disclose).collect::<Result<Vec<_>, Error>>()?;
    let question = SplitQuestion { entries: roster.entries().to_vec(), beacon, split: split.clone() };
    let messages = vec![
        ("enlistment", encode(&enlistment)),
        ("terms", encode(&terms)),
        ("join", encode(&devices[0].1)),
        ("roster", encode(&view)),
        ("report", encode(&report)),
        ("question", encode(&question)),
        ("vote", encode(&votes[0])),
        ("votes", encode(&SplitVotes { votes: votes.clone() })),
        ("disclosure", encode(&disclosures[0])),
    ];
    Ok(Round { server, policy, model, terms, devices, roster, split, members, votes, voted, disclosures, messages })
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Result<Noised, Box<dyn std::error::Error>> {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1)?, values.len())?;
    let budget = Budget::new(f64::INFINITY, 1e-9)?;
    let pending = Account::new(budget).charge(plan)?;
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored)?;
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    Ok(gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise)?)
}
