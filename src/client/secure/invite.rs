//! What an invitation does: it may call a member to its duty, and a device to a round, which it takes part in only if that is offered as it
//! asks for and can be paid for.

use super::book::Purse;
use super::errand::Ask;
use super::machine::{Secure, Seen};
use super::pace::{IDLE, SOON};
use super::part::{Agreed, Device, Part};
use super::state::Why;
use crate::ids::{Millis, RoundId};
use crate::protocol::{Message as _, RoundOffer, SecureOffer, Stage, decode, kind};
use crate::secagg::{Digest, Policy, PublicKey};

impl Secure {
    /// An invitation: at whatever stage the round is, and whoever it is that calls.
    pub(super) fn offered(&mut self, body: &[u8], now: Millis, jitter: u32, device: &Device<'_>) -> Result<(), Why> {
        let Some(server) = self.book.server else { return Err(Why::NoServer) };
        if kind(body)? == RoundOffer::KIND {
            self.book.secure = false;
            return Err(Why::Open);
        }
        let bytes = Digest::of(body);
        if self.seen.as_ref().is_none_or(|seen| seen.bytes != bytes) {
            let offer: SecureOffer = decode(body)?;
            // Who signed it; what else a device asks for is seen when it joins.
            let any = Policy { least: 0, seats: 0, last_round: None, seen: None, ..self.policy(server) };
            offer.terms.check(&any, offer.terms.terms.model)?;
            self.seen = Some(Seen { bytes, offer });
            self.offers.reset();
            self.duties.reset();
        }
        let Some(Seen { offer, .. }) = &self.seen else { return Ok(()) };
        let (offer, least) = (offer.clone(), self.least.0);
        self.book.secure = true;
        let seen = self.duty.see(&offer, server, least);
        let serves = self.duty.serves(&offer);
        self.pause(Ask::Offer, now, if serves { SOON } else { IDLE }, jitter);
        seen?;
        let round = offer.terms.terms.round;
        // In it, or was: nothing to be said of that.
        if matches!(self.part, Part::Idle)
            && offer.stage == Stage::Joining
            && self.refused != Some(round)
            && self.book.last_round != Some(round)
        {
            // A round from before is looked at as ever, and refused for what it is.
            let rest =
                self.book.last_round.filter(|last| *last < round).map(|last| last.0.saturating_add(self.apart.into()));
            match rest {
                Some(next) if round.0 < next => self.why = Some(Why::Rests { next: RoundId(next) }),
                _ => self.invite(offer, server, device),
            }
        }
        Ok(())
    }

    /// Whether to take part is decided before anything is fetched for it.
    fn invite(&mut self, offer: SecureOffer, server: PublicKey, device: &Device<'_>) {
        let terms = &offer.terms;
        let checked = terms.check(&self.policy(server), terms.terms.model).map_err(Why::from);
        let affords = checked.and_then(|()| match &self.book.purse {
            Purse::Lost(_) => Err(Why::AccountLost),
            Purse::Held(account) => {
                let (after, budget) = (account.after(&offer.noise_plan()?.release(), 1), account.budget().epsilon());
                let after = after.epsilon;
                if after <= budget { Ok(()) } else { Err(Why::Budget { after, budget }) }
            }
        });
        let round = offer.terms.terms.round;
        let agreed = Agreed::new(offer);
        if let Err(why) = affords {
            (self.refused, self.why) = (Some(round), Some(why));
        } else if agreed.is_hopeless(device) {
            // Not for good: the listener may hear something before the round takes no more.
            self.why = Some(Why::NothingToLearn);
        } else {
            self.why = None;
            self.parts.reset();
            self.part = Part::Invited(Box::new(agreed));
        }
    }
}
