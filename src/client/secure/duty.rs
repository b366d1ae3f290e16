//! A device on committees: it offers to serve, and where the signed terms of a round give it a seat, signs one split and discloses what
//! that split calls for. It costs nothing of the listener's budget: nothing of what was heard is in it.

use super::state::{Service, Task, Why};
use crate::ids::RoundId;
use crate::protocol::{SecureOffer, SplitQuestion, SplitVotes, Stage};
use crate::secagg::{self, Disclosure, Enlistment, Member, PublicKey, Seated, SignedTerms, Vote, Voted};
use rand_core::CryptoRng;

/// A member serves in so many rounds from the one in which it drew its keys.
const AHEAD: u64 = 1 << 20;

/// What there is to do in the present round: [`Seated`] → [`Voted`] and its vote → [`Disclosure`].
#[derive(Debug, Default)]
pub(super) enum Work {
    #[default]
    Rest,
    Called(Box<Seated>),
    Voting(Box<Voting>),
    Counting(Box<Voting>),
    Disclosing(Box<Disclosure>),
}

/// A split that was signed, and what was asked, from which it is made again after a reload.
#[derive(Debug)]
pub(super) struct Voting {
    pub(super) question: SplitQuestion,
    voted: Voted,
    pub(super) vote: Vote,
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
    /// Its terms, once it is called.
    pub(super) terms: Option<SignedTerms>,
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
            (self.round, self.terms, self.work) = (Some(terms.round), None, Work::Rest);
        }
        if !self.serves(offer) || terms.least < least {
            return Ok(());
        }
        if self.service.is_none_or(|service| service.round < terms.round) {
            self.service = Some(Service { round: terms.round, task: Task::Seated });
        }
        if let (Stage::Opening, Work::Rest) = (offer.stage, &self.work) {
            self.call(offer.terms.clone(), server)?;
        }
        Ok(())
    }

    /// Takes its seat: the round is to be opened.
    pub(super) fn call(&mut self, terms: SignedTerms, server: PublicKey) -> Result<(), Why> {
        let Some((member, _)) = &self.member else { return Ok(()) };
        match member.seat(terms.clone(), server) {
            Ok(seated) => {
                (self.round, self.work) = (Some(terms.terms.round), Work::Called(Box::new(seated)));
                self.terms = Some(terms);
                Ok(())
            }
            Err(error) => Err(self.end(error.into())),
        }
    }

    /// Signs the split that is asked about, unless it has signed another one.
    pub(super) fn vote(&mut self, question: SplitQuestion) -> Result<(), Why> {
        let (Work::Called(seated), Some((member, _))) = (std::mem::take(&mut self.work), &mut self.member) else {
            return Ok(());
        };
        let SplitQuestion { entries, beacon, split } = question.clone();
        match seated.vote(member, entries, beacon, split) {
            Ok((voted, vote)) => {
                self.reached(Task::Voted);
                self.work = Work::Voting(Box::new(Voting { question, voted, vote }));
                Ok(())
            }
            Err(error) => Err(self.end(error.into())),
        }
    }

    /// Its vote has arrived.
    pub(super) fn counted(&mut self) {
        self.work = match std::mem::take(&mut self.work) {
            Work::Voting(voting) => Work::Counting(voting),
            other => other,
        };
    }

    /// Discloses, if these are signatures enough. Too few are no end: more may come.
    pub(super) fn disclose(&mut self, votes: &SplitVotes) -> Result<bool, Why> {
        let (Work::Counting(voting), Some((member, _))) = (&self.work, &self.member) else { return Ok(false) };
        match voting.voted.clone().disclose(member, &votes.votes) {
            Ok(disclosure) => {
                self.work = Work::Disclosing(Box::new(disclosure));
                Ok(true)
            }
            Err(secagg::Error::TooFew { .. }) => Ok(false),
            Err(error) => Err(self.end(error.into())),
        }
    }

    /// Its disclosure has arrived.
    pub(super) fn done(&mut self) {
        self.reached(Task::Disclosed);
        (self.terms, self.work) = (None, Work::Rest);
    }

    /// Nothing more in this round, and why.
    pub(super) fn end(&mut self, why: Why) -> Why {
        (self.over, self.terms, self.work) = (self.round, None, Work::Rest);
        why
    }

    fn reached(&mut self, task: Task) {
        if let Some(round) = self.round {
            self.service = Some(Service { round, task });
        }
    }
}
