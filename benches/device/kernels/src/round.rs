//! A device's part of a round that keeps secrets: from the noised vector to the packed and signed report, a step at a time, so that a page can
//! make the masks' streams with its own cipher meanwhile.

use super::address;
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::encode;
use sottovoce::secagg::{
    Committee, Digest, Identity, Joined, Joining, Masking, Member, Neighbourhood, Odds, Policy, Prg, Ring, Roster,
    RosterView, SignedTerms, Terms, stream_len,
};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

const BITS: u8 = 24;
const MODEL: Digest = Digest([7; 32]);

/// One device of a cohort, with all that it was told.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Round {
    terms: SignedTerms,
    policy: Policy,
    rng: ChaCha20Rng,
    device: Joined,
    view: RosterView,
    neighbourhood: Neighbourhood,
    noised: Option<Noised>,
    masking: Option<Masking>,
    stream: Vec<u8>,
    report: Vec<u8>,
}

#[wasm_bindgen]
impl Round {
    /// A cohort of `devices` with `neighbours` each and a committee of `seats`, for vectors of `d` numbers of 24 bits.
    ///
    /// # Errors
    /// Numbers outside the protocol's ranges.
    #[wasm_bindgen(constructor)]
    pub fn new(d: u32, devices: u32, neighbours: u32, seats: usize) -> Result<Self, JsError> {
        let mut rng = ChaCha20Rng::seed_from_u64(2017);
        let server = Identity::from_seed([3; 32]);
        let members: Vec<Member> = (0..seats).map(|_| Member::new(&mut rng)).collect();
        let ring = Ring::new(BITS)?;
        let terms = Terms {
            round: RoundId(1),
            weights: WeightsVersion(1),
            model: MODEL,
            record: Digest([0; 32]),
            dimension: d,
            ring,
            prg: Prg::Aes128Ctr,
            least: devices.div_ceil(2),
            degree: neighbours,
            threshold: Committee::of(seats).threshold,
            seats: members.iter().map(|member| member.enlist(RoundId(1))).collect(),
        };
        let odds = Odds { corrupt: 0.0, dropout: 0.0, ..Odds::default() };
        let policy = Policy { server: server.public(), least: 2, seats: 1, odds, last_round: None, seen: None };
        let terms = terms.sign(&server)?;
        let (mut entries, mut first) = (Vec::new(), None);
        for _ in 0..devices {
            let (joined, join) = Joining::new(terms.clone(), policy, MODEL)?.join(&mut rng)?;
            entries.push(terms.admit(&join)?);
            first.get_or_insert(joined);
        }
        let device = first.ok_or_else(|| JsError::new("no devices"))?;
        let roster = Roster::close(&terms, entries, Digest([8; 32]))?;
        let view = roster.index_of(device.identity()).and_then(|index| roster.view(index, &server));
        let view = view.ok_or_else(|| JsError::new("no view"))?;
        let neighbourhood = device.check(&view)?;
        let stream = vec![0; stream_len(ring, d as usize)];
        Ok(Self {
            terms,
            policy,
            rng,
            device,
            view,
            neighbourhood,
            noised: None,
            masking: None,
            stream,
            report: Vec::new(),
        })
    }

    /// Reads the terms, draws keys, seals shares: the first message. How many bytes it has.
    ///
    /// # Errors
    /// None with good terms.
    pub fn join(&mut self) -> Result<usize, JsError> {
        let joining = Joining::new(self.terms.clone(), self.policy, MODEL)?;
        Ok(encode(&joining.join(&mut self.rng)?.1).len())
    }

    /// Checks the roster: neighbours, proofs, signatures. How many neighbours there are.
    ///
    /// # Errors
    /// None with a good roster.
    pub fn check(&self) -> Result<usize, JsError> {
        self.device.check(&self.view)?;
        Ok(self.view.neighbours.len())
    }

    /// A vector to send, noised: what is there before the clock starts.
    ///
    /// # Errors
    /// None in the ranges of [`Round::new`].
    pub fn noise(&mut self, seed: u64) -> Result<(), JsError> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let d = self.terms.terms.dimension as usize;
        #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
        let values = (0..d).map(|_| ((rng.next_u32() % 4096).cast_signed() - 2048) as f32).collect();
        let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1)?, d)?;
        let pending = Account::new(Budget::new(f64::INFINITY, 1e-9)?).charge(plan)?;
        let stored = pending.bytes().to_vec();
        let charged = pending.recorded(&stored)?;
        let mut noise = Noise::new(NoiseKey::new([1; 32]));
        let clipped = Gradient::new(values).clip(1e7);
        self.noised = Some(clipped.quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise)?);
        Ok(())
    }

    /// Agrees with every neighbour on a key.
    ///
    /// # Errors
    /// Without a vector.
    pub fn agree(&mut self) -> Result<(), JsError> {
        let noised = self.noised.take().ok_or_else(|| JsError::new("no vector"))?;
        self.masking = Some(self.device.clone().mask(&self.neighbourhood, noised)?);
        Ok(())
    }

    /// The keys of all masks, 16 bytes each, in the order in which they are put on.
    #[must_use]
    pub fn keys(&self) -> Vec<u8> {
        self.masking.iter().flat_map(Masking::keys).flat_map(|key| key.bytes().to_vec()).collect()
    }

    /// Where the stream of a mask is to be written.
    #[must_use]
    pub fn stream(&self) -> usize {
        address(&self.stream)
    }

    /// How long it is.
    #[must_use]
    pub fn stream_len(&self) -> usize {
        self.stream.len()
    }

    /// Puts on the next mask, from that stream.
    ///
    /// # Errors
    /// Where no masking has begun.
    pub fn apply(&mut self) -> Result<(), JsError> {
        let masking = self.masking.as_mut().ok_or_else(|| JsError::new("nothing to mask"))?;
        Ok(masking.apply(&self.stream)?)
    }

    /// Puts on the masks that are missing with the engine's own cipher, packs, signs, writes the message. How many bytes it has.
    ///
    /// # Errors
    /// Where no masking has begun.
    pub fn finish(&mut self) -> Result<usize, JsError> {
        let masking = self.masking.take().ok_or_else(|| JsError::new("nothing to mask"))?;
        self.report = encode(&masking.finish());
        Ok(self.report.len())
    }

    /// Where the message lies.
    #[must_use]
    pub fn report(&self) -> usize {
        address(&self.report)
    }
}
