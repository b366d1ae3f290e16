//! The attacks against what this project's own vertical rounds send: the update of the page's engine, dense over a public block.
//!
//! The questions are those of [`super::trial`]: *membership*, does the cohort hold listener u who has song i in the past, or in u's place v who has not; and
//! *outcome*, does it hold u who finished song i, or v who skipped it. Both answers are about one song in one cohort, which differ in one place.
//!
//! Every row of a dense update moves, a popular song's most of all. So besides length and direction an attack looks at how far both are from what
//! reference vectors say of this very song (Carlini et al., *LiRA*, S&P 2022, §IV, with a Gaussian a song): updates or sums of listeners whom the attacker
//! knows, in the same round. A last one weighs all four by their likelihood under known cohorts.
//!
//! An area has two readings: over all questions together, and within each listener's own; both with intervals over listeners.

use super::suspect::{Shadow, direction, norms};
use super::trial::{View, noise, wrapped};
use crate::eval::{Bootstrap, EvalError, Interval, Sorted, auc_within, weighted_mean};
use crate::federated::Vertical;
use crate::simulate::SplitWorld;
use crate::simulate::meeting::Meeting;
use crate::simulate::vertical::{TrainError, resident};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::math::Rng;
use std::collections::BTreeMap;

/// How a trial of our own rounds goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OwnConfig {
    /// Devices of the attacked cohort; as many others are known to the attacker.
    pub cohort: usize,
    /// Devices that are let in at most; those outside both cohorts stand in for members.
    pub devices: usize,
    /// Listeners with fewer events stay out.
    pub least: usize,
    /// Songs asked about of each member.
    pub questions: usize,
    /// Vectors that say what is usual of a song.
    pub references: usize,
    /// Cohorts, questions, noise and masks are drawn from it.
    pub seed: u64,
}

impl Default for OwnConfig {
    fn default() -> Self {
        Self { cohort: 100, devices: 1_000, least: 5, questions: 20, references: 24, seed: 0 }
    }
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Is the song in this listener's past?
    Membership,
    /// Was it finished, or skipped?
    Outcome,
}

/// The attacks, in the order of [`Told::areas`].
pub const ATTACKS: [&str; 5] = ["norm", "projection", "unusual norm", "unusual projection", "likelihood ratio"];

/// What a view tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// The view.
    pub view: View,
    /// The question.
    pub asked: Asked,
    /// Area of each attack over all questions.
    pub areas: [Interval; 5],
    /// Mean over listeners of the area within each one's questions.
    pub within: [Interval; 5],
    /// Songs asked about, each once with either answer.
    pub questions: usize,
    /// Of so many listeners.
    pub listeners: usize,
}

impl Told {
    /// The place of the strongest attack.
    #[must_use]
    pub fn best(&self) -> usize {
        (0..5).max_by(|a, b| self.areas[*a].value.total_cmp(&self.areas[*b].value)).unwrap_or(0)
    }
}

/// A device of the round: the rows it sent, and what they were made of.
struct Device {
    rows: Vec<f32>,
    towards: Vec<f64>,
    /// By candidate: whether it was ever finished.
    past: BTreeMap<u32, bool>,
}

/// A cohort, and devices that can stand in for its members.
struct Side<'a> {
    members: &'a [Device],
    stands_in: &'a [Device],
    sum: Vec<f32>,
    d: usize,
    clip: f32,
}

/// Per feature and song: mean and deviation of reference vectors.
type Usual = Vec<[(f64, f64); 2]>;

/// Attacks the next round of `server` in each of `views`; nothing is learned from it.
///
/// # Errors
/// [`TrainError`].
pub fn own_trial(
    server: &mut Vertical,
    world: &SplitWorld,
    views: &[View],
    config: &OwnConfig,
) -> Result<Vec<Told>, TrainError> {
    let rng = Rng::new(config.seed).split("own rounds");
    let mut order: Vec<usize> = (0..world.logs.len()).filter(|i| world.logs[*i].len() >= config.least).collect();
    rng.split("devices").shuffle(&mut order);
    order.truncate(config.devices);
    let n = config.cohort.min(order.len() / 4);
    let clip = server.config().plan.clip_norm;
    let mut items = resident(server, world)?;
    let number = u32::try_from(server.weights().version.0).unwrap_or(u32::MAX);
    let meeting = Meeting::open(server, world, &mut items, number, n, rng.split("round"))?;
    let d = meeting.tower().layout().dimension();
    let block = &meeting.blocks()[0];
    let rows = meeting.length() - block.songs.len() * d;
    let candidate: BTreeMap<_, u32> = block.songs.iter().copied().zip(0u32..).collect();
    let device = |listener: &usize| -> Result<Option<Device>, TrainError> {
        let Some(mut answer) = meeting.answer(*listener)? else { return Ok(None) };
        let rows = answer.values.split_off(rows);
        let mut past = BTreeMap::new();
        for event in &world.logs[*listener] {
            if let Some(place) = candidate.get(&event.event.impression.song) {
                *past.entry(*place).or_insert(false) |= event.event.feedback.behaviour().wanted();
            }
        }
        Ok(Some(Device { towards: direction(&rows, d), rows, past }))
    };
    let devices: Vec<Option<Device>> = order.par_iter().map(device).collect::<Result<_, _>>()?;
    let devices: Vec<Device> = devices.into_iter().flatten().collect();
    let n = n.min(devices.len() / 4);
    let (cohorts, rest) = devices.split_at(2 * n);
    let (half, known) = rest.split_at(rest.len() / 2);
    let attacked = Side::new(&cohorts[..n], half, d, clip);
    let shadows = Side::new(&cohorts[n..], known, d, clip);
    let mut told = Vec::new();
    for view in views {
        let usual = usual(known, n, *view, d, clip, config, &mut rng.split("references"));
        let of = |side: &Side<'_>, label: &str| side.ask(*view, &usual, config, &mut rng.split(label));
        let (found, shadow) = (of(&attacked, "attacked"), of(&shadows, "shadows"));
        for (asked, kind) in [(Asked::Membership, 0), (Asked::Outcome, 1)] {
            if !found[kind].is_empty() {
                told.push(areas(*view, asked, &found[kind], &shadow[kind], n, config.seed)?);
            }
        }
    }
    Ok(told)
}

/// What reference vectors say of each song.
#[allow(clippy::cast_precision_loss, reason = "counts of vectors")]
fn usual(known: &[Device], cohort: usize, view: View, d: usize, clip: f32, config: &OwnConfig, rng: &mut Rng) -> Usual {
    let songs = known.first().map_or(0, |device| device.rows.len() / d);
    let mut sums = vec![[[0.0f64; 2]; 2]; songs];
    let many = u32::try_from(known.len()).unwrap_or(u32::MAX);
    for _ in 0..config.references {
        let mut drawn = || &known[rng.below(many) as usize];
        let (mut vector, towards) = if view == View::Update || view == View::Masked {
            let one = drawn();
            (one.rows.clone(), one.towards.clone())
        } else {
            let mut sum = vec![0.0; songs * d];
            for _ in 0..cohort {
                sum.iter_mut().zip(&drawn().rows).for_each(|(sum, v)| *sum += v);
            }
            let towards = direction(&sum, d);
            (sum, towards)
        };
        hide(&mut vector, view, clip, rng);
        for (song, row) in vector.chunks_exact(d).enumerate() {
            for (feature, value) in seen(row, &towards).into_iter().enumerate() {
                sums[song][feature][0] += value;
                sums[song][feature][1] += value * value;
            }
        }
    }
    let n = config.references.max(1) as f64;
    let moments = |[sum, squares]: [f64; 2]| (sum / n, (squares / n - (sum / n).powi(2)).max(0.0).sqrt());
    let mut usual: Usual = sums.into_iter().map(|song| song.map(moments)).collect();
    // A song that all references agree on would make anything infinitely unusual: a deviation is a tenth of the average one at least.
    for feature in 0..2 {
        let all = usual.iter().map(|song| song[feature].1).sum::<f64>() / usual.len().max(1) as f64;
        usual.iter_mut().for_each(|song| song[feature].1 = song[feature].1.max(0.1 * all).max(f64::MIN_POSITIVE));
    }
    usual
}

/// What a view puts on a vector.
fn hide(vector: &mut [f32], view: View, clip: f32, rng: &mut Rng) {
    match view {
        View::Update | View::Sum => {}
        View::NoisedSum { sigma } => vector.iter_mut().for_each(|v| *v += noise(sigma, clip, rng)),
        View::Masked => vector.iter_mut().for_each(|v| *v = wrapped(*v, clip, rng)),
    }
}

/// Length and reach along a direction.
fn seen(row: &[f32], towards: &[f64]) -> [f64; 2] {
    [norms(row, row.len())[0], row.iter().zip(towards).map(|(v, u)| f64::from(*v) * u).sum()]
}

/// Four features of a song's row, whose place in the cohort it is, and whether the hypothesis holds.
type Look = ([f64; 4], u32, bool);

impl<'a> Side<'a> {
    fn new(members: &'a [Device], stands_in: &'a [Device], d: usize, clip: f32) -> Self {
        let mut sum = vec![0.0; members.first().map_or(0, |member| member.rows.len())];
        for member in members {
            sum.iter_mut().zip(&member.rows).for_each(|(sum, v)| *sum += v);
        }
        Self { members, stands_in, sum, d, clip }
    }

    /// Of membership and outcome: each song as it looks with the member in the cohort, and with another in the member's place.
    fn ask(&self, view: View, usual: &Usual, config: &OwnConfig, rng: &mut Rng) -> [Vec<Look>; 2] {
        let mut whole = self.sum.clone();
        hide(&mut whole, view, self.clip, &mut rng.split("whole"));
        let towards = direction(&whole, self.d);
        let mut found = [vec![], vec![]];
        for (member, at) in self.members.iter().zip(0u32..) {
            let mut songs: Vec<u32> = member.past.keys().copied().collect();
            rng.shuffle(&mut songs);
            let mut asked = [0; 2];
            for song in songs {
                let fits: [&dyn Fn(&Device) -> bool; 2] =
                    [&|v| !v.past.contains_key(&song), &|v| v.past.get(&song) == Some(&false)];
                for (kind, fits) in fits.into_iter().enumerate() {
                    if asked[kind] == config.questions || kind == 1 && member.past.get(&song) != Some(&true) {
                        continue;
                    }
                    let fitting: Vec<&Device> = self.stands_in.iter().filter(|v| fits(v)).collect();
                    let pick = rng.below(u32::try_from(fitting.len()).unwrap_or(u32::MAX).max(1)) as usize;
                    let Some(other) = fitting.get(pick) else { continue };
                    asked[kind] += 1;
                    for (present, answer) in [(member, true), (*other, false)] {
                        let look = self.look(song, member, present, &towards, view, usual, rng);
                        found[kind].push((look, at, answer));
                    }
                }
            }
        }
        found
    }

    /// A song's row where `present` stands in `member`'s place.
    #[allow(clippy::too_many_arguments, reason = "what is looked at, and how")]
    fn look(
        &self,
        song: u32,
        member: &Device,
        present: &Device,
        towards: &[f64],
        view: View,
        usual: &Usual,
        rng: &mut Rng,
    ) -> [f64; 4] {
        let place = song as usize * self.d..(song as usize + 1) * self.d;
        let (mut row, towards) = match view {
            View::Update | View::Masked => (present.rows[place].to_vec(), &present.towards[..]),
            View::Sum | View::NoisedSum { .. } => {
                let others = self.sum[place.clone()].iter().zip(&member.rows[place.clone()]);
                let row = others.zip(&present.rows[place]).map(|((sum, gone), come)| sum - gone + come);
                (row.collect(), towards)
            }
        };
        hide(&mut row, view, self.clip, rng);
        let [norm, along] = seen(&row, towards);
        let [(norms, norm_sd), (usually, along_sd)] = usual[song as usize];
        [norm, along, (norm - norms) / norm_sd, (along - usually) / along_sd]
    }
}

fn areas(
    view: View,
    asked: Asked,
    found: &[Look],
    known: &[Look],
    cohort: usize,
    seed: u64,
) -> Result<Told, EvalError> {
    const DRAWS: u64 = 400;
    let known: Vec<(Vec<f64>, bool)> = known.iter().map(|(look, _, answer)| (look.to_vec(), *answer)).collect();
    let shadow = Shadow::fit(&known);
    let labels: Vec<bool> = found.iter().map(|(_, _, answer)| *answer).collect();
    let listeners: Vec<u32> = found.iter().map(|(_, at, _)| *at).collect();
    let (mut areas, mut within) = ([Interval::default(); 5], [Interval::default(); 5]);
    for attack in 0..ATTACKS.len() {
        let score = |(look, _, _): &Look| match look.get(attack) {
            Some(value) => *value,
            None => shadow.as_ref().map_or(0.0, |shadow| shadow.ratio(look)),
        };
        let scores: Vec<f64> = found.iter().map(score).collect();
        let sorted = Sorted::new(&scores, &labels, &listeners)?;
        let each = auc_within(&scores, &labels, &listeners, cohort)?;
        let drawn = Bootstrap::run(cohort, DRAWS, seed, &|w| vec![sorted.auc(w), weighted_mean(&each, w)]);
        (areas[attack], within[attack]) = (drawn.interval(0), drawn.interval(1));
    }
    let mut who = listeners;
    who.dedup();
    Ok(Told { view, asked, areas, within, questions: found.len() / 2, listeners: who.len() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
#[path = "own_tests.rs"]
mod tests;
