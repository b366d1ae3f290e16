//! Tables of one's own, whichever file they come from: what their columns mean.
//!
//! | column of `events` | meaning |
//! |---|---|
//! | `listener`, `song` | any text; needed |
//! | `time` | milliseconds since 1970, or RFC 3339. Without the column only the order of the rows counts |
//! | `feedback` | `skip`, `complete`, `like`, `dislike`; empty: from what was played; nothing known: complete |
//! | `played_ms`, `total_ms` | heard, and how much there was (else the song's `duration_ms`) |
//!
//! | column of `songs` | meaning |
//! |---|---|
//! | `song` | the id that `events` uses; needed |
//! | `title`, `artist`, `album`, `genre`, `language`, `url` | text |
//! | `attributes` | texts with `;` between |
//! | `duration_ms` | length |
//!
//! A song heard for nine tenths counts as complete: players stop counting before the last chord fades.

use super::builder::{Builder, NewEvent, NewSong};
use super::job::Job;
use super::kuairand::heard;
use super::table::{Column, Row, find_column, need_column};
use super::time;
use crate::data::Clock;
use crate::data::error::{BadRow, DataError};
use sottovoce::session::{Feedback, Fraction};
use std::path::Path;

/// The share from which a play is complete.
const COMPLETE: f32 = 0.9;

/// The columns of a table of songs.
pub(super) struct SongColumns {
    song: Column,
    texts: [Option<Column>; 6],
    attributes: Option<Column>,
    duration: Option<Column>,
}

impl SongColumns {
    pub(super) fn of(file: &Path, columns: &[String]) -> Result<Self, DataError> {
        Ok(Self {
            song: need_column(file, columns, "song")?,
            texts: ["title", "artist", "album", "genre", "language", "url"].map(|name| find_column(columns, name)),
            attributes: find_column(columns, "attributes"),
            duration: find_column(columns, "duration_ms"),
        })
    }

    /// Takes one row.
    pub(super) fn take(&self, row: &Row<'_>, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
        let fields = row.needed(self.song, "a song's id").and_then(|key| Ok((key, row.milliseconds(self.duration)?)));
        let Some((key, duration_ms)) = job.keep(fields)? else { return Ok(()) };
        let [title, artist, album, genre, language, url] = self.texts.map(|column| row.text(column));
        let attributes = row.text(self.attributes).split(';').map(str::trim).filter(|text| !text.is_empty());
        let added = builder.add_song(NewSong {
            key,
            title,
            artist_key: artist,
            artist,
            album,
            genre,
            language,
            attributes: attributes.map(str::to_owned).collect(),
            duration_ms,
            url,
        })?;
        match added {
            Some(_) => Ok(()),
            None => job.bad(row.bad(Some(self.song), "a song not listed before")),
        }
    }
}

/// The columns of a table of events.
pub(super) struct EventColumns {
    listener: Column,
    song: Column,
    time: Option<Column>,
    feedback: Option<Column>,
    played: Option<Column>,
    total: Option<Column>,
    /// Whether a song must be in the table of songs.
    closed: bool,
}

impl EventColumns {
    pub(super) fn of(file: &Path, columns: &[String], closed: bool) -> Result<Self, DataError> {
        let find = |name| find_column(columns, name);
        Ok(Self {
            listener: need_column(file, columns, "listener")?,
            song: need_column(file, columns, "song")?,
            time: find("time"),
            feedback: find("feedback"),
            played: find("played_ms"),
            total: find("total_ms"),
            closed,
        })
    }

    /// What the times of the table mean.
    pub(super) fn clock(&self) -> Clock {
        if self.time.is_some() { Clock::Real } else { Clock::OrderOnly }
    }

    /// Takes one row.
    pub(super) fn take(&self, row: &Row<'_>, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
        let Some((listener, key, at, feedback, played)) = job.keep(self.read(row, builder))? else { return Ok(()) };
        let listener = builder.listener(listener)?;
        let song = builder.bare_song(key)?;
        builder.event(NewEvent { listener, song, at, feedback, plays: 1, played });
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "taken apart at once, by the one caller")]
    fn read<'a>(
        &self,
        row: &Row<'a>,
        builder: &mut Builder,
    ) -> Result<(&'a str, &'a str, u64, Feedback, Option<(u32, u32)>), BadRow> {
        let listener = row.needed(self.listener, "a listener's id")?;
        let key = row.needed(self.song, "a song's id")?;
        let song = builder.song(key);
        if self.closed && song.is_none() {
            return Err(row.bad(Some(self.song), "a song of the table of songs"));
        }
        let at = match self.time {
            None => 0,
            some => time::parse(row.text(some)).ok_or_else(|| row.bad(some, time::EXPECTED))?,
        };
        let total = row.milliseconds(self.total)?.or_else(|| builder.song_mut(song?).duration_ms);
        let played = row.milliseconds(self.played)?.zip(total.filter(|total| *total > 0));
        let share = played.map(|(played, total)| heard(played, total));
        let feedback = match (row.text(self.feedback), share) {
            ("skip", share) => Feedback::Skip { heard: share.unwrap_or_default() },
            ("complete", _) | ("", None) => Feedback::Complete,
            ("like", _) => Feedback::Like,
            ("dislike", _) => Feedback::Dislike,
            ("", Some(share)) if share >= Fraction::new(COMPLETE) => Feedback::Complete,
            ("", Some(heard)) => Feedback::Skip { heard },
            _ => return Err(row.bad(self.feedback, "skip, complete, like, dislike or nothing")),
        };
        Ok((listener, key, at, feedback, played))
    }
}
