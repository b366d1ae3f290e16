//! Who shares a mask with whom: everybody with everybody in a small cohort, `k` neighbours each on a circle in a larger one.
//!
//! The devices stand on the circle in an order drawn from the roster's hash, which holds a beacon that nobody knew before the roster
//! closed; each is joined with the `k/2` before and the `k/2` behind it (a Harary graph, the most connected one of its degree). Both ends
//! derive it, so a server cannot choose a device's neighbours.
//!
//! Source: Bell et al. 2020, §3.2 and Algorithm 1.

use super::Digest;
use super::hash::bind;
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Up to so many devices, everybody is everybody's neighbour.
pub(super) const COMPLETE: usize = 64;

/// Who is whose neighbour, for devices numbered as in the roster.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Who stands at a place of the circle.
    at: Vec<u32>,
    /// Where a device stands.
    place: Vec<u32>,
    half: usize,
    complete: bool,
}

impl Graph {
    /// Of `n` devices with `k` neighbours each, rounded up to an even number; `roster` is the roster's hash.
    #[must_use]
    pub fn new(n: usize, k: usize, roster: Digest) -> Self {
        let half = k.div_ceil(2);
        let complete = n <= COMPLETE || 2 * half + 1 >= n;
        let mut at: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
        let mut place = at.clone();
        if !complete {
            let mut rng = ChaCha20Rng::from_seed(bind("graph", &[&roster.0]).0);
            // Fisher–Yates: every order is equally likely.
            for last in (1..n).rev() {
                at.swap(last, below(&mut rng, last as u64 + 1));
            }
            at.iter().zip(0u32..).for_each(|(device, here)| place[*device as usize] = here);
        }
        Self { at, place, half, complete }
    }

    /// How many devices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The neighbours of `device`, each once, in no order that means anything; of a stranger none.
    pub fn neighbours(&self, device: u32) -> impl Iterator<Item = u32> + '_ {
        let n = self.at.len();
        let here = self.place.get(device as usize).map(|p| *p as usize);
        let reach = if self.complete { n.saturating_sub(1) } else { 2 * self.half };
        here.into_iter().flat_map(move |here| {
            (0..reach).map(move |i| {
                let step = if self.complete || i < self.half { i + 1 } else { n - (i - self.half + 1) };
                self.at[(here + step) % n]
            })
        })
    }
}

/// Evenly from `0..bound`, `0 < bound ≤ 2³²` (Lemire 2019, with rejection, so not by a hair uneven).
#[allow(clippy::cast_possible_truncation, reason = "below the bound, which is a length")]
fn below(rng: &mut ChaCha20Rng, bound: u64) -> usize {
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if (product as u64) >= bound.wrapping_neg() % bound {
            return (product >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(graph: &Graph, device: usize) -> BTreeSet<u32> {
        graph.neighbours(u32::try_from(device).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn neighbours_are_mutual_distinct_and_k(n in 0usize..200, k in 1usize..60, seed: u8) {
            let graph = Graph::new(n, k, Digest([seed; 32]));
            let even = k.next_multiple_of(2);
            let degree = if n <= COMPLETE || even + 1 >= n { n.saturating_sub(1) } else { even };
            for i in 0..n {
                let mine = set(&graph, i);
                prop_assert_eq!(mine.len(), degree);
                prop_assert_eq!(graph.neighbours(u32::try_from(i).unwrap()).count(), degree);
                prop_assert!(!mine.contains(&u32::try_from(i).unwrap()));
                for j in mine {
                    prop_assert!(set(&graph, j as usize).contains(&u32::try_from(i).unwrap()));
                }
            }
            prop_assert_eq!(graph.neighbours(u32::try_from(n).unwrap()).count(), 0);
        }
    }

    #[test]
    fn another_roster_gives_another_circle() {
        let (a, b) = (Graph::new(500, 10, Digest([1; 32])), Graph::new(500, 10, Digest([2; 32])));
        let same = (0..500).filter(|i| set(&a, *i) == set(&b, *i)).count();
        assert!(same < 3, "{same}");
    }
}
