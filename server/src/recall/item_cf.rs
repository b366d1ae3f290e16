//! The channel `item_cf` (row R3): songs heard by the same listeners as the seeds.
//!
//! Paper: Sarwar, Karypis, Konstan, Riedl, "Item-based collaborative filtering recommendation algorithms", WWW 2001, §3.1.1
//! (cosine), §3.2.1 (weighted sum); Aiolli, "Efficient top-N recommendation for very large scale binary rated datasets",
//! RecSys 2013, §3 (the asymmetric exponent).
//!
//! | paper | here | meaning |
//! |---|---|---|
//! | R_{u,i} | `taste(plays)` | `ln(1 + plays)` |
//! | sim(i, j) | a neighbour's weight | `Σ_u R_ui·R_uj / (‖R_i‖^{2α}·‖R_j‖^{2(1−α)} + shrinkage)`, from seed i to candidate j |
//! | model size k | `neighbours` | neighbours kept a song |
//!
//! Kept: the cosine, precomputed and truncated lists, the weighted sum over the seeds. Left out: the denominator of the weighted
//! sum (it predicts ratings; for ranking it only undoes the evidence) and adjusted cosine (there are no ratings).

use super::select::{select, tastes};
use super::{Interactions, RecallError, taste};
use crate::progress::{Progress, Report};
use crate::stage::{Candidate, Query, Recall};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce::ids::SongId;
use sottovoce::math::TopK;
use std::sync::atomic::{AtomicU64, Ordering};

/// What item-item neighbours can be told. Defaults: see `docs/recall.md` for how they were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemCfConfig {
    /// Neighbours kept a song, at least 1.
    pub neighbours: usize,
    /// Added below the cosine: a similarity that rests on few common listeners shrinks towards 0. 0 or more (Sarwar: 0).
    pub shrinkage: f64,
    /// α, 0 to 1: above ½ the seed's popularity is discounted more than the candidate's (Sarwar: ½).
    pub alpha: f64,
    /// Songs of one listener that are paired with each other, the most played first; a listener of very many songs says
    /// little about any pair and costs their square. At least 2.
    pub songs_per_listener: usize,
}

impl Default for ItemCfConfig {
    fn default() -> Self {
        Self { neighbours: 300, shrinkage: 100.0, alpha: 0.5, songs_per_listener: 1000 }
    }
}

/// Each song's nearest neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemCf {
    /// Neighbours of song `i`: `songs` and `weights` at `ends[i − 1]..ends[i]`, by falling weight.
    pub(crate) ends: Vec<u32>,
    pub(crate) songs: Vec<u32>,
    pub(crate) weights: Vec<f32>,
}

impl ItemCf {
    /// Finds the neighbours of every song, in parallel; the same for any number of threads.
    ///
    /// # Errors
    /// [`RecallError::Config`].
    pub fn fit(interactions: &Interactions, config: &ItemCfConfig, report: Report<'_>) -> Result<Self, RecallError> {
        config.check()?;
        let songs = interactions.songs();
        // Each listener's songs with their taste, cut to the most played.
        let listeners: Vec<Vec<(u32, f32)>> = (0u32..)
            .take(interactions.listeners())
            .map(|listener| {
                let mut heard = interactions.heard_by(crate::data::ListenerId(listener)).to_vec();
                if heard.len() > config.songs_per_listener {
                    heard.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                    heard.truncate(config.songs_per_listener);
                    heard.sort_unstable_by_key(|(song, _)| *song);
                }
                heard.iter_mut().for_each(|(_, plays)| *plays = taste(*plays));
                heard
            })
            .collect();
        let mut squares = vec![0.0f64; songs];
        for (song, taste) in listeners.iter().flatten() {
            squares[*song as usize] += f64::from(*taste) * f64::from(*taste);
        }
        let (from, to): (Vec<f64>, Vec<f64>) = squares
            .iter()
            .map(|square| (libm::pow(*square, config.alpha), libm::pow(*square, 1.0 - config.alpha)))
            .unzip();
        let done = AtomicU64::new(0);
        let lists: Vec<Vec<(u32, f32)>> = (0u32..)
            .take(songs)
            .collect::<Vec<_>>()
            .par_chunks(64)
            .flat_map_iter(|chunk| {
                let mut room = Room::new(songs);
                let lists: Vec<_> = chunk
                    .iter()
                    .map(|song| {
                        room.neighbours(SongId(*song), interactions, &listeners, config, |i, j, sum| {
                            sum / (from[i] * to[j] + config.shrinkage)
                        })
                    })
                    .collect();
                let done = done.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
                report(Progress { step: "item_cf", done, total: songs as u64 });
                lists
            })
            .collect();
        Self::from_lists(&lists)
    }

    fn from_lists(lists: &[Vec<(u32, f32)>]) -> Result<Self, RecallError> {
        let mut ends = Vec::with_capacity(lists.len());
        let mut end = 0usize;
        for list in lists {
            end += list.len();
            ends.push(u32::try_from(end).map_err(|_| RecallError::Config {
                field: "item_cf.neighbours",
                #[allow(clippy::cast_precision_loss, reason = "for the message only")]
                got: end as f64,
                expected: "fewer: more than 2³² neighbours in all",
            })?);
        }
        let (songs, weights) = lists.iter().flatten().copied().unzip();
        Ok(Self { ends, songs, weights })
    }

    /// Whether the tables, read from somewhere, are those of a catalogue of `songs`.
    pub(crate) fn check(&self, songs: usize) -> Result<(), RecallError> {
        let total = self.ends.last().map_or(0, |end| *end as usize);
        let fits = self.ends.len() == songs
            && self.ends.is_sorted()
            && (total, total) == (self.songs.len(), self.weights.len())
            && self.songs.iter().all(|song| (*song as usize) < songs)
            && self.weights.iter().all(|weight| weight.is_finite());
        if fits { Ok(()) } else { Err(RecallError::Artefact { detail: "item_cf: the tables do not fit".into() }) }
    }

    /// A song's neighbours with their weights, by falling weight.
    pub fn neighbours(&self, song: SongId) -> impl Iterator<Item = (SongId, f32)> {
        let place = song.0 as usize;
        let end = self.ends.get(place).map_or(0, |end| *end as usize);
        let start = if place == 0 { 0 } else { self.ends.get(place - 1).map_or(0, |end| *end as usize) };
        self.songs[start..end.max(start)]
            .iter()
            .zip(&self.weights[start..end.max(start)])
            .map(|(s, w)| (SongId(*s), *w))
    }
}

impl ItemCfConfig {
    #[allow(clippy::cast_precision_loss, reason = "for the message only")]
    fn check(&self) -> Result<(), RecallError> {
        let fail = |field, got, expected| Err(RecallError::Config { field, got, expected });
        match self {
            c if c.neighbours == 0 => fail("item_cf.neighbours", 0.0, "at least 1"),
            c if !(c.shrinkage >= 0.0 && c.shrinkage.is_finite()) => {
                fail("item_cf.shrinkage", c.shrinkage, "0 or more")
            }
            c if !(0.0..=1.0).contains(&c.alpha) => fail("item_cf.alpha", c.alpha, "0 to 1"),
            c if c.songs_per_listener < 2 => {
                fail("item_cf.songs_per_listener", c.songs_per_listener as f64, "at least 2")
            }
            _ => Ok(()),
        }
    }
}

/// A thread's working space: a sum for every song, used again for each.
struct Room {
    sums: Vec<f64>,
    touched: Vec<u32>,
    scores: Vec<f32>,
    best: Vec<u32>,
    top: TopK,
}

impl Room {
    fn new(songs: usize) -> Self {
        Self { sums: vec![0.0; songs], touched: Vec::new(), scores: Vec::new(), best: Vec::new(), top: TopK::new() }
    }

    #[allow(clippy::cast_possible_truncation, reason = "similarities need no more than f32")]
    fn neighbours(
        &mut self,
        song: SongId,
        interactions: &Interactions,
        listeners: &[Vec<(u32, f32)>],
        config: &ItemCfConfig,
        similarity: impl Fn(usize, usize, f64) -> f64,
    ) -> Vec<(u32, f32)> {
        self.touched.clear();
        for (listener, _) in interactions.listeners_of(song) {
            let heard = &listeners[*listener as usize];
            // Not there where it was cut from a long history.
            let Ok(own) = heard.binary_search_by_key(&song.0, |(song, _)| *song) else { continue };
            let own = f64::from(heard[own].1);
            for (other, taste) in heard {
                let sum = &mut self.sums[*other as usize];
                if *sum <= 0.0 {
                    self.touched.push(*other);
                }
                *sum += own * f64::from(*taste);
            }
        }
        self.touched.sort_unstable(); // ties go to the lower song
        self.scores.clear();
        for other in &self.touched {
            let sum = std::mem::take(&mut self.sums[*other as usize]);
            let same = *other == song.0;
            let score = if same { f32::NAN } else { similarity(song.0 as usize, *other as usize, sum) as f32 };
            self.scores.push(score);
        }
        self.top.select(&self.scores, config.neighbours, &mut self.best);
        self.best.iter().map(|place| (self.touched[*place as usize], self.scores[*place as usize])).collect()
    }
}

impl Recall for ItemCf {
    fn name(&self) -> &'static str {
        "item_cf"
    }

    fn recall(&self, query: &Query) -> Vec<Candidate> {
        let mut scores = vec![f32::NAN; self.ends.len()];
        for (seed, taste) in tastes(query, self.ends.len()) {
            let start = if seed == 0 { 0 } else { self.ends[seed - 1] as usize };
            let end = self.ends[seed] as usize;
            for (song, weight) in self.songs[start..end].iter().zip(&self.weights[start..end]) {
                let score = &mut scores[*song as usize];
                *score = if score.is_nan() { 0.0 } else { *score } + taste * weight;
            }
        }
        select(scores, query)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::interactions::tests::totals;
    use super::*;
    use crate::progress::quiet;

    fn plain() -> ItemCfConfig {
        ItemCfConfig { shrinkage: 0.0, ..ItemCfConfig::default() }
    }

    #[test]
    fn weights_are_cosines_of_the_logs_of_plays() {
        let dataset = totals(4, 3, &[(0, 0, 3), (0, 1, 5), (1, 0, 1), (1, 1, 2), (1, 2, 9), (2, 3, 1)]);
        let channel = ItemCf::fit(&Interactions::of(&dataset), &plain(), &quiet).unwrap();
        let l = |plays: f64| (1.0 + plays).ln();
        let cosine = (l(3.0) * l(5.0) + l(1.0) * l(2.0))
            / ((l(3.0).powi(2) + l(1.0).powi(2)).sqrt() * (l(5.0).powi(2) + l(2.0).powi(2)).sqrt());
        let neighbours: Vec<(SongId, f32)> = channel.neighbours(SongId(0)).collect();
        assert_eq!(neighbours.iter().map(|(s, _)| s.0).collect::<Vec<_>>(), [1, 2]);
        assert!((f64::from(neighbours[0].1) - cosine).abs() < 1e-6);
        assert_eq!(channel.neighbours(SongId(3)).count(), 0, "heard by nobody who heard anything else");
        assert_eq!(channel.neighbours(SongId(9)).count(), 0);
        // α is which side pays for its popularity.
        let towards =
            ItemCf::fit(&Interactions::of(&dataset), &ItemCfConfig { alpha: 1.0, ..plain() }, &quiet).unwrap();
        let (_, weight) = towards.neighbours(SongId(2)).find(|(s, _)| s.0 == 0).unwrap();
        assert!((f64::from(weight) - l(1.0) / l(9.0)).abs() < 1e-6);
    }

    #[test]
    fn seeds_add_up_and_lists_are_cut() {
        let dataset = totals(5, 3, &[(0, 0, 1), (0, 2, 1), (0, 3, 1), (1, 1, 1), (1, 2, 1), (2, 0, 1), (2, 3, 1)]);
        let matrix = Interactions::of(&dataset);
        let channel = ItemCf::fit(&matrix, &plain(), &quiet).unwrap();
        let seeds = vec![(SongId(0), 1.0), (SongId(1), 1.0)];
        let query = Query { exclude: vec![SongId(0), SongId(1)], seeds, k: 9 };
        let songs: Vec<u32> = channel.recall(&query).iter().map(|c| c.song.0).collect();
        assert_eq!(songs, [2, 3], "song 2 is near both seeds; song 4 near neither and not proposed");
        let one = ItemCf::fit(&matrix, &ItemCfConfig { neighbours: 1, ..plain() }, &quiet).unwrap();
        assert!((0..4).all(|song| one.neighbours(SongId(song)).count() == 1));
    }

    #[test]
    fn a_listener_of_everything_is_cut_to_what_was_played_most() {
        let mut plays: Vec<(u32, u32, u32)> = (0..50).map(|song| (0, song, 50 - song)).collect();
        plays.extend([(1, 48, 1), (1, 49, 1)]);
        let config = ItemCfConfig { songs_per_listener: 2, ..plain() };
        let channel = ItemCf::fit(&Interactions::of(&totals(50, 2, &plays)), &config, &quiet).unwrap();
        let near = |song| channel.neighbours(SongId(song)).map(|(s, _)| s.0).collect::<Vec<_>>();
        assert_eq!((near(0), near(1), near(2), near(49)), (vec![1], vec![0], vec![], vec![48]));
    }

    #[test]
    fn nonsense_is_refused() {
        let matrix = Interactions::of(&totals(2, 1, &[(0, 0, 1)]));
        for config in [
            ItemCfConfig { neighbours: 0, ..plain() },
            ItemCfConfig { shrinkage: -1.0, ..plain() },
            ItemCfConfig { alpha: 1.5, ..plain() },
            ItemCfConfig { songs_per_listener: 1, ..plain() },
        ] {
            assert!(matches!(ItemCf::fit(&matrix, &config, &quiet), Err(RecallError::Config { .. })));
        }
    }
}
