//! What the portrait's stars are worth: the device's own [`Portrait`] of every listener of a log (row U4).
//!
//! *Test-retest*: each listener's plays are dealt out into two halves, and Pearson's `r` between the values of the two is how much of a
//! dimension is the listener and not the draw. By plays: every other play, so that a favourite is in both halves. By songs: every other
//! song with all its plays, so that no song is in both, which is the harder question; where no song repeats the two are one. Logs of totals
//! tell no plays apart, so there the halves by plays have the same songs by construction, and only the halves by songs say anything.
//!
//! *Quintiles*: where one more star would have to begin for a fifth of the population to have each number of them.
//!
//! *Novelty*: whether *explore* of the first half of the plays in time tells how much of the second half is songs not heard before. Logs
//! without an order cannot say, nor can logs in which no song ever repeats.

use super::{Bootstrap, Interval, weighted_correlation};
use crate::data::{Clock, Dataset, ListenerId};
use crate::progress::{Progress, Report};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce::client::{Portrait, Resident, Tally, Trait};
use sottovoce::ids::SongId;
use sottovoce::math::Rng;
use sottovoce::session::Feedback;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// From so many plays on a listener is measured: each half then has as many as the device asks for.
pub const LEAST_PLAYS: u64 = 20;

/// The dimensions, in the portrait's order.
pub const DIMENSIONS: [&str; 6] = ["explore", "diverse", "new songs", "niche", "unique", "focused"];

/// How far one half tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Retest {
    /// Listeners with a value in both halves.
    pub listeners: usize,
    /// Pearson's, with listeners drawn.
    pub r: Interval,
}

/// One dimension over a population.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dimension {
    /// Which.
    pub dimension: &'static str,
    /// Listeners of whom it can be told.
    pub listeners: usize,
    /// The values below which 20, 40, 60 and 80 % of them lie; `None` where it can be told of nobody.
    pub quintiles: Option<[f64; 4]>,
    /// How many have 1, 2, 3, 4 and 5 stars.
    pub stars: [usize; 5],
    /// Halves by plays; `None` where fewer than three listeners have both, or a half has no spread.
    pub by_plays: Option<Retest>,
    /// Halves by songs; as above, and `None` where no song repeats.
    pub by_songs: Option<Retest>,
}

/// Whether *explore* tells what is new later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Novelty {
    /// The log has totals, and no order.
    NoOrder,
    /// No listener has a song twice, so that all of it is new to everybody.
    NothingRepeats,
    /// Explore of the first half against the share of first plays in the second.
    Told {
        /// The mean share.
        mean: f64,
        /// The value's correlation; `None` without spread.
        value: Option<Retest>,
        /// That of the stars.
        stars: Option<Retest>,
    },
}

/// A population's portraits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Portraits {
    /// In the order of [`DIMENSIONS`].
    pub dimensions: Vec<Dimension>,
    /// As said.
    pub novelty: Novelty,
    /// Listeners measured: those with [`LEAST_PLAYS`] or more.
    pub listeners: usize,
    /// Whether any of them has a song twice.
    pub repeats: bool,
    /// Whether the log tells one play from the next.
    pub ordered: bool,
}

/// One listener: the portrait of everything, of the halves by plays and by songs, of the first half in time, and what is new in the second.
struct Told {
    whole: Portrait,
    by_plays: [Portrait; 2],
    by_songs: [Portrait; 2],
    first: Portrait,
    novelty: f64,
    repeats: bool,
}

/// Measures at most `most` of `listeners`, drawn by the seed, over the songs in `items`. The same seed gives the same bits.
pub fn portraits(
    data: &Dataset,
    items: &Resident,
    listeners: &[ListenerId],
    most: usize,
    draws: u64,
    seed: u64,
    report: Report<'_>,
) -> Portraits {
    let heard = |listener: &ListenerId| Some(plays(data, *listener)).filter(|plays| count(plays) >= LEAST_PLAYS);
    let mut all: Vec<Vec<Play>> = listeners.iter().filter_map(heard).collect();
    Rng::new(seed).split("portraits").shuffle(&mut all);
    all.truncate(most);
    let (done, total) = (AtomicU64::new(0), all.len() as u64);
    let told: Vec<Told> = all
        .par_iter()
        .map(|plays| {
            let told = tell(plays, items);
            report(Progress { step: "portraits", done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
            told
        })
        .collect();
    let (repeats, ordered) = (told.iter().any(|t| t.repeats), data.clock != Clock::None);
    let retest = |pairs: &[Option<(f64, f64)>]| retest(pairs, draws, seed);
    let dimension = |(d, name): (usize, &&'static str)| {
        let whole: Vec<Trait> = told.iter().filter_map(|t| traits(&t.whole)[d]).collect();
        let halves = |halves: &dyn Fn(&Told) -> [Portrait; 2]| -> Option<Retest> {
            let pair = |t: &Told| {
                let [a, b] = halves(t).map(|p| traits(&p)[d].map(|t| f64::from(t.value)));
                Some((a?, b?))
            };
            retest(&told.iter().map(pair).collect::<Vec<_>>())
        };
        let mut stars = [0; 5];
        whole.iter().for_each(|t| stars[usize::from(t.stars.clamp(1, 5)) - 1] += 1);
        Dimension {
            dimension: name,
            listeners: whole.len(),
            quintiles: quintiles(whole.iter().map(|t| f64::from(t.value)).collect()),
            stars,
            by_plays: halves(&|t| t.by_plays),
            by_songs: if repeats { halves(&|t| t.by_songs) } else { None },
        }
    };
    let dimensions = DIMENSIONS.iter().enumerate().map(dimension).collect();
    let novelty = match (ordered, repeats) {
        (false, _) => Novelty::NoOrder,
        (_, false) => Novelty::NothingRepeats,
        _ => {
            let pairs = |of: &dyn Fn(Trait) -> f64| -> Vec<Option<(f64, f64)>> {
                told.iter().map(|t| Some((of(t.first.explore?), t.novelty))).collect()
            };
            #[allow(clippy::cast_precision_loss, reason = "fewer than 2⁵³ listeners")]
            let mean = told.iter().map(|t| t.novelty).sum::<f64>() / told.len().max(1) as f64;
            let value = retest(&pairs(&|t| t.value.into()));
            Novelty::Told { mean, value, stars: retest(&pairs(&|t| t.stars.into())) }
        }
    };
    Portraits { dimensions, novelty, listeners: told.len(), repeats, ordered }
}

/// One row of a log that a library counts: which song, how often, and whether it was liked rather than just finished.
#[derive(Clone, Copy)]
struct Play {
    song: SongId,
    plays: u64,
    liked: bool,
}

/// What a device's library would count, in the log's order.
fn plays(data: &Dataset, listener: ListenerId) -> Vec<Play> {
    let of = |event: &crate::data::LoggedEvent| match event.feedback {
        Feedback::Complete => Some(Play { song: event.song, plays: event.plays.into(), liked: false }),
        Feedback::Like => Some(Play { song: event.song, plays: 1, liked: true }),
        _ => None,
    };
    data.events_of(listener).iter().filter_map(of).collect()
}

fn count(plays: &[Play]) -> u64 {
    plays.iter().map(|p| p.plays).sum()
}

/// The library of some plays, as `client::Library` would have it.
fn library(plays: impl Iterator<Item = Play>) -> Vec<(SongId, Tally)> {
    let mut songs: BTreeMap<SongId, Tally> = BTreeMap::new();
    for play in plays.filter(|p| p.plays > 0) {
        let tally = songs.entry(play.song).or_default();
        if play.liked {
            tally.liked = true;
        } else {
            tally.plays = tally.plays.saturating_add(u32::try_from(play.plays).unwrap_or(u32::MAX));
        }
    }
    songs.into_iter().collect()
}

fn tell(plays: &[Play], items: &Resident) -> Told {
    let of = |part: &mut dyn Iterator<Item = Play>| Portrait::of(&library(part), items);
    // Every other play of all: of a row that stands for many, each half has its share.
    let share = |half: u64| {
        let mut before = 0;
        let part = |play: &Play| {
            let dealt = |to: u64| (to + 1 - half) / 2;
            let own = dealt(before + play.plays) - dealt(before);
            before += play.plays;
            Play { plays: own, ..*play }
        };
        of(&mut plays.iter().map(part))
    };
    let mut places: BTreeMap<SongId, usize> = BTreeMap::new();
    for play in plays {
        let next = places.len();
        places.entry(play.song).or_insert(next);
    }
    let side = |half: usize| of(&mut plays.iter().filter(|p| places[&p.song] % 2 == half).copied());
    let (first, second) = plays.split_at(plays.len() / 2);
    let mut known: HashSet<SongId> = first.iter().map(|p| p.song).collect();
    let new = second.iter().filter(|p| known.insert(p.song)).count();
    #[allow(clippy::cast_precision_loss, reason = "plays of one listener")]
    let novelty = new as f64 / second.len().max(1) as f64;
    Told {
        whole: of(&mut plays.iter().copied()),
        by_plays: [share(0), share(1)],
        by_songs: [side(0), side(1)],
        first: of(&mut first.iter().copied()),
        novelty,
        repeats: places.len() < plays.len() || plays.iter().any(|p| p.plays > 1),
    }
}

fn traits(portrait: &Portrait) -> [Option<Trait>; 6] {
    [portrait.explore, portrait.diverse, portrait.new_songs, portrait.niche, portrait.unique, portrait.focused]
}

fn retest(pairs: &[Option<(f64, f64)>], draws: u64, seed: u64) -> Option<Retest> {
    let pairs: Vec<(f64, f64)> = pairs.iter().flatten().copied().collect();
    weighted_correlation(&pairs, &vec![1.0; pairs.len()])?;
    if pairs.len() < 3 {
        return None;
    }
    let drawn = Bootstrap::run(pairs.len(), draws, seed, &|weights| {
        // A draw of one listener alone has no spread, and tells nothing of another.
        vec![weighted_correlation(&pairs, weights).unwrap_or(0.0)]
    });
    Some(Retest { listeners: pairs.len(), r: drawn.interval(0) })
}

/// Linear between the two nearest.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places of listeners"
)]
fn quintiles(mut values: Vec<f64>) -> Option<[f64; 4]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        values[below] + (values[above] - values[below]) * (place - place.floor())
    };
    Some([0.2, 0.4, 0.6, 0.8].map(at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::shards;
    use crate::data::{LoggedEvent, SyntheticConfig, synthetic};
    use crate::progress::quiet;

    /// A small world with directions that follow the genre.
    fn world() -> (Dataset, Resident) {
        let data =
            synthetic(&SyntheticConfig { listeners: 60, songs: 200, artists: 40, events: 6_000, ..Default::default() });
        let d = 8;
        let row = |song: &crate::catalog::Song| {
            let mut row = vec![0.1; d];
            row[song.genre.as_deref().unwrap_or_default().len() % d] = 1.0;
            row[song.artist.0 as usize % d] += 0.5;
            row
        };
        let rows: Vec<f32> = data.songs.iter().flat_map(row).collect();
        let mut plays = vec![0; data.songs.len()];
        data.events.iter().for_each(|e| plays[e.song.0 as usize] += e.plays);
        let mut items = Resident::default();
        for shard in shards(&data.songs, &rows, d, &plays, 4096).unwrap() {
            items.add(&shard);
        }
        (data, items)
    }

    fn measured(data: &Dataset, items: &Resident) -> Portraits {
        let listeners: Vec<ListenerId> = (0..60).map(ListenerId).collect();
        portraits(data, items, &listeners, 1000, 50, 7, &quiet)
    }

    #[test]
    fn a_population_has_quintiles_and_two_halves() {
        let (data, items) = world();
        let found = measured(&data, &items);
        assert!(found.repeats && found.ordered && found.listeners > 30);
        for each in &found.dimensions {
            assert_eq!(each.stars.iter().sum::<usize>(), each.listeners, "{}", each.dimension);
            assert_eq!(each.quintiles.is_some(), each.dimension != "new songs", "no song of this world has a year");
        }
        let focused = found.dimensions[5].by_plays.unwrap();
        assert!(focused.r.value > 0.5 && focused.r.low <= focused.r.value && focused.r.value <= focused.r.high);
        assert!(matches!(found.novelty, Novelty::Told { value: Some(_), .. }));
        assert_eq!(found, measured(&data, &items));
    }

    #[test]
    fn what_a_log_cannot_tell_is_not_told() {
        let (mut data, items) = world();
        let mut heard = HashSet::new();
        data.events.retain(|e| e.feedback == Feedback::Complete && heard.insert((e.listener, e.song)));
        let once = measured(&data, &items);
        assert_eq!(once.novelty, Novelty::NothingRepeats);
        let explore = &once.dimensions[0];
        assert_eq!((explore.by_plays, explore.stars[4]), (None, once.listeners), "everybody's first time");
        assert!(once.dimensions.iter().all(|d| d.by_songs.is_none()));
        data.clock = Clock::None;
        assert_eq!(measured(&data, &items).novelty, Novelty::NoOrder);
    }

    #[test]
    fn totals_are_shared_between_the_halves() {
        let (mut data, items) = world();
        let event = |song: u32, plays: u32| LoggedEvent {
            listener: ListenerId(0),
            song: SongId(song),
            plays,
            feedback: Feedback::Complete,
            ..data.events[0]
        };
        data.events = vec![event(0, 21), event(1, 20), event(2, 1), event(3, 1)];
        let told = tell(&plays(&data, ListenerId(0)), &items);
        let explore = |p: Portrait| p.explore.unwrap().value;
        // 22 plays of songs 0 and 1 and one more; 21 of 0, 1 and the other.
        let [even, odd] = told.by_plays.map(explore);
        assert!((even - 3.0 / 22.0).abs() < 1e-6 && (odd - 3.0 / 21.0).abs() < 1e-6, "{even} {odd}");
        let [even, odd] = told.by_songs.map(explore);
        assert!((even - 2.0 / 22.0).abs() < 1e-6 && (odd - 2.0 / 21.0).abs() < 1e-6, "{even} {odd}");
    }

    #[test]
    fn fifths_lie_between_the_cuts() {
        let cuts = quintiles((0..101).map(f64::from).collect()).unwrap();
        assert!(cuts.iter().zip([20.0, 40.0, 60.0, 80.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{cuts:?}");
        assert_eq!(quintiles(vec![]), None);
    }
}
