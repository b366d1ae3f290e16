//! Bytes that are whole or refused: what is kept of a run on a disk that may be full, cut off or changed.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | what kind of file it is |
//! | 4 | its version, little-endian |
//! | 8 | how many bytes follow the hash, little-endian |
//! | 32 | SHA-256 over the three above and what follows |
//! | n | the payload |

use sha2::{Digest, Sha256};

/// Bytes before the payload.
const HEAD: usize = 8 + 4 + 8 + 32;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// How errors call it.
    pub name: &'static str,
    /// How it begins.
    pub magic: [u8; 8],
    /// Its version; another one is refused.
    pub version: u32,
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Something else.
    #[error("it is no {name}: it begins otherwise")]
    Kind {
        /// What was expected.
        name: &'static str,
    },
    /// Cut short, or longer than it says.
    #[error("it has {got} bytes and should have {expected}: it was cut short or added to")]
    Length {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        got: u64,
    },
    /// Of another version.
    #[error("it is of version {got}, this program reads version {expected}")]
    Version {
        /// Ours.
        expected: u32,
        /// Its.
        got: u32,
    },
    /// Changed.
    #[error("its SHA-256 is not the one it bears: a byte was changed")]
    Changed,
    /// Whole, and yet it does not say what it should.
    #[error("its content does not fit: {detail}")]
    Content {
        /// What does not.
        detail: String,
    },
}

impl Seal {
    /// The payload with its head.
    #[must_use]
    pub fn close(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend_from_slice(&self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        let hash = hashed(&bytes, payload);
        bytes.extend_from_slice(&hash);
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The payload, if nothing has happened to it.
    ///
    /// # Errors
    /// [`SealError`], for any bytes whatever.
    pub fn open<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], SealError> {
        let mut rest = Fields(bytes);
        let short = |_| SealError::Length { expected: HEAD as u64, got: bytes.len() as u64 };
        if rest.take(8).map_err(short)? != self.magic {
            return Err(SealError::Kind { name: self.name });
        }
        let got = rest.u32().map_err(short)?;
        if got != self.version {
            return Err(SealError::Version { expected: self.version, got });
        }
        let length = rest.u64().map_err(short)?;
        let hash = rest.take(32).map_err(short)?;
        let payload = rest.0;
        if payload.len() as u64 != length {
            let expected = length.saturating_add(HEAD as u64);
            return Err(SealError::Length { expected, got: bytes.len() as u64 });
        }
        if hash != hashed(&bytes[..HEAD - 32], payload) {
            return Err(SealError::Changed);
        }
        Ok(payload)
    }
}

fn hashed(head: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(head);
    sha.update(payload);
    sha.finalize().into()
}

/// Fields behind one another, from the front.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'b>(pub &'b [u8]);

impl<'b> Fields<'b> {
    /// So many bytes.
    ///
    /// # Errors
    /// [`SealError::Content`] where there are fewer.
    pub fn take(&mut self, bytes: usize) -> Result<&'b [u8], SealError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(|| SealError::Content {
            detail: format!("{bytes} bytes are announced and {} are left", self.0.len()),
        })?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u32(&mut self) -> Result<u32, SealError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    /// A number.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u64(&mut self) -> Result<u64, SealError> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    /// A text behind its length, as JSON.
    ///
    /// # Errors
    /// As [`Fields::take`], and for JSON that is something else.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, SealError> {
        let length = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        serde_json::from_slice(self.take(length)?).map_err(|error| SealError::Content { detail: error.to_string() })
    }

    /// So many numbers.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn reals(&mut self, count: usize) -> Result<Vec<f32>, SealError> {
        let bytes = self.take(count.saturating_mul(4))?;
        let real = |b: &[u8]| b.try_into().map(f32::from_le_bytes).unwrap_or(f32::NAN);
        Ok(bytes.chunks_exact(4).map(real).collect())
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`SealError::Content`].
    pub fn end(self) -> Result<(), SealError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(SealError::Content { detail: format!("{left} bytes are left over") }),
        }
    }
}

/// Appends what [`Fields::json`] reads.
///
/// # Errors
/// [`SealError::Content`] for what JSON cannot say.
pub fn put_json<T: serde::Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<(), SealError> {
    let text = serde_json::to_vec(value).map_err(|error| SealError::Content { detail: error.to_string() })?;
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&text);
    Ok(())
}

/// Appends what [`Fields::reals`] reads.
pub fn put_reals(bytes: &mut Vec<u8>, reals: &[f32]) {
    bytes.reserve(4 * reals.len());
    reals.iter().for_each(|real| bytes.extend_from_slice(&real.to_le_bytes()));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEAL: Seal = Seal { name: "test file", magic: *b"sv-test\n", version: 3 };

    proptest! {
        #[test]
        fn a_cut_or_a_changed_byte_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let whole = SEAL.close(&payload);
            prop_assert_eq!(SEAL.open(&whole).unwrap(), &payload[..]);
            let at = at.index(whole.len());
            prop_assert!(SEAL.open(&whole[..at]).is_err());
            let mut changed = whole.clone();
            changed[at] ^= flip;
            prop_assert!(SEAL.open(&changed).is_err());
            let mut longer = whole;
            longer.push(flip);
            let is_length = matches!(SEAL.open(&longer), Err(SealError::Length { .. }));
            prop_assert!(is_length);
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(SEAL.open(&bytes).is_err());
            let mut fields = Fields(&bytes);
            let _ = fields.json::<serde_json::Value>();
            let _ = fields.reals(usize::MAX);
            let _ = fields.end();
        }
    }

    #[test]
    fn another_version_and_another_kind_say_so() {
        let other = Seal { version: 4, ..SEAL };
        assert_eq!(SEAL.open(&other.close(b"x")), Err(SealError::Version { expected: 3, got: 4 }));
        let other = Seal { magic: *b"sv-else\n", ..SEAL };
        assert_eq!(SEAL.open(&other.close(b"x")), Err(SealError::Kind { name: "test file" }));
    }
}
