//! How the server opens a sum: which masks are left in it, from what the committee disclosed.
//!
//! With `R` those who reported and `V` those who vanished, the sum of the reports is
//! `Σ_{i∈R} x_i + Σ_{i∈R} PRG(b_i) + Σ_{i∈R, j∈V∩N(i)} ±PRG(s_ij)`; the pairwise masks within `R` are gone already. Each of the remaining
//! masks is one [`MaskJob`], independent of all others, so they can be spread over threads and machines, and whole numbers add to the same
//! sum in any order.

use super::committee::{Disclosure, Vote, count};
use super::device::{about, commit, own_mask, pair_mask, pair_secret};
use super::hash::bind;
use super::keys::SEALED;
use super::keys::Secret;
use super::shamir::{Seed, combine, weights};
use super::{Digest, Error, Join, MaskKey, Prg, PublicKey, Ring, Roster, SignedTerms};
use std::sync::Arc;

/// Who of a roster reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    roster: Digest,
    count: usize,
    bitmap: Vec<u8>,
}

impl Split {
    pub(super) fn new(roster: Digest, reported: &[bool]) -> Self {
        let bitmap = reported.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, &r| byte << 1 | u8::from(r)));
        Self { roster, count: reported.len(), bitmap: bitmap.collect() }
    }

    /// From what travelled: the roster's name, `n`, and a bit a device, the first one lowest.
    ///
    /// # Errors
    /// [`Error::Length`] unless the bitmap has `⌈n/8⌉` bytes, [`Error::Other`] where bits beyond the last device are set.
    pub fn from_parts(roster: Digest, count: u32, bitmap: Vec<u8>) -> Result<Self, Error> {
        let count = count as usize;
        let expected = count.div_ceil(8);
        if bitmap.len() != expected {
            return Err(Error::Length { what: "the split's bitmap", expected, got: bitmap.len() });
        }
        if !count.is_multiple_of(8) && bitmap.last().is_some_and(|last| last >> (count % 8) != 0) {
            return Err(Error::Other { what: "the filling of the split's bitmap" });
        }
        Ok(Self { roster, count, bitmap })
    }

    /// Of which roster.
    #[must_use]
    pub fn roster(&self) -> Digest {
        self.roster
    }

    /// `n`.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// A bit a device.
    #[must_use]
    pub fn bitmap(&self) -> &[u8] {
        &self.bitmap
    }

    /// Whether the device at this place reported.
    #[must_use]
    pub fn reported(&self, index: usize) -> bool {
        index < self.count && self.bitmap[index / 8] >> (index % 8) & 1 == 1
    }

    /// How many did.
    #[must_use]
    pub fn survivors(&self) -> u32 {
        self.bitmap.iter().map(|byte| byte.count_ones()).sum()
    }

    /// What members sign.
    #[must_use]
    pub fn digest(&self) -> Digest {
        bind("split", &[&self.roster.0, &(self.count as u64).to_le_bytes(), &self.bitmap])
    }

    pub(super) fn check(&self, n: usize, least: u32) -> Result<(), Error> {
        if self.count != n {
            return Err(Error::Length { what: "the split", expected: n, got: self.count });
        }
        let got = self.survivors();
        if got < least { Err(Error::TooFew { what: "reported", got, least }) } else { Ok(()) }
    }

    /// Checks one member's signature on it.
    ///
    /// # Errors
    /// [`Error::Stranger`] for a seat that is not there, [`Error::Other`] where it signs another split, [`Error::Signature`].
    pub fn verify(&self, terms: &SignedTerms, vote: &Vote) -> Result<(), Error> {
        if vote.split != self.digest() {
            return Err(Error::Other { what: "the split" });
        }
        vote.verify(terms)
    }

    /// Whether `t` different members have signed it.
    #[must_use]
    pub fn passes(&self, terms: &SignedTerms, votes: &[Vote]) -> bool {
        count(terms, self, votes) >= terms.terms.threshold
    }
}

/// Collects what members disclose until every device's secret can be put together.
#[derive(Debug)]
pub struct Unmasking<'a> {
    terms: &'a SignedTerms,
    roster: &'a Roster,
    split: &'a Split,
    seats: Vec<u32>,
    /// For each member that answered, for each device, the share it opened.
    shares: Vec<Vec<Option<[u8; 32]>>>,
}

/// Which way a mask goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// It stands in the sum with a plus.
    Plus,
    /// It stands in the sum with a minus.
    Minus,
}

/// One mask that is left in the sum of the reports.
#[derive(Clone, Debug)]
pub struct MaskJob {
    sign: Sign,
    of: MaskOf,
}

#[derive(Clone)]
enum MaskOf {
    Own(MaskKey),
    Pair { prg: Prg, roster: Digest, secret: Arc<Secret>, own: PublicKey, theirs: PublicKey },
}

impl core::fmt::Debug for MaskOf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if matches!(self, Self::Own(_)) { "Own(..)" } else { "Pair(..)" })
    }
}

impl MaskJob {
    /// Takes the mask out of `sum`.
    ///
    /// # Errors
    /// [`Error::Key`]: a device's key is of small order; no device that checked its neighbours has masked with it.
    pub fn apply(&self, ring: Ring, sum: &mut [u32]) -> Result<(), Error> {
        let add = self.sign == Sign::Minus;
        match &self.of {
            MaskOf::Own(key) => key.apply(ring, add, sum),
            MaskOf::Pair { prg, roster, secret, own, theirs } => {
                pair_mask(*prg, *roster, secret, *own, *theirs)?.apply(ring, add, sum);
            }
        }
        Ok(())
    }
}

impl<'a> Unmasking<'a> {
    /// Of a split that has its signatures.
    ///
    /// # Errors
    /// [`Error::TooFew`] signatures: no member will disclose anything.
    pub fn new(terms: &'a SignedTerms, roster: &'a Roster, split: &'a Split, votes: &[Vote]) -> Result<Self, Error> {
        split.check(roster.entries().len(), terms.terms.least)?;
        let (got, least) = (count(terms, split, votes), terms.terms.threshold);
        if got < least {
            return Err(Error::TooFew { what: "the split's signatures", got, least });
        }
        Ok(Self { terms, roster, split, seats: Vec::new(), shares: Vec::new() })
    }

    /// Takes a member's disclosure, once. `joins` are those of the roster, in its order. A key that does not open leaves a gap; which
    /// device or member is to blame for it cannot be told. Returns how many gaps there are.
    ///
    /// # Errors
    /// [`Error::Stranger`], [`Error::Signature`], [`Error::Other`] split, [`Error::Length`], [`Error::Twice`].
    pub fn disclose<'j>(
        &mut self,
        disclosure: &Disclosure,
        joins: impl Iterator<Item = &'j Join>,
    ) -> Result<usize, Error> {
        if self.seats.contains(&disclosure.seat) {
            return Err(Error::Twice { what: "the member" });
        }
        disclosure.check(self.terms, self.split)?;
        let expected = self.roster.entries().len();
        let (context, seat) = (self.roster.context(), disclosure.seat as usize);
        let open = |(i, (key, join)): (usize, (&super::keys::OpeningKey, &Join))| {
            let sealed = join.shares.get(seat)?;
            let from = if self.split.reported(i) { 0 } else { SEALED };
            let sealed: &[u8; SEALED] = sealed[from..from + SEALED].try_into().ok()?;
            key.open(about(context, join.identity, seat), sealed)
        };
        let mut shares: Vec<Option<[u8; 32]>> = disclosure.keys.iter().zip(joins).enumerate().map(open).collect();
        shares.resize(expected, None);
        let gaps = shares.iter().filter(|share| share.is_none()).count();
        self.seats.push(disclosure.seat);
        self.shares.push(shares);
        Ok(gaps)
    }

    /// How many members have answered.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.seats.len()
    }

    /// Whether every device has the shares it takes.
    #[must_use]
    pub fn ready(&self) -> bool {
        let t = self.terms.terms.threshold as usize;
        self.seats.len() >= t
            && (0..self.roster.entries().len()).all(|i| self.shares.iter().filter(|s| s[i].is_some()).count() >= t)
    }

    /// The masks that are left in the sum of the reports.
    ///
    /// # Errors
    /// [`Error::TooFew`] answers; [`Error::Shares`] where a device's shares do not give what it committed to: it dealt false ones, and the
    /// sum cannot be opened with it.
    pub fn jobs(&self) -> Result<Vec<MaskJob>, Error> {
        let least = self.terms.terms.threshold;
        let usual: Vec<usize> = (0..self.seats.len().min(least as usize)).collect();
        let usual_weights = weights(&self.seats_of(&usual));
        let (prg, roster, context) = (self.terms.terms.prg, self.roster.name(), self.roster.context());
        let mut jobs = Vec::new();
        for (i, entry) in self.roster.entries().iter().enumerate() {
            let index = u32::try_from(i).unwrap_or(u32::MAX);
            let holders: Vec<usize> =
                (0..self.seats.len()).filter(|m| self.shares[*m][i].is_some()).take(least as usize).collect();
            let got = u32::try_from(holders.len()).unwrap_or(u32::MAX);
            if got < least {
                return Err(Error::TooFew { what: "shares of a device", got, least });
            }
            let shares = holders.iter().filter_map(|m| self.shares[*m][i].as_ref());
            let seed = if holders == usual {
                combine(&usual_weights, shares)
            } else {
                combine(&weights(&self.seats_of(&holders)), shares)
            };
            let seed = seed.ok_or(Error::Shares { index })?;
            if self.split.reported(i) {
                if commit(&seed) != entry.commitment {
                    return Err(Error::Shares { index });
                }
                let of = MaskOf::Own(own_mask(prg, roster, &seed, entry.identity));
                jobs.push(MaskJob { sign: Sign::Plus, of });
            } else {
                self.pairs(index, &seed, context, &mut jobs)?;
            }
        }
        Ok(jobs)
    }

    /// The masks that those who reported share with a device that did not.
    fn pairs(&self, vanished: u32, seed: &Seed, context: Digest, jobs: &mut Vec<MaskJob>) -> Result<(), Error> {
        let own = self.roster.entries()[vanished as usize].mask_key;
        let secret = Arc::new(pair_secret(context, seed));
        if secret.public() != own {
            return Err(Error::Shares { index: vanished });
        }
        for neighbour in self.roster.graph().neighbours(vanished).filter(|n| self.split.reported(*n as usize)) {
            let theirs = self.roster.entries()[neighbour as usize].mask_key;
            // The neighbour added the mask if the vanished device stands behind it.
            let sign = if vanished > neighbour { Sign::Plus } else { Sign::Minus };
            let (prg, roster, secret) = (self.terms.terms.prg, self.roster.name(), Arc::clone(&secret));
            jobs.push(MaskJob { sign, of: MaskOf::Pair { prg, roster, secret, own, theirs } });
        }
        Ok(())
    }

    fn seats_of(&self, members: &[usize]) -> Vec<u32> {
        members.iter().map(|m| self.seats[*m]).collect()
    }
}
