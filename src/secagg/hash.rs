//! One hash for everything that is signed or bound: SHA-256 over a label and length-prefixed parts, so that no two different lists of
//! parts hash the same bytes.

use sha2::{Digest as _, Sha256};

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..")
    }
}

impl Digest {
    /// Of bytes as they are.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// Of `parts` for the end that `label` names. The version of the protocol is part of every label.
pub(super) fn bind(label: &'static str, parts: &[&[u8]]) -> Digest {
    let mut sha = Sha256::new();
    sha.update(b"sottovoce secagg 1 ");
    part(&mut sha, label.as_bytes());
    parts.iter().for_each(|bytes| part(&mut sha, bytes));
    Digest(sha.finalize().into())
}

fn part(sha: &mut Sha256, bytes: &[u8]) {
    sha.update((bytes.len() as u64).to_le_bytes());
    sha.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_run_into_one_another() {
        let all =
            [bind("a", &[b"bc", b"d"]), bind("a", &[b"b", b"cd"]), bind("ab", &[b"c", b"d"]), bind("a", &[b"bcd"])];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one));
        }
    }
}
