//! What a device of a round keeps between its two messages, as bytes for its own store: a tab may be closed and opened again at any
//! moment. The terms are public and are kept beside it, by whoever knows how they travel.

use super::device::{Joined, Neighbourhood, commit, pair_secret};
use super::shamir::Seed;
use super::{Digest, Entry, Identity, Policy, PublicKey, Signature, SignedTerms};
use zeroize::Zeroizing;

/// Bytes of one neighbour: which way its mask goes, and its key.
const NEIGHBOUR: usize = 1 + 32;

impl Joined {
    /// Length of [`Joined::to_bytes`]: three secrets, and what others hold of them that cannot be made again.
    pub const BYTES: usize = 3 * 32 + 2 * 32 + 64;

    /// For the device's own store. Whoever has them can open this device's report.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::BYTES));
        for secret in [self.identity.seed(), self.own.bytes(), self.pair.bytes()].map(Zeroizing::new) {
            bytes.extend_from_slice(&*secret);
        }
        bytes.extend_from_slice(&self.entry.seal_key.0);
        bytes.extend_from_slice(&self.entry.shares.0);
        bytes.extend_from_slice(&self.entry.signature.0);
        bytes
    }

    /// The inverse, under the terms that were agreed to; `None` for bytes it did not write, or not under these terms.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], terms: SignedTerms, policy: Policy) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<32>();
        let [seed, own, pair, seal_key, shares, signature @ ..] = words else { return None };
        if !rest.is_empty() {
            return None;
        }
        let (identity, own, pair) = (Identity::from_seed(*seed), Seed::from_bytes(*own)?, Seed::from_bytes(*pair)?);
        let context = terms.terms.context();
        let entry = Entry {
            identity: identity.public(),
            mask_key: pair_secret(context, &pair).public(),
            seal_key: PublicKey(*seal_key),
            commitment: commit(&own),
            shares: Digest(*shares),
            signature: Signature(signature.as_flattened().try_into().ok()?),
        };
        // The signature is over all of it and the terms.
        entry.verify(context).ok()?;
        Some(Self { terms, policy, identity, own, pair, entry })
    }
}

impl Neighbourhood {
    /// For the device's own store: what it has checked once it need not ask for again, and is not told otherwise.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.roster.0.to_vec();
        for (add, key) in &self.neighbours {
            bytes.push(u8::from(*add));
            bytes.extend_from_slice(&key.0);
        }
        bytes
    }

    /// The inverse; `None` for bytes it did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (roster, rest) = bytes.split_first_chunk::<32>()?;
        let (each, rest) = rest.as_chunks::<NEIGHBOUR>();
        let neighbour = |bytes: &[u8; NEIGHBOUR]| {
            let (sign, key) = bytes.split_first()?;
            (*sign <= 1).then_some((*sign == 1, PublicKey(key.try_into().ok()?)))
        };
        let neighbours = each.iter().map(neighbour).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self { roster: Digest(*roster), neighbours })
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::{Answer, Fate, World};
    use super::*;
    use proptest::prelude::*;

    /// Everybody is closed and opened between its two messages, and the sum is what it would have been.
    #[test]
    fn devices_that_come_back_report_as_if_they_had_stayed() {
        let mut world = World::new(4, 3, 5, 21);
        for (joined, _) in &mut world.devices {
            let bytes = joined.to_bytes();
            assert_eq!(bytes.len(), Joined::BYTES);
            *joined = Joined::from_bytes(&bytes, world.terms.clone(), world.policy).unwrap();
            assert_eq!(joined.to_bytes(), bytes);
        }
        let fates = [Fate::Reports, Fate::Reports, Fate::Joins, Fate::Reports];
        let reported = world.report(&fates).unwrap();
        assert_eq!(world.open(&reported, &[Answer::Discloses; 3]).unwrap(), Some(world.plain(&fates)));
    }

    #[test]
    fn a_checked_roster_comes_back() {
        let world = World::new(5, 1, 4, 22);
        let roster = world.report(&[Fate::Reports; 5]).unwrap().roster;
        let device = &world.devices[0].0;
        let view = roster.view(roster.index_of(device.identity()).unwrap(), &world.server).unwrap();
        let checked = device.check(&view).unwrap();
        let bytes = checked.to_bytes();
        assert_eq!(bytes.len(), 32 + 4 * NEIGHBOUR);
        assert_eq!(Neighbourhood::from_bytes(&bytes), Some(checked));
        for wrong in [&bytes[..31], &bytes[..33], &bytes[..bytes.len() - 1]] {
            assert_eq!(Neighbourhood::from_bytes(wrong), None);
        }
        let mut wrong = bytes;
        wrong[32] = 2;
        assert_eq!(Neighbourhood::from_bytes(&wrong), None);
    }

    #[test]
    fn one_flipped_bit_or_other_terms_are_noticed() {
        let (world, other) = (World::new(2, 2, 4, 23), World::new(2, 2, 5, 23));
        let bytes = world.devices[0].0.to_bytes();
        assert!(Joined::from_bytes(&bytes, other.terms.clone(), world.policy).is_none(), "another round's terms");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Joined::from_bytes(&bad, world.terms.clone(), world.policy).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_kept_does_not_print() {
        let world = World::new(2, 1, 4, 24);
        let joined = &world.devices[0].0;
        let printed = format!("{joined:?}");
        for word in joined.to_bytes().as_chunks::<32>().0.iter().take(3) {
            let hex: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!printed.contains(&hex[..16]), "{printed}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let world = World::new(2, 1, 4, 25);
            prop_assert!(Joined::from_bytes(&bytes, world.terms.clone(), world.policy).is_none());
            let _ = Neighbourhood::from_bytes(&bytes);
        }
    }
}
