//! What a round is about, said by the server before anybody joins, signed, and bound into everything that follows: who gets other terms
//! than its neighbours masks with other keys, and the sum is noise.

use super::committee::Enlistment;
use super::hash::bind;
use super::odds::{Committee, Odds, degree};
use super::{Digest, Error, Identity, Prg, PublicKey, Ring, Signature};
use crate::ids::{RoundId, WeightsVersion};

/// At most so many members.
pub(super) const MOST_SEATS: usize = 255;

/// A member's place in a committee.
pub type Seat = Enlistment;

/// The terms of a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Which round.
    pub round: RoundId,
    /// The version of the weights it starts from.
    pub weights: WeightsVersion,
    /// SHA-256 of everything that devices train with: weights, plan, public block.
    pub model: Digest,
    /// The newest record of the public log.
    pub record: Digest,
    /// `d`: numbers in a vector.
    pub dimension: u32,
    /// `r`: bits a number.
    pub ring: Ring,
    /// How masks are made.
    pub prg: Prg,
    /// `n_min`: a sum of fewer devices is never opened.
    pub least: u32,
    /// `k`: neighbours of a device where the cohort has more than [`COMPLETE`](super::graph::COMPLETE).
    pub degree: u32,
    /// `t`: so many members open.
    pub threshold: u32,
    /// The committee, in the order of its seats.
    pub seats: Vec<Seat>,
}

/// Terms and the server's name under them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedTerms {
    /// What is signed.
    pub terms: Terms,
    /// Over [`Terms::context`].
    pub signature: Signature,
}

/// What a device asks of a round before it takes part; the server can offer more, never less.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Policy {
    /// The server's key, as the app was shipped with it.
    pub server: PublicKey,
    /// At least so many survivors: `n_min` may not be lower.
    pub least: u32,
    /// At least so many members.
    pub seats: u32,
    /// What is assumed of the cohort when neighbours are counted.
    pub odds: Odds,
    /// The last round it took part in.
    pub last_round: Option<RoundId>,
    /// The newest weights it has seen.
    pub seen: Option<WeightsVersion>,
}

impl Terms {
    /// The hash of all of it: the name of this round for every key, share and signature.
    #[must_use]
    pub fn context(&self) -> Digest {
        let seats: Vec<u8> = self.seats.iter().flat_map(|seat| [seat.identity.0, seat.agreement.0]).flatten().collect();
        bind(
            "terms",
            &[
                &self.round.0.to_le_bytes(),
                &self.weights.0.to_le_bytes(),
                &self.model.0,
                &self.record.0,
                &self.dimension.to_le_bytes(),
                &[self.ring.bits(), self.prg as u8],
                &self.least.to_le_bytes(),
                &self.degree.to_le_bytes(),
                &self.threshold.to_le_bytes(),
                &seats,
            ],
        )
    }

    /// Puts the server's name under them.
    ///
    /// # Errors
    /// Those of [`Terms::validate`].
    pub fn sign(self, server: &Identity) -> Result<SignedTerms, Error> {
        self.validate()?;
        let signature = server.sign("terms", &[&self.context().0]);
        Ok(SignedTerms { terms: self, signature })
    }

    /// Checks what holds for any round: ranges, and a committee of different members whose signatures fit and still hold.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Twice`], [`Error::Signature`], [`Error::Key`].
    pub fn validate(&self) -> Result<(), Error> {
        let within = |what, got: u32, holds: bool, expected| {
            if holds { Ok(()) } else { Err(Error::Setting { what, got: got.into(), expected }) }
        };
        let seats = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        within("dimension", self.dimension, (1..=1 << 24).contains(&self.dimension), "1 to 16,777,216")?;
        within("n_min", self.least, self.least >= 2, "at least 2: the sum of one device is its vector")?;
        within("committee", seats, (1..=MOST_SEATS).contains(&self.seats.len()), "1 to 255 members")?;
        let threshold = Committee::least_threshold(seats)..=seats;
        within("threshold", self.threshold, threshold.contains(&self.threshold), "over two thirds of the committee")?;
        distinct("a member", self.seats.iter().map(|seat| seat.identity))?;
        distinct("a member's key", self.seats.iter().map(|seat| seat.agreement))?;
        self.seats.iter().try_for_each(|seat| seat.verify(self.round))
    }
}

impl SignedTerms {
    /// What a device checks before it joins.
    ///
    /// # Errors
    /// Those of [`Terms::validate`]; [`Error::Signature`] by another server; [`Error::Other`] where the model is not the one at hand;
    /// [`Error::Replayed`], [`Error::Stale`]; [`Error::Policy`].
    pub fn check(&self, policy: &Policy, model: Digest) -> Result<(), Error> {
        let terms = &self.terms;
        policy.server.verify("the server", "terms", &[&terms.context().0], &self.signature)?;
        terms.validate()?;
        if terms.model != model {
            return Err(Error::Other { what: "the model" });
        }
        if let Some(last) = policy.last_round.filter(|last| terms.round <= *last) {
            return Err(Error::Replayed { round: terms.round, last });
        }
        if let Some(seen) = policy.seen.filter(|seen| terms.weights < *seen) {
            return Err(Error::Stale { got: terms.weights.0, seen: seen.0 });
        }
        let least = |what, got, least| if got < least { Err(Error::Policy { what, got, least }) } else { Ok(()) };
        least("a sum", terms.least, policy.least)?;
        least("a committee", u32::try_from(terms.seats.len()).unwrap_or(u32::MAX), policy.seats)
    }

    /// Whether a cohort of `n` has as many neighbours as the device asks for.
    pub(super) fn check_degree(&self, policy: &Policy, n: usize) -> Result<(), Error> {
        let count = |k: usize| u32::try_from(k).unwrap_or(u32::MAX);
        let least = count(degree(n, policy.odds));
        let complete = n <= super::graph::COMPLETE;
        if complete || self.terms.degree >= least {
            Ok(())
        } else {
            Err(Error::Policy { what: "neighbours", got: self.terms.degree, least })
        }
    }
}

/// Each once.
pub(super) fn distinct(what: &'static str, keys: impl Iterator<Item = PublicKey>) -> Result<(), Error> {
    let mut keys: Vec<PublicKey> = keys.collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) { Err(Error::Twice { what }) } else { Ok(()) }
}
