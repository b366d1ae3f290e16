//! What is to be done next. What an answer changes stands in `answer`, what an invitation does in `invite`.

use super::book::{Book, Purse};
use super::duty::{Duty, Work};
use super::errand::{Ask, Errand, hex, of_device, of_round};
use super::pace::Pace;
use super::part::{Device, Need, Part, Spending};
use super::state::{Phase, RoundState, Why};
use super::vault;
use crate::client::Error;
use crate::ids::{Millis, RoundId};
use crate::privacy::accountant::Budget;
use crate::protocol::{
    CandidateBlock, Message as _, Outcome, SecureOffer, SplitQuestion, SplitVotes, TowerWeights, send,
};
use crate::secagg::{
    Digest, Disclosure, Enlistment, Join, Odds, Policy, Prg, PublicKey, Report, RosterView, Vote, stream_len,
};
use rand_core::CryptoRng;

/// An errand that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) errand: Errand,
    /// Not before.
    pub(super) pace: Pace,
    pub(super) jitter: u32,
}

/// The invitation that was seen last, checked as to who signed it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) bytes: Digest,
    pub(super) offer: SecureOffer,
}

/// All that an engine knows of secure rounds.
#[derive(Debug)]
pub(crate) struct Secure {
    /// At least so many survivors, and so many members.
    pub(super) least: (u32, u32),
    /// At least so many rounds from one that it takes part in to the next.
    pub(super) apart: u32,
    pub(super) book: Book,
    pub(super) duty: Duty,
    pub(super) part: Part,
    /// What the store is known to hold.
    pub(super) kept: Option<Digest>,
    /// A budget that the caller has set: it holds for what is restored later, too.
    budget: Option<Budget>,
    pub(super) asked: Option<Asked>,
    pub(super) seen: Option<Seen>,
    /// The round that this device will not join, however often it is offered.
    pub(super) refused: Option<RoundId>,
    /// The caller lets the engine put on masks.
    pub(super) own_masks: bool,
    pub(super) why: Option<Why>,
    pub(super) offers: Pace,
    pub(super) parts: Pace,
    pub(super) duties: Pace,
    pub(super) beats: Pace,
    /// A vault of a later build is there: nothing is done that would write over it.
    closed: bool,
    /// Whether the ledger has a line for this session's signs of life.
    beaten: bool,
}

impl Default for Secure {
    fn default() -> Self {
        Self {
            least: (2, 1),
            apart: 1,
            book: Book::default(),
            duty: Duty::default(),
            part: Part::Idle,
            kept: None,
            budget: None,
            asked: None,
            seen: None,
            refused: None,
            own_masks: false,
            why: None,
            offers: Pace::default(),
            parts: Pace::default(),
            duties: Pace::default(),
            beats: Pace::default(),
            closed: false,
            beaten: false,
        }
    }
}

impl Secure {
    pub(super) fn policy(&self, server: PublicKey) -> Policy {
        let Self { least: (least, seats), book: Book { last_round, seen, .. }, .. } = self;
        Policy { server, least: *least, seats: *seats, odds: Odds::default(), last_round: *last_round, seen: *seen }
    }

    pub(super) fn trust(&mut self, server: PublicKey) -> Result<(), Error> {
        match self.book.server {
            Some(pinned) if pinned != server => Err(Error::ServerKey),
            _ => {
                self.book.server = Some(server);
                Ok(())
            }
        }
    }

    pub(super) fn set_budget(&mut self, budget: Budget) {
        self.budget = Some(budget);
        self.book.purse.set_budget(budget);
    }

    pub(super) fn vault(&self) -> Vec<u8> {
        vault::write(&self.book, &self.duty, &self.part)
    }

    /// Takes a vault; what cannot be read leaves the present state, but for the account: what it held is not known any more.
    pub(super) fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let held = vault::read(bytes, &|server| self.policy(server)).and_then(|held| {
            let other = self.book.server.is_some_and(|own| held.book.server.is_some_and(|theirs| theirs != own));
            if other { Err(Error::ServerKey) } else { Ok(held) }
        });
        match held {
            Ok(vault::Held { book, duty, part }) => {
                let fresh = std::mem::take(self);
                let server = book.server.or(fresh.book.server);
                *self = Self {
                    least: fresh.least,
                    apart: fresh.apart,
                    book: Book { server, ..book },
                    duty,
                    part,
                    ..Self::default()
                };
                self.kept = Some(Digest::of(bytes));
                if let Some(budget) = fresh.budget {
                    self.set_budget(budget);
                }
                Ok(())
            }
            Err(error) => {
                self.book.purse = Purse::Lost(self.book.purse.budget());
                self.closed |= matches!(error, Error::VaultVersion { .. });
                self.part = Part::Idle;
                self.asked = None;
                Err(error)
            }
        }
    }

    /// Drops what waits, and the member's keys; the account stays.
    pub(crate) fn retire(&mut self) {
        let (book, least, budget, kept) = (std::mem::take(&mut self.book), self.least, self.budget, self.kept);
        *self = Self { book, least, budget, kept, closed: self.closed, ..Self::default() };
    }

    /// Drops everything but what the caller has set.
    pub(super) fn forget(&mut self) {
        let (least, budget) = (self.least, self.budget);
        *self = Self { least, budget, ..Self::default() };
        if let Some(budget) = budget {
            self.set_budget(budget);
        }
    }

    /// What to do next; nothing now is `None`.
    pub(super) fn errand(&mut self, now: Millis, device: &Device<'_>, rng: &mut impl CryptoRng) -> Option<Errand> {
        let Some(server) = self.book.server else {
            self.why = Some(Why::NoServer);
            return None;
        };
        if self.why == Some(Why::NoServer) {
            self.why = None;
        }
        if self.closed {
            self.why = Some(Why::AccountLost);
            return None;
        }
        if let Some(asked) = &mut self.asked {
            if now < asked.pace.due {
                return None;
            }
            asked.jitter = rng.next_u32();
            return Some(asked.errand.clone());
        }
        self.advance(server, device, rng);
        let due: Vec<Ask> =
            self.asks(device).into_iter().flatten().filter(|(at, _)| *at <= now).map(|(_, ask)| ask).collect();
        // What is ready to leave goes first; of what is only asked for, none keeps the others waiting.
        let drawn = usize::try_from((u64::from(rng.next_u32()) * due.len() as u64) >> 32).unwrap_or(0);
        let ask = *due.iter().find(|ask| ask.is_ready()).or(due.get(drawn))?;
        let (ask, errand) = self.make(ask)?;
        let jitter = rng.next_u32();
        self.asked = Some(Asked { ask, errand: errand.clone(), pace: Pace::default(), jitter });
        Some(errand)
    }

    /// Steps for which nobody else is needed.
    fn advance(&mut self, server: PublicKey, device: &Device<'_>, rng: &mut impl CryptoRng) {
        if self.book.secure {
            let round = self.seen.as_ref().map(|seen| seen.offer.terms.terms.round);
            self.duty.prepare(round.or(self.book.last_round).unwrap_or_default(), rng);
        }
        loop {
            let round = self.part.round();
            let next = match std::mem::take(&mut self.part) {
                Part::Invited(agreed) if agreed.needs(device).is_none() => {
                    let weights = agreed.offer.terms.terms.weights;
                    agreed.join(self.policy(server), device, rng).map(|entering| {
                        (self.book.last_round, self.book.seen) = (round, Some(weights));
                        Part::Entering(Box::new(entering))
                    })
                }
                Part::Placed(placed) if placed.agreed.needs(device).is_none() => match &mut self.book.purse {
                    Purse::Lost(_) => Err(Why::AccountLost),
                    Purse::Held(account) => {
                        placed.learn(device, rng).and_then(|learnt| learnt.charge(account)).map(|spending| {
                            match spending {
                                Spending::Pending(charging) => Part::Charging(charging),
                                // Who comes back puts its masks on in one go: no reload can cut that in two.
                                Spending::Paid(masking) => Part::Reporting(Box::new(masking.finish())),
                            }
                        })
                    }
                },
                Part::Masking(masking) if self.own_masks || !wants_stream(&masking.masking) => {
                    Ok(Part::Reporting(Box::new(masking.finish())))
                }
                other => {
                    self.part = other;
                    return;
                }
            };
            match next {
                Ok(part) => self.part = part,
                Err(why) => return self.give_up(round, why),
            }
        }
    }

    /// Everything that could be asked for, and from when on; what comes first is the more urgent.
    fn asks(&self, device: &Device<'_>) -> [Option<(Millis, Ask)>; 4] {
        let at_once = |ask| Some((Millis(0), ask));
        let need = |need| match need {
            Need::Weights => (self.parts.due, Ask::Weights),
            Need::Block(index) => (self.parts.due, Ask::Block(index)),
        };
        let part = match &self.part {
            Part::Idle => None,
            Part::Invited(agreed) => agreed.needs(device).map(need),
            Part::Entering(_) => at_once(Ask::Join),
            Part::Waiting(_) => Some((self.parts.due, Ask::Roster)),
            Part::Placed(placed) => placed.agreed.needs(device).map(need),
            Part::Charging(_) => at_once(Ask::Charge),
            Part::Masking(_) => at_once(Ask::Mask),
            Part::Reporting(_) => at_once(Ask::Report),
            Part::Settling(_) => Some((self.parts.due, Ask::Outcome)),
        };
        let duty = match &self.duty.work {
            Work::Rest => None,
            Work::Called(_) => Some((self.duties.due, Ask::Split)),
            Work::Voting(_) => at_once(Ask::Vote),
            Work::Counting(_) => Some((self.duties.due, Ask::Votes)),
            Work::Disclosing(_) => at_once(Ask::Disclosure),
        };
        let beat = self.duty.member.as_ref().map(|_| (self.beats.due, Ask::Enlist));
        let serves = self.seen.as_ref().is_some_and(|seen| self.duty.serves(&seen.offer));
        let looks = matches!(self.part, Part::Idle) || serves && matches!(self.duty.work, Work::Rest);
        // A device that was closed does not know the stage of its round, nor whether it has a seat in it.
        let looks = looks || self.seen.is_none() && self.duty.member.is_some();
        [part, duty, beat, looks.then_some((self.offers.due, Ask::Offer))]
    }

    /// The errand for it; before anything goes over the wire the vault, if the store holds another one.
    fn make(&self, ask: Ask) -> Option<(Ask, Errand)> {
        let get = |path: String, message| Some(Errand::Get { path, message });
        let put = |path: String, message, body: Vec<u8>| Some(Errand::Put { path, message, body });
        let round = self.duty.round.unwrap_or_default();
        let errand = match (ask, &self.part, &self.duty.work) {
            (Ask::Offer, ..) => get("v1/rounds/next".into(), SecureOffer::NAME),
            (Ask::Weights, ..) => get("v1/tower/weights".into(), TowerWeights::NAME),
            (Ask::Block(index), part, _) => {
                get(of_round(part.round()?, &format!("blocks/{index}")), CandidateBlock::NAME)
            }
            (Ask::Join, Part::Entering(e), _) => {
                put(of_device(e.agreed.round(), "joins", e.joined.identity()), Join::NAME, e.join.clone())
            }
            (Ask::Roster, Part::Waiting(w), _) => {
                get(of_device(w.agreed.round(), "rosters", w.joined.identity()), RosterView::NAME)
            }
            (Ask::Report, Part::Reporting(r), _) => {
                put(of_device(r.round, "reports", r.identity), Report::NAME, r.report.clone())
            }
            (Ask::Outcome, Part::Settling(s), _) => get(of_device(s.round, "outcomes", s.identity), Outcome::NAME),
            (Ask::Mask, Part::Masking(m), _) => {
                let terms = &m.agreed.offer.terms.terms;
                let length = stream_len(terms.ring, terms.dimension as usize);
                m.masking.next_key().map(|key| Errand::Mask { key: key.bytes().to_vec(), length })
            }
            (Ask::Enlist, ..) => {
                let enlistment = self.duty.enlistment()?;
                put(format!("v1/members/{}", hex(enlistment.identity)), Enlistment::NAME, send(&enlistment))
            }
            (Ask::Split, ..) => get(of_round(round, "split"), SplitQuestion::NAME),
            (Ask::Vote, _, Work::Voting(voting)) => {
                put(of_round(round, &format!("votes/{}", voting.vote.seat)), Vote::NAME, send(&voting.vote))
            }
            (Ask::Votes, ..) => get(of_round(round, "votes"), SplitVotes::NAME),
            (Ask::Disclosure, _, Work::Disclosing(disclosure)) => put(
                of_round(round, &format!("disclosures/{}", disclosure.seat)),
                Disclosure::NAME,
                send(disclosure.as_ref()),
            ),
            (Ask::Charge, ..) => return Some((Ask::Charge, Errand::Keep { bytes: self.vault() })),
            _ => None,
        }?;
        if !matches!(errand, Errand::Mask { .. }) {
            let bytes = self.vault();
            if self.kept != Some(Digest::of(&bytes)) {
                return Some((Ask::Vault, Errand::Keep { bytes }));
            }
        }
        Some((ask, errand))
    }

    /// The errand that waits, for the ledger.
    pub(super) fn leaving(&mut self) -> Option<(Ask, &'static str, u32, bool)> {
        let Some(Asked { ask, errand: Errand::Put { message, body, .. }, .. }) = &self.asked else { return None };
        let again = ask.beats() && self.beaten;
        self.beaten |= ask.beats();
        Some((*ask, message, u32::try_from(body.len()).unwrap_or(u32::MAX), again))
    }

    pub(super) fn state(&self, consent: bool, device: &Device<'_>) -> RoundState {
        let phase = match &self.part {
            Part::Idle => Phase::Idle,
            Part::Invited(_) | Part::Entering(_) => Phase::Joining,
            Part::Waiting(_) => Phase::Roster,
            Part::Placed(_) | Part::Charging(_) => Phase::Training,
            Part::Masking(_) => Phase::Masking,
            Part::Reporting(_) => Phase::Reporting,
            Part::Settling(_) => Phase::Outcome,
        };
        let next = match &self.asked {
            Some(asked) => Some(asked.pace.due),
            None => self.asks(device).into_iter().flatten().map(|(due, _)| due).min(),
        };
        RoundState {
            phase,
            round: self.part.round(),
            enlisted: self.duty.enlisted,
            service: self.duty.service,
            spent: self.book.purse.spent(),
            budget: self.book.purse.budget(),
            included: self.book.included,
            outcome: self.book.outcome,
            retry_at: next.filter(|_| consent && self.book.server.is_some() && !self.closed),
            why: self.why.clone(),
        }
    }
}

/// Whether the next mask is of a cipher that the caller's platform has.
fn wants_stream(masking: &crate::secagg::Masking) -> bool {
    masking.next_key().is_some_and(|key| key.prg() == Prg::Aes128Ctr)
}
