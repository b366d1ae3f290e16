//! A device on committees: it offers to serve, and where the signed terms of a round give it a seat, signs one split and discloses what
//! that split calls for. It costs nothing of the listener's budget: nothing of what was heard is in it.

use super::state::{Service, Task, Why};
use crate::ids::RoundId;
use crate::protocol::{SecureOffer, SplitQuestion, SplitVotes, Stage};
use crate::secagg::{Disclosure, Enlistment, Member, PublicKey, Seated, Vote, Voted};
use rand_core::CryptoRng;

/// A member serves in so many rounds from the one in which it drew its keys.
const AHEAD: u64 = 1 << 20;

/// What there is to do in the present round: [`Seated`] → [`Voted`] and its vote → [`Disclosure`].
#[derive(Debug, Default)]
pub(super) enum Work {
    #[default]
    Rest,
    Called(Box<Seated>),
    Voting(Box<(Voted, Vote)>),
    Counting(Box<Voted>),
    Disclosing(Box<Disclosure>),
}

/// The member and its work.
#[derive(Debug, Default)]
pub(super) struct Duty {
    /// Its keys, and the last round it serves in.
    pub(super) member: Option<(Member, RoundId)>,
    /// The newest round with a seat, and how far it got there.
    pub(super) service: Option<Service>,
    /// Whether the server has it down; not kept: whoever comes back says so anew.
    pub(super) enlisted: bool,
    /// The round in which it has nothing more to do.
    pub(super) over: Option<RoundId>,
    /// The round of the present work.
    pub(super) round: Option<RoundId>,
    pub(super) work: Work,
}

impl Duty {
    /// Draws keys once it is known that rounds are secure here. Others, where those at hand end.
    pub(super) fn prepare(&mut self, round: RoundId, rng: &mut impl CryptoRng) {
        if self.member.as_ref().is_none_or(|(_, until)| *until < round) {
            self.member = Some((Member::new(rng), RoundId(round.0.saturating_add(AHEAD))));
            self.enlisted = false;
        }
    }

    pub(super) fn enlistment(&self) -> Option<Enlistment> {
        self.member.as_ref().map(|(member, until)| member.enlist(*until))
    }

    /// Whether this offer's round has a seat for it, with something still to be done.
    pub(super) fn serves(&self, offer: &SecureOffer) -> bool {
        let terms = &offer.terms.terms;
        let Some((member, _)) = &self.member else { return false };
        let done = self.service.is_some_and(|s| s.round == terms.round && s.task == Task::Disclosed);
        let own = member.identity();
        !done && self.over != Some(terms.round) && terms.seats.iter().any(|seat| seat.identity == own)
    }

    /// Takes note of a round. `least`: this device opens no sum of fewer survivors.
    pub(super) fn see(&mut self, offer: &SecureOffer, server: PublicKey, least: u32) -> Result<(), Why> {
        let terms = &offer.terms.terms;
        if self.round != Some(terms.round) {
            (self.round, self.work) = (Some(terms.round), Work::Rest);
        }
        if !self.serves(offer) || terms.least < least {
            return Ok(());
        }
        if self.service.is_none_or(|service| service.round < terms.round) {
            self.service = Some(Service { round: terms.round, task: Task::Seated });
        }
        if let (Stage::Opening, Work::Rest, Some((member, _))) = (offer.stage, &self.work, &self.member) {
            match member.seat(offer.terms.clone(), server) {
                Ok(seated) => self.work = Work::Called(Box::new(seated)),
                Err(error) => return Err(self.end(error.into())),
            }
        }
        Ok(())
    }

    /// Signs the split that is asked about, unless it has signed another one.
    pub(super) fn vote(&mut self, question: SplitQuestion) -> Result<(), Why> {
        let SplitQuestion { entries, beacon, split } = question;
        let (Work::Called(seated), Some((member, _))) = (std::mem::take(&mut self.work), &mut self.member) else {
            return Ok(());
        };
        match seated.vote(member, entries, beacon, split) {
            Ok(voted) => {
                self.reached(Task::Voted);
                self.work = Work::Voting(Box::new(voted));
                Ok(())
            }
            Err(error) => Err(self.end(error.into())),
        }
    }

    /// Its vote has arrived.
    pub(super) fn counted(&mut self) {
        if let Work::Voting(both) = std::mem::take(&mut self.work) {
            self.work = Work::Counting(Box::new(both.0));
        }
    }

    /// Discloses, if these are signatures enough. Too few are no end: more may come.
    pub(super) fn disclose(&mut self, votes: &SplitVotes) -> Result<bool, Why> {
        let (Work::Counting(voted), Some((member, _))) = (&self.work, &self.member) else { return Ok(false) };
        match voted.as_ref().clone().disclose(member, &votes.votes) {
            Ok(disclosure) => {
                self.work = Work::Disclosing(Box::new(disclosure));
                Ok(true)
            }
            Err(crate::secagg::Error::TooFew { .. }) => Ok(false),
            Err(error) => Err(self.end(error.into())),
        }
    }

    /// Its disclosure has arrived.
    pub(super) fn done(&mut self) {
        self.reached(Task::Disclosed);
        self.work = Work::Rest;
    }

    /// Nothing more in this round, and why.
    pub(super) fn end(&mut self, why: Why) -> Why {
        (self.over, self.work) = (self.round, Work::Rest);
        why
    }

    fn reached(&mut self, task: Task) {
        if let Some(round) = self.round {
            self.service = Some(Service { round, task });
        }
    }
}
