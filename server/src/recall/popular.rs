//! The channel `popular`: what most listeners hear. The floor that every other channel must beat, and the answer to a query
//! that says nothing.

use super::Interactions;
use super::select::select;
use crate::stage::{Candidate, Query, Recall};
use sottovoce::ids::SongId;

/// Songs by how many listeners hear them.
#[derive(Clone, Debug, PartialEq)]
pub struct Popular {
    listeners: Vec<f32>,
}

impl Popular {
    /// Counts the listeners of each song.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "listeners below 2²⁴ are exact")]
    pub fn fit(interactions: &Interactions) -> Self {
        let songs = (0u32..).take(interactions.songs());
        Self { listeners: songs.map(|song| interactions.listeners_of(SongId(song)).len() as f32).collect() }
    }

    /// From the counts themselves.
    #[must_use]
    pub(crate) fn from_counts(listeners: Vec<f32>) -> Self {
        Self { listeners }
    }

    /// How many listeners each song has.
    #[must_use]
    pub fn listeners(&self) -> &[f32] {
        &self.listeners
    }
}

impl Recall for Popular {
    fn name(&self) -> &'static str {
        "popular"
    }

    fn recall(&self, query: &Query) -> Vec<Candidate> {
        select(self.listeners.clone(), query)
    }
}

#[cfg(test)]
mod tests {
    use super::super::interactions::tests::totals;
    use super::*;

    #[test]
    fn counts_listeners_and_not_plays() {
        let dataset = totals(4, 3, &[(0, 1, 900), (0, 2, 1), (1, 2, 1), (2, 2, 1), (2, 3, 1)]);
        let channel = Popular::fit(&Interactions::of(&dataset));
        let query = Query { k: 3, exclude: vec![SongId(3)], ..Query::default() };
        let songs: Vec<(u32, f32)> = channel.recall(&query).iter().map(|c| (c.song.0, c.score)).collect();
        assert_eq!(songs, [(2, 3.0), (1, 1.0), (0, 0.0)]);
    }
}
