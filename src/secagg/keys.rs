//! Keys, and what they do: Ed25519 signs, X25519 agrees, HKDF-SHA-256 derives, ChaCha20-Poly1305 seals a share. All of it from crates that
//! are kept in constant time; this file only says which bytes go in.

use super::hash::bind;
use super::{Digest, Error, MaskKey, Prg};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// Bytes of a sealed share: 32 of it and a tag of 16.
pub(super) const SEALED: usize = 48;

/// An Ed25519 or X25519 key that everybody may see.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PublicKey(pub [u8; 32]);

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PublicKey({:?})", Digest(self.0))
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl core::fmt::Debug for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Signature(..)")
    }
}

impl PublicKey {
    /// Checks that `signature` is this key's over `parts`, said for the end that `label` names.
    pub(super) fn verify(
        &self,
        what: &'static str,
        label: &'static str,
        parts: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), Error> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| Error::Key { what })?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&bind(label, parts).0, &signature).map_err(|_| Error::Signature { what })
    }
}

/// Who signs: a device for one round, a member for as long as it is enlisted, a server for good.
#[derive(Clone)]
pub struct Identity(SigningKey); // zeroised on drop by its own crate

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Identity({:?})", self.public())
    }
}

impl Identity {
    /// From 32 bytes of a cryptographic source.
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self(key)
    }

    pub(super) fn random(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(bytes(rng))
    }

    /// The bytes it was made from, for the device's own store.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// What others know it by.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a digest of `parts`.
    pub(super) fn sign(&self, label: &'static str, parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&bind(label, parts).0).to_bytes())
    }
}

/// An X25519 secret.
#[derive(Clone)]
pub(super) struct Secret(StaticSecret); // zeroised on drop by its own crate

impl Secret {
    pub(super) fn new(mut bytes: [u8; 32]) -> Self {
        let secret = StaticSecret::from(bytes);
        bytes.zeroize();
        Self(secret)
    }

    pub(super) fn random(rng: &mut impl CryptoRng) -> Self {
        Self::new(bytes(rng))
    }

    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }

    /// What both ends know and nobody else. A key of small order, whose answer anybody knows, is refused.
    pub(super) fn agree(&self, what: &'static str, theirs: PublicKey) -> Result<Shared, Error> {
        let shared = self.0.diffie_hellman(&x25519_dalek::PublicKey::from(theirs.0));
        if shared.was_contributory() { Ok(Shared(shared.to_bytes())) } else { Err(Error::Key { what }) }
    }
}

/// Input of a derivation: an agreed secret or a seed.
#[derive(ZeroizeOnDrop)]
pub(super) struct Shared(pub(super) [u8; 32]);

impl Shared {
    /// HKDF with `salt`, for the end that `label` and `parts` name.
    pub(super) fn derive(&self, salt: Digest, label: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        let mut out = [0; 32];
        let info = bind(label, parts);
        // The one thing that can fail is an output of over 8,160 bytes.
        let _ = Hkdf::<Sha256>::new(Some(&salt.0), &self.0).expand(&info.0, &mut out);
        out
    }

    pub(super) fn mask_key(&self, prg: Prg, salt: Digest, label: &'static str, parts: &[&[u8]]) -> MaskKey {
        let mut bytes = self.derive(salt, label, parts);
        let key = MaskKey::new(prg, bytes);
        bytes.zeroize();
        key
    }
}

/// Which of a device's two secrets a share is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The seed of its own mask: disclosed if it reported.
    Own,
    /// The seed of the key behind its pairwise masks: disclosed if it did not.
    Pair,
}

/// Opens one share of one device for one member: what a member discloses. A key each, so that disclosing the one says nothing of the
/// other, and so that the server sees at once whether the key is the right one.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OpeningKey(pub [u8; 32]);

impl core::fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OpeningKey(..)")
    }
}

impl OpeningKey {
    /// `context` names the round, `device` and `member` are the public keys of the agreement.
    pub(super) fn derive(shared: &Shared, context: Digest, kind: Kind, device: PublicKey, member: PublicKey) -> Self {
        let label = match kind {
            Kind::Own => "open own",
            Kind::Pair => "open pair",
        };
        Self(shared.derive(context, label, &[&device.0, &member.0]))
    }

    /// A key is used once, so the nonce is zero.
    pub(super) fn seal(&self, about: Digest, share: &[u8; 32]) -> [u8; SEALED] {
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        let sealed = cipher.encrypt(&Nonce::default(), Payload { msg: share, aad: &about.0 });
        let mut out = [0; SEALED];
        // The one thing that can fail is a message of over 256 GB.
        if let Ok(sealed) = sealed {
            out.copy_from_slice(&sealed);
        }
        out
    }

    pub(super) fn open(&self, about: Digest, sealed: &[u8; SEALED]) -> Option<[u8; 32]> {
        let cipher = ChaCha20Poly1305::new(&self.0.into());
        let share = cipher.decrypt(&Nonce::default(), Payload { msg: sealed, aad: &about.0 }).ok()?;
        share.try_into().ok()
    }
}

pub(super) fn bytes(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_agree_and_each_end_has_its_own_key() {
        let (a, b) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let (ab, ba) = (a.agree("b", b.public()).unwrap(), b.agree("a", a.public()).unwrap());
        assert_eq!(ab.0, ba.0);
        let key = |salt: u8, kind| OpeningKey::derive(&ab, Digest([salt; 32]), kind, a.public(), b.public());
        assert_ne!(key(0, Kind::Own), key(0, Kind::Pair));
        assert_ne!(key(0, Kind::Own), key(1, Kind::Own));
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for bad in [[0; 32], one] {
            assert_eq!(Secret::new([3; 32]).agree("it", PublicKey(bad)).err(), Some(Error::Key { what: "it" }));
        }
    }

    #[test]
    fn a_seal_opens_with_its_key_in_its_place_only() {
        let key = OpeningKey([5; 32]);
        let sealed = key.seal(Digest([1; 32]), &[9; 32]);
        assert_eq!(key.open(Digest([1; 32]), &sealed), Some([9; 32]));
        assert_eq!(key.open(Digest([2; 32]), &sealed), None);
        assert_eq!(OpeningKey([6; 32]).open(Digest([1; 32]), &sealed), None);
    }

    #[test]
    fn a_signature_says_one_thing() {
        let identity = Identity::from_seed([4; 32]);
        let signature = identity.sign("join", &[b"a"]);
        let check = |label, part: &[u8]| identity.public().verify("it", label, &[part], &signature);
        assert_eq!(check("join", b"a"), Ok(()));
        assert_eq!(check("join", b"b"), Err(Error::Signature { what: "it" }));
        assert_eq!(check("report", b"a"), Err(Error::Signature { what: "it" }));
    }
}
