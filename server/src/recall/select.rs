//! From a score for every song to a channel's answer.

use crate::stage::{Candidate, Query};
use sottovoce::ids::SongId;
use sottovoce::math::TopK;

/// The best `query.k` of `scores`, song `i` at `scores[i]`, without what the query excludes. A song whose score is NaN is not
/// proposed: channels use that for songs they have nothing to say of.
pub(super) fn select(mut scores: Vec<f32>, query: &Query) -> Vec<Candidate> {
    for song in &query.exclude {
        if let Some(score) = scores.get_mut(song.0 as usize) {
            *score = f32::NAN;
        }
    }
    let mut best = Vec::with_capacity(query.k.min(scores.len()));
    TopK::new().select(&scores, query.k, &mut best);
    best.into_iter().map(|song| Candidate { song: SongId(song), score: scores[song as usize] }).collect()
}

/// The seeds that are songs of a catalogue of `songs`, with the taste their weights speak of.
pub(super) fn tastes(query: &Query, songs: usize) -> impl Iterator<Item = (usize, f32)> {
    query
        .seeds
        .iter()
        .map(|(song, plays)| (song.0 as usize, super::taste(*plays)))
        .filter(move |(song, taste)| *song < songs && *taste > 0.0 && taste.is_finite())
}
