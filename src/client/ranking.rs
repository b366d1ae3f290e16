//! From every resident song to the next few: one scan for the tower, one for the session, the best pool, the re-ranker under its
//! rules (row W3). All storage is used again.

use super::{EngineConfig, Resident};
use crate::ids::{ArtistId, Millis, SongId};
use crate::math::{ItemBlocks, TopK};
use crate::rerank::{Before, Candidates, ExploreConfig, RerankConfig, Reranker, RuleConfig, Slate, explore_bonus};
use crate::session::{Session, SessionConfig};
use crate::tower::Embedding;

/// The scratch of one listener's ranking, and the slate it made last.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    reranker: Reranker,
    slate: Slate,
    top: TopK,
    /// By candidate: slot, tower's dot product, session score, total score.
    slots: Vec<u32>,
    taste: Vec<f32>,
    session: Vec<f32>,
    session_query: Vec<f32>,
    total: Vec<f32>,
    /// By slot: never to come in this slate.
    barred: Vec<bool>,
    pool: Vec<u32>,
    drawn: Pool,
    /// By song asked for in [`Ranking::scores`].
    asked: Vec<f32>,
}

/// What the re-ranker sees of the pool.
#[derive(Debug, Default)]
struct Pool {
    items: ItemBlocks,
    slots: Vec<u32>,
    songs: Vec<SongId>,
    artists: Vec<ArtistId>,
    taste: Vec<f32>,
    session: Vec<f32>,
    popularity: Vec<f32>,
    explore: Vec<f32>,
}

/// The session memory that an engine keeps.
pub(crate) fn session(config: &EngineConfig, dimension: usize) -> Session {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; a NaN becomes the least"
    )]
    let half_life_ms = ((config.half_life_minutes * 60_000.0) as u64).max(1);
    Session::new(
        dimension,
        SessionConfig { history: config.no_repeat.max(1), half_life_ms, ..SessionConfig::default() },
    )
}

impl Ranking {
    pub(crate) fn slate(&self) -> &Slate {
        &self.slate
    }

    /// Scores, keeps the best, re-ranks.
    #[allow(clippy::too_many_arguments, reason = "everything a slate depends on, and nothing hidden")]
    pub(crate) fn rank(
        &mut self,
        config: &EngineConfig,
        items: &Resident,
        user: &Embedding,
        session: &Session,
        candidates: Option<&[SongId]>,
        k: usize,
        now: Millis,
    ) -> &Slate {
        self.gather_slots(items, candidates);
        self.bar(items, session);
        self.score(config, items, user, session, now);
        self.top.select(&self.total, config.pool.max(k), &mut self.pool);
        // The selection ranks whatever is a number; what is barred is −∞ and has no place in the pool.
        let total = &self.total;
        self.pool.retain(|&i| total[i as usize] > f32::NEG_INFINITY);
        self.draw(items, user, config, session.is_empty());
        let gap = u32::try_from(config.artist_gap).unwrap_or(u32::MAX);
        let before: Vec<ArtistId> = {
            let mut newest: Vec<ArtistId> =
                session.newest_first().take(config.artist_gap).map(|(h, _)| h.artist).collect();
            newest.reverse();
            newest
        };
        let pool = &self.drawn;
        let rerank = RerankConfig {
            diversity: config.diversity,
            session_weight: config.session,
            popularity_weight: 1.0,
            rules: RuleConfig { artist_gap: gap, ..RuleConfig::default() },
            ..RerankConfig::default()
        };
        self.reranker.rerank(
            &rerank,
            &Candidates {
                session: &pool.session,
                popularity: &pool.popularity,
                explore: &pool.explore,
                ..Candidates::new(&pool.items, &pool.songs, &pool.artists, &pool.taste)
            },
            Before { artists: &before, vectors: &[] },
            k,
            &mut |_| false,
            &mut self.slate,
        );
        &self.slate
    }

    /// The total score of each song; see [`super::Recommender::scores`].
    pub(crate) fn scores(
        &mut self,
        config: &EngineConfig,
        items: &Resident,
        user: &Embedding,
        session: &Session,
        songs: &[SongId],
        now: Millis,
    ) -> &[f32] {
        self.gather_slots(items, Some(songs));
        self.barred.clear();
        self.barred.resize(items.len(), false);
        self.score(config, items, user, session, now);
        let mut totals = self.total.iter().copied();
        let resident = |s: &SongId| if items.slot(*s).is_some() { totals.next() } else { None };
        self.asked.clear();
        self.asked.extend(songs.iter().map(resident).map(|total| total.unwrap_or(f32::NAN)));
        &self.asked
    }

    fn gather_slots(&mut self, items: &Resident, candidates: Option<&[SongId]>) {
        self.slots.clear();
        match candidates {
            None => self.slots.extend(0..u32::try_from(items.len()).unwrap_or(u32::MAX)),
            Some(songs) => self.slots.extend(songs.iter().filter_map(|s| items.slot(*s))),
        }
    }

    /// Disliked songs never come; songs just heard not yet.
    fn bar(&mut self, items: &Resident, session: &Session) {
        self.barred.clear();
        self.barred.resize(items.len(), false);
        let heard = session.newest_first().map(|(heard, _)| heard.event.impression.song);
        for song in heard.chain(session.disliked_songs().iter().copied()) {
            if let Some(slot) = items.slot(song) {
                self.barred[slot as usize] = true;
            }
        }
    }

    /// `z = (logit − mean) / sd + γ·session + explore`: the tower's logits in units of their own spread over these candidates, so
    /// that `γ` means the same for a sharp tower and a dull one.
    fn score(&mut self, config: &EngineConfig, items: &Resident, user: &Embedding, session: &Session, now: Millis) {
        dots(items, &self.slots, &user.vector, &mut self.taste);
        let popularity = items.popularity();
        let logits = || {
            let parts = self.slots.iter().zip(&self.taste);
            parts.map(|(&slot, dot)| user.sharpness * dot + user.popularity * popularity[slot as usize])
        };
        let (mean, spread) = spread(logits());
        self.total.clear();
        self.total.extend(logits().map(|logit| (logit - mean) / spread));
        if !session.is_empty() {
            session.taste_into(now, &mut self.session_query);
            dots(items, &self.slots, &self.session_query, &mut self.session);
            for (total, session) in self.total.iter_mut().zip(&self.session) {
                *total += config.session * session;
            }
        }
        let explore = explore(config);
        let plays = items.plays();
        for (total, &slot) in self.total.iter_mut().zip(&self.slots) {
            if self.barred[slot as usize] {
                *total = f32::NEG_INFINITY;
            } else if explore.weight > 0.0 && plays[slot as usize] < explore.budget {
                *total += explore_bonus(items.total_plays(), plays[slot as usize], explore);
            }
        }
        // The pool's parts are told apart by the same mean and spread.
        for dot in &mut self.taste {
            *dot = user.sharpness * *dot / spread;
        }
    }

    /// The pool as columns of its own.
    fn draw(&mut self, items: &Resident, user: &Embedding, config: &EngineConfig, no_session: bool) {
        let (pool, drawn) = (&self.pool, &mut self.drawn);
        drawn.slots.clear();
        drawn.slots.extend(pool.iter().map(|&i| self.slots[i as usize]));
        items.blocks().gather(&drawn.slots, &mut drawn.items);
        drawn.songs.clear();
        drawn.songs.extend(drawn.slots.iter().map(|&s| items.song(s)));
        drawn.artists.clear();
        drawn.artists.extend(drawn.slots.iter().map(|&s| items.artist(s)));
        drawn.taste.clear();
        drawn.taste.extend(pool.iter().map(|&i| self.taste[i as usize]));
        drawn.session.clear();
        if !no_session {
            drawn.session.extend(pool.iter().map(|&i| self.session[i as usize]));
        }
        let explore = explore(config);
        drawn.explore.clear();
        drawn.explore.extend(drawn.slots.iter().map(|&s| match explore.weight > 0.0 {
            true => explore_bonus(items.total_plays(), items.plays()[s as usize], explore),
            false => 0.0,
        }));
        drawn.popularity.clear();
        // What is left of the total is popularity's, in the same units; only differences matter to the re-ranker.
        let left = pool.iter().enumerate().map(|(at, &i)| {
            let session = drawn.session.get(at).map_or(0.0, |s| config.session * s);
            self.total[i as usize] - drawn.taste[at] - session - drawn.explore[at]
        });
        drawn.popularity.extend(left);
        debug_assert!(user.vector.len() == items.dimension());
    }
}

fn explore(config: &EngineConfig) -> ExploreConfig {
    ExploreConfig { weight: config.explore, budget: config.explore_budget }
}

/// `⟨query, v⟩` by candidate: one pass over the blocks where most songs are asked for, a gather where few are.
fn dots(items: &Resident, slots: &[u32], query: &[f32], out: &mut Vec<f32>) {
    let everything = slots.len() == items.len() && slots.iter().zip(0..).all(|(s, i)| *s == i);
    if everything {
        items.blocks().dot_all(query, out);
    } else {
        items.blocks().dot_slots(query, slots, out);
    }
}

/// Mean and standard deviation; a spread of nothing is 1, so that equal scores stay equal.
#[allow(clippy::cast_precision_loss, reason = "candidates stay below 2²⁴")]
fn spread(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let n = values.clone().count().max(1) as f32;
    let mean = values.clone().sum::<f32>() / n;
    let variance = values.map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    let spread = variance.sqrt();
    (mean, if spread > 1e-12 { spread } else { 1.0 })
}
