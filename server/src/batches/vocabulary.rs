//! Which names have a number: learned in training, by count.

use super::BatchError;
use super::schema::Admission;
use serde::{Deserialize, Serialize};
use sottovoce::math::mix;
use std::collections::HashMap;
use std::hash::Hash;

/// Entries with numbers from 1; 0 is whatever is not among them.
///
/// The most frequent entry has number 1, and equally frequent ones stand in their own order: the same rows give the same numbers, and
/// the rows of an embedding table that are used most lie side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary<T> {
    entries: Vec<T>,
}

impl<T: Ord + Clone + Hash> Vocabulary<T> {
    /// Admits what was counted often enough.
    ///
    /// # Errors
    /// [`BatchError::VocabularyOverflow`], in the name of `feature`.
    pub fn fit(counts: HashMap<T, u32>, admit: Admission, feature: &str) -> Result<Self, BatchError> {
        let mut entries: Vec<(T, u32)> = counts.into_iter().filter(|(_, n)| *n >= admit.min_count).collect();
        if entries.len() > admit.limit as usize {
            let (found, limit) = (entries.len(), admit.limit);
            return Err(BatchError::VocabularyOverflow { feature: feature.to_owned(), found, limit });
        }
        entries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(Self { entries: entries.into_iter().map(|(entry, _)| entry).collect() })
    }

    /// How many numbers there are, 0 among them: the rows of an embedding table.
    #[must_use]
    pub fn size(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX - 1) + 1
    }

    /// The entries, by number less one.
    #[must_use]
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Numbers by entry, for many questions.
    pub(super) fn index(&self) -> HashMap<&T, u32> {
        self.entries.iter().zip(1..).collect()
    }
}

impl Vocabulary<String> {
    /// The number of every name of a dictionary, so that a row costs a look into a vector and no hash.
    #[must_use]
    pub fn translate(&self, names: &[String]) -> Vec<u32> {
        let index = self.index();
        names.iter().map(|name| index.get(name).copied().unwrap_or(0)).collect()
    }
}

/// How often each code of a dictionary occurs, by name.
pub(super) fn count_names(names: &[String], codes: impl Iterator<Item = u32>) -> HashMap<String, u32> {
    let mut counts = vec![0u32; names.len()];
    codes.for_each(|code| counts[code as usize] += 1);
    names.iter().zip(counts).filter(|(_, n)| *n > 0).map(|(name, n)| (name.clone(), n)).collect()
}

/// One of `buckets` numbers for a text (FNV-1a, finished by SplitMix64's mixer so that few buckets are as even as many).
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "the high half of the product is wanted, and it is below `buckets`")]
pub(super) fn bucket(bytes: impl Iterator<Item = u8>, seed: u64, buckets: u32) -> u32 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ((u128::from(mix(hash)) * u128::from(buckets)) >> 64) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn admits_by_count_and_refuses_to_overflow() {
        let counts: HashMap<String, u32> =
            [("b", 3), ("a", 3), ("often", 9), ("once", 1)].map(|(name, n)| (name.to_owned(), n)).into();
        let fit = |min_count, limit| Vocabulary::fit(counts.clone(), Admission { min_count, limit }, "song");
        let vocabulary = fit(2, 3).unwrap();
        assert_eq!((vocabulary.entries(), vocabulary.size()), (&["often", "a", "b"].map(str::to_owned)[..], 4));
        assert_eq!(vocabulary.translate(&["b".to_owned(), "new".to_owned(), "often".to_owned()]), [3, 0, 1]);
        let error = fit(1, 3).unwrap_err();
        assert!(matches!(&error, BatchError::VocabularyOverflow { found: 4, limit: 3, .. }), "{error}");
    }

    #[test]
    fn hashing_spreads() {
        let mut filled = [0u32; 16];
        for i in 0..16_000u32 {
            filled[bucket(i.to_string().bytes(), 3, 16) as usize] += 1;
        }
        assert!(filled.iter().all(|n| (850..1_150).contains(n)), "{filled:?}");
        assert_ne!(bucket("song".bytes(), 1, 1 << 20), bucket("song".bytes(), 2, 1 << 20));
    }
}
