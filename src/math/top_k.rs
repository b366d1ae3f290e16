//! The `k` best of `n` scores without sorting the rest.

/// The digits of a key, from the top: how far right, how many bits.
const DIGITS: [(u32, u32); 3] = [(21, 11), (10, 11), (0, 10)];

/// Selects the best `k` of `n` scores in O(n + k·log k), whatever their order, with storage that is used again.
///
/// Order: falling score, equal scores by rising index; `−0` and `+0` are equal. NaN is never chosen.
///
/// The `k`-th best is found digit by digit from counts (a radix select): three passes at most, no comparison of one score with
/// another, and a tenth of the code that a general sort would add to the page.
#[derive(Clone, Debug, Default)]
pub struct TopK {
    keys: Vec<u32>,
    counts: Vec<u32>,
    best: Vec<u64>,
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
    #[allow(clippy::cast_possible_truncation, reason = "the lower half of a place is its index")]
    pub fn select(&mut self, scores: &[f32], k: usize, out: &mut Vec<u32>) {
        self.keys.clear();
        self.keys.extend(scores.iter().map(|score| key(*score)));
        self.best.clear();
        let (threshold, mut at_threshold) = self.threshold(k);
        for (index, key) in (0u32..).zip(&self.keys) {
            let tied = *key == threshold;
            if *key > threshold || (tied && at_threshold > 0) {
                at_threshold -= usize::from(tied);
                self.best.push(u64::from(*key) << 32 | u64::from(!index));
            }
        }
        sort_falling(&mut self.best);
        out.clear();
        out.extend(self.best.iter().map(|place| !(*place as u32)));
    }

    /// The key of the `k`-th best, and how many of that very key are among the best `k`.
    fn threshold(&mut self, k: usize) -> (u32, usize) {
        let numbers = self.keys.iter().filter(|key| **key != NOT_A_NUMBER).count();
        let mut wanted = k.min(numbers);
        if wanted == 0 {
            return (u32::MAX, 0); // no key is larger
        }
        let (mut prefix, mut known) = (0u32, 0u32);
        for (shift, bits) in DIGITS {
            let mask = (1u32 << bits) - 1;
            self.counts.clear();
            self.counts.resize(1 << bits, 0);
            for key in &self.keys {
                if key & known == prefix && *key != NOT_A_NUMBER {
                    self.counts[(key >> shift & mask) as usize] += 1;
                }
            }
            for (digit, count) in (0..=mask).rev().zip(self.counts.iter().rev()) {
                if wanted <= *count as usize {
                    prefix |= digit << shift;
                    break;
                }
                wanted -= *count as usize;
            }
            known |= mask << shift;
        }
        (prefix, wanted)
    }
}

/// [`TopK::select`] with storage of its own.
pub fn top_k(scores: &[f32], k: usize, out: &mut Vec<u32>) {
    TopK::new().select(scores, k, out);
}

/// Below the key of every number.
const NOT_A_NUMBER: u32 = 0;

/// The score's bits in a form whose order as integers is the scores' own.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits(); // −0 + 0 = +0
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    if score.is_nan() { NOT_A_NUMBER } else { ordered }
}

/// Heapsort: the least of the rest goes to the end, until the largest is first.
fn sort_falling(places: &mut [u64]) {
    let n = places.len();
    for root in (0..n / 2).rev() {
        sink(places, root);
    }
    for end in (1..n).rev() {
        places.swap(0, end);
        sink(&mut places[..end], 0);
    }
}

/// Lets the value at `root` sink until none below it is smaller.
fn sink(heap: &mut [u64], mut root: usize) {
    loop {
        let left = 2 * root + 1;
        let Some(mut least) = heap.get(left).copied() else { return };
        let mut child = left;
        if let Some(right) = heap.get(left + 1)
            && *right < least
        {
            (child, least) = (left + 1, *right);
        }
        if heap[root] <= least {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
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
    fn keys_order_as_their_scores() {
        let rising = [f32::NEG_INFINITY, -1.5, -1e-40, 0.0, 1e-40, 2.5, f32::INFINITY];
        assert!(rising.map(key).is_sorted_by(|a, b| a < b) && key(rising[0]) > NOT_A_NUMBER);
        assert_eq!((key(-0.0), key(f32::NAN), key(-f32::NAN)), (key(0.0), NOT_A_NUMBER, NOT_A_NUMBER));
    }

    #[test]
    fn all_the_same_score_and_none_at_all() {
        let mut out = vec![];
        top_k(&vec![0.25; 3000], 7, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 4, 5, 6]);
        for (scores, k) in [(&[][..], 3), (&[1.0][..], 0), (&[f32::NAN; 4][..], 2)] {
            top_k(scores, k, &mut out);
            assert!(out.is_empty());
        }
    }
}
