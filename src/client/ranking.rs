//! From every resident song to the next few: one scan for the interests, one for the session, the best pool, the re-ranker under its
//! rules (rows W3, R17). All storage is used again.

use super::{EngineConfig, Library, Resident, Tastes};
use crate::ids::{ArtistId, Millis, SongId};
use crate::math::{ItemBlocks, Real, Search, TopK, axpy};
use crate::rerank::{Before, Candidates, Classes, DppConfig, ExploreConfig, RerankConfig, Reranker, RuleConfig, Slate};
use crate::session::{Session, SessionConfig};
use crate::tower::Embedding;
use sottovoce_lanes::dense;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Among which songs; `None` is every resident song. Unknown ones are passed over.
    pub candidates: Option<&'a [SongId]>,
    /// How many.
    pub k: usize,
    /// When.
    pub now: Millis,
    /// A song whose embedding stands in for the listener's interests: a radio around it.
    pub around: Option<SongId>,
}

/// The listener, as ranking sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener<'a> {
    pub(crate) user: &'a Embedding,
    pub(crate) session: &'a Session,
    pub(crate) library: &'a Library,
    pub(crate) tastes: &'a Tastes,
}

/// The scratch of one listener's ranking, and the slate it made last.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    reranker: Reranker,
    slate: Slate,
    top: TopK,
    search: Search,
    /// By candidate: slot, interests' score, session score, total score.
    slots: Vec<u32>,
    /// Whether that is every resident song, in order: columns by slot are columns by candidate then.
    whole: bool,
    /// A column of scores for each interest, so far apart, and the largest of each candidate's.
    interests: Vec<f32>,
    stride: usize,
    taste: Vec<f32>,
    session: Vec<f32>,
    session_query: Vec<f32>,
    total: Vec<f32>,
    /// The unit of the tower's logits.
    spread: f32,
    /// The slots that are never to come in this slate: some dozens.
    barred: Vec<u32>,
    /// By slot, what exploring adds; and for which catalogue and settings that was worked out.
    bonus: Vec<f32>,
    bonus_of: Option<(u64, ExploreConfig)>,
    /// A column for the candidates, of whatever is worked on.
    column: Vec<f32>,
    around: Vec<f32>,
    pool: Vec<u32>,
    share: Vec<u32>,
    /// The totals of the interests' favourites among all others' −∞, which is what it is again after each slate.
    favoured: Vec<f32>,
    drawn: Pool,
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
    weights: Vec<f32>,
    styles: Vec<u16>,
    before: Vec<ArtistId>,
}

/// The session memory that an engine keeps.
pub(crate) fn session(config: &EngineConfig, dimension: usize) -> Session {
    let (history, half_life_ms) = (config.no_repeat.max(1), half_life_ms(config));
    Session::new(dimension, SessionConfig { history, half_life_ms, ..SessionConfig::default() })
}

/// The session's half-life.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; a NaN becomes the least")]
pub(super) fn half_life_ms(config: &EngineConfig) -> u64 {
    ((config.half_life_minutes * 60_000.0) as u64).max(1)
}

impl Ranking {
    pub(crate) fn slate(&self) -> &Slate {
        &self.slate
    }

    /// Scores, keeps the best, re-ranks.
    pub(crate) fn rank(
        &mut self,
        config: &EngineConfig,
        items: &Resident,
        listener: Listener<'_>,
        request: Request<'_>,
    ) -> &Slate {
        let around = request.around.and_then(|song| items.slot(song));
        self.around.clear();
        if let Some(slot) = around {
            self.around.resize(items.dimension(), 0.0);
            items.blocks().row(slot, &mut self.around);
        }
        self.gather_slots(config, items, listener, request.candidates);
        self.bar(items, listener, around);
        self.score(config, items, listener, request.now);
        self.choose_pool(config, request.k);
        self.draw(items, config, listener.session);
        let pool = &self.drawn;
        let rerank = RerankConfig {
            method: config.method,
            diversity: config.diversity,
            session_weight: config.session,
            popularity_weight: 1.0,
            rules: RuleConfig {
                artist_gap: u32::try_from(config.artist_gap).unwrap_or(u32::MAX),
                max_per_artist: (config.max_per_artist > 0).then_some(config.max_per_artist),
                max_per_tag: (config.max_per_style > 0).then_some(config.max_per_style),
            },
            dpp: DppConfig { window: (config.window > 0).then_some(config.window), ..DppConfig::default() },
            ..RerankConfig::default()
        };
        let classes = [Classes { prior: config.style_prior, of: &pool.styles }];
        self.reranker.rerank(
            &rerank,
            &Candidates {
                session: &pool.session,
                popularity: &pool.popularity,
                explore: &pool.explore,
                weights: &pool.weights,
                classes: if config.style_prior > 0.0 { &classes } else { &[] },
                tags: &[&pool.styles],
                ..Candidates::new(&pool.items, &pool.songs, &pool.artists, &pool.taste)
            },
            Before { artists: &pool.before, vectors: &[] },
            request.k,
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
        listener: Listener<'_>,
        songs: &[SongId],
        now: Millis,
    ) -> &[f32] {
        self.around.clear();
        self.gather_slots(config, items, listener, Some(songs));
        self.barred.clear();
        self.score(config, items, listener, now);
        let mut totals = self.total.iter().copied();
        let resident = |s: &SongId| if items.slot(*s).is_some() { totals.next() } else { None };
        self.column.clear();
        self.column.extend(songs.iter().map(resident).map(|total| total.unwrap_or(f32::NAN)));
        &self.column
    }

    /// The candidates' slots. Of a catalogue in cells only the most promising are looked at, each interest asking for itself.
    fn gather_slots(
        &mut self,
        config: &EngineConfig,
        items: &Resident,
        listener: Listener<'_>,
        candidates: Option<&[SongId]>,
    ) {
        let cells = items.cells().filter(|_| cfg!(feature = "full"));
        if candidates.is_none() && cells.is_none() {
            // Mostly they stand there already.
            if !self.whole || self.slots.len() != items.len() {
                self.slots.clear();
                self.slots.extend(0..u32::try_from(items.len()).unwrap_or(u32::MAX));
            }
            self.whole = true;
            return;
        }
        self.whole = false;
        self.slots.clear();
        match (candidates, cells) {
            (None, None) => {}
            (Some(songs), _) => {
                self.slots.extend(songs.iter().filter_map(|s| items.slot(*s)));
                self.whole = self.slots.len() == items.len() && self.slots.iter().zip(0..).all(|(s, i)| *s == i);
            }
            (None, Some(cells)) => {
                let queries = if self.around.is_empty() { &listener.user.queries } else { &self.around };
                let probes = cells.cells().div_ceil(8);
                for query in queries.chunks_exact(items.dimension().max(1)) {
                    cells.search(query, probes, 2 * config.pool, &mut self.search, &mut self.share);
                    self.slots.extend_from_slice(&self.share);
                }
                self.slots.sort_unstable();
                self.slots.dedup();
            }
        }
    }

    /// Blocked songs never come; songs just heard not yet.
    fn bar(&mut self, items: &Resident, listener: Listener<'_>, around: Option<u32>) {
        let heard = listener.session.newest_first().map(|(heard, _)| heard.event.impression.song);
        self.barred.clear();
        self.barred.extend(heard.chain(listener.library.blocked()).filter_map(|song| items.slot(song)).chain(around));
    }

    /// `z = (logit − mean) / sd + γ·session + explore + ln(boost)`: the tower's logits in units of their own spread over these
    /// candidates, so that `γ` means the same for a sharp tower and a dull one.
    fn score(&mut self, config: &EngineConfig, items: &Resident, listener: Listener<'_>, now: Millis) {
        let (user, session) = (listener.user, listener.session);
        let queries = if self.around.is_empty() { &user.queries } else { &self.around };
        let picked = Picked { slots: &self.slots, whole: self.whole };
        self.stride = picked.dots(items, queries, &mut self.interests);
        let (first, others) = self.interests.split_at(self.stride.min(self.interests.len()));
        self.taste.clear();
        self.taste.extend_from_slice(first);
        others.chunks_exact(self.stride.max(1)).for_each(|column| dense::raise(column, &mut self.taste));
        // Without an interest there is no taste; and a column ends with the last block, not with the last song.
        self.taste.resize(self.slots.len(), 0.0);
        for muted in listener.tastes.muted() {
            picked.dots(items, &muted.vector, &mut self.column);
            for (taste, near) in self.taste.iter_mut().zip(&self.column) {
                *taste -= listener.tastes.weight(user) * near.max(0.0);
            }
        }
        let weight = if self.around.is_empty() { user.popularity } else { 0.0 };
        self.total.clear();
        self.total.extend_from_slice(&self.taste);
        axpy(weight, picked.column(items.popularity(), &mut self.column), &mut self.total);
        let (mean, spread) = spread(&self.total);
        dense::standardize(mean, spread, &mut self.total);
        self.session.clear();
        if !session.is_empty() {
            session.taste_into(now, &mut self.session_query);
            picked.dots(items, &self.session_query, &mut self.session);
            axpy(config.session, &self.session, &mut self.total);
        }
        let of = (items.version(), explore(config));
        if self.bonus_of != Some(of) {
            let exploring = of.1.among(items.total_plays());
            self.bonus.clear();
            self.bonus.extend(items.plays().iter().map(|plays| exploring.bonus(*plays)));
            self.bonus_of = Some(of);
        }
        for column in [&self.bonus, items.boosts()] {
            if !column.is_empty() {
                axpy(1.0, picked.column(column, &mut self.column), &mut self.total);
            }
        }
        let Self { slots, barred, total, interests, stride, .. } = self;
        let mut bar = |place: usize| {
            total[place] = f32::NEG_INFINITY;
            interests[place..].iter_mut().step_by(*stride).for_each(|own| *own = f32::NEG_INFINITY);
        };
        if self.whole {
            barred.iter().for_each(|slot| bar(*slot as usize));
        } else {
            slots.iter().enumerate().filter(|(_, slot)| barred.contains(slot)).for_each(|(place, _)| bar(place));
        }
        self.spread = spread;
    }

    /// The best by total; with a quota, an equal share for each interest's own favourites first (row R17).
    fn choose_pool(&mut self, config: &EngineConfig, k: usize) {
        let (size, interests) = (config.pool.max(k), self.interests.len() / self.stride.max(1));
        self.pool.clear();
        if config.quota && self.around.is_empty() && interests > 1 {
            let n = self.total.len();
            self.favoured.resize(n, f32::NEG_INFINITY);
            for own in self.interests.chunks_exact(self.stride.max(1)) {
                for i in self.top.best(&own[..n], size / interests) {
                    self.favoured[i as usize] = self.total[i as usize];
                }
            }
            self.top.select(&self.favoured, size, &mut self.pool);
            self.pool.iter().for_each(|i| self.favoured[*i as usize] = f32::NEG_INFINITY);
        } else {
            self.top.select(&self.total, size, &mut self.pool);
        }
    }

    /// The pool as columns of its own.
    fn draw(&mut self, items: &Resident, config: &EngineConfig, session: &Session) {
        let (pool, drawn) = (&self.pool, &mut self.drawn);
        drawn.slots.clear();
        drawn.slots.extend(pool.iter().map(|&i| self.slots[i as usize]));
        items.blocks().gather(&drawn.slots, &mut drawn.items);
        drawn.songs.clear();
        drawn.songs.extend(drawn.slots.iter().map(|&s| items.song(s)));
        drawn.artists.clear();
        drawn.artists.extend(drawn.slots.iter().map(|&s| items.artist(s)));
        drawn.taste.clear();
        // The pool's parts are told apart by the same unit.
        drawn.taste.extend(pool.iter().map(|&i| self.taste[i as usize] / self.spread));
        drawn.session.clear();
        if !session.is_empty() {
            drawn.session.extend(pool.iter().map(|&i| self.session[i as usize]));
        }
        drawn.explore.clear();
        drawn.explore.extend(drawn.slots.iter().map(|&s| self.bonus[s as usize]));
        drawn.weights.clear();
        if !items.boosts().is_empty() {
            drawn.weights.extend(drawn.slots.iter().map(|&s| Real::exp(items.boosts()[s as usize])));
        }
        drawn.styles.clear();
        // The catalogue's 0, "not known", is no style that two songs could share.
        drawn.styles.extend(drawn.slots.iter().map(|&s| items.fields(s).style.checked_sub(1).unwrap_or(Classes::NONE)));
        drawn.popularity.clear();
        // What is left of the total is popularity's, in the same units; only differences matter to the re-ranker.
        let left = pool.iter().enumerate().map(|(at, &i)| {
            let session = drawn.session.get(at).map_or(0.0, |s| config.session * s);
            let boost = items.boosts().get(drawn.slots[at] as usize).copied().unwrap_or(0.0);
            self.total[i as usize] - drawn.taste[at] - session - drawn.explore[at] - boost
        });
        drawn.popularity.extend(left);
        drawn.before.clear();
        drawn.before.extend(session.newest_first().take(config.artist_gap).map(|(h, _)| h.artist));
        drawn.before.reverse();
    }
}

pub(super) fn explore(config: &EngineConfig) -> ExploreConfig {
    ExploreConfig { weight: config.explore, budget: config.explore_budget }
}

/// The candidates of a request.
#[derive(Clone, Copy)]
struct Picked<'a> {
    slots: &'a [u32],
    whole: bool,
}

impl Picked<'_> {
    /// `⟨query, v⟩` of each, a column a query, and how far apart the columns are: by passes over the blocks where all songs are asked for,
    /// else one by one.
    fn dots(self, items: &Resident, queries: &[f32], out: &mut Vec<f32>) -> usize {
        if self.whole {
            return items.blocks().dots(queries, out);
        }
        items.blocks().dots_slots(queries, self.slots, out);
        self.slots.len()
    }

    /// Of a column by slot, what belongs to each.
    fn column<'c>(self, by_slot: &'c [f32], scratch: &'c mut Vec<f32>) -> &'c [f32] {
        if self.whole {
            return by_slot;
        }
        scratch.clear();
        scratch.extend(self.slots.iter().map(|slot| by_slot[*slot as usize]));
        scratch
    }
}

/// Mean and standard deviation; a spread of nothing is 1, so that equal scores stay equal.
#[allow(clippy::cast_precision_loss, reason = "candidates stay below 2²⁴")]
pub(super) fn spread(values: &[f32]) -> (f32, f32) {
    let n = values.len().max(1) as f32;
    let ones = [1.0; 16];
    let mean = values.chunks(16).map(|v| crate::math::dot(v, &ones)).sum::<f32>() / n;
    let square = crate::math::dot(values, values) / n;
    let spread = (square - mean * mean).max(0.0).sqrt();
    (mean, if spread > 1e-6 * mean.abs() && spread > 1e-12 { spread } else { 1.0 })
}
