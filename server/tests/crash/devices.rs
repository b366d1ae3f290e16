//! Who takes part: devices that keep an account of ε on a disk of their own, and a committee. They outlive every server.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Noise, NoiseKey};
use sottovoce::protocol::{Message, NoiseTerms, SecureOffer, TowerWeights, decode, encode, weights_hash};
use sottovoce::secagg::{Joined, Joining, Member, Odds, Policy, PublicKey, RosterView};
use sottovoce_server::federated::{CoordinatorConfig, SecureConfig};

/// Numbers of an update.
pub(crate) const D: usize = 32;
pub(crate) const DEVICES: usize = 6;
pub(crate) const MEMBERS: usize = 3;
/// Deadlines, in milliseconds: only a clock that leaps comes to one.
pub(crate) const PATIENCE: u64 = 1 << 31;
/// A life later the lease of the one before has expired.
pub(crate) const A_LIFE: u64 = 20_000;

pub(crate) fn config() -> CoordinatorConfig {
    let secure = SecureConfig {
        noise: NoiseTerms { multiplier: 1.0, steps: 1 << 10 },
        absent_ms: 1 << 50,
        reporting_ms: PATIENCE,
        opening_ms: PATIENCE,
        ..SecureConfig::default()
    };
    CoordinatorConfig {
        cohort: u32::try_from(DEVICES).expect("a few"),
        minimum: 3,
        deadline_ms: PATIENCE,
        rest_ms: 0,
        secure: Some(secure),
        ..CoordinatorConfig::default()
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
    charged: bool,
    pub(crate) report: Option<Vec<u8>>,
    pub(crate) acknowledged: bool,
    /// It dies after its charge was written down and before anything was sent.
    silent: bool,
}

impl Device {
    pub(crate) fn new(who: usize) -> Self {
        let budget = Budget::new(f64::INFINITY, 1e-6).expect("a budget");
        Self { who, disk: Account::new(budget).to_bytes(), part: None, reports: 0 }
    }

    pub(crate) fn join(&mut self, offer: &SecureOffer, weights: &TowerWeights, server: PublicKey) {
        let round = offer.terms.terms.round.0;
        let policy = Policy { server, least: 3, seats: 3, odds: Odds::default(), last_round: None, seen: None };
        let model = SecureOffer::model(weights_hash(weights), &offer.plan, &offer.noise, &[]);
        let joining = Joining::new(offer.terms.clone(), policy, model).expect("good terms");
        let (joined, join) = joining.join(&mut rng(1, round, self.who)).expect("good keys");
        // One in six rounds, each device in another: so that in every round one vanishes, and enough are left.
        let silent = (round + self.who as u64).is_multiple_of(DEVICES as u64);
        self.part =
            Some(Part { joined, join: encode(&join), charged: false, report: None, acknowledged: false, silent });
    }

    pub(crate) fn identity(&self) -> PublicKey {
        self.part.as_ref().expect("it has joined").joined.identity()
    }

    /// Charges, writes the charge down, and only then adds noise.
    pub(crate) fn report(&mut self, offer: &SecureOffer, view: &RosterView) {
        let part = self.part.as_mut().expect("it has joined");
        if part.charged {
            return;
        }
        let neighbourhood = part.joined.check(view).expect("a good roster");
        let plan = offer.noise_plan().expect("a plan");
        let pending = Account::from_bytes(&self.disk).expect("an account").charge(plan).expect("it affords it");
        self.disk = pending.bytes().to_vec();
        let charged = pending.recorded(&self.disk).expect("it is on the disk");
        part.charged = true;
        if part.silent {
            return;
        }
        let round = offer.terms.terms.round.0;
        let mut values = rng(3, round, self.who);
        #[allow(clippy::cast_precision_loss, reason = "below 2²⁴")]
        let gradient = Gradient::new((0..D).map(|_| (values.next_u32() % 64) as f32 / 640.0 - 0.05).collect());
        let mut key = [0; 32];
        rng(4, round, self.who).fill_bytes(&mut key);
        let mut noise = Noise::new(NoiseKey::new(key));
        let clip = offer.plan.clip_norm;
        let noised = gradient.clip(clip).quantized(clip, plan.grid(), &mut noise).noised(charged, &mut noise);
        let masking = part.joined.clone().mask(&neighbourhood, noised.expect("as charged")).expect("a vector");
        part.report = Some(encode(&masking.finish()));
        self.reports += 1;
    }

    /// Rounds that its account holds.
    pub(crate) fn charged(&self) -> u64 {
        Account::from_bytes(&self.disk).expect("an account").spent().rounds
    }
}

/// What members keep, written before a vote leaves.
pub(crate) fn members() -> Vec<Vec<u8>> {
    (0..MEMBERS).map(|who| Member::new(&mut rng(5, 0, who)).to_bytes()).collect()
}

pub(crate) fn member(kept: &[u8]) -> Member {
    Member::from_bytes(kept).expect("it wrote that")
}

pub(crate) fn read<M: Message>(bytes: &[u8]) -> M {
    decode(bytes).expect("a message")
}
