//! What one list is worth, and how a set of lists is spread over the catalogue (rows M3, M4).
//!
//! Ties: songs of equal score stand in no order, so each measure is its mean over all orders of them, in closed form
//! (McSherry, Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores", ECIR
//! 2008). With scores all different this is the usual number. Always over the whole catalogue: sampled rankings order models
//! otherwise (Krichene, Rendle, KDD 2020).

use super::EvalError;
use crate::stage::Candidate;
use sottovoce::ids::SongId;
use std::collections::HashSet;

/// What one list is worth, cut at `k` places.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Share of the held-out songs among the first `k`.
    pub recall: f64,
    /// Discounted gain `Σ 1/log₂(1 + place)` of the held-out songs among the first `k`, divided by that of the ideal list, in
    /// which the first `min(k, held out)` places are all held-out songs.
    pub ndcg: f64,
    /// Whether at least one held-out song is among the first `k`.
    pub hit: f64,
    /// `1 / place` of the first held-out song, 0 where none is among the first `k`.
    pub mrr: f64,
}

/// Measures a list against the songs that were held out, at each cut of `cuts`.
///
/// The list should be deeper than the largest cut: songs below its end that tie with its last are not seen.
///
/// # Errors
/// [`EvalError::NonFinite`] and [`EvalError::Repeated`]; [`EvalError::NothingHeldOut`] where `held_out` is empty.
///
/// # Example
/// ```
/// use sottovoce_server::{eval::measure, stage::Candidate};
/// use sottovoce::ids::SongId;
/// let list = [(4, 0.9), (7, 0.5), (1, 0.2)].map(|(song, score)| Candidate { song: SongId(song), score });
/// let [at_2] = measure(&list, &[SongId(7), SongId(8)], [2]).unwrap();
/// assert_eq!((at_2.recall, at_2.hit, at_2.mrr), (0.5, 1.0, 0.5));
/// ```
#[allow(clippy::cast_precision_loss, reason = "counts of songs are far below 2⁵³")]
pub fn measure<const N: usize>(
    list: &[Candidate],
    held_out: &[SongId],
    cuts: [usize; N],
) -> Result<[Measures; N], EvalError> {
    let wanted: HashSet<SongId> = held_out.iter().copied().collect();
    if wanted.is_empty() {
        return Err(EvalError::NothingHeldOut);
    }
    let mut seen = HashSet::with_capacity(list.len());
    for candidate in list {
        if !candidate.score.is_finite() {
            return Err(EvalError::NonFinite { song: candidate.song, score: candidate.score });
        }
        if !seen.insert(candidate.song) {
            return Err(EvalError::Repeated { song: candidate.song });
        }
    }
    let mut sorted: Vec<(f32, bool)> = list.iter().map(|c| (c.score + 0.0, wanted.contains(&c.song))).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Runs of equal scores: how many songs, and how many of them held out.
    let groups: Vec<(usize, usize)> = sorted
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(|run| (run.len(), run.iter().filter(|(_, wanted)| *wanted).count()))
        .collect();
    Ok(cuts.map(|k| {
        let (mut found, mut gain, mut none_before, mut mrr) = (0.0, 0.0, 1.0, 0.0);
        let mut place = 0usize;
        for (size, relevant) in &groups {
            let inside = (k - place.min(k)).min(*size);
            let share = *relevant as f64 / *size as f64;
            found += share * inside as f64;
            gain += (0..inside).map(|j| share * discount(place + j)).sum::<f64>();
            // The first held-out song of the group is at its place j (from 0) with the probability that the j before it are
            // not, and it is: a product of ratios of what is left.
            let mut still_none = none_before;
            for j in 0..inside {
                let left = (size - j) as f64;
                let relevant = *relevant as f64;
                mrr += still_none * (relevant / left).min(1.0) / (place + j + 1) as f64;
                still_none *= ((left - relevant) / left).max(0.0);
            }
            none_before = still_none;
            place += size;
        }
        let ideal: f64 = (0..k.min(wanted.len())).map(discount).sum();
        Measures {
            recall: found / wanted.len() as f64,
            ndcg: if ideal > 0.0 { gain / ideal } else { 0.0 },
            hit: 1.0 - none_before,
            mrr,
        }
    }))
}

/// What a place (from 0) is worth: `1 / log₂(2 + place)`.
#[allow(clippy::cast_precision_loss, reason = "places are far below 2⁵³")]
fn discount(place: usize) -> f64 {
    1.0 / libm::log2((place + 2) as f64)
}

/// How a set of lists is spread over the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Share of the catalogue that is in at least one list.
    pub coverage: f64,
    /// Gini coefficient of how often each song of the catalogue is in a list: 0 all alike, 1 always the same song.
    /// `G = Σ (2i − n − 1)·x₍ᵢ₎ / (n·Σ x)` with `x₍ᵢ₎` rising.
    pub gini: f64,
}

/// The spread of how often each song was in a list. Zeros where none was.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2⁵³")]
pub fn spread(times_listed: &[u32]) -> Spread {
    let n = times_listed.len() as f64;
    let total: f64 = times_listed.iter().map(|x| f64::from(*x)).sum();
    if total <= 0.0 {
        return Spread::default();
    }
    let mut sorted = times_listed.to_vec();
    sorted.sort_unstable();
    let weighted: f64 = sorted.iter().enumerate().map(|(i, x)| (2.0 * (i + 1) as f64 - n - 1.0) * f64::from(*x)).sum();
    let listed = sorted.iter().filter(|x| **x > 0).count();
    Spread { coverage: listed as f64 / n, gini: weighted / (n * total) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(pairs: &[(u32, f32)]) -> Vec<Candidate> {
        pairs.iter().map(|(song, score)| Candidate { song: SongId(*song), score: *score }).collect()
    }

    /// The usual number for one order of the list.
    fn in_this_order(songs: &[u32], held_out: &HashSet<u32>, k: usize) -> Measures {
        let hits: Vec<usize> = (0..k.min(songs.len())).filter(|i| held_out.contains(&songs[*i])).collect();
        let ideal: f64 = (0..k.min(held_out.len())).map(discount).sum();
        Measures {
            recall: hits.len() as f64 / held_out.len() as f64,
            ndcg: hits.iter().map(|i| discount(*i)).sum::<f64>() / ideal,
            hit: if hits.is_empty() { 0.0 } else { 1.0 },
            mrr: hits.first().map_or(0.0, |i| 1.0 / (i + 1) as f64),
        }
    }

    /// All orders of a list that its scores allow.
    fn orders(mut pairs: Vec<(u32, i8)>) -> Vec<Vec<u32>> {
        pairs.sort_by_key(|(_, score)| -score);
        let mut all = vec![vec![]];
        for run in pairs.chunk_by(|a, b| a.1 == b.1) {
            let run: Vec<u32> = run.iter().map(|(song, _)| *song).collect();
            let mut next = vec![];
            for order in permutations(&run) {
                next.extend(
                    all.iter().map(|before: &Vec<u32>| before.iter().chain(&order).copied().collect::<Vec<_>>()),
                );
            }
            all = next;
        }
        all
    }

    fn permutations(items: &[u32]) -> Vec<Vec<u32>> {
        if items.is_empty() {
            return vec![vec![]];
        }
        let mut all = vec![];
        for i in 0..items.len() {
            let mut rest = items.to_vec();
            let first = rest.remove(i);
            all.extend(permutations(&rest).into_iter().map(|mut tail| {
                tail.insert(0, first);
                tail
            }));
        }
        all
    }

    proptest! {
        #[test]
        fn ties_are_the_mean_over_all_their_orders(
            scores in prop::collection::vec(0i8..3, 1..6),
            held_out in prop::collection::hash_set(0u32..8, 1..5),
            k in 1usize..7,
        ) {
            let pairs: Vec<(u32, i8)> = (0u32..).zip(scores).collect();
            let candidates: Vec<(u32, f32)> = pairs.iter().map(|(song, score)| (*song, f32::from(*score))).collect();
            let wanted: Vec<SongId> = held_out.iter().copied().map(SongId).collect();
            let [got] = measure(&list(&candidates), &wanted, [k]).unwrap();
            let all = orders(pairs);
            let mean = |of: fn(&Measures) -> f64| {
                all.iter().map(|order| of(&in_this_order(order, &held_out, k))).sum::<f64>() / all.len() as f64
            };
            for (got, expected) in [
                (got.recall, mean(|m| m.recall)), (got.ndcg, mean(|m| m.ndcg)), (got.hit, mean(|m| m.hit)), (got.mrr, mean(|m| m.mrr)),
            ] {
                prop_assert!((got - expected).abs() < 1e-9, "{} against {}", got, expected);
            }
        }
    }

    #[test]
    fn a_known_list_by_hand() {
        // Held out at places 1 and 3 of 4, and one that is not in the list.
        let [m] = measure(&list(&[(5, 4.0), (1, 3.0), (6, 2.0), (2, 1.0)]), &[5, 6, 9].map(SongId), [3]).unwrap();
        let ideal = 1.0 + 1.0 / 3f64.log2() + 0.5;
        assert!((m.recall - 2.0 / 3.0).abs() < 1e-12 && (m.ndcg - 1.5 / ideal).abs() < 1e-12);
        assert!((m.hit - 1.0).abs() < 1e-12 && (m.mrr - 1.0).abs() < 1e-12);
        let [short, deep] = measure(&list(&[(1, 1.0)]), &[SongId(2)], [1, 50]).unwrap();
        assert_eq!((short, deep), (Measures::default(), Measures::default()));
    }

    #[test]
    fn what_cannot_be_ranked_is_an_error() {
        for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let got = measure(&list(&[(1, 1.0), (2, score)]), &[SongId(1)], [1]);
            assert!(matches!(got, Err(EvalError::NonFinite { song: SongId(2), .. })));
        }
        let got = measure(&list(&[(1, 1.0), (1, 0.5)]), &[SongId(1)], [1]);
        assert_eq!(got, Err(EvalError::Repeated { song: SongId(1) }));
        assert_eq!(measure(&list(&[(1, 1.0)]), &[], [1]), Err(EvalError::NothingHeldOut));
    }

    #[test]
    fn gini_by_its_definition_as_a_mean_difference() {
        for counts in [vec![0, 0, 0, 9], vec![3, 3, 3], vec![1, 2, 3, 4, 0], vec![7]] {
            let n = counts.len() as f64;
            let total: f64 = counts.iter().map(|x| f64::from(*x)).sum();
            let differences: f64 =
                counts.iter().flat_map(|a| counts.iter().map(move |b| (f64::from(*a) - f64::from(*b)).abs())).sum();
            let got = spread(&counts);
            assert!((got.gini - differences / (2.0 * n * total)).abs() < 1e-12, "{counts:?}");
        }
        assert!((spread(&[0, 0, 0, 9]).coverage - 0.25).abs() < 1e-12);
        assert_eq!(spread(&[0, 0]), Spread::default());
        assert_eq!(spread(&[]), Spread::default());
    }
}
