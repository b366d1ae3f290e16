//! Who heard what, and what is held out of it: the protocol of PFedRec's authors, and one without what flatters in it.
//!
//! Both keep listeners with five rows or more. For each the last row by time is for the test, the one before it for choosing,
//! the rest is trained on. The test ranks its song against 99 that the listener never touched, the choice another song against another 99;
//! all 198 are drawn once.
//!
//! | | [`Holding::Published`] | [`Holding::Clean`] |
//! |---|---|---|
//! | a song in several rows | counts each time, so the held-out song may be trained on | once, at its first time |
//! | rows of one time | the first in the source is the last by time | in drawn order |
//! | negatives in training | never a held-out song | anything not trained on |
//!
//! The first row of the table matters where a tag is a row (five tags, five rows), the third everywhere: under it songs that
//! a device never once saw as a negative are the answers.

use crate::data::{Clock, Dataset, ListenerId, LoggedEvent};
use sottovoce::ids::SongId;
use sottovoce::math::Rng;
use std::collections::{HashMap, HashSet};

/// Listeners with fewer rows are left out.
pub const LEAST_ROWS: usize = 5;
/// A held-out song stands among so many others.
pub const NEGATIVES: usize = 99;

/// What is held out, and what may be trained on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holding {
    /// As the authors' code does it.
    Published,
    /// Without its leaks.
    Clean,
}

impl Holding {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Clean => "clean",
        }
    }
}

/// One listener; songs by their number in the [`World`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What is trained on; a song as often as it has rows.
    pub train: Vec<u32>,
    /// For choosing the round.
    pub valid: u32,
    /// For reporting.
    pub test: u32,
    /// What stands beside `valid`.
    pub valid_negatives: Vec<u32>,
    /// What stands beside `test`.
    pub test_negatives: Vec<u32>,
    /// Songs that training never takes for a negative, rising.
    never_negative: Vec<u32>,
}

impl Listener {
    /// `n` different songs that count as not heard: fewer where there are fewer.
    pub(super) fn draw_negatives(&self, n: usize, songs: u32, rng: &mut Rng, out: &mut Vec<u32>) {
        draw(&self.never_negative, n, songs, rng, out);
    }

    /// Songs that were heard and are no answer: what a full ranking leaves out, rising.
    pub(super) fn heard(&self, target: u32) -> Vec<u32> {
        let mut heard: Vec<u32> =
            self.train.iter().chain([&self.valid]).copied().filter(|song| *song != target).collect();
        heard.sort_unstable();
        heard.dedup();
        heard
    }
}

/// `n` different songs outside `barred` (rising), by rejection; all there are where there are no more.
fn draw(barred: &[u32], n: usize, songs: u32, rng: &mut Rng, out: &mut Vec<u32>) {
    out.clear();
    let free = (songs as usize).saturating_sub(barred.len());
    if free <= 2 * n {
        // Rejection would hardly end: shuffle what is left.
        out.extend((0..songs).filter(|song| barred.binary_search(song).is_err()));
        rng.shuffle(out);
        out.truncate(n);
        return;
    }
    while out.len() < n {
        let song = rng.below(songs);
        if barred.binary_search(&song).is_err() && !out.contains(&song) {
            out.push(song);
        }
    }
}

/// Everybody, with what is held out of each.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// By rising listener of the data set.
    pub listeners: Vec<Listener>,
    /// How many songs anybody kept has a row of; they are numbered by first appearance.
    pub songs: u32,
    /// Rows of all that are kept, the held-out ones too.
    pub rows: usize,
    /// Listeners whose test song is also in what they train on.
    pub leaking: usize,
}

/// Why there is no world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Totals.
    #[error("this data set tells no order of listening, so no last song can be held out; give one with times")]
    NoOrder,
    /// Nobody has enough.
    #[error(
        "no listener has {LEAST_ROWS} rows and three different songs; the protocol needs one to train on and two to hold out"
    )]
    Nobody,
    /// Too few to rank against.
    #[error("a listener leaves only {left} of {songs} songs untouched; {need} are drawn to rank held-out songs against", need = 2 * NEGATIVES)]
    TooFewSongs {
        /// Songs the listener has not touched.
        left: usize,
        /// All songs.
        songs: usize,
    },
}

impl World {
    /// Rebuilds the protocol over a data set; negatives of the ranking, and under [`Holding::Clean`] the order of equal times, are drawn from `seed`.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn new(data: &Dataset, holding: Holding, seed: u64) -> Result<Self, WorldError> {
        if data.clock == Clock::None {
            return Err(WorldError::NoOrder);
        }
        let rng = Rng::new(seed).split("pfedrec world");
        let logs: Vec<&[LoggedEvent]> = (0..u32::try_from(data.listeners.len()).unwrap_or(u32::MAX))
            .map(|listener| data.events_of(ListenerId(listener)))
            .filter(|log| log.len() >= LEAST_ROWS)
            .collect();
        let mut numbers: HashMap<SongId, u32> = HashMap::new();
        for (number, song) in (0..).zip(first_appearances(&logs)) {
            numbers.insert(song, number);
        }
        let songs = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let (mut listeners, mut rows, mut leaking) = (vec![], 0, 0);
        for (i, log) in (0u64..).zip(logs) {
            let mut rng = rng.split_at(i);
            let mut latest = latest_first(log, holding, &mut rng).into_iter().map(|song| numbers[&song]);
            let (Some(test), Some(valid)) = (latest.next(), latest.next()) else { continue };
            let train: Vec<u32> = latest.collect();
            if train.is_empty() {
                continue;
            }
            let rising = |songs: &[u32]| {
                let mut songs = songs.to_vec();
                songs.sort_unstable();
                songs.dedup();
                songs
            };
            let touched = rising(&[&train[..], &[test, valid]].concat());
            let mut others = vec![];
            draw(&touched, 2 * NEGATIVES, songs, &mut rng, &mut others);
            if others.len() < 2 * NEGATIVES {
                let songs = songs as usize;
                return Err(WorldError::TooFewSongs { left: songs - touched.len(), songs });
            }
            let test_negatives = others.split_off(NEGATIVES);
            let never_negative = if holding == Holding::Published { touched } else { rising(&train) };
            rows += train.len() + 2;
            leaking += usize::from(train.contains(&test));
            listeners.push(Listener { train, valid, test, valid_negatives: others, test_negatives, never_negative });
        }
        if listeners.is_empty() { Err(WorldError::Nobody) } else { Ok(Self { listeners, songs, rows, leaking }) }
    }
}

fn first_appearances(logs: &[&[LoggedEvent]]) -> Vec<SongId> {
    let mut seen = HashSet::new();
    logs.iter().flat_map(|log| log.iter().map(|e| e.song)).filter(|song| seen.insert(*song)).collect()
}

/// A listener's songs, the last by time first.
fn latest_first(log: &[LoggedEvent], holding: Holding, rng: &mut Rng) -> Vec<SongId> {
    let mut rows: Vec<(u64, SongId)> = log.iter().map(|e| (e.at.0, e.song)).collect();
    if holding == Holding::Clean {
        let mut seen = HashSet::new();
        rows.retain(|(_, song)| seen.insert(*song));
        rng.shuffle(&mut rows);
    }
    // Stable: of equal times the first in the source (or in the drawn order) comes first.
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.into_iter().map(|(_, song)| song).collect()
}
