//! The `k` best of many scores without sorting the rest.

use sottovoce_lanes::{LANES, blocks};

/// Keeps the best `k` of the scores that are offered, in any number of portions.
///
/// Sixteen scores at a time are held against the `k`-th best known so far; only what is above is looked at singly, and every so
/// often the kept ones are cut back to `k`. Of `n` scores in no particular order that is about `k·ln(n/k)` of them.
///
/// Order: falling score, equal scores by rising index; `−0` and `+0` are equal. NaN and −∞ are never chosen.
#[derive(Clone, Debug, Default)]
pub struct Leaders {
    k: usize,
    threshold: f32,
    /// Key in the upper half, complement of the index in the lower: one comparison orders both.
    held: Vec<u64>,
}

impl Leaders {
    /// Begins anew; the storage is used again.
    pub fn start(&mut self, k: usize) {
        self.k = k;
        self.threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        self.held.clear();
    }

    /// Offers scores with the indices `first`, `first + 1`, … Portions must come with rising indices.
    #[allow(clippy::cast_possible_truncation, reason = "sixteen")]
    pub fn offer(&mut self, scores: &[f32], first: u32) {
        let (whole, rest) = scores.as_chunks::<LANES>();
        let mut index = first;
        for scores in whole {
            let above = blocks::above(scores, self.threshold);
            if above != 0 {
                self.take(scores, above, index);
            }
            index += LANES as u32;
        }
        if !rest.is_empty() {
            let mut last = [f32::NEG_INFINITY; LANES];
            last[..rest.len()].copy_from_slice(rest);
            let above = blocks::above(&last, self.threshold);
            self.take(&last, above, index);
        }
    }

    /// Offers the first scores of all in blocks, the best of each of which is known. Where `k` blocks have a score each that is no less,
    /// so have the `k` best: that is the threshold to begin with, where blocks are many; and a block whose best is not above it is not
    /// looked at.
    #[allow(clippy::cast_possible_truncation, reason = "a key, and indices of scores")]
    fn offer_blocks(&mut self, scores: &[[f32; LANES]], most: &[f32]) {
        if begins_with_blocks(self.k, scores.len()) {
            self.held.extend(most.iter().map(|most| u64::from(key(*most))));
            let least = largest_first(&mut self.held, self.k - 1);
            self.held.clear();
            // What equals it has to come in too; and of the two zeros, which have one key, the one above is not greater than the other.
            self.threshold = score((least as u32).saturating_sub(2).max(key(f32::NEG_INFINITY)));
        }
        for (block, (scores, most)) in scores.iter().zip(most).enumerate() {
            if *most > self.threshold {
                self.offer(scores, (block * LANES) as u32);
            }
        }
    }

    fn take(&mut self, scores: &[f32; LANES], mut above: u32, index: u32) {
        while above != 0 {
            let lane = above.trailing_zeros();
            above &= above - 1;
            let score = scores[lane as usize];
            self.held.push(u64::from(key(score)) << 32 | u64::from(!(index + lane)));
        }
        if self.held.len() >= (2 * self.k).max(self.k + 256) {
            self.cut();
        }
    }

    /// The score that a new one has to exceed: that of the `k`-th best at the last cut.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Keeps the best `k` and raises the threshold to the least of them.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is the key")]
    fn cut(&mut self) {
        if self.held.len() > self.k && self.k > 0 {
            let least = largest_first(&mut self.held, self.k - 1);
            self.held.truncate(self.k);
            self.threshold = score((least >> 32) as u32);
        }
    }

    /// Puts the indices of the best into `out`, best first: `k` of them, or all that were numbers.
    #[allow(clippy::cast_possible_truncation, reason = "the lower half of a place is its index")]
    pub fn finish(&mut self, out: &mut Vec<u32>) {
        self.cut();
        sort_falling(&mut self.held);
        out.clear();
        out.extend(self.held.iter().map(|place| !(*place as u32)));
    }
}

/// Whether so many blocks are enough for the best of each to say much about the `k` best of all.
fn begins_with_blocks(k: usize, blocks: usize) -> bool {
    k > 0 && 2 * k <= blocks
}

/// Selects the best `k` of `n` scores that lie in one slice.
#[derive(Clone, Debug, Default)]
pub struct TopK {
    leaders: Leaders,
    /// The best of each block.
    most: Vec<f32>,
    /// Scores that are worked out here.
    filled: Vec<[f32; LANES]>,
}

impl TopK {
    /// Without storage yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The indices of the best `k`, in no order; for less work than [`TopK::select`].
    #[allow(clippy::cast_possible_truncation, reason = "the lower half of a place is its index")]
    pub fn best(&mut self, scores: &[f32], k: usize) -> impl Iterator<Item = u32> + '_ {
        self.offer(scores, k);
        self.leaders.cut();
        self.leaders.held.iter().map(|place| !(*place as u32))
    }

    /// Puts the indices of the best `k` into `out`, best first; fewer where fewer scores are numbers above −∞.
    ///
    /// # Example
    /// ```
    /// use sottovoce::math::TopK;
    /// let mut out = Vec::new();
    /// TopK::new().select(&[0.1, f32::NAN, 0.9, 0.9], 3, &mut out);
    /// assert_eq!(out, [2, 3, 0]);
    /// ```
    pub fn select(&mut self, scores: &[f32], k: usize, out: &mut Vec<u32>) {
        self.offer(scores, k);
        self.leaders.finish(out);
    }

    /// Offers them, with a threshold to begin with where they are many.
    #[allow(clippy::cast_possible_truncation, reason = "indices of scores")]
    fn offer(&mut self, scores: &[f32], k: usize) {
        self.leaders.start(k);
        let (whole, rest) = scores.as_chunks::<LANES>();
        if !begins_with_blocks(k, whole.len()) {
            return self.leaders.offer(scores, 0);
        }
        blocks::largest_of_each(whole, &mut self.most);
        self.leaders.offer_blocks(whole, &self.most);
        self.leaders.offer(rest, (whole.len() * LANES) as u32);
    }

    /// As [`TopK::select`], of the first `n` scores that `fill` writes: blocks of them, and the best of each.
    pub(super) fn select_filled(
        &mut self,
        n: usize,
        k: usize,
        fill: impl FnOnce(&mut [[f32; LANES]], &mut Vec<f32>),
        out: &mut Vec<u32>,
    ) {
        let Self { leaders, most, filled } = self;
        filled.resize(n.div_ceil(LANES), [0.0; LANES]);
        fill(filled, most);
        leaders.start(k);
        // Lanes behind the last score are nobody's: the last block is offered by itself.
        let (whole, rest) = filled.as_flattened()[..n].as_chunks();
        leaders.offer_blocks(whole, &most[..whole.len()]);
        #[allow(clippy::cast_possible_truncation, reason = "indices of scores")]
        leaders.offer(rest, (whole.len() * LANES) as u32);
        leaders.finish(out);
    }
}

/// [`TopK::select`] with storage of its own.
pub fn top_k(scores: &[f32], k: usize, out: &mut Vec<u32>) {
    TopK::new().select(scores, k, out);
}

/// The score's bits in a form whose order as integers is the scores' own.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits(); // −0 + 0 = +0
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The score of a key.
fn score(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Moves the `place + 1` largest to the front, in no order but that the least of them is at `place`; answers it (Hoare 1961, FIND).
fn largest_first(values: &mut [u64], place: usize) -> u64 {
    let (mut low, mut end) = (0, values.len());
    while low + 1 < end {
        let (a, b, c) = (values[low], values[low + (end - low) / 2], values[end - 1]);
        let pivot = a.max(b).min(a.min(b).max(c));
        // `i` is the first not yet seen from the left; `j` is one beyond the last not yet seen from the right.
        let (mut i, mut j) = (low, end);
        while i < j {
            while values[i] > pivot {
                i += 1;
            }
            while values[j - 1] < pivot {
                j -= 1;
            }
            if i < j {
                // By hand: compiled for its bytes, `swap` is a call that looks twice whether both are there.
                (values[i], values[j - 1]) = (values[j - 1], values[i]);
                i += 1;
                j -= 1;
            }
        }
        // All before `j` are at least the pivot, all from `i` on at most, and one between them equals it.
        if place < j {
            end = j;
        } else if place >= i {
            low = i;
        } else {
            break;
        }
    }
    values[place]
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

/// Lets the value at `root` sink until none below it is smaller. A value that comes from the end belongs near the end: the lesser children
/// move up without being asked, and it climbs back the little way (Wegener, *Bottom-up-heapsort*, TCS 118, 1993).
fn sink(heap: &mut [u64], root: usize) {
    let Some(value) = heap.get(root).copied() else { return };
    let mut hole = root;
    while 2 * hole + 1 < heap.len() {
        // The last parent may have one child only.
        let (left, right) = (2 * hole + 1, (2 * hole + 2).min(heap.len() - 1));
        let lesser = if heap[right] < heap[left] { right } else { left };
        heap[hole] = heap[lesser];
        hole = lesser;
    }
    while hole > root && heap[(hole - 1) / 2] > value {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = value;
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
        let mut order: Vec<u32> =
            (0..scores.len() as u32).filter(|i| scores[*i as usize] > f32::NEG_INFINITY).collect();
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
            k in prop_oneof![0usize..10, 0usize..320],
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
        assert!(rising.map(key).is_sorted_by(|a, b| a < b));
        assert_eq!(key(-0.0), key(0.0));
        assert!(rising.iter().all(|x| score(key(*x)) == *x));
    }

    proptest! {
        #[test]
        fn the_largest_come_first(values in prop::collection::vec(0u64..50, 1..200), place in any::<prop::sample::Index>()) {
            let place = place.index(values.len());
            let mut sorted = values.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let mut moved = values;
            prop_assert_eq!(largest_first(&mut moved, place), sorted[place]);
            prop_assert!(moved[..place].iter().all(|v| *v >= sorted[place]));
            prop_assert!(moved[place..].iter().all(|v| *v <= sorted[place]));
        }

        #[test]
        fn portions_do_not_matter(scores in prop::collection::vec(-1f32..1.0, 0..900), k in 1usize..60, cut in 0usize..900) {
            let cut = cut.min(scores.len());
            let (mut leaders, mut out) = (Leaders::default(), vec![]);
            leaders.start(k);
            leaders.offer(&scores[..cut], 0);
            leaders.offer(&scores[cut..], cut as u32);
            leaders.finish(&mut out);
            prop_assert_eq!(out, by_full_sort(&scores, k));
        }
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
