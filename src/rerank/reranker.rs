//! From candidates to a slate: one score a candidate, one greedy step a slot, the rules asked at each (row W3).
//!
//! `z = relevance + session + popularity + explore`, each with its weight; the DPP's quality is `q = exp(z·θ/(2(1 − θ)))`, by
//! which the greedy objective becomes `θ·Σ z + (1 − θ)·log det S` (Chen et al. 2018, §6; `diversity` is `1 − θ`).

use super::dpp::{Dpp, DppConfig};
use super::frontier::{Allow, Pick, largest_of};
use super::mmr::{Mmr, MmrConfig};
use super::rules::{RuleConfig, Rules};
use super::slate::{Placement, RuleNote, Slate, Why};
use crate::ids::{ArtistId, SongId};
use crate::math::{ItemBlocks, Real};

/// How sameness is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// [`Dpp`]: the volume of the whole slate.
    #[default]
    Dpp,
    /// [`Mmr`]: the nearest song only.
    Mmr,
}

/// The taste of the slate itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RerankConfig {
    /// How sameness is weighed.
    pub method: Method,
    /// `1 − θ` in `[0, 1]`: 0 is relevance alone, 1 diversity alone.
    pub diversity: f32,
    /// What counts as alike.
    pub dpp: DppConfig,
    /// Weight of the session score.
    pub session_weight: f32,
    /// Weight of popularity.
    pub popularity_weight: f32,
    /// What must not follow what.
    pub rules: RuleConfig,
}

impl Default for RerankConfig {
    fn default() -> Self {
        Self {
            method: Method::Dpp,
            diversity: 0.3,
            dpp: DppConfig::default(),
            session_weight: 1.0,
            popularity_weight: 0.1,
            rules: RuleConfig::default(),
        }
    }
}

/// What is known of the candidates, one place each; `session`, `popularity` and `explore` may be empty and then count as 0.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Their vectors, of length 1.
    pub items: &'a ItemBlocks,
    /// Which songs.
    pub songs: &'a [SongId],
    /// By whom.
    pub artists: &'a [ArtistId],
    /// From the user tower.
    pub relevance: &'a [f32],
    /// From [`crate::session::Session::score_into`].
    pub session: &'a [f32],
    /// In `[0, 1]`.
    pub popularity: &'a [f32],
    /// From [`super::explore_bonus`], weight included.
    pub explore: &'a [f32],
}

/// What was just played, to which the slate is the continuation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The artists, oldest first; as many as the artist gap are looked at.
    pub artists: &'a [ArtistId],
    /// Vectors that the slate should differ from as from its own songs, `d` values each.
    pub vectors: &'a [f32],
}

/// Writes slates; its storage is used again.
#[derive(Clone, Debug, Default)]
pub struct Reranker {
    dpp: Dpp,
    mmr: Mmr,
    rules: Rules,
    score: Vec<f32>,
    quality: Vec<f32>,
    /// Scores of those not chosen yet, for what was passed over.
    open: Vec<f32>,
}

impl Reranker {
    /// Writes the best slate of `k` songs into `slate`, shorter only if the rules leave no more songs (see
    /// [`Rules`]). Songs that are `forbidden` (disliked, just heard) never come, nor do candidates one of whose scores is not a
    /// finite number.
    #[allow(clippy::too_many_arguments, reason = "every input is explicit; bundling them would only hide two of them")]
    pub fn rerank(
        &mut self,
        config: &RerankConfig,
        candidates: &Candidates<'_>,
        before: Before<'_>,
        k: usize,
        forbidden: &mut dyn FnMut(SongId) -> bool,
        slate: &mut Slate,
    ) {
        let c = candidates;
        let n = c.items.len().min(c.songs.len()).min(c.artists.len()).min(c.relevance.len());
        let parts = |i: usize| {
            let at = |values: &[f32], weight: f32| values.get(i).map_or(0.0, |v| weight * v);
            [
                c.relevance[i],
                at(c.session, config.session_weight),
                at(c.popularity, config.popularity_weight),
                at(c.explore, 1.0),
            ]
        };
        self.score.clear();
        self.score.extend((0..n).map(|i| {
            let [relevance, session, popularity, explore] = parts(i);
            let z = relevance + session + popularity + explore;
            if z.is_finite() && !forbidden(c.songs[i]) { z } else { f32::NEG_INFINITY }
        }));
        slate.start(k);
        let score = &self.score;
        let target = self.rules.start(config.rules, &c.songs[..n], &c.artists[..n], before.artists, k, &mut |i| {
            score[i] > f32::NEG_INFINITY
        });
        let means = self.means(&parts);
        self.open.clear();
        self.open.extend_from_slice(&self.score);
        self.start(config, c.items, before.vectors);
        for _ in 0..target {
            let Some(pick) = self.next(config, c, slate) else { break };
            let i = pick.candidate;
            let best = largest_of(&self.open);
            self.open[i] = f32::NEG_INFINITY;
            let relaxed = self.rules.choose(i);
            let refused = (pick.refused > 0).then_some(RuleNote::PassedOver { refused: pick.refused });
            let wanted = config.rules.artist_gap;
            let values = parts(i);
            let [relevance, session, popularity, explore] = values;
            slate.push(Placement {
                song: c.songs[i],
                slot: 0,
                #[allow(clippy::cast_possible_truncation, reason = "candidates are u32")]
                candidate: i as u32,
                relevance,
                session,
                popularity,
                explore,
                diversity: pick.novelty,
                why: why(&values, &means, best - self.score[i]),
                rule: relaxed.map(|kept| RuleNote::GapRelaxed { kept, wanted }).or(refused),
            });
        }
    }

    fn start(&mut self, config: &RerankConfig, items: &ItemBlocks, before: &[f32]) {
        let diversity = if config.diversity.is_nan() { 0.3 } else { config.diversity.clamp(0.0, 1.0) };
        let before = before.chunks_exact(items.dimension().max(1));
        match config.method {
            Method::Dpp => {
                let diversity = diversity.max(0.01);
                let alpha = (1.0 - diversity) / (2.0 * diversity);
                let best = largest_of(&self.score);
                self.quality.clear();
                self.quality.extend(
                    self.score
                        .iter()
                        .map(|z| if *z > f32::NEG_INFINITY { Real::exp(bounded(alpha * (z - best))) } else { 0.0 }),
                );
                self.dpp.start(items, &self.quality, config.dpp);
                before.for_each(|v| self.dpp.condition(items, v));
            }
            Method::Mmr => {
                self.mmr.start(items, &self.score, MmrConfig { lambda: 1.0 - diversity });
                before.for_each(|v| self.mmr.condition(items, v));
            }
        }
    }

    /// The best candidate that the largest possible gap allows.
    fn next(&mut self, config: &RerankConfig, c: &Candidates<'_>, slate: &Slate) -> Option<Pick> {
        let Self { dpp, mmr, rules, .. } = self;
        rules.gaps().find_map(|gap| {
            let allow: Allow<'_> = &mut |i| rules.allows(i, gap) && !slate.contains(c.songs[i]);
            match config.method {
                Method::Dpp => dpp.next(c.items, allow),
                Method::Mmr => mmr.next(c.items, allow),
            }
        })
    }

    /// The mean of each part over the candidates that may come.
    fn means(&self, parts: &dyn Fn(usize) -> [f32; 4]) -> [f32; 4] {
        let (mut sums, mut n) = ([0.0f32; 4], 0.0f32);
        for (i, _) in self.score.iter().enumerate().filter(|(_, z)| **z > f32::NEG_INFINITY) {
            for (sum, part) in sums.iter_mut().zip(parts(i)) {
                *sum += part;
            }
            n += 1.0;
        }
        sums.map(|sum| if n > 0.0 { sum / n } else { 0.0 })
    }
}

/// Bends `x ≤ 0` towards −40 beyond −20, keeping the order: squares of `exp` stay within f32.
fn bounded(x: f32) -> f32 {
    if x < -20.0 { -40.0 - 400.0 / x } else { x }
}

/// What lifted the song furthest above an ordinary candidate; variety, if more score was passed over for it than any part
/// gave it.
fn why(parts: &[f32; 4], means: &[f32; 4], passed_over: f32) -> Why {
    let kinds = [Why::Taste, Why::ThisSession, Why::Popular, Why::Fresh];
    let (mut why, mut most) = (Why::Taste, 0.0);
    for (kind, (part, mean)) in kinds.into_iter().zip(parts.iter().zip(means)) {
        if part - mean > most {
            (why, most) = (kind, part - mean);
        }
    }
    if passed_over > most { Why::Variety } else { why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Rng, normalize};

    struct World {
        items: ItemBlocks,
        songs: Vec<SongId>,
        artists: Vec<ArtistId>,
        relevance: Vec<f32>,
    }

    fn world(n: u32, d: usize, artists: u32, seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let mut items = ItemBlocks::new(d);
        for _ in 0..n {
            let mut v: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
            normalize(&mut v);
            items.push(&v);
        }
        World {
            items,
            songs: (0..n).map(SongId).collect(),
            artists: (0..n).map(|_| ArtistId(rng.below(artists))).collect(),
            relevance: (0..n).map(|_| rng.uniform()).collect(),
        }
    }

    impl World {
        fn candidates(&self) -> Candidates<'_> {
            Candidates {
                items: &self.items,
                songs: &self.songs,
                artists: &self.artists,
                relevance: &self.relevance,
                session: &[],
                popularity: &[],
                explore: &[],
            }
        }

        fn slate(&self, config: &RerankConfig, k: usize) -> Slate {
            let mut slate = Slate::default();
            Reranker::default().rerank(config, &self.candidates(), Before::default(), k, &mut |_| false, &mut slate);
            slate
        }
    }

    #[test]
    fn relevance_alone_is_the_order_of_relevance() {
        let world = world(300, 8, 300, 1);
        let mut want: Vec<u32> = (0..300).collect();
        want.sort_by(|a, b| world.relevance[*b as usize].total_cmp(&world.relevance[*a as usize]));
        for method in [Method::Dpp, Method::Mmr] {
            let config = RerankConfig {
                method,
                diversity: 0.0,
                dpp: DppConfig { ridge: 1.0, ..DppConfig::default() },
                rules: RuleConfig { artist_gap: 0, max_per_artist: None },
                ..RerankConfig::default()
            };
            let slate = world.slate(&config, 300);
            assert!(slate.songs().map(|s| s.0).eq(want.iter().copied()), "{method:?}");
        }
    }

    #[test]
    fn more_diversity_means_less_likeness_and_less_relevance() {
        let world = world(400, 8, 400, 2);
        for method in [Method::Dpp, Method::Mmr] {
            let measure = |diversity: f32| {
                let slate = world.slate(&RerankConfig { method, diversity, ..RerankConfig::default() }, 20);
                let (mut a, mut b) = (vec![0.0; 8], vec![0.0; 8]);
                let mut likeness = 0.0;
                for p in slate.placements() {
                    for q in slate.placements().iter().filter(|q| q.slot > p.slot) {
                        world.items.row(p.candidate, &mut a);
                        world.items.row(q.candidate, &mut b);
                        likeness += crate::math::dot(&a, &b);
                    }
                }
                (likeness, slate.placements().iter().map(|p| p.relevance).sum::<f32>())
            };
            let (plain, some, much) = (measure(0.0), measure(0.4), measure(0.9));
            assert!(plain.0 > some.0 && some.0 > much.0, "{method:?}: {plain:?} {some:?} {much:?}");
            assert!(plain.1 > some.1 && some.1 > much.1, "{method:?}: {plain:?} {some:?} {much:?}");
        }
    }

    #[test]
    fn the_reason_is_what_lifted_it() {
        let mut world = world(50, 4, 50, 3);
        world.relevance.fill(0.1);
        let mut session = vec![0.0; 50];
        session[7] = 0.9;
        let mut popularity = vec![0.1; 50];
        popularity[8] = 1.0;
        let mut explore = vec![0.0; 50];
        explore[9] = 0.7;
        world.relevance[10] = 0.6;
        let candidates =
            Candidates { session: &session, popularity: &popularity, explore: &explore, ..world.candidates() };
        let config = RerankConfig { popularity_weight: 0.8, diversity: 0.05, ..RerankConfig::default() };
        let mut slate = Slate::default();
        Reranker::default().rerank(&config, &candidates, Before::default(), 4, &mut |_| false, &mut slate);
        let mut reasons: Vec<(u32, Why)> = slate.placements().iter().map(|p| (p.song.0, p.why)).collect();
        reasons.sort_by_key(|r| r.0);
        assert_eq!(reasons, [(7, Why::ThisSession), (8, Why::Popular), (9, Why::Fresh), (10, Why::Taste)]);
    }

    #[test]
    fn a_copy_of_the_best_gives_way_to_something_else() {
        let mut items = ItemBlocks::new(2);
        for v in [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]] {
            items.push(&v);
        }
        let world = World {
            items,
            songs: vec![SongId(0), SongId(1), SongId(2)],
            artists: (0..3).map(ArtistId).collect(),
            relevance: vec![0.9, 0.9, 0.5],
        };
        let slate = world.slate(&RerankConfig { diversity: 0.5, ..RerankConfig::default() }, 3);
        assert!(slate.songs().map(|s| s.0).eq([0, 2, 1]));
        assert_eq!(slate.placements()[1].why, Why::Variety);
        assert!(slate.placements()[2].diversity < 0.2);
    }

    #[test]
    fn only_one_artist_is_noted_and_not_refused() {
        let world = world(10, 4, 1, 4);
        let slate = world.slate(&RerankConfig::default(), 10);
        assert_eq!((slate.len(), slate.missing()), (10, 0));
        assert_eq!(slate.placements()[0].rule, None);
        assert!(slate.placements()[1..].iter().all(|p| p.rule == Some(RuleNote::GapRelaxed { kept: 0, wanted: 2 })));
    }

    #[test]
    fn the_bend_keeps_order_and_bounds() {
        let mut last = 1.0;
        for i in 0..2000u16 {
            let y = bounded(-f32::from(i) / 4.0);
            assert!(y < last && y > -40.0);
            last = y;
        }
    }
}
