//! A device's part in a federated round, one struct per phase; each is made by consuming the one before.
//! `Invited → Outgoing → (receipt) →` nothing.

use super::course::Course;
use super::learn::Trained;
use super::{Error, Past, Resident};
use crate::ids::{RoundId, WeightsVersion};
use crate::math::Rng;
#[cfg(feature = "full")]
use crate::protocol::CandidateBlock;
use crate::protocol::{Receipt, RoundOffer, WeightUpdate, send};
use crate::tower::UserTower;

/// The name under which a device hands in an update: 128 random bits, drawn anew for every round, so that a repeated request is
/// counted once and two rounds cannot be tied together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpdateKey(pub [u8; 16]);

impl UpdateKey {
    /// 32 hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        let digit = |nibble: u8| char::from(nibble + if nibble < 10 { b'0' } else { b'a' - 10 });
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

impl core::fmt::Display for UpdateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.hex())
    }
}

/// The server offers a round.
#[derive(Clone, PartialEq, Debug)]
pub struct Invited {
    offer: RoundOffer,
    course: Course,
}

/// A message waits to go out, or went out and waits for its receipt.
#[derive(Clone, PartialEq, Debug)]
pub struct Outgoing {
    /// Which round.
    pub round: RoundId,
    /// Under which key.
    pub key: UpdateKey,
    /// The encoded [`WeightUpdate`].
    pub bytes: Vec<u8>,
}

impl Invited {
    /// Takes an offer.
    #[must_use]
    pub fn new(offer: RoundOffer) -> Self {
        Self { offer, course: Course::new(offer.round, offer.weights, offer.plan) }
    }

    /// Takes the next block of candidates: with its first one the round is a vertical one, which waits for all of them.
    ///
    /// # Errors
    /// [`Error::WeightsVersion`] if the block speaks about other weights than the round, [`Error::Block`] if it is not the next one.
    #[cfg(feature = "full")]
    pub fn take_block(&mut self, block: CandidateBlock) -> Result<(), Error> {
        self.course.take_block(block)
    }

    /// The blocks of the round so far.
    #[cfg(feature = "full")]
    #[must_use]
    pub fn blocks(&self) -> &[CandidateBlock] {
        self.course.blocks()
    }

    /// The offer.
    #[must_use]
    pub fn offer(&self) -> &RoundOffer {
        &self.offer
    }

    /// Trains on the device's own past, clips, and seals the message. `Ok(None)`: nothing to learn from yet.
    ///
    /// # Errors
    /// [`Error::WeightsVersion`] if the held weights are not the round's; in a vertical round, [`Error::Block`] while blocks are missing,
    /// [`Error::WeightsDimension`] if one is of another dimension.
    pub fn contribute(
        &self,
        tower: &UserTower,
        held: WeightsVersion,
        past: &Past,
        items: &Resident,
        rng: &Rng,
        key: UpdateKey,
    ) -> Result<Option<(Outgoing, usize)>, Error> {
        let RoundOffer { round, weights, plan, .. } = self.offer;
        let Some(Trained { update, lessons, .. }) = self.course.train(tower, held, past, items, rng)? else {
            return Ok(None);
        };
        let message = WeightUpdate::new(round, weights, update.clip(plan.clip_norm));
        Ok(Some((Outgoing { round, key, bytes: send(&message) }, lessons)))
    }
}

impl Outgoing {
    /// Whether a receipt answers this message. Every status ends the phase: counted, counted before, or too late.
    #[must_use]
    pub fn answered_by(&self, receipt: &Receipt) -> bool {
        receipt.round == self.round
    }
}
