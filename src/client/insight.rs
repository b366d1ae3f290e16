//! What the engine thinks of its listener, for the listener to see and to change. Nothing here leaves the device.

use super::{Muted, Portrait, Recommender};
use crate::ids::{Millis, SongId};
use crate::math::{ItemBlocks, TopK, dot, norm, normalize};
use crate::rerank::DppConfig;

/// One of the listener's interests.
#[derive(Clone, PartialEq, Debug)]
pub struct Interest {
    /// Its share of what was finished or liked lately, in `[0, 1]`; all sum to 1.
    pub weight: f32,
    /// The songs nearest to it, nearest first.
    pub songs: Vec<SongId>,
    /// Its direction among the songs.
    pub vector: Vec<f32>,
    /// Which of [`Recommender::muted`] it is, where the listener muted it.
    pub muted: Option<usize>,
}

/// From this cosine on, an interest is one that was muted: what is heard since has moved it no further than songs of one kind lie apart.
/// A guess.
const STILL_THE_SAME: f32 = 0.9;

impl Recommender {
    /// The listener's interests, heaviest first, each with its `k` nearest songs; none before something was finished or liked.
    pub fn interests(&mut self, k: usize) -> Vec<Interest> {
        self.embed();
        let d = self.items.dimension().max(1);
        let wanted: Vec<&[f32]> =
            (0..self.past.len()).filter(|&i| self.past.behaviour(i).wanted()).map(|i| self.past.row(i)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let vectors: Vec<&[f32]> = self.embedding.interests.chunks_exact(d).collect();
        let mut counts = vec![0.0f32; vectors.len()];
        for song in &wanted {
            let near = |i: usize| dot(vectors[i], song);
            let best = (1..vectors.len()).fold(0, |best, i| if near(i) > near(best) { i } else { best });
            counts[best] += 1.0;
        }
        #[allow(clippy::cast_precision_loss, reason = "a few hundred songs")]
        let all = wanted.len() as f32;
        let mut order: Vec<usize> = (0..vectors.len()).filter(|&i| counts[i] > 0.0).collect();
        order.sort_unstable_by(|a, b| counts[*b].total_cmp(&counts[*a]).then(a.cmp(b)));
        let interest = |i: usize| Interest {
            weight: counts[i] / all,
            songs: self.nearest(vectors[i], k),
            vector: vectors[i].to_vec(),
            muted: self.muted_as(vectors[i]),
        };
        order.into_iter().map(interest).collect()
    }

    /// The muted direction that lies nearest, where it is this one still.
    fn muted_as(&self, vector: &[f32]) -> Option<usize> {
        let bound = STILL_THE_SAME * norm(vector);
        let along = self.kept.tastes.muted().iter().map(|m| dot(&m.vector, vector)).enumerate();
        let (index, nearest) = along.max_by(|a, b| a.1.total_cmp(&b.1))?;
        (nearest > 0.0 && nearest >= bound).then_some(index)
    }

    /// Less of this: mutes interest `index` of [`Recommender::interests`]; false where there is none. It stays until
    /// [`Recommender::unmute`].
    pub fn less_of(&mut self, index: usize) -> bool {
        let Some(interest) = self.interests(0).into_iter().nth(index) else { return false };
        // From hostile weights it can be no direction at all, which could not be kept.
        if !interest.vector.iter().all(|v| v.is_finite()) {
            return false;
        }
        self.kept.tastes.mute(interest.vector);
        true
    }

    /// The muted interests, oldest first, each with the `k` songs nearest to it.
    #[must_use]
    pub fn muted(&self, k: usize) -> Vec<Vec<SongId>> {
        self.kept.tastes.muted().iter().map(|Muted { vector }| self.nearest(vector, k)).collect()
    }

    /// Takes a mute back; false where there is none.
    pub fn unmute(&mut self, index: usize) -> bool {
        self.kept.tastes.unmute(index)
    }

    /// The songs nearest to a song, nearest first, without itself; none where it is not resident.
    #[must_use]
    pub fn near(&self, song: SongId, k: usize) -> Vec<SongId> {
        let Some(slot) = self.items.slot(song) else { return Vec::new() };
        let mut row = vec![0.0; self.items.dimension()];
        self.items.blocks().row(slot, &mut row);
        let mut near = self.nearest(&row, k.saturating_add(1));
        near.retain(|s| *s != song);
        near.truncate(k);
        near
    }

    fn nearest(&self, vector: &[f32], k: usize) -> Vec<SongId> {
        let (mut scores, mut best) = (Vec::new(), Vec::new());
        self.items.blocks().dot_all(vector, &mut scores);
        TopK::new().select(&scores, k, &mut best);
        best.into_iter().map(|slot| self.items.song(slot)).collect()
    }

    /// What the re-ranker takes for the likeness of these songs, `n × n`, row by row: 1 on the diagonal. A song that is not resident
    /// is unlike all others.
    #[must_use]
    pub fn similarity(&self, songs: &[SongId]) -> Vec<f32> {
        let (d, alpha) = (self.items.dimension(), DppConfig::default().similarity);
        let mut items = ItemBlocks::new(d);
        let mut row = vec![0.0; d];
        for song in songs {
            match self.items.slot(*song) {
                Some(slot) => self.items.blocks().row(slot, &mut row),
                None => {
                    row.fill(0.0);
                    false
                }
            };
            normalize(&mut row);
            items.push(&row);
        }
        let (mut matrix, mut dots) = (Vec::with_capacity(songs.len() * songs.len()), Vec::new());
        for i in 0..songs.len() {
            #[allow(clippy::cast_possible_truncation, reason = "a slate has fewer than 2³² songs")]
            let known = items.row(i as u32, &mut row) && row.iter().any(|x| *x != 0.0);
            items.dot_all(&row, &mut dots);
            let likeness = |j: usize, cosine: f32| match (i == j, known) {
                (true, _) => 1.0,
                (false, true) => alpha * cosine + 1.0 - alpha,
                (false, false) => 0.0,
            };
            matrix.extend(dots.iter().enumerate().map(|(j, &cosine)| likeness(j, cosine)));
        }
        matrix
    }

    /// Where the session stands among the songs at time `now`, `d` numbers; zeros before anything happened.
    #[must_use]
    pub fn session_vector(&self, now: Millis) -> Vec<f32> {
        let mut taste = Vec::new();
        self.session.taste_into(now, &mut taste);
        taste
    }

    /// The five dimensions of how the listener listens; see [`Portrait`].
    #[must_use]
    pub fn portrait(&self) -> Portrait {
        Portrait::of(self.kept.library.songs(), &self.items)
    }
}
