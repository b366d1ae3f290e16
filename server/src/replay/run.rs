//! The whole replay: what is learned from which days, and the figures.
//!
//! Three parts of the log, by day: embeddings, tower and the first prior are fitted on the days up to `fit`; how much each score
//! counts is chosen on `validate`, with the prior from before it; figures are from the days after, with a prior that counts
//! `validate` too. A device is told an outcome only after it scored the impression.

use super::{Devices, Feedbacks, Impressions, Label, Logistic, Prior, ReplayError, Scored, Shown};
use crate::catalog::{SHARD_SONGS, shards};
use crate::data::{Dataset, LeaveOneOut};
use crate::embed::{Corpus, Song2Vec, Song2VecConfig};
use crate::eval::{Bootstrap, Interval, Sorted, auc_within, weighted_mean};
use crate::progress::{Progress, Report};
use crate::simulate::{CentralConfig, Population, train_centrally};
use serde::Serialize;
use sottovoce::client::EngineConfig;
use sottovoce::ids::{SongId, WeightsVersion};
use sottovoce::math::Rng;
use sottovoce::protocol::{TowerShape, TowerWeights, encode};
use sottovoce::session::Feedback;
use sottovoce::tower::{UserTower, initial_weights};

/// The last day of each part, as `20220430`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Days {
    /// Embeddings, tower and the first prior know the days up to this one.
    pub fit: u32,
    /// Weights are chosen on the days after, up to this one.
    pub validate: u32,
    /// Figures are from the days after that, up to this one.
    pub test: u32,
}

impl Days {
    /// The last two days for the test, the one before for validation.
    ///
    /// # Errors
    /// [`ReplayError::NoDays`] where the log has fewer than four.
    pub fn of(shown: &[Shown]) -> Result<Self, ReplayError> {
        let mut days: Vec<u32> = shown.iter().map(|s| s.day).collect();
        days.sort_unstable();
        days.dedup();
        match days.as_slice() {
            [.., fit, validate, _, test] => Ok(Self { fit: *fit, validate: *validate, test: *test }),
            _ => Err(ReplayError::NoDays {
                part: "on four days",
                first: days.first().copied().unwrap_or(0),
                last: days.last().copied().unwrap_or(0),
            }),
        }
    }
}

/// How a replay is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayConfig {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// Dimension of the embeddings.
    pub dimension: u32,
    /// Impressions that every song, scene and listener is credited with in a prior.
    pub smoothing: f64,
    /// Listeners whose past the tower is trained on, and passes over it.
    pub teachers: usize,
    /// Passes over it; 0 leaves the tower as it begins.
    pub epochs: u32,
    /// How the engines behave.
    pub engine: EngineConfig,
    /// Draws for the intervals.
    pub draws: u64,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            seed: 2020,
            dimension: 32,
            smoothing: 10.0,
            teachers: 2000,
            epochs: 3,
            engine: EngineConfig::default(),
            draws: 1000,
        }
    }
}

/// One figure with its interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Which score: `floor`, `engine`, … or the difference of two.
    pub score: String,
    /// What the devices were told; `-` where no device was asked.
    pub feedback: &'static str,
    /// Of which outcome.
    pub label: &'static str,
    /// `auc`, `auc_within` (mean over listeners) or `ndcg`.
    pub metric: &'static str,
    /// How much.
    #[serde(flatten)]
    pub interval: Interval,
}

/// What a replay found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The split.
    pub days: Days,
    /// Impressions of the test days.
    pub impressions: usize,
    /// Their listeners.
    pub listeners: usize,
    /// Listeners whose lists the NDCG is over, by label.
    pub lists: [usize; 2],
    /// Every figure.
    pub figures: Vec<Figure>,
    /// Paired differences.
    pub differences: Vec<Figure>,
    /// By label and feedback: the weights of constant, song and scene, engine, habit before the log, habit in the log.
    pub weights: Vec<(&'static str, &'static str, Vec<f64>)>,
}

/// Replays a log.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(
    impressions: &Impressions,
    days: Days,
    config: &ReplayConfig,
    report: Report<'_>,
) -> Result<Outcome, ReplayError> {
    let devices = devices(impressions, days, config, report)?;
    let mut figures = Figures::new(impressions, days);
    for (place, label) in Label::ALL.into_iter().enumerate() {
        let prior = |s: &Shown| devices.prior(s, place);
        figures.add("floor", "-", label, &|_, s| prior(s).floor(s));
        figures.order("floor", "-", label, place, &devices.sort(&|_, s| prior(s).floor(s)));
        figures.add("song", "-", label, &|_, s| prior(s).song.of(s.song.0));
        let parts = |_: usize, s: &Shown| vec![prior(s).of_song(s), prior(s).listener.of(s.listener.0)];
        let weighed = figures.fit(label, &parts);
        figures.add("floor, weighed", "-", label, &|i, s| weighed.of(&parts(i, s)));
    }
    let mut weights = vec![];
    for told in Feedbacks::ALL {
        let scored = devices.score(told, report)?;
        let of = |i: usize| scored[i].unwrap_or_default();
        let own = devices.order(told, None, report)?;
        for (place, label) in Label::ALL.into_iter().enumerate() {
            figures.add("engine", told.name(), label, &|i, _| of(i).engine);
            figures.order("engine", told.name(), label, place, &own);
            let columns = |i: usize, s: &Shown| {
                let Scored { engine, habit } = of(i);
                vec![devices.prior(s, place).of_song(s), engine, habit[place][0], habit[place][1]]
            };
            let blend = figures.fit(label, &columns);
            figures.add("engine + prior", told.name(), label, &|i, s| blend.of(&columns(i, s)));
            let without = |i: usize, s: &Shown| {
                let row = columns(i, s);
                vec![row[0], row[2], row[3]]
            };
            let habit = figures.fit(label, &without);
            figures.add("prior + habit", told.name(), label, &|i, s| habit.of(&without(i, s)));
            // A song's worth beside the others of its listener: the habit is the same for all of them.
            let worth = |s: &Shown, engine: f64| blend.of(&[devices.prior(s, place).of_song(s), engine, 0.0, 0.0]);
            let order = match told {
                Feedbacks::Live => devices.order(told, Some(&worth), report)?,
                _ => devices.sort(&|i, s| worth(s, of(i).engine)),
            };
            figures.order("engine + prior", told.name(), label, place, &order);
            weights.push((label.name(), told.name(), blend.weights));
        }
    }
    figures.finish(days, weights, config)
}

/// What the server makes of the days up to `fit`, and the devices that get it.
pub(super) fn devices<'a>(
    impressions: &'a Impressions,
    days: Days,
    config: &ReplayConfig,
    report: Report<'_>,
) -> Result<Devices<'a>, ReplayError> {
    let train = impressions.until(days.fit);
    let corpus = Corpus::of(&train);
    let song2vec = Song2VecConfig { dimension: config.dimension as usize, epochs: 8, ..Song2VecConfig::default() };
    let mut embeddings = Song2Vec::train(&corpus, &song2vec, config.seed, report)?.embeddings()?;
    embeddings.fill_from_catalogue(&train);
    let counts = corpus.counts();
    let shards = shards(&train.songs, &embeddings.rows, embeddings.dimension, &counts, SHARD_SONGS)?;
    let shape = TowerShape::usual(config.dimension);
    let mut values = initial_weights(shape, config.seed);
    let teachers = LeaveOneOut { train: teachers(train, config), held_out: vec![] };
    let population = Population::new(&teachers, &shards, config.seed);
    if let (Some(mut tower), true) = (UserTower::new(shape, &values), config.epochs > 0) {
        // Only what was really shown and left is set against what was finished: exposure was not the listener's choice.
        let central =
            CentralConfig { epochs: config.epochs, negatives: 0, seed: config.seed, ..CentralConfig::default() };
        let total = u64::from(config.epochs);
        report(Progress { step: "tower", done: 0, total });
        train_centrally(&mut tower, &population, &central, |epoch, _, _| {
            report(Progress { step: "tower", done: u64::from(epoch) + 1, total });
        });
        values = tower.shared().to_vec();
    }
    let until =
        |last: u32, label| Prior::fit(impressions.shown.iter().filter(move |s| s.day <= last), label, config.smoothing);
    let before = || impressions.before.iter().flatten();
    let liked = before().filter(|e| matches!(e.feedback, Feedback::Complete | Feedback::Like)).count();
    #[allow(clippy::cast_precision_loss, reason = "fewer than 2⁵³ events")]
    let before_rate = (liked as f64 + 1.0) / (before().count() as f64 + 2.0);
    Ok(Devices {
        impressions,
        days,
        items: population.items,
        weights: encode(&TowerWeights { version: WeightsVersion(1), shape, values }),
        config: config.engine,
        priors: Label::ALL.map(|label| [until(days.fit, label), until(days.validate, label)]),
        before_rate,
        beside: beside(&impressions.dataset, config.seed),
        seed: config.seed,
    })
}

/// Some songs of the catalogue, drawn at random.
fn beside(dataset: &Dataset, seed: u64) -> Vec<SongId> {
    let mut songs: Vec<SongId> = dataset.songs.iter().map(|s| s.id).collect();
    Rng::new(seed).split("beside").shuffle(&mut songs);
    songs.truncate(200);
    songs
}

/// A part of the listeners, whose pasts are enough to train a tower on; the others' events are left out.
fn teachers(mut train: Dataset, config: &ReplayConfig) -> Dataset {
    let mut order: Vec<usize> = (0..train.listeners.len()).collect();
    Rng::new(config.seed).split("teachers").shuffle(&mut order);
    let mut chosen = vec![false; train.listeners.len()];
    order.into_iter().take(config.teachers).for_each(|i| chosen[i] = true);
    train.events.retain(|e| chosen[e.listener.0 as usize]);
    train
}

/// Scores of the test rows as they come in, and figures of them at the end.
struct Figures<'a> {
    shown: &'a [Shown],
    validate: Vec<usize>,
    test: Vec<usize>,
    /// A dense number of each test row's listener.
    listeners: Vec<u32>,
    count: usize,
    /// Name, feedback, label, scores of the test rows.
    scores: Vec<(&'static str, &'static str, Label, Vec<f64>)>,
    /// Name, feedback, label, NDCG by dense listener.
    orders: Vec<(&'static str, &'static str, Label, Vec<Option<f64>>)>,
    /// The dense number of each listener of the log, by order of appearance.
    dense: Vec<Option<u32>>,
}

impl<'a> Figures<'a> {
    fn new(impressions: &'a Impressions, days: Days) -> Self {
        let shown = impressions.shown.as_slice();
        let within = |low: u32, high: u32| -> Vec<usize> {
            (0..shown.len()).filter(|i| shown[*i].day > low && shown[*i].day <= high).collect()
        };
        let (validate, test) = (within(days.fit, days.validate), within(days.validate, days.test));
        let (mut dense, mut listeners, mut count) = (vec![], Vec::with_capacity(test.len()), 0);
        for rows in shown.chunk_by(|a, b| a.listener == b.listener) {
            let rows = rows.iter().filter(|s| s.day > days.validate && s.day <= days.test).count();
            dense.push((rows > 0).then_some(count));
            listeners.extend(std::iter::repeat_n(count, rows));
            count += u32::from(rows > 0);
        }
        let count = count as usize;
        Self { shown, validate, test, listeners, count, scores: vec![], orders: vec![], dense }
    }

    fn add(&mut self, name: &'static str, told: &'static str, label: Label, score: &dyn Fn(usize, &Shown) -> f64) {
        let scores = self.test.iter().map(|i| score(*i, &self.shown[*i])).collect();
        self.scores.push((name, told, label, scores));
    }

    fn order(
        &mut self,
        name: &'static str,
        told: &'static str,
        label: Label,
        place: usize,
        ordered: &[[Option<f64>; 2]],
    ) {
        let listed = ordered.iter().zip(&self.dense).filter(|(_, dense)| dense.is_some());
        self.orders.push((name, told, label, listed.map(|(ndcg, _)| ndcg[place]).collect()));
    }

    /// Weights for these columns, from the validation day.
    fn fit(&self, label: Label, columns: &dyn Fn(usize, &Shown) -> Vec<f64>) -> Logistic {
        let rows: Vec<Vec<f64>> = self.validate.iter().map(|i| columns(*i, &self.shown[*i])).collect();
        let outcomes: Vec<bool> = self.validate.iter().map(|i| label.of(&self.shown[*i])).collect();
        Logistic::fit(&rows, &outcomes, rows.first().map_or(0, Vec::len))
    }

    fn finish(
        self,
        days: Days,
        weights: Vec<(&'static str, &'static str, Vec<f64>)>,
        config: &ReplayConfig,
    ) -> Result<Outcome, ReplayError> {
        let labels = |label: Label| -> Vec<bool> { self.test.iter().map(|i| label.of(&self.shown[*i])).collect() };
        let (mut names, mut pooled, mut means) = (vec![], vec![], vec![]);
        for (name, told, label, scores) in &self.scores {
            names.push((*name, *told, label.name(), "auc"));
            pooled.push(Sorted::new(scores, &labels(*label), &self.listeners)?);
        }
        for (name, told, label, scores) in &self.scores {
            names.push((*name, *told, label.name(), "auc_within"));
            means.push(auc_within(scores, &labels(*label), &self.listeners, self.count)?);
        }
        for (name, told, label, ndcg) in &self.orders {
            names.push((*name, *told, label.name(), "ndcg"));
            means.push(ndcg.clone());
        }
        let drawn = Bootstrap::run(self.count, config.draws, config.seed, &|weights| {
            let areas = pooled.iter().map(|sorted| sorted.auc(weights));
            areas.chain(means.iter().map(|values| weighted_mean(values, weights))).collect()
        });
        let figure =
            |score: String, feedback, label, metric, interval| Figure { score, feedback, label, metric, interval };
        let figures = names.iter().enumerate().map(|(i, (name, told, label, metric))| {
            figure((*name).to_owned(), *told, *label, *metric, drawn.interval(i))
        });
        let find = |name: &str, told: &str, label: &str, metric: &str| {
            names.iter().position(|n| *n == (name, told, label, metric))
        };
        // Who should beat whom.
        let pairs = [
            (("engine", "live"), ("engine", "before")),
            (("engine", "before"), ("engine", "none")),
            (("engine + prior", "live"), ("engine + prior", "before")),
            (("engine + prior", "before"), ("engine + prior", "none")),
            (("engine + prior", "live"), ("prior + habit", "live")),
            (("engine + prior", "before"), ("floor", "-")),
            (("engine + prior", "live"), ("floor", "-")),
            (("engine + prior", "live"), ("floor, weighed", "-")),
        ];
        let mut differences = vec![];
        for label in Label::ALL {
            for metric in ["auc", "auc_within", "ndcg"] {
                for ((a, told), (b, against)) in pairs {
                    let places = find(a, told, label.name(), metric).zip(find(b, against, label.name(), metric));
                    let Some((first, second)) = places else { continue };
                    let score = format!("{a} ({told}) − {b} ({against})");
                    differences.push(figure(score, told, label.name(), metric, drawn.difference(first, second)));
                }
            }
        }
        let lists = Label::ALL.map(|label| {
            let of = self.orders.iter().find(|(_, _, l, _)| *l == label);
            of.map_or(0, |(_, _, _, ndcg)| ndcg.iter().flatten().count())
        });
        Ok(Outcome {
            days,
            impressions: self.test.len(),
            listeners: self.count,
            lists,
            figures: figures.collect(),
            differences,
            weights,
        })
    }
}
