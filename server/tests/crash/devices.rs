//! Who takes part: devices that keep an account of ε on a disk of their own, and a committee. They outlive every server.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan};
use sottovoce::protocol::{decode, encode};
use sottovoce::secagg::{
    Digest, Identity, Joined, Joining, Member, Odds, Policy, Prg, PublicKey, Ring, RosterView, SignedTerms, Terms,
};
use sottovoce_server::federated::secure::Rules;

pub(crate) const D: usize = 32;
pub(crate) const DEVICES: usize = 6;
pub(crate) const MEMBERS: usize = 3;
pub(crate) const SERVER: [u8; 32] = [3; 32];
/// The deadline closes a roster, never the number of devices: whoever wants to is in every round.
pub(crate) const RULES: Rules =
    Rules { cohort: 100, least_members: MEMBERS, absent_ms: 1 << 40, patience_ms: [100; 3] };
const MODEL: Digest = Digest([7; 32]);
const CLIP: f32 = 100.0;

pub(crate) fn terms(round: RoundId) -> Terms {
    Terms {
        round,
        weights: WeightsVersion(round.0),
        model: MODEL,
        record: Digest::default(),
        dimension: u32::try_from(D).expect("a few"),
        ring: Ring::new(20).expect("20 bits"),
        prg: Prg::default(),
        least: 2,
        degree: 8,
        threshold: 0,
        seats: Vec::new(),
    }
}

/// A generator for one purpose: the same in every run.
fn rng(what: u8, round: u64, who: usize) -> ChaCha20Rng {
    let mut seed = [what; 32];
    seed[..8].copy_from_slice(&round.to_le_bytes());
    seed[8..16].copy_from_slice(&(who as u64).to_le_bytes());
    ChaCha20Rng::from_seed(seed)
}

/// A listener's device, round after round.
pub(crate) struct Device {
    who: usize,
    /// What is on its disk: its account of ε.
    disk: Vec<u8>,
    pub(crate) part: Option<Part>,
    /// Rounds in which it made a report.
    pub(crate) reports: u64,
}

/// What a device holds of the round it is in.
pub(crate) struct Part {
    joined: Joined,
    pub(crate) join: Vec<u8>,
    pub(crate) report: Option<Vec<u8>>,
    pub(crate) acknowledged: bool,
    /// It dies after its charge was written down and before anything was sent.
    pub(crate) silent: bool,
}

impl Device {
    pub(crate) fn new(who: usize) -> Self {
        let budget = Budget::new(f64::INFINITY, 1e-6).expect("a budget");
        Self { who, disk: Account::new(budget).to_bytes(), part: None, reports: 0 }
    }

    pub(crate) fn join(&mut self, terms: &SignedTerms) {
        let round = terms.terms.round.0;
        let server = Identity::from_seed(SERVER).public();
        let policy = Policy { server, least: 2, seats: 3, odds: Odds::default(), last_round: None, seen: None };
        let joining = Joining::new(terms.clone(), policy, MODEL).expect("good terms");
        let (joined, join) = joining.join(&mut rng(1, round, self.who)).expect("good keys");
        let silent = rng(2, round, self.who).next_u32().is_multiple_of(8);
        self.part = Some(Part { joined, join: encode(&join), report: None, acknowledged: false, silent });
    }

    pub(crate) fn identity(&self) -> PublicKey {
        self.part.as_ref().expect("it has joined").joined.identity()
    }

    /// Charges, writes the charge down, and only then adds noise.
    pub(crate) fn report(&mut self, round: u64, view: &RosterView) {
        let part = self.part.as_mut().expect("it has joined");
        if part.report.is_some() {
            return;
        }
        let neighbourhood = part.joined.check(view).expect("a good roster");
        let plan = NoisePlan::new(1.0, CLIP, 2, Grid::new(1).expect("a grid"), D).expect("a plan");
        let pending = Account::from_bytes(&self.disk).expect("an account").charge(plan).expect("it affords it");
        self.disk = pending.bytes().to_vec();
        let charged = pending.recorded(&self.disk).expect("it is on the disk");
        if part.silent {
            return;
        }
        let mut values = rng(3, round, self.who);
        #[allow(clippy::cast_precision_loss, reason = "below 2²⁴")]
        let gradient = Gradient::new((0..D).map(|_| (values.next_u32() % 64) as f32 - 32.0).collect());
        let mut noise = Noise::new(NoiseKey::new([rng(4, round, self.who).next_u32().to_le_bytes()[0]; 32]));
        let noised = gradient.clip(CLIP).quantized(CLIP, plan.grid(), &mut noise).noised(charged, &mut noise);
        let masking = part.joined.clone().mask(&neighbourhood, noised.expect("as charged")).expect("a vector");
        part.report = Some(encode(&masking.finish()));
        self.reports += 1;
    }

    /// Rounds that its account holds.
    pub(crate) fn charged(&self) -> u64 {
        Account::from_bytes(&self.disk).expect("an account").spent().rounds
    }
}

/// A member, and what it keeps: written before a vote leaves.
pub(crate) fn members() -> Vec<Vec<u8>> {
    (0..MEMBERS).map(|who| Member::new(&mut rng(5, 0, who)).to_bytes()).collect()
}

pub(crate) fn member(kept: &[u8]) -> Member {
    Member::from_bytes(kept).expect("it wrote that")
}

pub(crate) fn read<M: sottovoce::protocol::Message>(bytes: &[u8]) -> M {
    decode(bytes).expect("a message")
}
