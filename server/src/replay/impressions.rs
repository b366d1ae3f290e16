//! KuaiRand's log as it was shown: every impression with its outcome, its scene and its day, and what each listener had watched
//! before the log begins.
//!
//! | column | becomes |
//! |---|---|
//! | `date`, `time_ms`, `tab` | day, time, scene |
//! | `play_time_ms ≥ duration_ms` | [`Label::Complete`], as the data's README counts it |
//! | `long_view` | [`Label::LongView`] |
//! | `is_hate`, `is_like`, complete or long view, none | dislike, like, complete, skip: what the device is told |
//!
//! The catalogue and the numbers of listeners are the importer's. `user_sequences_before_*.csv` has up to fifty watched songs a
//! listener, oldest first, from before the log's first day; a song that is also among those watched for long was complete, one among the
//! liked a like, any other a skip half-way, for nobody wrote down where.

use super::ReplayError;
use crate::data::{Dataset, ListenerId, LoggedEvent, named, open};
use flate2::read::MultiGzDecoder;
use sottovoce::ids::{Millis, SongId};
use sottovoce::session::{Feedback, Fraction};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is to be foretold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Played to its end.
    Complete,
    /// Played for long, as the service counts it.
    LongView,
}

impl Label {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Complete, Self::LongView];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::LongView => "long_view",
        }
    }

    /// The outcome of an impression.
    #[must_use]
    pub fn of(self, shown: &Shown) -> bool {
        match self {
            Self::Complete => shown.complete,
            Self::LongView => shown.long_view,
        }
    }
}

/// One impression and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// To whom.
    pub listener: ListenerId,
    /// Which song.
    pub song: SongId,
    /// Where: KuaiRand's `tab`.
    pub scene: u32,
    /// The day, as `20220425`.
    pub day: u32,
    /// When.
    pub at: Millis,
    /// Played to its end.
    pub complete: bool,
    /// Played for long.
    pub long_view: bool,
    /// What the device is told.
    pub feedback: Feedback,
}

/// A folder's impressions.
#[derive(Clone, Debug)]
pub struct Impressions {
    /// Catalogue and listeners; its own events are the log's.
    pub dataset: Dataset,
    /// Sorted by listener, then time.
    pub shown: Vec<Shown>,
    /// What each listener had watched before, by listener, oldest first.
    pub before: Vec<Vec<LoggedEvent>>,
}

impl Impressions {
    /// Reads a KuaiRand folder.
    ///
    /// # Errors
    /// [`ReplayError`]: what is missing or wrong, with file, line and column.
    pub fn open(folder: &Path) -> Result<Self, ReplayError> {
        let logs = named(folder, "log_standard");
        if logs.is_empty() {
            return Err(ReplayError::NoImpressions { path: folder.to_owned() });
        }
        let dataset = open(folder)?;
        let number =
            |keys: &mut dyn Iterator<Item = &String>| -> HashMap<String, u32> { keys.cloned().zip(0u32..).collect() };
        let songs = number(&mut dataset.songs.iter().map(|s| &s.key));
        let listeners = number(&mut dataset.listeners.iter());
        let mut shown = Vec::with_capacity(dataset.events.len());
        for path in &logs {
            let mut table = Table::open(path)?;
            let columns = ["user_id", "video_id", "date", "time_ms", "tab", "play_time_ms", "duration_ms"];
            let [user, video, date, time, tab, play, duration] = table.columns(columns)?;
            let [long_view, like, hate] = table.columns(["long_view", "is_like", "is_hate"])?;
            while table.next()? {
                // A row that the importer could not take has no listener or song there.
                let (Some(listener), Some(song)) = (listeners.get(table.text(user)), songs.get(table.text(video)))
                else {
                    continue;
                };
                let (played, total) = (table.number(play)?, table.number(duration)?);
                let (complete, long_view) = (played >= total, table.number(long_view)? == 1);
                let flag = |n: u64| n == 1;
                let feedback = match (flag(table.number(hate)?), flag(table.number(like)?)) {
                    (true, _) => Feedback::Dislike,
                    (_, true) => Feedback::Like,
                    _ if complete || long_view => Feedback::Complete,
                    _ => Feedback::Skip { heard: share(played, total) },
                };
                shown.push(Shown {
                    listener: ListenerId(*listener),
                    song: SongId(*song),
                    scene: u32::try_from(table.number(tab)?).unwrap_or(u32::MAX).min(1 << 16),
                    day: u32::try_from(table.number(date)?).unwrap_or(u32::MAX),
                    at: Millis(table.number(time)?),
                    complete,
                    long_view,
                    feedback,
                });
            }
        }
        shown.sort_by_key(|s| (s.listener, s.at));
        let mut before = vec![Vec::new(); dataset.listeners.len()];
        for path in named(folder, "user_sequences_before") {
            sequences(&path, &songs, &listeners, &mut before)?;
        }
        Ok(Self { dataset, shown, before })
    }

    /// The data set as it was on the evening of a day: what was watched before the log, and the log up to then.
    #[must_use]
    pub fn until(&self, last: u32) -> Dataset {
        const PAUSE_MS: u64 = 30 * 60 * 1000;
        let mut events: Vec<LoggedEvent> = self.before.iter().flatten().copied().collect();
        for listener in self.shown.chunk_by(|a, b| a.listener == b.listener) {
            // Session 0 is what came before the log.
            let (mut session, mut latest) = (1, None);
            for s in listener.iter().filter(|s| s.day <= last) {
                session += u32::from(latest.is_some_and(|l: Millis| s.at.since(l) > PAUSE_MS));
                latest = Some(s.at);
                let (listener, song, at, feedback) = (s.listener, s.song, s.at, s.feedback);
                events.push(LoggedEvent { listener, song, at, feedback, plays: 1, played: None, session });
            }
        }
        events.sort_by_key(|e| (e.listener, e.at));
        Dataset { events, ..self.dataset.clone() }
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a share needs no more than an f32")]
fn share(played: u64, total: u64) -> Fraction {
    Fraction::new(if total == 0 { 0.0 } else { (played as f64 / total as f64) as f32 })
}

fn sequences(
    path: &Path,
    songs: &HashMap<String, u32>,
    listeners: &HashMap<String, u32>,
    before: &mut [Vec<LoggedEvent>],
) -> Result<(), ReplayError> {
    let mut table = Table::open(path)?;
    let [user, last] = table.columns(["user_id", "last_time_ms"])?;
    let [watched, liked, long] = table.columns(["watch_seq", "like_seq", "long_watch_seq"])?;
    while table.next()? {
        let Some(listener) = listeners.get(table.text(user)).copied() else { continue };
        let last = table.number(last)?;
        let list = |column: (usize, &'static str)| -> Vec<u32> {
            table.text(column).split(' ').filter_map(|key| songs.get(key).copied()).collect()
        };
        let (watched, liked, long) = (list(watched), list(liked), list(long));
        // One a minute up to the last one: only the order is known.
        before[listener as usize] = watched
            .iter()
            .zip((0..watched.len() as u64).rev())
            .map(|(song, back)| LoggedEvent {
                listener: ListenerId(listener),
                song: SongId(*song),
                at: Millis(last.saturating_sub(60_000 * back)),
                feedback: match (liked.contains(song), long.contains(song)) {
                    (true, _) => Feedback::Like,
                    (_, true) => Feedback::Complete,
                    _ => Feedback::Skip { heard: Fraction::new(0.5) },
                },
                plays: 1,
                played: None,
                session: 0,
            })
            .collect();
    }
    Ok(())
}

/// One CSV file, row by row.
struct Table {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    row: csv::StringRecord,
}

impl Table {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let broken = |source: csv::Error| ReplayError::Csv { path: path.to_owned(), source };
        let file = File::open(path).map_err(|e| broken(e.into()))?;
        let packed = path.extension().is_some_and(|e| e == "gz");
        let input: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { path: path.to_owned(), reader: csv::Reader::from_reader(input), row: csv::StringRecord::new() })
    }

    fn columns<const N: usize>(&mut self, names: [&'static str; N]) -> Result<[(usize, &'static str); N], ReplayError> {
        let path = self.path.clone();
        let header = self.reader.headers().map_err(|source| ReplayError::Csv { path: path.clone(), source })?;
        let mut found = [(0, ""); N];
        for (found, name) in found.iter_mut().zip(names) {
            let place = header.iter().position(|column| column == name);
            let missing = || ReplayError::Cell { path: path.clone(), line: 1, column: name, expected: "this column" };
            *found = (place.ok_or_else(missing)?, name);
        }
        Ok(found)
    }

    fn next(&mut self) -> Result<bool, ReplayError> {
        let Self { path, reader, row } = self;
        reader.read_record(row).map_err(|source| ReplayError::Csv { path: path.clone(), source })
    }

    fn text(&self, (column, _): (usize, &'static str)) -> &str {
        self.row.get(column).unwrap_or("").trim()
    }

    fn number(&self, column: (usize, &'static str)) -> Result<u64, ReplayError> {
        self.text(column).parse().map_err(|_| ReplayError::Cell {
            path: self.path.clone(),
            line: self.row.position().map_or(0, csv::Position::line),
            column: column.1,
            expected: "a whole number",
        })
    }
}
