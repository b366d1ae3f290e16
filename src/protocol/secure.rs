//! A round whose sum the server cannot open: the invitation to it, and what became of a device's part in it. Of the full engine alone.

use super::codec::{DecodeError, Reader, Writer};
use super::message::{Downlink, LocalPlan, Message, invalid, sealed};
use crate::ids::{Millis, RoundId};
use crate::privacy::{self, Grid, NoisePlan};
use crate::secagg::{Digest, SignedTerms};

/// Where a round stands, as far as devices have a part in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It takes devices.
    Joining = 0,
    /// The roster is closed; those on it report.
    Reporting = 1,
    /// Who reported is settled; the committee signs and discloses.
    Opening = 2,
}

/// How much noise the sum carries; the same for every device of the round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NoiseTerms {
    /// `z`: noise of the sum over what one listener can add to it; 0 is none, and then `ε` is infinite.
    pub multiplier: f64,
    /// Steps of the grid per 1.0 that updates are rounded to.
    pub steps: u32,
}

/// The invitation to a round, at whatever stage it is. The terms are signed, and name all of the rest by [`SecureOffer::model`].
#[derive(Clone, PartialEq, Debug)]
pub struct SecureOffer {
    /// Where it stands.
    pub stage: Stage,
    /// When this stage ends at the latest.
    pub closes_at: Millis,
    /// So many devices close the roster.
    pub cohort: u32,
    /// How to train.
    pub plan: LocalPlan,
    /// How much noise.
    pub noise: NoiseTerms,
    /// SHA-256 of each public block of a vertical round as it travels, in their order; empty in a horizontal one.
    pub blocks: Vec<Digest>,
    /// What everybody agrees to.
    pub terms: SignedTerms,
}

/// What became of one device's report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Not settled yet.
    Waiting = 0,
    /// It is in the sum, and the sum was opened.
    Included = 1,
    /// It is not in a sum: what the device learnt goes into another round.
    Missed = 2,
}

/// The answer to a device that asks what became of its report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Of which round.
    pub round: RoundId,
    /// What became of it.
    pub fate: Fate,
}

impl SecureOffer {
    /// No round has more blocks.
    pub const MOST_BLOCKS: usize = 4;

    /// What the terms must name: the hash of everything that devices train with. `weights` is the hash of the weights as they travel
    /// ([`super::weights_hash`]); who trains with others, by another plan or over other blocks masks with keys that cancel nowhere.
    ///
    /// # Example
    /// ```
    /// use sottovoce::protocol::{LocalPlan, NoiseTerms, SecureOffer};
    /// use sottovoce::secagg::Digest;
    /// let plan = LocalPlan { epochs: 1, batch: 16, learning_rate: 0.1, negatives: 64, max_examples: 256, clip_norm: 1.0, proximal: 0.0 };
    /// let model = |noise| SecureOffer::model([7; 32], &plan, &NoiseTerms { multiplier: noise, steps: 1 << 10 }, &[]);
    /// assert_ne!(model(1.0), model(0.5));
    /// ```
    #[must_use]
    pub fn model(weights: [u8; 32], plan: &LocalPlan, noise: &NoiseTerms, blocks: &[Digest]) -> Digest {
        let mut w = Writer::default();
        w.array(4);
        w.bytes(&weights);
        write_plan(&mut w, plan);
        write_noise(&mut w, noise);
        w.tensor(blocks);
        Digest::of(&w.finish())
    }

    /// The noise of each device, for vectors and survivors as the terms have them.
    ///
    /// # Errors
    /// Those of [`NoisePlan::new`].
    pub fn noise_plan(&self) -> Result<NoisePlan, privacy::Error> {
        let terms = &self.terms.terms;
        let grid = Grid::new(self.noise.steps)?;
        NoisePlan::new(self.noise.multiplier, self.plan.clip_norm, terms.least, grid, terms.dimension as usize)
    }
}

fn write_plan(w: &mut Writer, plan: &LocalPlan) {
    w.array(LocalPlan::FIELDS);
    plan.put(w);
}

/// A double travels as its bits: one spelling, and no rounding between what is signed and what is charged.
fn write_noise(w: &mut Writer, noise: &NoiseTerms) {
    w.array(2);
    w.uint(noise.multiplier.to_bits());
    w.uint(noise.steps.into());
}

impl sealed::Sealed for SecureOffer {}
impl Message for SecureOffer {
    const KIND: u8 = 17;
    const NAME: &'static str = "offer of a secure round";

    fn write(&self, w: &mut Writer) {
        w.array(7);
        w.uint(self.stage as u64);
        w.uint(self.closes_at.0);
        w.uint(self.cohort.into());
        write_plan(w, &self.plan);
        write_noise(w, &self.noise);
        w.tensor(&self.blocks);
        self.terms.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(7)?;
        let stage = match r.uint()? {
            0 => Stage::Joining,
            1 => Stage::Reporting,
            2 => Stage::Opening,
            _ => return Err(invalid("stage", "not one of the three")),
        };
        let (closes_at, cohort) = (Millis(r.uint()?), r.narrow()?);
        r.array(LocalPlan::FIELDS)?;
        let plan = LocalPlan::take(r)?;
        r.array(2)?;
        let noise = NoiseTerms { multiplier: f64::from_bits(r.uint()?), steps: r.narrow()? };
        Ok(Self { stage, closes_at, cohort, plan, noise, blocks: r.tensor()?, terms: SignedTerms::read(r)? })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        self.plan.validate()?;
        if self.blocks.len() > Self::MOST_BLOCKS {
            return Err(invalid("blocks", "more than 4"));
        }
        let noise = self.noise_plan().map_err(|_| invalid("noise", "a number outside its range"))?;
        // A sum that wraps around is worth nothing to anybody, and its noise was paid for.
        if noise.ring_bits(self.cohort) > self.terms.terms.ring.bits().into() {
            return Err(invalid("ring", "too narrow for the sum of a whole cohort"));
        }
        self.terms.validate()
    }
}
impl Downlink for SecureOffer {}

impl sealed::Sealed for Outcome {}
impl Message for Outcome {
    const KIND: u8 = 18;
    const NAME: &'static str = "outcome";

    fn write(&self, w: &mut Writer) {
        w.array(2);
        w.uint(self.round.0);
        w.uint(self.fate as u64);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array(2)?;
        let round = RoundId(r.uint()?);
        let fate = match r.uint()? {
            0 => Fate::Waiting,
            1 => Fate::Included,
            2 => Fate::Missed,
            _ => return Err(invalid("fate", "not one of the three")),
        };
        Ok(Self { round, fate })
    }

    fn validate(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
impl Downlink for Outcome {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WeightsVersion;
    use crate::protocol::{decode, encode};
    use crate::secagg::{Identity, Member, Prg, Ring, Terms};
    use rand_core::SeedableRng as _;

    fn offer() -> SecureOffer {
        let plan = LocalPlan {
            epochs: 1,
            batch: 16,
            learning_rate: 0.1,
            negatives: 64,
            max_examples: 256,
            clip_norm: 1.0,
            proximal: 0.0,
        };
        let noise = NoiseTerms { multiplier: 0.7, steps: 1 << 10 };
        let blocks = vec![Digest([3; 32])];
        let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
        let seats = (0..3).map(|_| Member::new(&mut rng).enlist(RoundId(9))).collect();
        let terms = Terms {
            round: RoundId(4),
            weights: WeightsVersion(2),
            model: SecureOffer::model([5; 32], &plan, &noise, &blocks),
            record: Digest([6; 32]),
            dimension: 100,
            ring: Ring::new(20).unwrap(),
            prg: Prg::Aes128Ctr,
            least: 8,
            degree: 9,
            threshold: 3,
            seats,
        };
        let terms = terms.sign(&Identity::from_seed([2; 32])).unwrap();
        SecureOffer { stage: Stage::Reporting, closes_at: Millis(77), cohort: 12, plan, noise, blocks, terms }
    }

    #[test]
    fn an_offer_and_an_outcome_come_back_as_they_went() {
        assert_eq!(decode::<SecureOffer>(&encode(&offer())), Ok(offer()));
        for fate in [Fate::Waiting, Fate::Included, Fate::Missed] {
            let outcome = Outcome { round: RoundId(3), fate };
            assert_eq!(decode::<Outcome>(&encode(&outcome)), Ok(outcome));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wrong: [fn(&mut SecureOffer); 7] = [
            |o| o.plan.clip_norm = f32::NAN,
            |o| o.plan.epochs = 0,
            |o| o.noise.multiplier = f64::NAN,
            |o| o.noise.multiplier = -1.0,
            |o| o.noise.steps = 0,
            |o| o.blocks = vec![Digest([3; 32]); 5],
            |o| o.cohort = 1 << 20,
        ];
        for spoil in wrong {
            let mut bad = offer();
            spoil(&mut bad);
            assert!(matches!(decode::<SecureOffer>(&encode(&bad)), Err(DecodeError::Invalid { .. })), "{bad:?}");
        }
        let bytes = encode(&offer());
        for end in 0..bytes.len() {
            assert!(decode::<SecureOffer>(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn everything_that_is_trained_with_is_in_the_model() {
        let SecureOffer { plan, noise, blocks, .. } = offer();
        let model = SecureOffer::model([5; 32], &plan, &noise, &blocks);
        assert_ne!(model, SecureOffer::model([4; 32], &plan, &noise, &blocks));
        assert_ne!(model, SecureOffer::model([5; 32], &LocalPlan { epochs: 2, ..plan }, &noise, &blocks));
        assert_ne!(model, SecureOffer::model([5; 32], &plan, &NoiseTerms { steps: 1, ..noise }, &blocks));
        assert_ne!(model, SecureOffer::model([5; 32], &plan, &noise, &[]));
    }
}
