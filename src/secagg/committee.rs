//! A member of the committee: agrees with the others in writing on who reported, then discloses one opening key for each device. [`Member`]
//! → [`Seated`] → [`Vote`], [`Voted`] → [`Disclosure`].
//!
//! The rule that everything hangs on: for one device either its own mask is opened or its pairwise ones, never both. So a member signs one
//! split a round, remembers it across a restart, and discloses only what `t` signatures on the same split call for; two splits that both
//! find `t` of `C` would need `2t − C` members that sign twice.
//!
//! Source: Bonawitz et al. 2017, Figure 4, rounds 3 (ConsistencyCheck) and 4 (Unmasking).

use super::hash::bind;
use super::keys::{Kind, OpeningKey, Secret};
use super::{Digest, Entry, Error, Identity, PublicKey, Roster, Signature, SignedTerms, Split};
use crate::ids::RoundId;
use rand_core::CryptoRng;

/// A device's offer to serve: its keys, signed, good until a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enlistment {
    /// Who signs.
    pub identity: PublicKey,
    /// Devices seal shares with it.
    pub agreement: PublicKey,
    /// The last round it serves in.
    pub until: RoundId,
    /// Over all of it.
    pub signature: Signature,
}

impl Enlistment {
    /// Checks that it is signed, and good for `round`.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::Key`], [`Error::Setting`].
    pub fn verify(&self, round: RoundId) -> Result<(), Error> {
        if round > self.until {
            let expected = "a round up to the last one the member serves in";
            return Err(Error::Setting { what: "round", got: round.0, expected });
        }
        let parts: [&[u8]; 2] = [&self.agreement.0, &self.until.0.to_le_bytes()];
        self.identity.verify("a member", "enlist", &parts, &self.signature)
    }
}

/// A device that serves on committees.
#[derive(Clone)]
pub struct Member {
    identity: Identity,
    secret: Secret,
    /// The newest round it signed a split of, and that split.
    signed: Option<(RoundId, Digest)>,
}

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Member({:?}, {:?})", self.identity.public(), self.signed)
    }
}

/// Bytes of [`Member::to_bytes`].
const STORED: usize = 32 + 32 + 1 + 8 + 32;

impl Member {
    /// Draws its keys.
    #[must_use]
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self { identity: Identity::random(rng), secret: Secret::random(rng), signed: None }
    }

    /// For the device's own store; to be kept before a vote leaves.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (round, split) = self.signed.unwrap_or_default();
        let parts: [&[u8]; 5] = [
            &self.identity.seed(),
            &self.secret.bytes(),
            &[u8::from(self.signed.is_some())],
            &round.0.to_le_bytes(),
            &split.0,
        ];
        parts.concat()
    }

    /// The inverse; `None` for bytes it did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; STORED] = bytes.try_into().ok()?;
        let signed = match bytes[64] {
            0 => None,
            1 => Some((
                RoundId(u64::from_le_bytes(bytes[65..73].try_into().ok()?)),
                Digest(bytes[73..].try_into().ok()?),
            )),
            _ => return None,
        };
        let identity = Identity::from_seed(bytes[..32].try_into().ok()?);
        Some(Self { identity, secret: Secret::new(bytes[32..64].try_into().ok()?), signed })
    }

    /// Its public name.
    #[must_use]
    pub fn identity(&self) -> PublicKey {
        self.identity.public()
    }

    /// Offers to serve up to round `until`.
    #[must_use]
    pub fn enlist(&self, until: RoundId) -> Enlistment {
        let agreement = self.secret.public();
        let signature = self.identity.sign("enlist", &[&agreement.0, &until.0.to_le_bytes()]);
        Enlistment { identity: self.identity.public(), agreement, until, signature }
    }

    /// Takes its seat under these terms.
    ///
    /// # Errors
    /// [`Error::Stranger`] where it has none; [`Error::Signature`] by another server; those of [`super::Terms::validate`].
    pub fn seat(&self, terms: SignedTerms, server: PublicKey) -> Result<Seated, Error> {
        server.verify("the server", "terms", &[&terms.terms.context().0], &terms.signature)?;
        terms.terms.validate()?;
        let mine = |seat: &Enlistment| seat.identity == self.identity() && seat.agreement == self.secret.public();
        let seat = terms.terms.seats.iter().position(mine).ok_or(Error::Stranger { what: "the member" })?;
        Ok(Seated { terms, seat: u32::try_from(seat).unwrap_or(u32::MAX) })
    }
}

/// A member with a seat in a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seated {
    terms: SignedTerms,
    seat: u32,
}

/// A member's name under a split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vote {
    /// Its seat.
    pub seat: u32,
    /// Which split.
    pub split: Digest,
    /// Over the split's digest.
    pub signature: Signature,
}

/// A member that has signed a split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voted {
    terms: SignedTerms,
    seat: u32,
    entries: Vec<Entry>,
    split: Split,
}

/// What a member discloses: one opening key for each device, in the order of the roster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disclosure {
    /// Its seat.
    pub seat: u32,
    /// Under which split.
    pub split: Digest,
    /// For a device that reported the key to its own mask's share, for one that did not the key to its pairwise key's share.
    pub keys: Vec<OpeningKey>,
    /// Over all of it.
    pub signature: Signature,
}

impl Seated {
    /// Its seat.
    #[must_use]
    pub fn seat(&self) -> u32 {
        self.seat
    }

    /// Signs `split` of the roster that `entries` and `beacon` give: once a round, and the same again as often as it is asked for.
    ///
    /// # Errors
    /// [`Error::TooFew`] survivors; [`Error::Other`] where the split is not of this roster; [`Error::Conflict`] where it has signed another
    /// split of this round, [`Error::Replayed`] where it has signed one of a later round; [`Error::Signature`] of an entry; those of
    /// [`Roster::close`].
    pub fn vote(
        self,
        member: &mut Member,
        entries: Vec<Entry>,
        beacon: Digest,
        split: Split,
    ) -> Result<(Voted, Vote), Error> {
        let Self { terms, seat } = self;
        let round = terms.terms.round;
        let roster = Roster::close(&terms, entries, beacon)?;
        if split.roster() != roster.name() {
            return Err(Error::Other { what: "the roster" });
        }
        split.check(roster.entries().len(), terms.terms.least)?;
        for entry in roster.entries() {
            entry.verify(roster.context())?;
        }
        match member.signed {
            Some((last, _)) if last > round => return Err(Error::Replayed { round, last }),
            Some((last, signed)) if last == round && signed != split.digest() => return Err(Error::Conflict),
            _ => member.signed = Some((round, split.digest())),
        }
        let signature = member.identity.sign("vote", &[&split.digest().0]);
        let vote = Vote { seat, split: split.digest(), signature };
        Ok((Voted { terms, seat, entries: roster.entries().to_vec(), split }, vote))
    }
}

impl Voted {
    /// Discloses, once `t` members have signed the same split.
    ///
    /// # Errors
    /// [`Error::TooFew`] valid votes of different seats for this split; [`Error::Key`] where a device's sealing key is of small order: its
    /// shares cannot have been sealed with it.
    pub fn disclose(self, member: &Member, votes: &[Vote]) -> Result<Disclosure, Error> {
        let least = self.terms.terms.threshold;
        let got = count(&self.terms, &self.split, votes);
        if got < least {
            return Err(Error::TooFew { what: "the split's signatures", got, least });
        }
        let context = self.terms.terms.context();
        let own = member.secret.public();
        let keys = self.entries.iter().enumerate().map(|(i, entry)| {
            let kind = if self.split.reported(i) { Kind::Own } else { Kind::Pair };
            let shared = member.secret.agree("a device", entry.seal_key)?;
            Ok(OpeningKey::derive(&shared, context, kind, entry.seal_key, own))
        });
        let keys = keys.collect::<Result<Vec<_>, Error>>()?;
        let (seat, split) = (self.seat, self.split.digest());
        let signature = member.identity.sign("disclosure", &[&signed(seat, split, &keys).0]);
        Ok(Disclosure { seat, split, keys, signature })
    }
}

/// How many different seats have validly signed `split`.
pub(super) fn count(terms: &SignedTerms, split: &Split, votes: &[Vote]) -> u32 {
    let digest = split.digest();
    let valid = |vote: &&Vote| vote.split == digest && vote.verify(terms).is_ok();
    let mut seats: Vec<u32> = votes.iter().filter(valid).map(|vote| vote.seat).collect();
    seats.sort_unstable();
    seats.dedup();
    u32::try_from(seats.len()).unwrap_or(u32::MAX)
}

impl Vote {
    pub(super) fn verify(&self, terms: &SignedTerms) -> Result<(), Error> {
        let seat = terms.terms.seats.get(self.seat as usize).ok_or(Error::Stranger { what: "the member" })?;
        seat.identity.verify("a vote", "vote", &[&self.split.0], &self.signature)
    }
}

fn signed(seat: u32, split: Digest, keys: &[OpeningKey]) -> Digest {
    let all: Vec<u8> = keys.iter().flat_map(|key| key.0).collect();
    bind("disclosed", &[&seat.to_le_bytes(), &split.0, &all])
}

impl Disclosure {
    /// Checks whose it is, and that it answers this split.
    ///
    /// # Errors
    /// [`Error::Other`] split, [`Error::Length`], [`Error::Stranger`], [`Error::Signature`].
    pub fn check(&self, terms: &SignedTerms, split: &Split) -> Result<(), Error> {
        if self.split != split.digest() {
            return Err(Error::Other { what: "the split" });
        }
        let (expected, got) = (split.count(), self.keys.len());
        if expected != got {
            return Err(Error::Length { what: "a disclosure", expected, got });
        }
        let seat = terms.terms.seats.get(self.seat as usize).ok_or(Error::Stranger { what: "the member" })?;
        let parts: [&[u8]; 1] = [&signed(self.seat, self.split, &self.keys).0];
        seat.identity.verify("a disclosure", "disclosure", &parts, &self.signature)
    }
}
