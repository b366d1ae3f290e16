//! The channel `song2vec` (row R5): the songs nearest to where the seeds are.

use super::select::tastes;
use super::{ExactIndex, RecallError};
use crate::embed::SongEmbeddings;
use crate::stage::{Candidate, Query, Recall};
use serde::{Deserialize, Serialize};
use sottovoce::math::{axpy, normalize};

/// What the channel can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Song2VecRecallConfig {
    /// Songs with fewer listeners than this are not proposed: a song heard once lies exactly where its one listener does, and
    /// would crowd out what many agree on. At least 1.
    pub min_listeners: u32,
}

impl Default for Song2VecRecallConfig {
    fn default() -> Self {
        Self { min_listeners: 1 }
    }
}

/// Query: `u = Σ taste(s)·v_s` over the seeds, as a unit. Answer: the songs with the largest `⟨u, v⟩`, their cosines.
#[derive(Clone, Debug)]
pub struct Song2VecRecall {
    embeddings: SongEmbeddings,
    index: ExactIndex,
}

impl Song2VecRecall {
    /// Makes the embeddings searchable. `listeners` are the listeners of each song.
    ///
    /// # Errors
    /// [`RecallError::Artefact`] where there are not as many songs with listeners as with embeddings.
    #[allow(clippy::cast_precision_loss, reason = "a small threshold")]
    pub fn new(
        embeddings: SongEmbeddings,
        listeners: &[f32],
        config: &Song2VecRecallConfig,
    ) -> Result<Self, RecallError> {
        if embeddings.songs() != listeners.len() {
            let detail = format!("{} embeddings for {} songs", embeddings.songs(), listeners.len());
            return Err(RecallError::Artefact { detail });
        }
        let mut rows = embeddings.rows.clone();
        for (row, listeners) in rows.chunks_exact_mut(embeddings.dimension.max(1)).zip(listeners) {
            // Songs that nobody heard stay: their vectors come from the catalogue, and this is the only way to them.
            if *listeners > 0.0 && *listeners < config.min_listeners as f32 {
                row.fill(0.0);
            }
        }
        let index = ExactIndex::new(embeddings.dimension, &rows);
        Ok(Self { embeddings, index })
    }

    /// The embeddings that are searched.
    #[must_use]
    pub fn embeddings(&self) -> &SongEmbeddings {
        &self.embeddings
    }
}

impl Recall for Song2VecRecall {
    fn name(&self) -> &'static str {
        "song2vec"
    }

    fn recall(&self, query: &Query) -> Vec<Candidate> {
        let d = self.embeddings.dimension;
        let mut vector = vec![0.0; d];
        for (song, taste) in tastes(query, self.embeddings.songs()) {
            axpy(taste, &self.embeddings.rows[song * d..][..d], &mut vector);
        }
        if normalize(&mut vector) { self.index.search(&vector, query) } else { Vec::new() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use sottovoce::ids::SongId;

    #[test]
    fn proposes_what_lies_near_the_seeds() {
        let embeddings = SongEmbeddings::new(2, vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9, 1.0, 0.05]).unwrap();
        let config = Song2VecRecallConfig { min_listeners: 2 };
        let channel = Song2VecRecall::new(embeddings, &[3.0, 3.0, 3.0, 3.0, 1.0], &config).unwrap();
        let query = Query { seeds: vec![(SongId(0), 1.0), (SongId(77), 1.0)], exclude: vec![SongId(0)], k: 2 };
        let songs: Vec<u32> = channel.recall(&query).iter().map(|c| c.song.0).collect();
        assert_eq!(songs, [1, 3], "song 4 is nearest, but was heard by one listener only");
        assert!(channel.recall(&Query { k: 3, ..Query::default() }).is_empty(), "no seeds, no direction");
    }
}
