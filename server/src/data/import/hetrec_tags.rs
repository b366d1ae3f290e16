//! The tags of Last.fm HetRec 2011 as a log: every assignment of a tag to an artist is an event of its day. Papers on federated
//! recommendation (FedRec's "Lastfm-2K") learn from these rows, because the play counts beside them know no time.
//!
//! | file | columns | becomes |
//! |---|---|---|
//! | `user_taggedartists.dat` | userID, artistID, tagID, day, month, year | an event: the artist, heard, on that day |
//! | `artists.dat` | id, name, … | the titles of tagged artists |
//!
//! An artist with five tags by one listener is five events of one day. A date before 1970 (there is a 1956) is 1970-01-01: the row stays.
//!
//! Source: Cantador, Brusilovsky, Kuflik, HetRec 2011.

use super::builder::{Builder, NewEvent, NewSong};
use super::job::Job;
use super::read::{Line, Lines, find};
use crate::data::error::{BadRow, DataError};
use crate::data::{Clock, Dataset};
use chrono::NaiveDate;
use sottovoce::session::Feedback;
use std::collections::HashMap;
use std::path::Path;

const ROWS: &str = "user_taggedartists.dat";

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    find(path, ROWS).is_some()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let rows = find(folder, ROWS).ok_or_else(|| DataError::MissingFile {
        folder: folder.to_owned(),
        file: ROWS.to_owned(),
        format: "hetrec-tags",
    })?;
    let titles = match find(folder, "artists.dat") {
        Some(path) => titles(&path, job)?,
        None => HashMap::new(),
    };
    let mut builder = Builder::default();
    let mut lines = Lines::open(&rows, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        let row = line.split('\t', ["userID", "artistID", "tagID", "day", "month", "year"]).and_then(
            |[listener, artist, _, day, month, year]| Ok((listener, artist, date(&line, [day, month, year])?)),
        );
        let Some((listener, artist, at)) = job.keep(row)? else {
            continue;
        };
        let title = titles.get(artist).map_or("", String::as_str);
        let new = NewSong { key: artist, title, artist_key: artist, artist: title, ..NewSong::default() };
        let song = match builder.song(artist) {
            Some(song) => Some(song),
            None => builder.add_song(new)?,
        };
        let Some(song) = song else { continue };
        let listener = builder.listener(listener)?;
        builder.event(NewEvent { listener, song, at, feedback: Feedback::Complete, plays: 1, played: None });
    }
    Ok(builder.finish(name, Clock::Real))
}

fn titles(path: &Path, job: &mut Job<'_>) -> Result<HashMap<String, String>, DataError> {
    let mut titles = HashMap::new();
    let mut lines = Lines::open(path, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        if let Some([key, rest]) = job.keep(line.split('\t', ["id", "name"]))? {
            titles.insert(key.to_owned(), rest.split('\t').next().unwrap_or_default().to_owned());
        }
    }
    Ok(titles)
}

/// Midnight, in milliseconds since 1970.
fn date(line: &Line<'_>, [day, month, year]: [&str; 3]) -> Result<u64, BadRow> {
    let number = |column, text| line.number::<u32>(column, text, "a whole number");
    let (d, m, y) = (number("day", day)?, number("month", month)?, number("year", year)?);
    let bad = || line.bad(Some("day"), "a date that the calendar has", &format!("{day}.{month}.{year}"));
    let date = NaiveDate::from_ymd_opt(i32::try_from(y).map_err(|_| bad())?, m, d).ok_or_else(bad)?;
    let ms = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    Ok(u64::try_from(ms).unwrap_or(0).min(super::time::LATEST_MS))
}
