//! What an answer changes: of the server, of the store, of the platform's cipher.

use super::errand::{Ask, Errand};
use super::machine::{Asked, Secure};
use super::pace::{BEAT, IDLE, Pauses, REFUSED, SOON, TROUBLE};
use super::part::{Device, Part};
use super::state::Why;
use super::vault;
use crate::client::Error;
use crate::ids::{Millis, RoundId};
use crate::protocol::{
    CandidateBlock, Fate, Message as _, Outcome, SecureOffer, SplitQuestion, SplitVotes, TowerWeights, decode,
};
use crate::secagg::{self, Digest, RosterView};

/// What an answer leaves to the engine.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Something new came down: its name, and what it means.
    pub(super) down: Option<(&'static str, &'static str)>,
    /// Weights of a round, found to be those that its terms name.
    pub(super) weights: Option<TowerWeights>,
}

impl Secure {
    /// Takes what was read back from the store.
    pub(super) fn kept(&mut self, read_back: &[u8]) -> Result<(), Error> {
        let Some(Asked { ask, errand: Errand::Keep { bytes }, .. }) = &self.asked else { return Err(Error::NoErrand) };
        if bytes != read_back {
            return Err(Error::NotKept { expected: bytes.len(), found: read_back.len() });
        }
        self.kept = Some(Digest::of(read_back));
        let charges = *ask == Ask::Charge;
        self.asked = None;
        let round = self.part.round();
        match std::mem::take(&mut self.part) {
            // What counts is the account that the store gave back.
            Part::Charging(charging) if charges => {
                match charging.recorded(vault::account(read_back).unwrap_or_default()) {
                    Ok(masking) => self.part = Part::Masking(Box::new(masking)),
                    Err(why) => self.give_up(round, why),
                }
            }
            part => self.part = part,
        }
        Ok(())
    }

    /// Takes a mask's stream; an empty one leaves this and all that follow to the engine.
    pub(super) fn stream(&mut self, stream: &[u8]) -> Result<(), Error> {
        let (Some(Asked { ask: Ask::Mask, .. }), Part::Masking(masking)) = (&self.asked, &mut self.part) else {
            return Err(Error::NoErrand);
        };
        if stream.is_empty() {
            self.own_masks = true;
        } else {
            masking.masking.apply(stream)?;
        }
        self.asked = None;
        Ok(())
    }

    /// Takes the answer to the last errand that went over the wire.
    pub(super) fn answer(
        &mut self,
        status: u16,
        body: &[u8],
        now: Millis,
        device: &Device<'_>,
    ) -> Result<Answered, Error> {
        let Some(asked) = &mut self.asked else { return Err(Error::NoErrand) };
        let (ask, jitter) = (asked.ask, asked.jitter);
        let put = match asked.errand {
            Errand::Get { .. } => false,
            Errand::Put { .. } => true,
            _ => return Err(Error::NoErrand),
        };
        if matches!(status, 0 | 408 | 425 | 429 | 500..) {
            asked.pace.wait(now, TROUBLE, jitter);
            self.why = Some(Why::Later { status });
            return Ok(Answered::default());
        }
        self.asked = None;
        let round = self.part.round();
        if matches!(self.why, Some(Why::Later { .. })) {
            self.why = None;
        }
        let mut answered = Answered::default();
        let outcome = match status {
            200..300 if put => {
                self.arrived(ask, now, jitter);
                Ok(())
            }
            200 => self.take(ask, body, now, jitter, device, &mut answered),
            202 | 204 | 304 => {
                self.book.secure |= ask == Ask::Offer && status == 204;
                self.pause(ask, now, if ask == Ask::Offer { IDLE } else { SOON }, jitter);
                Ok(())
            }
            409 | 410 => Err(Why::Over),
            _ => Err(Why::Server { status }),
        };
        if let Err(why) = outcome {
            self.refuse(ask, round, why, now, jitter);
        }
        Ok(answered)
    }

    /// The server has what was sent.
    fn arrived(&mut self, ask: Ask, now: Millis, jitter: u32) {
        if ask != Ask::Enlist {
            self.parts.reset();
            self.duties.reset();
        }
        match (ask, std::mem::take(&mut self.part)) {
            (Ask::Join, Part::Entering(entering)) => self.part = Part::Waiting(Box::new(entering.accepted())),
            (Ask::Report, Part::Reporting(reporting)) => self.part = Part::Settling(Box::new(reporting.accepted())),
            (_, part) => self.part = part,
        }
        match ask {
            Ask::Enlist => {
                self.duty.enlisted = true;
                self.beats.reset();
                self.pause(ask, now, BEAT, jitter);
            }
            Ask::Vote => self.duty.counted(),
            Ask::Disclosure => self.duty.done(),
            _ => {}
        }
    }

    /// Something came down.
    fn take(
        &mut self,
        ask: Ask,
        body: &[u8],
        now: Millis,
        jitter: u32,
        device: &Device<'_>,
        answered: &mut Answered,
    ) -> Result<(), Why> {
        let mut came = |name| answered.down = Some((name, ask.meaning()));
        match ask {
            Ask::Offer => {
                if self.seen.as_ref().is_none_or(|seen| seen.bytes != Digest::of(body)) {
                    came(SecureOffer::NAME);
                }
                self.offered(body, now, jitter, device)
            }
            Ask::Weights => {
                came(TowerWeights::NAME);
                let weights: TowerWeights = decode(body)?;
                if !self.part.agreed().is_some_and(|agreed| agreed.names(&weights)) {
                    return Err(Why::Weights);
                }
                answered.weights = Some(weights);
                Ok(())
            }
            Ask::Block(_) => {
                came(CandidateBlock::NAME);
                self.part.agreed().map_or(Ok(()), |agreed| agreed.take_block(body))
            }
            Ask::Roster => {
                came(RosterView::NAME);
                let view: RosterView = decode(body)?;
                if let Part::Waiting(waiting) = std::mem::take(&mut self.part) {
                    self.part = Part::Placed(Box::new(waiting.place(&view)?));
                }
                self.parts.reset();
                Ok(())
            }
            Ask::Outcome => {
                let outcome: Outcome = decode(body)?;
                if Some(outcome.round) != self.part.round() {
                    return Err(secagg::Error::Other { what: "the outcome's round" }.into());
                }
                if outcome.fate == Fate::Waiting {
                    self.pause(ask, now, SOON, jitter);
                } else {
                    came(Outcome::NAME);
                    self.settle(outcome.round, outcome.fate);
                }
                Ok(())
            }
            Ask::Split => {
                came(SplitQuestion::NAME);
                self.duty.vote(decode(body)?)
            }
            Ask::Votes => {
                if self.duty.disclose(&decode(body)?)? {
                    came(SplitVotes::NAME);
                } else {
                    self.pause(ask, now, SOON, jitter);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// No further in what was asked for.
    fn refuse(&mut self, ask: Ask, round: Option<RoundId>, why: Why, now: Millis, jitter: u32) {
        match ask {
            Ask::Offer => {
                self.pause(ask, now, REFUSED, jitter);
                self.why = Some(why);
            }
            Ask::Enlist => {
                self.duty.enlisted = false;
                self.pause(ask, now, REFUSED, jitter);
                self.why = Some(why);
            }
            Ask::Split | Ask::Vote | Ask::Votes | Ask::Disclosure => self.why = Some(self.duty.end(why)),
            _ => {
                // After it joined, a round that went on without it is one that it missed.
                if let (Ask::Roster | Ask::Report | Ask::Outcome, Some(round)) = (ask, round) {
                    self.book.outcome = Some((round, Fate::Missed));
                }
                self.give_up(round, why);
            }
        }
    }

    /// This round goes on without this device.
    pub(super) fn give_up(&mut self, round: Option<RoundId>, why: Why) {
        self.refused = round.or(self.refused);
        self.part = Part::Idle;
        self.why = Some(why);
        self.offers.reset();
    }

    fn settle(&mut self, round: RoundId, fate: Fate) {
        self.book.outcome = Some((round, fate));
        self.book.included += u64::from(fate == Fate::Included);
        self.part = Part::Idle;
        self.why = None;
        self.offers.reset();
    }

    pub(super) fn pause(&mut self, ask: Ask, now: Millis, pauses: Pauses, jitter: u32) {
        let pace = match ask {
            Ask::Offer => &mut self.offers,
            Ask::Enlist => &mut self.beats,
            Ask::Split | Ask::Vote | Ask::Votes | Ask::Disclosure => &mut self.duties,
            _ => &mut self.parts,
        };
        pace.wait(now, pauses, jitter);
    }
}
