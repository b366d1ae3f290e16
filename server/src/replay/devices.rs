//! One device a listener, as the page runs it: told what happened before, asked for scores, and told what came of each
//! impression only after it was scored.

use super::{Days, Impressions, Label, Prior, ReplayError, Shown};
use crate::data::{ListenerId, LoggedEvent};
use crate::progress::{Progress, Report};
use rayon::prelude::*;
use sottovoce::client::{EngineConfig, Recommender, Resident};
use sottovoce::ids::{Millis, SongId};
use sottovoce::math::Rng;
use sottovoce::session::{Feedback, Impression, ListenEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a row is worth, from itself and the engine's score.
type Judge<'a> = &'a (dyn Fn(&Shown, f64) -> f64 + Sync);

/// What a device is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedbacks {
    /// Nothing, ever: the listener is a stranger each time.
    None,
    /// What happened before the day it is asked on, and nothing of that day and after.
    Before,
    /// Everything, each outcome right after the impression.
    Live,
}

impl Feedbacks {
    /// From the least to the most.
    pub const ALL: [Self; 3] = [Self::None, Self::Before, Self::Live];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Before => "before",
            Self::Live => "live",
        }
    }
}

/// What a device said of an impression before its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored {
    /// [`Recommender::scores`].
    pub engine: f64,
    /// The listener's own way, by label: `ln` of outcomes over expected outcomes, of what was watched before the log and of the
    /// log. The engine orders songs and has no use for it, since it is the same for all songs at a moment; an area over many
    /// listeners compares across them and has.
    pub habit: [[f64; 2]; 2],
}

/// Outcomes against what was expected of them.
#[derive(Clone, Copy, Debug, Default)]
struct Habit {
    came: f64,
    expected: f64,
}

impl Habit {
    /// Outcomes that everyone is credited with, as expected.
    const SHRINK: f64 = 3.0;

    fn add(&mut self, outcome: bool, expected: f64) {
        self.came += f64::from(u8::from(outcome));
        self.expected += expected;
    }

    fn value(self) -> f64 {
        libm::log((self.came + Self::SHRINK) / (self.expected + Self::SHRINK))
    }
}

/// Everything that all devices share.
#[derive(Debug)]
pub struct Devices<'a> {
    /// The log.
    pub impressions: &'a Impressions,
    /// Which days are what.
    pub days: Days,
    /// The catalogue, through its shards.
    pub items: Arc<Resident>,
    /// The tower's weights, as they come over the wire.
    pub weights: Vec<u8>,
    /// How the engines behave.
    pub config: EngineConfig,
    /// By label: counted up to the fitting day, and up to the validation day.
    pub priors: [[Prior; 2]; 2],
    /// The rate of outcomes among what was watched before the log.
    pub before_rate: f64,
    /// Songs beside which each one is scored: the engine measures in units of the spread of what it is asked about.
    pub beside: Vec<SongId>,
    /// Seed of the engines.
    pub seed: u64,
}

/// One listener's device on the way through the log.
struct Device<'a> {
    all: &'a Devices<'a>,
    engine: Recommender,
    before: Habit,
    log: [Habit; 2],
}

impl<'a> Devices<'a> {
    fn device(&'a self, listener: ListenerId, told: Feedbacks) -> Result<Device<'a>, ReplayError> {
        let seed = Rng::new(self.seed).split("devices").split_at(u64::from(listener.0)).next_u64();
        let mut engine = Recommender::with_items(self.config, seed, Arc::clone(&self.items));
        engine.receive(&self.weights)?;
        let mut device = Device { all: self, engine, before: Habit::default(), log: [Habit::default(); 2] };
        if told != Feedbacks::None {
            for event in &self.impressions.before[listener.0 as usize] {
                device.watched(event);
            }
        }
        Ok(device)
    }

    /// The prior that may be known on the day of an impression.
    #[must_use]
    pub fn prior(&self, shown: &Shown, label: usize) -> &Prior {
        &self.priors[label][usize::from(shown.day > self.days.validate)]
    }

    /// Scores every impression of the validation day and the test days, in the order of [`Impressions::shown`]; `None` for the
    /// others.
    ///
    /// # Errors
    /// What an engine refuses.
    pub fn score(&'a self, told: Feedbacks, report: Report<'_>) -> Result<Vec<Option<Scored>>, ReplayError> {
        let scored = self.each("impressions", report, &|rows: &[Shown]| {
            let mut scored = vec![None; rows.len()];
            if rows.iter().all(|s| s.day <= self.days.fit) {
                return Ok(scored);
            }
            let mut device = self.device(rows[0].listener, told)?;
            // Outcomes that are not told until their part of the days is over.
            let mut waiting: Vec<&Shown> = vec![];
            for (place, shown) in rows.iter().enumerate() {
                if shown.day > self.days.fit {
                    let over = |s: &&Shown| s.day <= self.days.validate && shown.day > self.days.validate;
                    waiting.retain(|s| {
                        if over(s) {
                            device.outcome(s);
                            false
                        } else {
                            true
                        }
                    });
                    scored[place] = Some(device.score(shown));
                }
                match told {
                    Feedbacks::None => {}
                    Feedbacks::Before if shown.day > self.days.fit => waiting.push(shown),
                    Feedbacks::Before | Feedbacks::Live => device.outcome(shown),
                }
            }
            Ok(scored)
        })?;
        Ok(scored.into_iter().flatten().collect())
    }

    /// Lets each listener's device put the songs of the test days in order, one by one: it takes the best of those left, and is
    /// told the recorded outcome where feedback is live. Answers the NDCG by listener for each label, `None` where a listener has fewer
    /// than two songs or no outcome. `worth` gives a song's worth from its impression and its score; without it the engine's own
    /// [`Recommender::recommend`] chooses, diversity and rules included.
    ///
    /// # Errors
    /// What an engine refuses.
    pub fn order(
        &'a self,
        told: Feedbacks,
        worth: Option<Judge<'_>>,
        report: Report<'_>,
    ) -> Result<Vec<[Option<f64>; 2]>, ReplayError> {
        let ordered = self.each("orders", report, &|rows: &[Shown]| {
            let test = rows.partition_point(|s| s.day <= self.days.validate);
            let mut left: Vec<&Shown> = vec![];
            for shown in &rows[test..] {
                if !left.iter().any(|s| s.song == shown.song) {
                    left.push(shown);
                }
            }
            if left.len() < 2 || !left.iter().any(|s| s.complete || s.long_view) {
                return Ok([None; 2]);
            }
            let mut device = self.device(rows[0].listener, told)?;
            if told != Feedbacks::None {
                rows[..test].iter().for_each(|s| device.outcome(s));
            }
            let times: Vec<Millis> = left.iter().map(|s| s.at).collect();
            let mut line: Vec<Shown> = vec![];
            for now in times {
                let next = device.choose(&left, now, worth);
                let shown = left.remove(next);
                if told == Feedbacks::Live {
                    device.outcome(&Shown { at: now, ..*shown });
                }
                line.push(*shown);
            }
            Ok(Label::ALL.map(|label| ndcg(&line.iter().map(|s| label.of(s)).collect::<Vec<_>>())))
        })?;
        Ok(ordered)
    }

    /// As [`Devices::order`], by a worth that no outcome changes.
    #[must_use]
    pub fn sort(&self, worth: &dyn Fn(usize, &Shown) -> f64) -> Vec<[Option<f64>; 2]> {
        let mut start = 0;
        let listeners = self.impressions.shown.chunk_by(|a, b| a.listener == b.listener);
        let sorted = listeners.map(|rows| {
            let mut left: Vec<(f64, &Shown)> = vec![];
            for (place, shown) in rows.iter().enumerate().filter(|(_, s)| s.day > self.days.validate) {
                if !left.iter().any(|(_, s)| s.song == shown.song) {
                    left.push((worth(start + place, shown), shown));
                }
            }
            start += rows.len();
            left.sort_by(|a, b| b.0.total_cmp(&a.0));
            let line = |label: Label| -> Vec<bool> { left.iter().map(|(_, s)| label.of(s)).collect() };
            Label::ALL.map(|label| if left.len() < 2 { None } else { ndcg(&line(label)) })
        });
        sorted.collect()
    }

    fn each<T: Send>(
        &self,
        step: &'static str,
        report: Report<'_>,
        work: &(dyn Fn(&[Shown]) -> Result<T, ReplayError> + Sync),
    ) -> Result<Vec<T>, ReplayError> {
        let listeners: Vec<&[Shown]> = self.impressions.shown.chunk_by(|a, b| a.listener == b.listener).collect();
        let (done, total) = (AtomicU64::new(0), listeners.len() as u64);
        let work = |rows: &&[Shown]| {
            let answer = work(rows);
            report(Progress { step, done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
            answer
        };
        listeners.par_iter().map(work).collect()
    }
}

impl Device<'_> {
    fn watched(&mut self, event: &LoggedEvent) {
        let outcome = matches!(event.feedback, Feedback::Complete | Feedback::Like);
        self.before.add(outcome, self.all.before_rate);
        self.observe(event.song, event.feedback, event.at);
    }

    fn outcome(&mut self, shown: &Shown) {
        for (place, label) in Label::ALL.into_iter().enumerate() {
            let odds = self.all.prior(shown, place).of_song(shown);
            self.log[place].add(label.of(shown), 1.0 / (1.0 + libm::exp(-odds)));
        }
        self.observe(shown.song, shown.feedback, shown.at);
    }

    fn observe(&mut self, song: SongId, feedback: Feedback, at: Millis) {
        // A song that is not resident is an event that this device could not have had.
        let _ = self.engine.observe(ListenEvent { impression: Impression { song, slot: 0, at }, feedback, at });
    }

    fn score(&mut self, shown: &Shown) -> Scored {
        let engine = self.scores(&[shown.song], shown.at)[0];
        Scored { engine, habit: self.log.map(|log| [self.before.value(), log.value()]) }
    }

    /// The engine's scores, 0 (an ordinary song) for one that is not resident.
    fn scores(&mut self, songs: &[SongId], now: Millis) -> Vec<f64> {
        let asked: Vec<SongId> = songs.iter().chain(&self.all.beside).copied().collect();
        let scores = self.engine.scores(&asked, now);
        scores[..songs.len()].iter().map(|s| if s.is_finite() { f64::from(*s) } else { 0.0 }).collect()
    }

    fn choose(&mut self, left: &[&Shown], now: Millis, worth: Option<Judge<'_>>) -> usize {
        let songs: Vec<SongId> = left.iter().map(|s| s.song).collect();
        let Some(worth) = worth else {
            let best = self.engine.recommend(Some(&songs), 1, now).songs().next();
            // What is barred (just heard, disliked) comes last, as it was shown.
            return best.and_then(|best| songs.iter().position(|song| *song == best)).unwrap_or(0);
        };
        let scores = self.scores(&songs, now);
        let worths = left.iter().zip(scores).map(|(s, score)| worth(s, score));
        worths.enumerate().fold((0, f64::NEG_INFINITY), |best, (i, w)| if w > best.1 { (i, w) } else { best }).0
    }
}

/// Normalised discounted gain of outcomes in order; `None` where there is none.
#[allow(clippy::cast_precision_loss, reason = "places are small")]
fn ndcg(line: &[bool]) -> Option<f64> {
    let discount = |place: usize| 1.0 / libm::log2(place as f64 + 2.0);
    let gain: f64 = line.iter().enumerate().filter(|(_, came)| **came).map(|(place, _)| discount(place)).sum();
    let ideal: f64 = (0..line.iter().filter(|came| **came).count()).map(discount).sum();
    (ideal > 0.0).then(|| gain / ideal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ndcg_by_hand() {
        assert_eq!(ndcg(&[false, false]), None);
        assert!(ndcg(&[true, true, false]).is_some_and(|g| (g - 1.0).abs() < 1e-12));
        let third = ndcg(&[false, false, true]).unwrap_or(0.0);
        assert!((third - 0.5).abs() < 1e-12);
    }
}
