//! Exact top-k over resident vectors (row R4): one request scores the whole library.

use super::select::select;
use crate::stage::{Candidate, Query};
use sottovoce::math::ItemBlocks;

/// Song vectors, scanned whole. The scan is the same code as the one on the device, so the scores have the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactIndex {
    blocks: ItemBlocks,
    /// Songs that have a vector at all; the others are never proposed.
    known: Vec<bool>,
}

impl ExactIndex {
    /// Takes rows of `dimension` values, one a song. A row of zeros is a song without a vector.
    #[must_use]
    pub fn new(dimension: usize, rows: &[f32]) -> Self {
        let mut blocks = ItemBlocks::new(dimension);
        let rows = rows.chunks_exact(dimension.max(1));
        blocks.reserve(rows.len());
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            blocks.push(row);
            known.push(row.iter().any(|x| x.abs() > 0.0));
        }
        Self { blocks, known }
    }

    /// How many songs there are.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.known.len()
    }

    /// The songs with the largest inner products with `vector`; exclusions and `k` come from the query.
    #[must_use]
    pub fn search(&self, vector: &[f32], query: &Query) -> Vec<Candidate> {
        let mut scores = Vec::with_capacity(self.songs());
        self.blocks.dot_all(vector, &mut scores);
        scores.truncate(self.songs());
        for (score, known) in scores.iter_mut().zip(&self.known) {
            if !known {
                *score = f32::NAN;
            }
        }
        select(scores, query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sottovoce::ids::SongId;
    use sottovoce::math::dot;

    proptest! {
        #[test]
        fn finds_what_a_full_sort_finds(
            rows in prop::collection::vec(prop::collection::vec(-1f32..1.0, 5), 1..60),
            vector in prop::collection::vec(-1f32..1.0, 5),
            exclude in prop::collection::vec(0u32..60, 0..10),
            k in 0usize..70,
        ) {
            let index = ExactIndex::new(5, &rows.concat());
            let query = Query { seeds: vec![], exclude: exclude.iter().copied().map(SongId).collect(), k };
            let got: Vec<u32> = index.search(&vector, &query).iter().map(|c| c.song.0).collect();
            let mut all: Vec<(f32, u32)> = rows.iter().zip(0u32..).map(|(row, song)| (dot(row, &vector), song)).collect();
            all.retain(|(_, song)| !exclude.contains(song));
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            // Two orders of summation may swap neighbours that differ by rounding only: compare the scores.
            prop_assert_eq!(got.len(), all.len());
            for (song, (score, _)) in got.iter().zip(&all) {
                prop_assert!((dot(&rows[*song as usize], &vector) - score).abs() < 1e-5);
                prop_assert!(!exclude.contains(song));
            }
        }
    }

    #[test]
    fn songs_without_a_vector_are_never_proposed() {
        let index = ExactIndex::new(2, &[1.0, 0.0, 0.0, 0.0, -1.0, 0.0]);
        let query = Query { k: 5, ..Query::default() };
        let songs: Vec<u32> = index.search(&[1.0, 0.0], &query).iter().map(|c| c.song.0).collect();
        assert_eq!(songs, [0, 2]);
    }
}
