//! From candidates to a slate: one score a candidate, one greedy step a slot, the rules asked at each (row W3).
//!
//! `z = relevance + session + popularity + explore`, each with its weight; the DPP's quality is `q = exp(z·θ/(2(1 − θ)))`, by
//! which the greedy objective becomes `θ·Σ z + (1 − θ)·log det S` (Chen et al. 2018, §6; `diversity` is `1 − θ`). A traffic weight
//! `w` makes it `q' = w·q` (row Z4); MMR and SSD, whose relevance is a sum, take `z + ln w`.

use super::dpp::{Dpp, DppConfig};
use super::frontier::{Allow, Pick};
use super::likeness::Classes;
use super::rules::{RuleConfig, Rules};
use super::slate::{Placement, RuleNote, Slate, Why};
#[cfg(feature = "full")]
use super::{Mmr, MmrConfig, Ssd, SsdConfig};
use crate::ids::{ArtistId, SongId};
use crate::math::{ItemBlocks, Real};
use sottovoce_lanes::blocks;

/// How sameness is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// [`Dpp`]: the volume of the whole slate.
    #[default]
    Dpp,
    /// [`Mmr`]: the nearest song only.
    Mmr,
    /// [`Ssd`]: the volume of each window of the slate.
    Ssd,
}

/// The taste of the slate itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RerankConfig {
    /// How sameness is weighed.
    pub method: Method,
    /// `1 − θ` in `[0, 1]`: 0 is relevance alone, 1 diversity alone.
    pub diversity: f32,
    /// What counts as alike. Similarity and window hold for SSD too (whose window, where none is set, is its own default);
    /// MMR takes the nearest of all.
    pub dpp: DppConfig,
    /// Whether SSD multiplies by its window's volume, see [`SsdConfig::volume`].
    pub ssd_volume: bool,
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
            ssd_volume: true,
            session_weight: 1.0,
            popularity_weight: 0.1,
            rules: RuleConfig::default(),
        }
    }
}

/// What is known of the candidates, one place each. What [`Candidates::new`] leaves empty counts as nothing.
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
    /// From [`super::Exploring::bonus`], weight included.
    pub explore: &'a [f32],
    /// Traffic weights `w`: 1 changes nothing, 2 counts a candidate's quality twice. One that is not a positive number keeps the
    /// candidate out.
    pub weights: &'a [f32],
    /// Style, language, album: what makes songs more alike than their vectors say.
    pub classes: &'a [Classes<'a>],
    /// Columns of tags for [`RuleConfig::max_per_tag`], as [`Rules::start_with`] takes them.
    pub tags: &'a [&'a [u16]],
}

impl<'a> Candidates<'a> {
    /// Candidates of which nothing more is known.
    ///
    /// # Example
    /// ```
    /// # use sottovoce::{ids::*, math::ItemBlocks, rerank::Candidates};
    /// # let (items, songs, artists, relevance, weights) = (ItemBlocks::new(2), [SongId(1)], [ArtistId(1)], [0.5], [2.0]);
    /// let candidates = Candidates { weights: &weights, ..Candidates::new(&items, &songs, &artists, &relevance) };
    /// ```
    #[must_use]
    pub fn new(
        items: &'a ItemBlocks,
        songs: &'a [SongId],
        artists: &'a [ArtistId],
        relevance: &'a [f32],
    ) -> Candidates<'a> {
        Candidates {
            items,
            songs,
            artists,
            relevance,
            session: &[],
            popularity: &[],
            explore: &[],
            weights: &[],
            classes: &[],
            tags: &[],
        }
    }

    fn weight(&self, candidate: usize) -> f32 {
        self.weights.get(candidate).copied().unwrap_or(1.0)
    }
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
    others: Others,
    rules: Rules,
    /// `z`; negative infinity for what must not come.
    score: Vec<f32>,
    /// `q` for the DPP, `z + ln w` for the others.
    merit: Vec<f32>,
    /// Scores of those not chosen yet, for what was passed over.
    open: Vec<f32>,
    /// Squared lengths of the vectors.
    norms: Vec<f32>,
}

impl Reranker {
    /// Writes the best slate of `k` songs into `slate`, shorter only if the rules leave no more songs (see
    /// [`Rules`]). Songs that are `forbidden` (disliked, just heard) never come, nor do candidates one of whose numbers is not
    /// finite.
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
        c.items.squared_norms(&mut self.norms);
        let norms = &self.norms;
        self.score.clear();
        self.score.extend((0..n).map(|i| {
            let [relevance, session, popularity, explore] = parts(i);
            let z = relevance + session + popularity + explore;
            let weight = c.weight(i);
            let sound = z.is_finite() && norms[i].is_finite() && weight > 0.0 && weight.is_finite();
            if sound && !forbidden(c.songs[i]) { z } else { f32::NEG_INFINITY }
        }));
        slate.start(k);
        let (score, songs, artists) = (&self.score, &c.songs[..n], &c.artists[..n]);
        let usable = &mut |i: usize| score[i] > f32::NEG_INFINITY;
        self.rules.start_with(config.rules, songs, artists, c.tags, before.artists, k, usable);
        slate.prove(self.rules.too_few(), self.rules.too_close());
        let means = self.means(&parts);
        self.open.clear();
        self.open.extend_from_slice(&self.score);
        self.start(config, c, before.vectors);
        while slate.len() < self.rules.target() {
            let best = blocks::largest(&self.open);
            let Some(pick) = self.next(config, c, slate) else { break };
            let i = pick.candidate;
            self.open[i] = f32::NEG_INFINITY;
            let relaxed = self.rules.choose(i);
            let refused = (pick.refused > 0).then_some(RuleNote::PassedOver { refused: pick.refused });
            let wanted = config.rules.artist_gap;
            let values = parts(i);
            let [relevance, session, popularity, explore] = values;
            let (weight, forgone) = (c.weight(i), best - self.score[i]);
            slate.push(Placement {
                song: c.songs[i],
                slot: 0,
                #[allow(clippy::cast_possible_truncation, reason = "candidates are u32")]
                candidate: i as u32,
                relevance,
                session,
                popularity,
                explore,
                weight,
                forgone,
                diversity: pick.novelty,
                why: why(&values, &means, forgone, weight > 1.0),
                rule: relaxed.map(|kept| RuleNote::GapRelaxed { kept, wanted }).or(refused),
            });
        }
    }

    fn start(&mut self, config: &RerankConfig, c: &Candidates<'_>, before: &[f32]) {
        let before = before.chunks_exact(c.items.dimension().max(1));
        let weights = (0..self.score.len()).map(|i| log_weight(c.weight(i)));
        let weighted = self.score.iter().zip(weights);
        self.merit.clear();
        match method(config) {
            Method::Dpp => {
                // `q = weight·e^{αz}`: by this quality the greedy objective is `θ·Σ z + (1 − θ)·log det S`.
                let alpha = sharpness(config.diversity);
                self.merit.extend(weighted.map(|(z, weight)| alpha * z + weight));
                self.dpp.start_by_log(c.items, c.classes, &self.merit, config.dpp);
                before.for_each(|v| self.dpp.condition(c.items, v));
            }
            other => {
                self.merit.extend(weighted.map(|(z, weight)| z + weight));
                self.others.start(other, config, c, &self.merit, diversity(config.diversity));
                before.for_each(|v| self.others.condition(other, c.items, v));
            }
        }
    }

    /// The best candidate that the largest possible gap allows.
    fn next(&mut self, config: &RerankConfig, c: &Candidates<'_>, slate: &Slate) -> Option<Pick> {
        let Self { dpp, others, rules, .. } = self;
        loop {
            let pick = rules.gaps().find_map(|gap| {
                let allow: Allow<'_> = &mut |i| rules.allows(i, gap) && !slate.contains(c.songs[i]);
                match method(config) {
                    Method::Dpp => dpp.next(c.items, allow),
                    other => others.next(other, c.items, allow),
                }
            });
            if pick.is_some() || !rules.retreat() {
                return pick;
            }
        }
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

/// The methods beside the DPP.
#[cfg(feature = "full")]
#[derive(Clone, Debug, Default)]
struct Others {
    mmr: Mmr,
    ssd: Ssd,
}

#[cfg(feature = "full")]
impl Others {
    fn start(&mut self, method: Method, config: &RerankConfig, c: &Candidates<'_>, merit: &[f32], diversity: f32) {
        if method == Method::Mmr {
            return self.mmr.start_with(c.items, c.classes, merit, MmrConfig { lambda: 1.0 - diversity });
        }
        let diversity = diversity.min(0.999);
        let ssd = SsdConfig {
            gamma: diversity / (1.0 - diversity),
            window: config.dpp.window.or(SsdConfig::default().window),
            volume: config.ssd_volume,
            similarity: config.dpp.similarity,
        };
        self.ssd.start_with(c.items, c.classes, merit, ssd);
    }

    fn condition(&mut self, method: Method, items: &ItemBlocks, vector: &[f32]) {
        if method == Method::Mmr { self.mmr.condition(items, vector) } else { self.ssd.condition(items, vector) }
    }

    fn next(&mut self, method: Method, items: &ItemBlocks, allow: Allow<'_>) -> Option<Pick> {
        if method == Method::Mmr { self.mmr.next(items, allow) } else { self.ssd.next(items, allow) }
    }
}

/// Without `full` there are none, and [`method`] never asks for one.
#[cfg(not(feature = "full"))]
#[derive(Clone, Debug, Default)]
struct Others;

#[cfg(not(feature = "full"))]
impl Others {
    fn start(&mut self, _: Method, _: &RerankConfig, _: &Candidates<'_>, _: &[f32], _: f32) {}

    fn condition(&mut self, _: Method, _: &ItemBlocks, _: &[f32]) {}

    fn next(&mut self, _: Method, _: &ItemBlocks, _: Allow<'_>) -> Option<Pick> {
        None
    }
}

/// `1 − θ`.
fn diversity(asked: f32) -> f32 {
    if asked.is_nan() { 0.3 } else { asked.clamp(0.0, 1.0) }
}

/// `α = θ/(2(1 − θ))`, which makes a score the logarithm of a quality.
pub(crate) fn sharpness(asked: f32) -> f32 {
    let diversity = diversity(asked).max(0.01);
    (1.0 - diversity) / (2.0 * diversity)
}

/// The logarithm of a traffic weight, which is held within the range in which its square is a number.
pub(crate) fn log_weight(weight: f32) -> f32 {
    // Nearly every song's weight is 1, and a logarithm costs more than a look.
    if weight.to_bits() == 1.0f32.to_bits() { 0.0 } else { Real::ln(weight.clamp(1e-6, 1e6)) }
}

/// Without `full` there is the DPP alone, and the page carries no line of the others.
fn method(config: &RerankConfig) -> Method {
    if cfg!(feature = "full") { config.method } else { Method::Dpp }
}

/// What lifted the song furthest above an ordinary candidate. Where more score was passed over for it than any part gave it:
/// the service, if it gave the song more weight, else variety.
pub(crate) fn why(parts: &[f32; 4], means: &[f32; 4], forgone: f32, boosted: bool) -> Why {
    let kinds = [Why::Taste, Why::ThisSession, Why::Popular, Why::Fresh];
    let (mut why, mut most) = (Why::Taste, 0.0);
    for (kind, (part, mean)) in kinds.into_iter().zip(parts.iter().zip(means)) {
        if part - mean > most {
            (why, most) = (kind, part - mean);
        }
    }
    match (forgone > most, boosted) {
        (true, true) => Why::Boosted,
        (true, false) => Why::Variety,
        _ => why,
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small counts")]
#[path = "reranker_tests.rs"]
mod tests;
