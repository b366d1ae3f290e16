//! What diversity costs: the same candidates re-ranked by every method over a grid of settings, relevance against difference (rows
//! Z2, Z3, Z5).
//!
//! Relevance is measured on songs that were held out (NDCG, recall), difference in three ways that no method is given to optimise
//! alone: `ild`, the mean of `1 − cos` over the pairs of a slate (Ziegler et al., WWW 2005); `tags`, different tags of a slate;
//! `coverage`, the share of the catalogue that is in anybody's slate. A point is dominated where another one is at least as relevant
//! and at least as different, and better in one.

use super::{Bootstrap, Case, EvalError, Interval, measure, weighted_mean};
use crate::progress::{Progress, Report};
use crate::stage::Candidate;
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::ids::{ArtistId, SongId};
use sottovoce::math::{ItemBlocks, dot};
use sottovoce::rerank::{Before, Candidates, DppConfig, Method, RerankConfig, Reranker, RuleConfig, Slate};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Songs of a slate.
pub const SLATE: usize = 20;

/// A method with what it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contender {
    /// The name in reports.
    pub name: &'static str,
    /// How it re-ranks, at any diversity.
    pub config: RerankConfig,
}

impl Contender {
    /// DPP whole and windowed, MMR, SSD as in its paper and without the volume.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let plain = RerankConfig {
            rules: RuleConfig { artist_gap: 0, ..RuleConfig::default() },
            session_weight: 0.0,
            popularity_weight: 0.0,
            ..RerankConfig::default()
        };
        let window = DppConfig { window: Some(9), ..DppConfig::default() };
        vec![
            Self { name: "dpp", config: plain },
            Self { name: "dpp, window 9", config: RerankConfig { dpp: window, ..plain } },
            Self { name: "mmr", config: RerankConfig { method: Method::Mmr, ..plain } },
            Self { name: "ssd", config: RerankConfig { method: Method::Ssd, dpp: window, ..plain } },
            Self {
                name: "ssd, length only",
                config: RerankConfig { method: Method::Ssd, dpp: window, ssd_volume: false, ..plain },
            },
        ]
    }
}

/// What stands behind the songs.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue<'a> {
    /// `d`.
    pub dimension: usize,
    /// One unit row a song.
    pub rows: &'a [f32],
    /// One artist a song.
    pub artists: &'a [ArtistId],
    /// The tags of each song, as numbers.
    pub tags: &'a [Vec<u32>],
}

/// A question and the candidates that every method is given.
#[derive(Clone, Debug)]
pub struct Question {
    /// What was held out.
    pub case: Case,
    /// By falling score.
    pub candidates: Vec<Candidate>,
}

/// One setting of one method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Whose.
    pub method: &'static str,
    /// `1 − θ`.
    pub diversity: f32,
    /// Relevance of held-out songs.
    pub ndcg: Interval,
    /// Share of held-out songs found.
    pub recall: Interval,
    /// Mean `1 − cos` over pairs.
    pub ild: Interval,
    /// Different tags of a slate.
    pub tags: Interval,
    /// Share of the catalogue in anybody's slate.
    pub coverage: f64,
    /// The method of a point that is as good in NDCG and ILD and better in one; `None` on the frontier.
    pub dominated_by: Option<&'static str>,
}

/// NDCG of the first method minus that of the second, averaged over the differences that both reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duel {
    /// Who.
    pub method: &'static str,
    /// Against whom.
    pub against: &'static str,
    /// The range of ILD that both reach.
    pub ild: (f64, f64),
    /// The mean difference of NDCG there.
    pub ndcg: Interval,
}

/// What every setting is worth.
#[derive(Clone, Debug, Serialize)]
pub struct Frontier {
    /// By method, then diversity.
    pub points: Vec<Point>,
    /// The first method against each other one.
    pub duels: Vec<Duel>,
    /// How many listeners.
    pub listeners: usize,
}

/// NDCG, recall, ILD and tags of one slate.
type Worth = [f64; 4];

/// What one question's slates are worth, and the slates.
type Answered = (Vec<Worth>, Vec<Vec<SongId>>);

/// Re-ranks every question by every contender at every diversity of `grid`.
///
/// # Errors
/// As [`measure`].
pub fn frontier(
    questions: &[Question],
    catalogue: &Catalogue<'_>,
    contenders: &[Contender],
    grid: &[f32],
    draws: u64,
    seed: u64,
    report: Report<'_>,
) -> Result<Frontier, EvalError> {
    let settings: Vec<(usize, f32)> = (0..contenders.len()).flat_map(|c| grid.iter().map(move |g| (c, *g))).collect();
    let (done, total) = (AtomicU64::new(0), questions.len() as u64);
    let answered: Result<Vec<Answered>, EvalError> = questions
        .par_iter()
        .map_init(Reranker::default, |reranker, question| {
            let answer = answer(reranker, question, catalogue, contenders, &settings);
            report(Progress { step: "re-rank", done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
            answer
        })
        .collect();
    let answered = answered?;
    let column = |setting: usize, what: usize| -> Vec<Option<f64>> {
        answered.iter().map(|(worths, _)| Some(worths[setting][what])).collect()
    };
    let columns: Vec<Vec<Option<f64>>> =
        (0..settings.len()).flat_map(|s| (0..4).map(move |what| (s, what))).map(|(s, w)| column(s, w)).collect();
    let drawn = Bootstrap::run(questions.len(), draws, seed, &|weights| {
        columns.iter().map(|column| weighted_mean(column, weights)).collect()
    });
    let songs = catalogue.artists.len().max(1);
    #[allow(clippy::cast_precision_loss, reason = "counts of songs are far below 2⁵³")]
    let coverage = |setting: usize| {
        let listed: HashSet<SongId> = answered.iter().flat_map(|(_, lists)| &lists[setting]).copied().collect();
        listed.len() as f64 / songs as f64
    };
    let mut points: Vec<Point> = settings
        .iter()
        .enumerate()
        .map(|(s, (contender, diversity))| Point {
            method: contenders[*contender].name,
            diversity: *diversity,
            ndcg: drawn.interval(4 * s),
            recall: drawn.interval(4 * s + 1),
            ild: drawn.interval(4 * s + 2),
            tags: drawn.interval(4 * s + 3),
            coverage: coverage(s),
            dominated_by: None,
        })
        .collect();
    for i in 0..points.len() {
        let (ndcg, ild) = (points[i].ndcg.value, points[i].ild.value);
        let better =
            |p: &&Point| p.ndcg.value >= ndcg && p.ild.value >= ild && (p.ndcg.value > ndcg || p.ild.value > ild);
        points[i].dominated_by = points.iter().find(better).map(|p| p.method);
    }
    let line = |contender: usize, all: &[f64]| -> Vec<(f64, f64)> {
        let own = (0..settings.len()).filter(|s| settings[*s].0 == contender);
        own.map(|s| (all[4 * s + 2], all[4 * s])).collect()
    };
    let duels = (1..contenders.len())
        .map(|other| {
            let ild = drawn.of_all(|all| shared(&line(0, all), &line(other, all)));
            Duel {
                method: contenders[0].name,
                against: contenders[other].name,
                ild,
                ndcg: drawn.of(|all| mean_gap(&line(0, all), &line(other, all), ild)),
            }
        })
        .collect();
    Ok(Frontier { points, duels, listeners: questions.len() })
}

fn answer(
    reranker: &mut Reranker,
    question: &Question,
    catalogue: &Catalogue<'_>,
    contenders: &[Contender],
    settings: &[(usize, f32)],
) -> Result<(Vec<Worth>, Vec<Vec<SongId>>), EvalError> {
    let d = catalogue.dimension;
    let mut items = ItemBlocks::new(d);
    let row = |song: SongId| &catalogue.rows[song.0 as usize * d..][..d];
    for candidate in &question.candidates {
        items.push(row(candidate.song));
    }
    let songs: Vec<SongId> = question.candidates.iter().map(|c| c.song).collect();
    let artists: Vec<ArtistId> = songs.iter().map(|s| catalogue.artists[s.0 as usize]).collect();
    let relevance = standardised(&question.candidates);
    let candidates = Candidates::new(&items, &songs, &artists, &relevance);
    let (mut worths, mut lists, mut slate) = (vec![], vec![], Slate::default());
    for (contender, diversity) in settings {
        let config = RerankConfig { diversity: *diversity, ..contenders[*contender].config };
        reranker.rerank(&config, &candidates, Before::default(), SLATE, &mut |_| false, &mut slate);
        let list: Vec<SongId> = slate.songs().collect();
        // The order of the slate is what counts; its places become scores.
        #[allow(clippy::cast_precision_loss, reason = "twenty places")]
        let placed = list.iter().enumerate().map(|(i, song)| Candidate { song: *song, score: -(i as f32) });
        let [found] = measure(&placed.collect::<Vec<_>>(), &question.case.held_out, [SLATE])?;
        let tags: HashSet<u32> = list.iter().flat_map(|s| &catalogue.tags[s.0 as usize]).copied().collect();
        #[allow(clippy::cast_precision_loss, reason = "some hundred tags")]
        worths.push([found.ndcg, found.recall, difference(&list, row), tags.len() as f64]);
        lists.push(list);
    }
    Ok((worths, lists))
}

/// Scores in units of their own spread, so that one diversity means the same for every listener.
#[allow(clippy::cast_precision_loss, reason = "some hundred candidates")]
fn standardised(candidates: &[Candidate]) -> Vec<f32> {
    let n = candidates.len().max(1) as f32;
    let mean = candidates.iter().map(|c| c.score).sum::<f32>() / n;
    let variance = candidates.iter().map(|c| (c.score - mean) * (c.score - mean)).sum::<f32>() / n;
    let spread = if variance > 1e-12 { variance.sqrt() } else { 1.0 };
    candidates.iter().map(|c| (c.score - mean) / spread).collect()
}

/// Mean of `1 − cos` over all pairs.
fn difference<'a>(list: &[SongId], row: impl Fn(SongId) -> &'a [f32]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0f64);
    for (i, a) in list.iter().enumerate() {
        for b in &list[i + 1..] {
            sum += 1.0 - f64::from(dot(row(*a), row(*b)));
            pairs += 1.0;
        }
    }
    sum / pairs.max(1.0)
}

/// The range of the first coordinate that two lines share.
fn shared(a: &[(f64, f64)], b: &[(f64, f64)]) -> (f64, f64) {
    let range = |line: &[(f64, f64)]| {
        line.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p.0), high.max(p.0)))
    };
    let (a, b) = (range(a), range(b));
    (a.0.max(b.0), a.1.min(b.1))
}

/// The mean of `a − b` over a range of the first coordinate, each line being the best that it reaches at that difference or beyond.
fn mean_gap(a: &[(f64, f64)], b: &[(f64, f64)], (low, high): (f64, f64)) -> f64 {
    const STEPS: u8 = 32;
    let best = |line: &[(f64, f64)], x: f64| {
        let between = line.windows(2).filter_map(|w| {
            let ((x0, y0), (x1, y1)) = (w[0], w[1]);
            let (from, to) = (x0.min(x1), x0.max(x1));
            (from <= x && x <= to && to > from).then(|| y0 + (y1 - y0) * (x - x0) / (x1 - x0))
        });
        let beyond = line.iter().filter(|p| p.0 >= x).map(|p| p.1);
        between.chain(beyond).fold(f64::NEG_INFINITY, f64::max)
    };
    let at = |step: u8| low + (high - low) * f64::from(step) / f64::from(STEPS);
    let gaps = (0..=STEPS).map(at).map(|x| best(a, x) - best(b, x)).filter(|gap| gap.is_finite());
    let (sum, n) = gaps.fold((0.0, 0.0f64), |(sum, n), gap| (sum + gap, n + 1.0));
    sum / n.max(1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::data::ListenerId;
    use crate::progress::quiet;

    #[test]
    fn a_gap_is_read_between_points() {
        let (a, b) = ([(0.0, 1.0), (1.0, 0.0)], [(0.0, 0.5), (1.0, -0.5)]);
        assert!((mean_gap(&a, &b, shared(&a, &b)) - 0.5).abs() < 1e-9);
        // A point that is more different and more relevant lifts everything before it.
        let c = [(0.0, 0.2), (1.0, 0.8)];
        assert!((mean_gap(&c, &a, (0.0, 0.0)) - (0.8 - 1.0)).abs() < 1e-9);
    }

    #[test]
    fn more_diversity_moves_along_the_frontier() {
        // Four directions of ten songs; the held-out ones are the best-scored of the first.
        let d = 4;
        let mut rows = vec![];
        for song in 0..40usize {
            let mut row = vec![0.05; d];
            row[song / 10] = 1.0;
            let norm = dot(&row, &row).sqrt();
            rows.extend(row.iter().map(|x| x / norm));
        }
        let artists: Vec<ArtistId> = (0..40).map(ArtistId).collect();
        let tags: Vec<Vec<u32>> = (0..40).map(|song| vec![song / 10]).collect();
        let catalogue = Catalogue { dimension: d, rows: &rows, artists: &artists, tags: &tags };
        let case =
            Case { listener: ListenerId(0), seeds: vec![], exclude: vec![], held_out: (0..5).map(SongId).collect() };
        let candidates = (0..40u8).map(|s| Candidate { song: SongId(s.into()), score: 1.0 - f32::from(s) / 40.0 });
        let question = Question { case, candidates: candidates.collect() };
        let grid = [0.0, 0.5, 0.95];
        let found = frontier(&[question], &catalogue, &Contender::all(), &grid, 20, 1, &quiet).unwrap();
        assert_eq!((found.points.len(), found.duels.len(), found.listeners), (15, 4, 1));
        let dpp = &found.points[..3];
        assert!(dpp[0].ild.value < dpp[1].ild.value && dpp[1].ild.value < dpp[2].ild.value);
        assert!(dpp[0].ndcg.value >= dpp[2].ndcg.value && dpp[2].tags.value >= 4.0);
        assert!((dpp[0].coverage - 0.5).abs() < 1e-12);
    }
}
