//! The engine's part in the rounds: what comes from the server, what goes back, and the ledger of both.

use super::round::{Invited, Outgoing, UpdateKey};
use super::{Error, Past, Recommender};
use crate::ids::{Millis, RoundId, WeightsVersion};
use crate::privacy::{Direction, Ledger, LedgerEntry};
#[cfg(feature = "full")]
use crate::protocol::CandidateBlock;
use crate::protocol::{Message, Receipt, RoundOffer, TowerShape, TowerWeights, WeightUpdate, decode, kind};
use crate::tower::{TowerLayout, UserTower};

/// What a message from the server was.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Received {
    /// New shared weights are in place.
    Weights(WeightsVersion),
    /// A round is on offer.
    Offer(RoundOffer),
    /// A block of candidates of the round on offer is in place: so many of it are here.
    #[cfg(feature = "full")]
    Block(usize),
    /// The answer to an update.
    Receipt(Receipt),
}

impl Recommender {
    /// Takes a message from the server: weights, a round offer, a block of candidates for it or a receipt.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::NotADownlink`], [`Error::WeightsLength`], [`Error::WeightsDimension`]; for a block [`Error::NoOffer`],
    /// [`Error::WeightsVersion`] and `Error::Block`. Nothing changes then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Received, Error> {
        match kind(bytes)? {
            TowerWeights::KIND => self.take_weights(&decode::<TowerWeights>(bytes)?).map(Received::Weights),
            // The page without rounds carries no line of them.
            RoundOffer::KIND if cfg!(feature = "full") => {
                let offer: RoundOffer = decode(bytes)?;
                self.invited = Some(Invited::new(offer));
                Ok(Received::Offer(offer))
            }
            #[cfg(feature = "full")]
            CandidateBlock::KIND => {
                let block: CandidateBlock = decode(bytes)?;
                let invited = self.invited.as_mut().ok_or(Error::NoOffer)?;
                invited.take_block(block)?;
                Ok(Received::Block(invited.blocks().len()))
            }
            Receipt::KIND if cfg!(feature = "full") => {
                let receipt: Receipt = decode(bytes)?;
                self.kept.outgoing = self.kept.outgoing.take().filter(|o| !o.answered_by(&receipt));
                Ok(Received::Receipt(receipt))
            }
            kind => Err(Error::NotADownlink { kind }),
        }
    }

    pub(super) fn take_weights(&mut self, weights: &TowerWeights) -> Result<WeightsVersion, Error> {
        let songs = self.items.dimension();
        if !self.items.is_empty() && songs != weights.shape.dimension as usize {
            return Err(Error::WeightsDimension { weights: weights.shape.dimension as usize, songs });
        }
        let mut tower = tower(weights.shape, &weights.values)?;
        if let Some((_, shape, old)) = &self.tower
            && *shape == weights.shape
        {
            let shared = tower.shared().len();
            tower.weights_mut()[shared..].copy_from_slice(old.personal());
        }
        self.tower = Some((weights.version, weights.shape, tower));
        self.embedded = false;
        Ok(weights.version)
    }

    /// Whether the listener agreed to contribute to rounds. Off until set.
    #[must_use]
    pub fn consent(&self) -> bool {
        self.kept.consent
    }

    /// Sets the agreement. Taking it back also drops what waits to go out; what was spent of a budget stays spent.
    pub fn set_consent(&mut self, consent: bool) {
        self.kept.consent = consent;
        if !consent {
            self.invited = None;
            self.kept.outgoing = None;
            #[cfg(feature = "secagg")]
            self.secure.retire();
        }
    }

    /// Trains for the round on offer and queues one message; see [`Recommender::outbox`]. Returns how many lessons it was made
    /// from; 0 means there was nothing to learn from, or that this round has the device's update already.
    ///
    /// # Errors
    /// [`Error::ConsentOff`], [`Error::NoOffer`], [`Error::WeightsVersion`].
    pub fn contribute(&mut self, key: UpdateKey) -> Result<usize, Error> {
        if !self.kept.consent {
            return Err(Error::ConsentOff);
        }
        let invited = self.invited.take().ok_or(Error::NoOffer)?;
        let round = invited.offer().round;
        if self.kept.contributed.is_some_and(|last| last >= round) {
            return Ok(0);
        }
        let Some((version, _, tower)) = &self.tower else {
            let needed = invited.offer().weights;
            self.invited = Some(invited);
            return Err(Error::WeightsVersion { needed, held: None });
        };
        let past = Past::new(self.history(), &self.items);
        match invited.contribute(tower, *version, &past, &self.items, &self.rng, key) {
            Ok(Some((outgoing, lessons))) => {
                self.kept.outgoing = Some(outgoing);
                self.kept.contributed = Some(round);
                Ok(lessons)
            }
            Ok(None) => Ok(0),
            Err(error) => {
                self.invited = Some(invited);
                Err(error)
            }
        }
    }

    /// The message that waits to go out, if there is one. It stays until its receipt comes, so that a lost connection loses
    /// nothing; its key makes a second sending count once.
    #[must_use]
    pub fn outbox(&self) -> Option<&Outgoing> {
        self.kept.outgoing.as_ref()
    }

    /// Drops the message of `round`: it can no longer count there (the round is gone, or the server refuses it for good).
    pub fn abandon(&mut self, round: RoundId) {
        self.kept.outgoing = self.kept.outgoing.take().filter(|o| o.round != round);
    }

    /// Writes into the ledger that the message of the outbox went out once.
    pub fn record_sent(&mut self, now: Millis) {
        if let Some(outgoing) = &self.kept.outgoing {
            self.kept.ledger.record(LedgerEntry {
                at: now,
                direction: Direction::Up,
                message: WeightUpdate::NAME.into(),
                bytes: u32::try_from(outgoing.bytes.len()).unwrap_or(u32::MAX),
                meaning:
                    "How this round should change the shared model, as clipped numbers; no song, no event, no time."
                        .into(),
            });
        }
    }

    /// Writes into the ledger that something came down.
    pub fn record_received(&mut self, message: &str, bytes: u32, meaning: &str, now: Millis) {
        self.kept.ledger.record(LedgerEntry {
            at: now,
            direction: Direction::Down,
            message: message.into(),
            bytes,
            meaning: meaning.into(),
        });
    }

    /// Everything that crossed the wire.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.kept.ledger
    }

    /// The round on offer, if there is one.
    #[must_use]
    pub fn offer(&self) -> Option<&RoundOffer> {
        self.invited.as_ref().map(Invited::offer)
    }

    /// The version of the shared weights in use.
    #[must_use]
    pub fn weights_version(&self) -> Option<WeightsVersion> {
        self.tower.as_ref().map(|(version, _, _)| *version)
    }
}

/// A tower with these shared weights.
pub(super) fn tower(shape: TowerShape, shared: &[f32]) -> Result<UserTower, Error> {
    UserTower::new(shape, shared)
        .ok_or_else(|| Error::WeightsLength { expected: TowerLayout::new(shape).shared(), got: shared.len() })
}
