//! An ordinary device: two messages, and then its tab may close for good. [`Joining`] → [`Join`] → [`Joined`] → [`Masking`] →
//! [`Report`].
//!
//! | paper | here |
//! |---|---|
//! | `(s_i^SK, s_i^PK)`, pairwise masks | [`Joined::pair`], from a seed that is shared |
//! | `(c_i^SK, c_i^PK)`, encryption of shares | the sealing key, gone after the first message |
//! | `b_i`, own mask | [`Joined::own`], shared |
//! | `y_i = x_i + PRG(b_i) + Σ_{j>i} PRG(s_ij) − Σ_{j<i} PRG(s_ij)` | [`Masking`] |
//!
//! Two key pairs, because the server comes to know the secret of the first for a device that vanishes; were its shares sealed with the
//! same, it could then open its own mask too, and with it a report that came late.
//!
//! Source: Bonawitz et al. 2017, Figure 4; the committee instead of neighbours holds the shares (Ma et al. 2023, §4).

use super::hash::bind;
use super::keys::{Kind, OpeningKey, SEALED, Secret, Shared};
use super::prg::add_stream;
use super::shamir::Seed;
use super::{Digest, Entry, Error, Identity, MaskKey, Policy, PublicKey, Ring, RosterView, Signature, SignedTerms};
use crate::privacy::Noised;
use rand_core::CryptoRng;

/// Bytes of one member's two sealed shares: 96.
pub(super) const SHARES: usize = 2 * SEALED;

/// The first message: keys, and shares sealed for each member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Join {
    /// The hash of the terms it agrees to.
    pub context: Digest,
    /// Who signs for this round.
    pub identity: PublicKey,
    /// Agrees with neighbours.
    pub mask_key: PublicKey,
    /// Agrees with members.
    pub seal_key: PublicKey,
    /// Hash of the seed of its own mask.
    pub commitment: Digest,
    /// For each seat, a share of the own mask's seed and one of the pairwise key's, both sealed.
    pub shares: Vec<[u8; 96]>,
    /// Over all of it.
    pub signature: Signature,
}

impl Join {
    /// What the roster holds of it.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            identity: self.identity,
            mask_key: self.mask_key,
            seal_key: self.seal_key,
            commitment: self.commitment,
            shares: bind("shares", &self.shares.iter().map(<[u8; SHARES]>::as_slice).collect::<Vec<_>>()),
            signature: self.signature,
        }
    }
}

/// What a sealed share is about: a share that was moved to another place does not open.
pub(super) fn about(context: Digest, device: PublicKey, seat: usize) -> Digest {
    bind("share", &[&context.0, &device.0, &(seat as u64).to_le_bytes()])
}

pub(super) fn commit(own: &Seed) -> Digest {
    bind("own seed", &[&own.bytes()])
}

/// The key pair of pairwise masks, from its seed.
pub(super) fn pair_secret(context: Digest, seed: &Seed) -> Secret {
    Secret::new(Shared(seed.bytes()).derive(context, "pair secret", &[]))
}

/// The key of a device's own mask.
pub(super) fn own_mask(prg: super::Prg, roster: Digest, own: &Seed, device: PublicKey) -> MaskKey {
    Shared(own.bytes()).mask_key(prg, roster, "own mask", &[&device.0])
}

/// The key of the mask between two devices, the same from both ends.
pub(super) fn pair_mask(
    prg: super::Prg,
    roster: Digest,
    secret: &Secret,
    own: PublicKey,
    theirs: PublicKey,
) -> Result<MaskKey, Error> {
    let (low, high) = if own < theirs { (own, theirs) } else { (theirs, own) };
    Ok(secret.agree("a neighbour", theirs)?.mask_key(prg, roster, "pair mask", &[&low.0, &high.0]))
}

/// A device that read the terms and found them good.
#[derive(Clone, Debug)]
pub struct Joining {
    terms: SignedTerms,
    policy: Policy,
}

impl Joining {
    /// `model` is the hash of what the device trains with, computed by itself.
    ///
    /// # Errors
    /// Those of [`SignedTerms::check`].
    pub fn new(terms: SignedTerms, policy: Policy, model: Digest) -> Result<Self, Error> {
        terms.check(&policy, model)?;
        Ok(Self { terms, policy })
    }

    /// Draws keys and seeds, and seals a share of each seed for each member.
    ///
    /// # Errors
    /// [`Error::Key`] where a member's key is of small order.
    pub fn join(self, rng: &mut impl CryptoRng) -> Result<(Joined, Join), Error> {
        let Self { terms, policy } = self;
        let context = terms.terms.context();
        let identity = Identity::random(rng);
        let (own, pair, sealing) = (Seed::random(rng), Seed::random(rng), Secret::random(rng));
        let (device, seal_key) = (identity.public(), sealing.public());
        let (threshold, holders) = (terms.terms.threshold as usize, terms.terms.seats.len());
        let (of_own, of_pair) = (own.split(threshold, holders, rng), pair.split(threshold, holders, rng));
        let mut shares = Vec::with_capacity(holders);
        for (seat, (member, (own, pair))) in terms.terms.seats.iter().zip(of_own.iter().zip(&of_pair)).enumerate() {
            let shared = sealing.agree("a member", member.agreement)?;
            let about = about(context, device, seat);
            let seal =
                |kind, share| OpeningKey::derive(&shared, context, kind, seal_key, member.agreement).seal(about, share);
            let mut both = [0; SHARES];
            both[..SEALED].copy_from_slice(&seal(Kind::Own, own));
            both[SEALED..].copy_from_slice(&seal(Kind::Pair, pair));
            shares.push(both);
        }
        let mask_key = pair_secret(context, &pair).public();
        let mut join = Join {
            context,
            identity: device,
            mask_key,
            seal_key,
            commitment: commit(&own),
            shares,
            signature: Signature([0; 64]),
        };
        let mut entry = join.entry();
        entry.signature = identity.sign("join", &[&entry.digest(context).0]);
        join.signature = entry.signature;
        Ok((Joined { terms, policy, identity, own, pair, entry }, join))
    }
}

/// A device that has joined and waits for the roster.
#[derive(Clone)]
pub struct Joined {
    pub(super) terms: SignedTerms,
    pub(super) policy: Policy,
    pub(super) identity: Identity,
    pub(super) own: Seed,
    pub(super) pair: Seed,
    pub(super) entry: Entry,
}

impl core::fmt::Debug for Joined {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Joined({}, {:?})", self.terms.terms.round, self.entry.identity)
    }
}

/// A roster that a device has checked: whose masks it adds and whose it takes away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbourhood {
    pub(super) roster: Digest,
    pub(super) neighbours: Vec<(bool, PublicKey)>,
}

impl Joined {
    /// Its place in the round.
    #[must_use]
    pub fn identity(&self) -> PublicKey {
        self.entry.identity
    }

    /// The terms it agreed to.
    #[must_use]
    pub fn terms(&self) -> &SignedTerms {
        &self.terms
    }

    /// Checks what it was given of the roster.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::TooFew`], [`Error::Policy`], [`Error::Proof`], [`Error::Neighbours`], [`Error::Twice`].
    pub fn check(&self, view: &RosterView) -> Result<Neighbourhood, Error> {
        let roster = view.check(&self.terms, &self.policy, &self.entry)?;
        let neighbours = view.neighbours.iter().map(|n| (n.index > view.index, n.entry.mask_key)).collect();
        Ok(Neighbourhood { roster, neighbours })
    }

    /// Begins to mask an update of `d` numbers, which wrap modulo `2^r`. What comes of it is the only report this device will make: it is
    /// used up.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Key`] where a neighbour's key is of small order.
    pub fn mask(self, neighbourhood: &Neighbourhood, noised: Noised) -> Result<Masking, Error> {
        let values: Vec<u32> = noised.into_values().into_iter().map(i32::cast_unsigned).collect();
        let expected = self.terms.terms.dimension as usize;
        if values.len() != expected {
            return Err(Error::Length { what: "the vector", expected, got: values.len() });
        }
        let (prg, roster, context) = (self.terms.terms.prg, neighbourhood.roster, self.terms.terms.context());
        let secret = pair_secret(context, &self.pair);
        let mut pending = Vec::with_capacity(neighbourhood.neighbours.len() + 1);
        for (add, theirs) in &neighbourhood.neighbours {
            pending.push((pair_mask(prg, roster, &secret, self.entry.mask_key, *theirs)?, *add));
        }
        pending.push((own_mask(prg, roster, &self.own, self.entry.identity), true));
        Ok(Masking { ring: self.terms.terms.ring, roster, identity: self.identity, values, pending })
    }
}

/// `Noised → Masking → Report`: a vector on its way under its masks. Has no way out but [`Masking::finish`], which puts on those that are missing.
pub struct Masking {
    ring: Ring,
    roster: Digest,
    identity: Identity,
    values: Vec<u32>,
    pending: Vec<(MaskKey, bool)>,
}

impl core::fmt::Debug for Masking {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Masking(.. {} values, {} masks to go)", self.values.len(), self.pending.len())
    }
}

impl Masking {
    /// The key of the next mask, for a platform whose own cipher is the faster one.
    #[must_use]
    pub fn next_key(&self) -> Option<&MaskKey> {
        self.pending.last().map(|(key, _)| key)
    }

    /// The keys of all masks that are missing, the next one first: for a platform that makes several streams at once.
    pub fn keys(&self) -> impl Iterator<Item = &MaskKey> {
        self.pending.iter().rev().map(|(key, _)| key)
    }

    /// Puts on the next mask from the stream that its key gives.
    ///
    /// # Errors
    /// [`Error::Length`]: the stream has another length; nothing was put on.
    pub fn apply(&mut self, stream: &[u8]) -> Result<(), Error> {
        let expected = super::prg::stream_len(self.ring, self.values.len());
        if stream.len() != expected {
            return Err(Error::Length { what: "the stream", expected, got: stream.len() });
        }
        if let Some((_, add)) = self.pending.pop() {
            add_stream(self.ring, add, stream, &mut self.values);
        }
        Ok(())
    }

    /// Puts on the masks that are missing, packs and signs.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for (key, add) in &self.pending {
            key.apply(self.ring, *add, &mut self.values);
        }
        let body = self.ring.pack(&self.values);
        let signature = self.identity.sign("report", &[&self.roster.0, &Digest::of(&body).0]);
        Report { identity: self.identity.public(), roster: self.roster, body, signature }
    }
}

/// The second message: a vector under its masks.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// From whom.
    pub identity: PublicKey,
    /// Under which roster.
    pub roster: Digest,
    /// `d` numbers of `r` bits.
    pub body: Vec<u8>,
    /// Over both.
    pub signature: Signature,
}

impl core::fmt::Debug for Report {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Report({:?}, {:?}, {} bytes)", self.identity, self.roster, self.body.len())
    }
}

impl Report {
    pub(super) fn verify(&self) -> Result<(), Error> {
        let parts: [&[u8]; 2] = [&self.roster.0, &Digest::of(&self.body).0];
        self.identity.verify("a report", "report", &parts, &self.signature)
    }
}
