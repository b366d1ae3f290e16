//! Where the held-out song stands, among 99 drawn songs and among all.

use super::world::{Listener, World};
use rayon::prelude::*;
use serde::Serialize;

/// HR@10 and NDCG@10, means over listeners.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Quality {
    /// Share of listeners whose song is among the first ten.
    #[serde(rename = "hr@10")]
    pub hr10: f64,
    /// `1 / log₂(place + 1)` where it is.
    #[serde(rename = "ndcg@10")]
    pub ndcg10: f64,
}

/// What a model is worth at one moment.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Figures {
    /// The song for choosing, among 99.
    pub valid: Quality,
    /// The test song, among 99 others.
    pub sampled: Quality,
    /// The test song among all songs but those heard before. Sampled rankings order models otherwise (Krichene, Rendle, KDD 2020).
    pub full: Quality,
}

/// Ranks every listener's songs. `score` gives the scores of some songs by one listener (its place in the world); `all` those of all songs.
/// The full ranking is left out where `all` is `None`.
pub fn figures(
    world: &World,
    score: &(dyn Fn(usize, &[u32]) -> Vec<f32> + Sync),
    all: Option<&(dyn Fn(usize) -> Vec<f32> + Sync)>,
) -> Figures {
    let ranks: Vec<[f64; 3]> = world
        .listeners
        .par_iter()
        .enumerate()
        .map(|(i, listener)| {
            let among = |song: u32, others: &[u32]| {
                let scores = score(i, &[&[song], others].concat());
                place(scores[0], scores[1..].iter().copied())
            };
            let full = all.map_or(f64::INFINITY, |all| full(listener, &all(i)));
            [among(listener.valid, &listener.valid_negatives), among(listener.test, &listener.test_negatives), full]
        })
        .collect();
    let [valid, sampled, full] = [0, 1, 2].map(|which| mean(ranks.iter().map(|ranks| ranks[which])));
    Figures { valid, sampled, full }
}

fn full(listener: &Listener, scores: &[f32]) -> f64 {
    let (test, heard) = (listener.test, listener.heard(listener.test));
    let others = (0..).zip(scores).filter(|(song, _)| *song != test && heard.binary_search(song).is_err());
    place(scores[test as usize], others.map(|(_, score)| *score))
}

/// 1 + those that score higher + half of those that score the same: ties help nobody. A score that is no number stands last.
#[allow(clippy::cast_precision_loss, reason = "catalogues have fewer than 2⁵³ songs")]
pub(super) fn place(own: f32, others: impl Iterator<Item = f32>) -> f64 {
    let (mut higher, mut same) = (0usize, 0usize);
    for other in others {
        higher += usize::from(own.is_nan() || other > own);
        same += usize::from(other.total_cmp(&own).is_eq());
    }
    1.0 + higher as f64 + same as f64 / 2.0
}

#[allow(clippy::cast_precision_loss, reason = "fewer than 2⁵³ listeners")]
fn mean(ranks: impl ExactSizeIterator<Item = f64>) -> Quality {
    let n = ranks.len().max(1) as f64;
    let gain = |sum: Quality, rank: f64| match rank <= 10.0 {
        true => Quality { hr10: sum.hr10 + 1.0 / n, ndcg10: sum.ndcg10 + 1.0 / (rank + 1.0).log2() / n },
        false => sum,
    };
    ranks.fold(Quality::default(), gain)
}
