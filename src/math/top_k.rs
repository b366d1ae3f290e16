//! The `k` best of `n` scores without sorting the rest.

/// Selects the best `k` of `n` scores in O(n + k·log k), with storage that is used again.
///
/// Order: falling score, equal scores by rising index; `−0` and `+0` are equal. NaN is never chosen.
///
/// Scores run past a threshold, the `k`-th best so far; what passes gathers in a buffer of `2k`, and each time that is full
/// a selection halves it and raises the threshold. A selection costs O(k) and happens at most every `k` scores: O(n).
#[derive(Clone, Debug, Default)]
pub struct TopK {
    keys: Vec<u64>,
}

impl TopK {
    /// Without storage yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the indices of the best `k` into `out`, best first; fewer where fewer scores are numbers.
    ///
    /// # Example
    /// ```
    /// use sottovoce::math::TopK;
    /// let mut out = Vec::new();
    /// TopK::new().select(&[0.1, f32::NAN, 0.9, 0.9], 3, &mut out);
    /// assert_eq!(out, [2, 3, 0]);
    /// ```
    pub fn select(&mut self, scores: &[f32], k: usize, out: &mut Vec<u32>) {
        out.clear();
        self.keys.clear();
        if k == 0 {
            return;
        }
        let room = k.saturating_mul(2).min(scores.len());
        self.keys.reserve(room);
        let mut threshold = f32::NEG_INFINITY;
        for (index, score) in (0u32..).zip(scores) {
            // `>=`, false for NaN: an equal score of a higher index loses in the selection, not here.
            if *score >= threshold {
                if self.keys.len() == room && room > k {
                    self.halve(k);
                    threshold = score_of(self.keys[k - 1]);
                }
                self.keys.push(key(*score, index));
            }
        }
        self.halve(k);
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        out.extend(self.keys.iter().map(|key| index_of(*key)));
    }

    /// Keeps the best `k`, the least of them last.
    fn halve(&mut self, k: usize) {
        if self.keys.len() > k {
            self.keys.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
            self.keys.truncate(k);
        }
    }
}

/// [`TopK::select`] with storage of its own.
pub fn top_k(scores: &[f32], k: usize, out: &mut Vec<u32>) {
    TopK::new().select(scores, k, out);
}

/// A number that is larger for a better place: the score's bits in an order-keeping form, then the index turned round.
fn key(score: f32, index: u32) -> u64 {
    let bits = (score + 0.0).to_bits(); // −0 + 0 = +0
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(!index)
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half is 32 bits")]
fn score_of(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
fn index_of(key: u64) -> u32 {
    !(key as u32)
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests compare exact values and small counts"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_full_sort(scores: &[f32], k: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..scores.len() as u32).filter(|i| !scores[*i as usize].is_nan()).collect();
        order.sort_by(|a, b| scores[*b as usize].partial_cmp(&scores[*a as usize]).unwrap().then(a.cmp(b)));
        order.truncate(k);
        order
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(
            scores in prop::collection::vec(prop_oneof![
                8 => -1f32..1.0,
                4 => (-3i8..4).prop_map(f32::from),
                1 => Just(f32::NAN), 1 => Just(-0.0f32), 1 => Just(f32::INFINITY), 1 => Just(f32::NEG_INFINITY),
            ], 0..300),
            k in 0usize..320,
        ) {
            let mut out = vec![7];
            top_k(&scores, k, &mut out);
            prop_assert_eq!(out, by_full_sort(&scores, k));
        }
    }

    #[test]
    fn rising_falling_and_flat_scores() {
        let rising: Vec<f32> = (0..5000u16).map(f32::from).collect();
        let falling: Vec<f32> = rising.iter().rev().copied().collect();
        let flat = vec![0.5; 5000];
        let mut select = TopK::new();
        let mut out = vec![];
        for scores in [&rising, &falling, &flat] {
            select.select(scores, 100, &mut out);
            assert_eq!(out, by_full_sort(scores, 100));
        }
    }

    #[test]
    fn keys_give_back_what_they_hold() {
        for score in [f32::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-40, 2.5, f32::INFINITY] {
            assert_eq!(score_of(key(score, 3)), score);
            assert_eq!(index_of(key(score, 3)), 3);
        }
    }
}
