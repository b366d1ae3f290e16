//! The public log of the weights: one record a version, each naming the one before by its hash, all signed by the server.
//!
//! A device that holds one record can tell for ever after whether it is shown the same history as before, and two devices that
//! compare records whether they are shown the same one: a server that gives different weights to different devices has to sign two
//! records of one version, and [`SignedRecord::follows`] calls that a fork. What the chain does not say: that the weights are good.
//! Of the full engine alone.
//!
//! | bytes | little-endian | |
//! |---|---|---|
//! | 0–23 | `sottovoce version v1`, zeros | so that no other signed text can be one |
//! | 24–31 | u64 | version |
//! | 32–63 | SHA-256 | of the encoded [`TowerWeights`], the body of `GET /v1/tower/weights` |
//! | 64–95 | SHA-256 | of the record before ([`VersionRecord::hash`]); zeros for the first |
//! | 96–103 | u64 | round it came of; 0: none, the weights began anew |
//! | 104–135 | | root of the round's roster; zeros where the round had none |
//! | 136–143 | f64 | ε spent so far |
//! | 144–151 | u64 | time of publishing, ms since 1970 |

use super::codec::encode;
use super::message::TowerWeights;
use crate::ids::{Millis, RoundId, WeightsVersion};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// What every record's bytes begin with.
const DOMAIN: [u8; 24] = *b"sottovoce version v1\0\0\0\0";

/// Why a record is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not the bytes of a record.
    #[error("not a record of a version: {detail}")]
    Malformed {
        /// What is wrong with them.
        detail: &'static str,
    },
    /// Not signed by this key, or changed since.
    #[error(
        "the record of version {version} is not signed by the server's key, or was changed; do not use these weights"
    )]
    Signature {
        /// Which version it claims to be.
        version: WeightsVersion,
    },
    /// The server has told two histories.
    #[error(
        "two records of version {version} exist, or the next one names another; do not use these weights, and publish both records"
    )]
    Fork {
        /// Of which version.
        version: WeightsVersion,
    },
    /// Not the next version.
    #[error("expected the record of version {expected}, got {got}; ask /v1/log for those between")]
    Gap {
        /// The one that comes next.
        expected: WeightsVersion,
        /// The one that came.
        got: WeightsVersion,
    },
    /// ε that was spent cannot come back.
    #[error("the record of version {version} has spent less ε than the one before")]
    Epsilon {
        /// Which version.
        version: WeightsVersion,
    },
    /// The weights are not those of the record.
    #[error("the weights are not those that the record of version {version} names; do not use them")]
    Weights {
        /// Which version.
        version: WeightsVersion,
    },
}

/// What the server says of one version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VersionRecord {
    /// Which version.
    pub version: WeightsVersion,
    /// [`weights_hash`] of its weights.
    pub weights: [u8; 32],
    /// [`VersionRecord::hash`] of the one before, or zeros for the first of a log.
    pub previous: [u8; 32],
    /// The round that it came of; 0: the weights began anew.
    pub round: RoundId,
    /// Root of the round's roster, or zeros.
    pub roster: [u8; 32],
    /// ε spent so far, by a listener who was in every round. Not negative, never less than before; infinite where a round was without noise.
    pub epsilon: f64,
    /// When it was published.
    pub at: Millis,
}

impl VersionRecord {
    /// A record's length.
    pub const BYTES: usize = 152;

    /// The bytes that are hashed and signed. There is one spelling.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = bytes.as_mut_slice();
        let parts: [&[u8]; 8] = [
            &DOMAIN,
            &self.version.0.to_le_bytes(),
            &self.weights,
            &self.previous,
            &self.round.0.to_le_bytes(),
            &self.roster,
            &self.epsilon.to_bits().to_le_bytes(),
            &self.at.0.to_le_bytes(),
        ];
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        bytes
    }

    /// Reads what [`VersionRecord::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] for another length or beginning, and for an ε that is no amount.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes: &[u8; Self::BYTES] =
            bytes.try_into().map_err(|_| RecordError::Malformed { detail: "it has 152 bytes" })?;
        let mut rest = bytes.as_slice();
        if take::<24>(&mut rest) != DOMAIN {
            return Err(RecordError::Malformed { detail: "it begins in another way" });
        }
        let record = Self {
            version: WeightsVersion(u64::from_le_bytes(take(&mut rest))),
            weights: take(&mut rest),
            previous: take(&mut rest),
            round: RoundId(u64::from_le_bytes(take(&mut rest))),
            roster: take(&mut rest),
            epsilon: f64::from_le_bytes(take(&mut rest)),
            at: Millis(u64::from_le_bytes(take(&mut rest))),
        };
        // Minus zero would be a second spelling of zero.
        if record.epsilon.is_nan() || record.epsilon.is_sign_negative() {
            return Err(RecordError::Malformed { detail: "ε is no amount" });
        }
        Ok(record)
    }

    /// Its name in the chain: SHA-256 of its bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// Signed, as the server publishes it.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedRecord {
        SignedRecord { signature: key.sign(&self.to_bytes()).to_bytes(), record: self }
    }
}

/// The next `N` bytes; the caller has counted them.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut part = [0; N];
    if let Some((head, tail)) = rest.split_first_chunk::<N>() {
        part = *head;
        *rest = tail;
    }
    part
}

/// SHA-256 of weights as they travel.
#[must_use]
pub fn weights_hash(weights: &TowerWeights) -> [u8; 32] {
    Sha256::digest(encode(weights)).into()
}

/// A record with the server's signature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRecord {
    /// What is signed.
    pub record: VersionRecord,
    /// Ed25519 over [`VersionRecord::to_bytes`].
    pub signature: [u8; 64],
}

impl SignedRecord {
    /// Reads the bytes of a record and of its signature.
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn from_bytes(record: &[u8], signature: &[u8]) -> Result<Self, RecordError> {
        let signature =
            signature.try_into().map_err(|_| RecordError::Malformed { detail: "its signature has 64 bytes" })?;
        Ok(Self { record: VersionRecord::from_bytes(record)?, signature })
    }

    /// Whether it may come after `held`, the newest record that the device has accepted: signed by `key`, the next version, and
    /// naming `held` as the one before. The very record that is held passes too. Without one held any signed record does: that is the
    /// moment at which a device begins to trust.
    ///
    /// # Errors
    /// [`RecordError::Signature`], [`RecordError::Fork`], [`RecordError::Gap`], [`RecordError::Epsilon`].
    pub fn follows(&self, held: Option<&VersionRecord>, key: &VerifyingKey) -> Result<(), RecordError> {
        let record = &self.record;
        let version = record.version;
        // Strict: no signature has a second form, no weak key passes.
        key.verify_strict(&record.to_bytes(), &Signature::from_bytes(&self.signature))
            .map_err(|_| RecordError::Signature { version })?;
        let Some(held) = held else { return Ok(()) };
        if version == held.version {
            return if record.hash() == held.hash() { Ok(()) } else { Err(RecordError::Fork { version }) };
        }
        let expected = WeightsVersion(held.version.0.saturating_add(1));
        if version != expected {
            return Err(RecordError::Gap { expected, got: version });
        }
        if record.previous != held.hash() {
            return Err(RecordError::Fork { version: held.version });
        }
        if record.epsilon < held.epsilon {
            return Err(RecordError::Epsilon { version });
        }
        Ok(())
    }

    /// Whether these are the weights that it speaks of.
    ///
    /// # Errors
    /// [`RecordError::Weights`].
    pub fn names(&self, weights: &TowerWeights) -> Result<(), RecordError> {
        let same = weights.version == self.record.version && weights_hash(weights) == self.record.weights;
        if same { Ok(()) } else { Err(RecordError::Weights { version: self.record.version }) }
    }
}

/// Whether `records`, in order, continue the log after `held`; the newest is what the device holds from now on.
///
/// # Errors
/// As [`SignedRecord::follows`], of the first that does not.
pub fn verify(
    records: &[SignedRecord],
    held: Option<&VersionRecord>,
    key: &VerifyingKey,
) -> Result<Option<VersionRecord>, RecordError> {
    let mut held = held.copied();
    for next in records {
        next.follows(held.as_ref(), key)?;
        held = Some(next.record);
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::TowerShape;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn weights(version: u64) -> TowerWeights {
        let shape = TowerShape::usual(4);
        TowerWeights { version: WeightsVersion(version), shape, values: vec![0.5, -1.0, version as f32] }
    }

    fn log(length: u64) -> Vec<SignedRecord> {
        let mut records: Vec<SignedRecord> = Vec::new();
        for version in 0..length {
            let record = VersionRecord {
                version: WeightsVersion(version),
                weights: weights_hash(&weights(version)),
                previous: records.last().map_or([0; 32], |last| last.record.hash()),
                round: RoundId(version),
                roster: [7; 32],
                epsilon: 0.25 * version as f64,
                at: Millis(1_700_000_000_000 + version),
            };
            records.push(record.sign(&key(1)));
        }
        records
    }

    #[test]
    fn a_log_verifies_from_anywhere_and_names_its_weights() {
        let (records, key) = (log(6), key(1).verifying_key());
        assert_eq!(verify(&records, None, &key), Ok(Some(records[5].record)));
        assert_eq!(verify(&records[3..], Some(&records[2].record), &key), Ok(Some(records[5].record)));
        assert_eq!(verify(&records[3..], Some(&records[3].record), &key), Ok(Some(records[5].record)), "held already");
        assert_eq!(verify(&[], Some(&records[2].record), &key), Ok(Some(records[2].record)));
        for (version, record) in (0..).zip(&records) {
            assert_eq!(record.names(&weights(version)), Ok(()));
            let other = WeightsVersion(version);
            assert_eq!(record.names(&weights(version + 1)), Err(RecordError::Weights { version: other }));
            let mut changed = weights(version);
            changed.values[1] = f32::from_bits(changed.values[1].to_bits() ^ 1);
            assert_eq!(record.names(&changed), Err(RecordError::Weights { version: other }));
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused() {
        let (records, key) = (log(3), key(1).verifying_key());
        let (held, next) = (&records[1].record, &records[2]);
        let bytes = next.record.to_bytes();
        assert_eq!(SignedRecord::from_bytes(&bytes, &next.signature).as_ref(), Ok(next));
        for bit in 0..VersionRecord::BYTES * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            let outcome = SignedRecord::from_bytes(&changed, &next.signature);
            let refused = match outcome {
                Ok(record) => matches!(record.follows(Some(held), &key), Err(RecordError::Signature { .. })),
                Err(error) => matches!(error, RecordError::Malformed { .. }),
            };
            assert!(refused, "bit {bit} of the record");
        }
        for bit in 0..64 * 8 {
            let mut changed = *next;
            changed.signature[bit / 8] ^= 1 << (bit % 8);
            let version = next.record.version;
            assert_eq!(changed.follows(Some(held), &key), Err(RecordError::Signature { version }), "bit {bit}");
        }
        let other = super::tests::key(2).verifying_key();
        assert!(matches!(next.follows(Some(held), &other), Err(RecordError::Signature { .. })), "another's key");
    }

    #[test]
    fn forks_and_gaps_are_seen_also_when_they_are_signed() {
        let (records, signing) = (log(5), key(1));
        let key = signing.verifying_key();
        let again = |at: usize, change: fn(&mut VersionRecord)| {
            let mut record = records[at].record;
            change(&mut record);
            record.sign(&signing)
        };
        let held = &records[2].record;
        let v = WeightsVersion;
        let other_weights = again(2, |r| r.weights[0] ^= 1);
        assert_eq!(other_weights.follows(Some(held), &key), Err(RecordError::Fork { version: v(2) }));
        let other_past = again(3, |r| r.previous[31] ^= 1);
        assert_eq!(other_past.follows(Some(held), &key), Err(RecordError::Fork { version: v(2) }));
        assert_eq!(records[4].follows(Some(held), &key), Err(RecordError::Gap { expected: v(3), got: v(4) }));
        assert_eq!(records[1].follows(Some(held), &key), Err(RecordError::Gap { expected: v(3), got: v(1) }));
        assert_eq!(verify(&[records[1], records[3]], None, &key), Err(RecordError::Gap { expected: v(2), got: v(3) }));
        let cheaper = again(3, |r| r.epsilon = 0.0);
        assert_eq!(cheaper.follows(Some(held), &key), Err(RecordError::Epsilon { version: v(3) }));
    }

    #[test]
    fn bytes_have_one_spelling() {
        let bytes = log(1)[0].record.to_bytes();
        assert_eq!(VersionRecord::from_bytes(&bytes).map(|r| r.to_bytes()), Ok(bytes));
        for wrong in [&bytes[..151], &[0; 152], &[]] {
            assert!(matches!(VersionRecord::from_bytes(wrong), Err(RecordError::Malformed { .. })));
        }
        for epsilon in [f64::NAN, -0.0, -1.0, f64::NEG_INFINITY] {
            let record = VersionRecord { epsilon, ..log(1)[0].record };
            assert!(VersionRecord::from_bytes(&record.to_bytes()).is_err(), "{epsilon}");
        }
        assert!(SignedRecord::from_bytes(&bytes, &[0; 63]).is_err());
    }
}
