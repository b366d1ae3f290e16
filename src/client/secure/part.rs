//! An ordinary device's part in one round, one struct a phase, each made by consuming the one before: [`Agreed`] → [`Entering`] →
//! [`Waiting`] → [`Placed`] → [`Learnt`] → [`Charging`] → [`Masking`] → [`Reporting`] → [`Settling`].

use super::state::{Upload, Why};
use crate::client::course::Course;
use crate::client::{Past, Remembered, Resident};
use crate::ids::{RoundId, WeightsVersion};
use crate::math::Rng;
use crate::privacy::accountant::{Account, Charged, Pending};
use crate::privacy::{Clipped, Gradient, Noise, NoiseKey, NoisePlan, Quantized};
use crate::protocol::{CandidateBlock, SecureOffer, TowerShape, TowerWeights, decode, send, weights_hash};
use crate::secagg::{self, Digest, Joined, Joining, Neighbourhood, Policy, PublicKey, RosterView};
use crate::tower::UserTower;
use rand_core::CryptoRng;

/// What a round needs of the engine.
#[derive(Clone, Copy)]
pub(super) struct Device<'a> {
    pub(super) tower: Option<&'a (WeightsVersion, TowerShape, UserTower)>,
    pub(super) history: &'a [Remembered],
    pub(super) items: &'a Resident,
    pub(super) rng: &'a Rng,
}

impl Device<'_> {
    /// The shared weights at hand, as they travelled.
    fn weights(&self) -> Option<TowerWeights> {
        let (version, shape, tower) = self.tower?;
        Some(TowerWeights { version: *version, shape: *shape, values: tower.shared().to_vec() })
    }
}

/// What has to come before training can begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    Weights,
    Block(u32),
}

/// A round that this device may take part in: what was offered, and what it is trained with as far as it has come.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) offer: SecureOffer,
    course: Course,
}

impl Agreed {
    pub(super) fn new(offer: SecureOffer) -> Self {
        let terms = &offer.terms.terms;
        let course = Course::new(terms.round, terms.weights, offer.plan);
        Self { offer, course }
    }

    pub(super) fn round(&self) -> RoundId {
        self.offer.terms.terms.round
    }

    /// What the terms would have to name, were these the weights.
    fn model(&self, weights: &TowerWeights) -> Digest {
        let SecureOffer { plan, noise, blocks, .. } = &self.offer;
        SecureOffer::model(weights_hash(weights), plan, noise, blocks)
    }

    /// Whether these are the weights that the terms name.
    pub(super) fn names(&self, weights: &TowerWeights) -> bool {
        let terms = &self.offer.terms.terms;
        weights.version == terms.weights && self.model(weights) == terms.model
    }

    /// What is missing. Weights of the right version that are not those of the terms are fetched again: there may be better ones.
    pub(super) fn needs(&self, device: &Device<'_>) -> Option<Need> {
        if !device.weights().is_some_and(|weights| self.names(&weights)) {
            return Some(Need::Weights);
        }
        let next = self.course.blocks().len();
        (next < self.offer.blocks.len()).then(|| Need::Block(u32::try_from(next).unwrap_or(u32::MAX)))
    }

    /// Whether there is nothing to learn from, as far as that can be told before anything is fetched.
    pub(super) fn is_hopeless(&self, device: &Device<'_>) -> bool {
        let past = Past::new(device.history, device.items);
        past.len() < 2 || self.offer.blocks.is_empty() && !self.course.teaches(&past, device.items)
    }

    /// Takes the next block, if it is the one that the terms name.
    pub(super) fn take_block(&mut self, bytes: &[u8]) -> Result<(), Why> {
        let index = self.course.blocks().len();
        let wrong = Why::Block { index: u32::try_from(index).unwrap_or(u32::MAX) };
        if self.offer.blocks.get(index) != Some(&Digest::of(bytes)) {
            return Err(wrong);
        }
        let block: CandidateBlock = decode(bytes)?;
        if block.count as usize != self.offer.blocks.len() {
            return Err(wrong);
        }
        self.course.take_block(block).map_err(|_| wrong)
    }

    /// The tower to train, if all is as the terms have it: its weights hashed by this device itself, and vectors of the length that is
    /// summed up. Nobody has to be believed that the model is the one that everybody trains.
    fn tower<'a>(&self, device: &Device<'a>) -> Result<(&'a UserTower, Digest), Why> {
        let (Some((_, _, tower)), Some(weights), None) = (device.tower, device.weights(), self.needs(device)) else {
            return Err(Why::Weights);
        };
        let d = tower.layout().dimension();
        let blocks = self.course.blocks();
        let own = tower.shared().len() + blocks.iter().map(|block| block.rows.len()).sum::<usize>();
        let offered = self.offer.terms.terms.dimension as usize;
        if own != offered || blocks.iter().any(|block| block.dimension as usize != d) {
            return Err(Why::Dimension { offered, own });
        }
        Ok((tower, self.model(&weights)))
    }

    /// Joins, unless there is nothing to learn from: a report of zeros would cost as much of the budget as any other.
    pub(super) fn join(self, policy: Policy, device: &Device<'_>, rng: &mut impl CryptoRng) -> Result<Entering, Why> {
        let (_, model) = self.tower(device)?;
        if !self.course.teaches(&Past::new(device.history, device.items), device.items) {
            return Err(Why::NothingToLearn);
        }
        let (joined, join) = Joining::new(self.offer.terms.clone(), policy, model)?.join(rng)?;
        Ok(Entering { agreed: self, joined, join: send(&join) })
    }
}

/// Its joining waits to go out, or went out and waits for an answer.
#[derive(Debug)]
pub(super) struct Entering {
    pub(super) agreed: Agreed,
    pub(super) joined: Joined,
    /// The encoded message: sent again, it is the same.
    pub(super) join: Vec<u8>,
}

impl Entering {
    pub(super) fn accepted(self) -> Waiting {
        let Self { agreed, joined, .. } = self;
        Waiting { agreed, joined }
    }
}

/// It waits for the roster.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) agreed: Agreed,
    pub(super) joined: Joined,
}

impl Waiting {
    pub(super) fn place(self, view: &RosterView) -> Result<Placed, Why> {
        let Self { agreed, joined } = self;
        let neighbourhood = joined.check(view)?;
        Ok(Placed { agreed, joined, neighbourhood, charged: None })
    }
}

/// It knows its neighbours.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) agreed: Agreed,
    pub(super) joined: Joined,
    pub(super) neighbourhood: Neighbourhood,
    /// A charge for this round that was written down before the tab was closed, and not made use of.
    pub(super) charged: Option<Charged>,
}

impl Placed {
    /// Trains, clips, quantises. What has become nothing to learn from meanwhile gives zeros: others count on this device's report.
    pub(super) fn learn(self, device: &Device<'_>, rng: &mut impl CryptoRng) -> Result<Learnt, Why> {
        let (tower, _) = self.agreed.tower(device)?;
        let plan = self.agreed.offer.noise_plan()?;
        let past = Past::new(device.history, device.items);
        let held = self.agreed.offer.terms.terms.weights;
        let trained = self.agreed.course.train(tower, held, &past, device.items, device.rng);
        let update = trained.map_err(|_| Why::Weights)?.map(|trained| trained.update);
        let update = update.unwrap_or_else(|| Gradient::new(vec![0.0; plan.dimension()]));
        let clipped = update.clip(plan.clip_norm());
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let mut noise = Noise::new(NoiseKey::new(key));
        zeroize::Zeroize::zeroize(&mut key);
        let quantized = clipped.clone().quantized(plan.clip_norm(), plan.grid(), &mut noise);
        Ok(Learnt { placed: self, plan, clipped, quantized, noise })
    }
}

/// It has learnt; nothing was charged for it yet.
#[derive(Debug)]
pub(super) struct Learnt {
    placed: Placed,
    plan: NoisePlan,
    clipped: Clipped,
    quantized: Quantized,
    noise: Noise,
}

impl Learnt {
    /// Takes the charge that is in the store already, or charges now.
    pub(super) fn charge(mut self, account: &mut Account) -> Result<Spending, Why> {
        match self.placed.charged.take() {
            Some(charged) => Ok(Spending::Paid(Box::new(self.noised(charged)?))),
            None => {
                let pending = account.charge(self.plan)?;
                Ok(Spending::Pending(Box::new(Charging { learnt: self, pending })))
            }
        }
    }

    fn noised(mut self, charged: Charged) -> Result<Masking, Why> {
        let noised = self.quantized.noised(charged, &mut self.noise)?;
        let Placed { agreed, joined, neighbourhood, .. } = self.placed;
        let ring = agreed.offer.terms.terms.ring;
        let upload = Upload {
            round: agreed.round(),
            clipped: self.clipped.into_values(),
            noised: noised.clone().into_values(),
            clip_norm: self.plan.clip_norm(),
            steps: self.plan.grid().steps(),
            sigma: self.plan.per_client().map_or(0.0, |sigma| sigma.variance().sqrt()),
            bits: ring.bits(),
            bytes: u32::try_from(ring.packed_len(self.plan.dimension())).unwrap_or(u32::MAX),
        };
        let masking = joined.clone().mask(&neighbourhood, noised)?;
        Ok(Masking { agreed, joined, neighbourhood, masking, upload })
    }
}

/// What charging came to.
pub(super) enum Spending {
    Pending(Box<Charging>),
    Paid(Box<Masking>),
}

/// Its charge waits to be written down.
#[derive(Debug)]
pub(super) struct Charging {
    learnt: Learnt,
    pending: Pending,
}

impl Charging {
    pub(super) fn placed(&self) -> &Placed {
        &self.learnt.placed
    }

    /// Adds the noise, now that the store holds `account`.
    pub(super) fn recorded(self, account: &[u8]) -> Result<Masking, Why> {
        let charged = self.pending.recorded(account)?;
        self.learnt.noised(charged)
    }
}

/// Masks are being put on. Until the report is made, the store holds what is needed to begin again from the charge.
#[derive(Debug)]
pub(super) struct Masking {
    pub(super) agreed: Agreed,
    pub(super) joined: Joined,
    pub(super) neighbourhood: Neighbourhood,
    pub(super) masking: secagg::Masking,
    pub(super) upload: Upload,
}

impl Masking {
    /// Puts on what is missing. The seeds are gone afterwards: this device makes no other report.
    pub(super) fn finish(self) -> Reporting {
        let Self { agreed, masking, mut upload, .. } = self;
        let report = masking.finish();
        let identity = report.identity;
        let report = send(&report);
        upload.bytes = u32::try_from(report.len()).unwrap_or(u32::MAX);
        Reporting { round: agreed.round(), identity, report, upload }
    }
}

/// Its report waits to go out, or went out and waits for an answer.
#[derive(Debug)]
pub(super) struct Reporting {
    pub(super) round: RoundId,
    pub(super) identity: PublicKey,
    /// The encoded message: sent again, it is the same.
    pub(super) report: Vec<u8>,
    pub(super) upload: Upload,
}

impl Reporting {
    pub(super) fn accepted(self) -> Settling {
        let Self { round, identity, upload, .. } = self;
        Settling { round, identity, upload }
    }
}

/// Its report is there; what becomes of it is not known yet.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) round: RoundId,
    pub(super) identity: PublicKey,
    pub(super) upload: Upload,
}

/// Where it stands.
#[derive(Debug, Default)]
pub(super) enum Part {
    #[default]
    Idle,
    Invited(Box<Agreed>),
    Entering(Box<Entering>),
    Waiting(Box<Waiting>),
    Placed(Box<Placed>),
    Charging(Box<Charging>),
    Masking(Box<Masking>),
    Reporting(Box<Reporting>),
    Settling(Box<Settling>),
}

impl Part {
    pub(super) fn round(&self) -> Option<RoundId> {
        match self {
            Self::Idle => None,
            Self::Invited(agreed) => Some(agreed.round()),
            Self::Entering(entering) => Some(entering.agreed.round()),
            Self::Waiting(waiting) => Some(waiting.agreed.round()),
            Self::Placed(placed) => Some(placed.agreed.round()),
            Self::Charging(charging) => Some(charging.placed().agreed.round()),
            Self::Masking(masking) => Some(masking.agreed.round()),
            Self::Reporting(reporting) => Some(reporting.round),
            Self::Settling(settling) => Some(settling.round),
        }
    }

    /// The round that waits for weights or blocks, if it does.
    pub(super) fn agreed(&mut self) -> Option<&mut Agreed> {
        match self {
            Self::Invited(agreed) => Some(agreed),
            Self::Placed(placed) => Some(&mut placed.agreed),
            _ => None,
        }
    }

    pub(super) fn upload(&self) -> Option<&Upload> {
        match self {
            Self::Masking(masking) => Some(&masking.upload),
            Self::Reporting(reporting) => Some(&reporting.upload),
            Self::Settling(settling) => Some(&settling.upload),
            _ => None,
        }
    }
}
