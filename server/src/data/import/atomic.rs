//! RecBole's atomic files, as MovieLens comes in them: tab-separated, `name:type` in the header.
//!
//! | file | columns | becomes |
//! |---|---|---|
//! | `NAME.inter` | user_id, item_id; rating, weight, timestamp where there are | events |
//! | `NAME.item` | item_id; a title (`…title` or `…name`), `artist…`, `genre`/`class`, others | songs |
//! | `NAME.kg`, `NAME.link` | head_id, relation_id, tail_id · item_id, entity_id | the graph and its links |
//! | `NAME.net` | source_id, target_id | friends |
//!
//! A rating of 5 is a like, 4 and more a complete play, 2 and less a dislike; between, a skip halfway: heard, not loved.
//! Without a rating a row is a complete play; a `weight` counts plays. Timestamps are seconds.
//!
//! Source: <https://recbole.io/docs/user_guide/data/atomic_files.html>

use super::builder::{Builder, NewEvent, NewSong};
use super::job::Job;
use super::read::find;
use super::table::{Column, Row, Style, Table};
use super::time::LATEST_MS;
use crate::data::error::{BadRow, DataError};
use crate::data::{Clock, Dataset};
use sottovoce::session::{Feedback, Fraction};
use std::path::Path;

/// The NAME of `NAME.inter`.
fn stem(folder: &Path) -> Option<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names.iter().find_map(|name| Some(name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".inter")?.to_owned()))
}

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    stem(path).is_some()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let missing = |file: String| DataError::MissingFile { folder: folder.to_owned(), file, format: "atomic" };
    let stem = stem(folder).ok_or_else(|| missing("NAME.inter".to_owned()))?;
    let file = |ending: &str| find(folder, &format!("{stem}.{ending}"));
    let mut builder = Builder::default();
    if let Some(path) = file("item") {
        items(&path, &mut builder, job)?;
    }
    let clock = interactions(&file("inter").ok_or_else(|| missing(format!("{stem}.inter")))?, &mut builder, job)?;
    if let Some(path) = file("link") {
        pairs(&path, ["item_id", "entity_id"], job, |row, [item, entity]| match builder.song(row.text(Some(item))) {
            Some(song) => builder.link(song, row.text(Some(entity))).map(Ok),
            None => Ok(Err(row.bad(Some(item), "an item of the .item or .inter file"))),
        })?;
    }
    if let Some(path) = file("kg") {
        pairs(&path, ["head_id", "relation_id", "tail_id"], job, |row, columns| {
            let [head, relation, tail] = columns.map(|column| row.text(Some(column)));
            builder.triple(head, relation, tail).map(Ok)
        })?;
    }
    if let Some(path) = file("net") {
        pairs(&path, ["source_id", "target_id"], job, |row, columns| {
            let [a, b] = columns.map(|column| builder.known_listener(row.text(Some(column))));
            Ok(match (a, b) {
                (Some(a), Some(b)) if a != b => {
                    builder.friends(a, b);
                    Ok(())
                }
                _ => Err(row.bad(Some(columns[1]), "two different users of the .inter file")),
            })
        })?;
    }
    Ok(builder.finish(name, clock))
}

/// Goes through a file all of whose named cells must be there.
fn pairs<const N: usize>(
    path: &Path,
    names: [&str; N],
    job: &mut Job<'_>,
    mut take: impl FnMut(&Row<'_>, [Column; N]) -> Result<Result<(), BadRow>, DataError>,
) -> Result<(), DataError> {
    let mut table = Table::open(path, Style::Tabs, job)?;
    let mut columns = Vec::with_capacity(N);
    for name in names {
        columns.push(table.need(name)?);
    }
    // As many were pushed as there are names.
    let Ok(columns) = <[Column; N]>::try_from(columns) else { return Ok(()) };
    while let Some(row) = table.next(job)? {
        let whole = columns.iter().try_for_each(|column| row.needed(*column, "an id").map(|_| ()));
        let taken = match whole {
            Ok(()) => take(&row, columns)?,
            Err(bad) => Err(bad),
        };
        job.keep(taken)?;
    }
    Ok(())
}

fn items(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut table = Table::open(path, Style::Tabs, job)?;
    let id = table.need("item_id")?;
    let names: Vec<String> = table.columns().to_vec();
    let like = |fits: &dyn Fn(&str) -> bool| {
        names.iter().find(|name| *name != "item_id" && fits(name)).and_then(|name| table.find(name))
    };
    let artist = like(&|name| name.starts_with("artist"));
    let title = like(&|name| name.ends_with("title") || (name.ends_with("name") && !name.starts_with("artist")));
    let genre = like(&|name| name.starts_with("genre") || name == "class");
    let described =
        [Some("item_id"), column_name(&names, artist), column_name(&names, title), column_name(&names, genre)];
    let others: Vec<(&String, Option<Column>)> = names
        .iter()
        .filter(|name| !described.contains(&Some(name.as_str())))
        .map(|name| (name, table.find(name)))
        .collect();
    while let Some(row) = table.next(job)? {
        let Some(key) = job.keep(row.needed(id, "an item's id"))? else { continue };
        let genres = row.text(genre);
        let mut attributes: Vec<String> = genres.split_ascii_whitespace().map(str::to_owned).collect();
        for (name, column) in &others {
            let value = row.text(*column);
            if !value.is_empty() {
                attributes.push(format!("{name}:{value}"));
            }
        }
        let duplicate = row.bad(Some(id), "an item not listed before");
        let added = builder.add_song(NewSong {
            key,
            title: row.text(title),
            artist_key: row.text(artist),
            genre: genres.split_ascii_whitespace().next().unwrap_or_default(),
            attributes,
            ..NewSong::default()
        })?;
        if added.is_none() {
            job.bad(duplicate)?;
        }
    }
    Ok(())
}

fn column_name(names: &[String], column: Option<Column>) -> Option<&str> {
    column.and_then(|column| names.get(column.place())).map(String::as_str)
}

fn interactions(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<Clock, DataError> {
    let mut table = Table::open(path, Style::Tabs, job)?;
    let (user, item) = (table.need("user_id")?, table.need("item_id")?);
    let [rating, weight, timestamp] = ["rating", "weight", "timestamp"].map(|name| table.find(name));
    while let Some(row) = table.next(job)? {
        let fields = (|| {
            let listener = row.needed(user, "a user's id")?;
            let key = row.needed(item, "an item's id")?;
            let feedback = match row.measure(rating, "a rating of at least 0")? {
                None => Feedback::Complete,
                Some(stars) if stars >= 5.0 => Feedback::Like,
                Some(stars) if stars >= 4.0 => Feedback::Complete,
                Some(stars) if stars <= 2.0 => Feedback::Dislike,
                Some(_) => Feedback::Skip { heard: Fraction::new(0.5) },
            };
            let expected = "a play count from 1 to 4294967295";
            let plays = row.measure(weight, expected)?.unwrap_or(1.0);
            if !(1.0..=f64::from(u32::MAX)).contains(&plays) {
                return Err(row.bad(weight, expected));
            }
            let expected = "seconds since 1970";
            let at = match (timestamp, row.measure(timestamp, expected)?) {
                (None, _) => 0.0,
                (Some(_), Some(seconds)) => seconds * 1000.0,
                (Some(_), None) => return Err(row.bad(timestamp, expected)),
            };
            #[allow(clippy::cast_precision_loss, reason = "a bound of 48 bits")]
            if at > LATEST_MS as f64 {
                return Err(row.bad(timestamp, expected));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are bounded above")]
            Ok((listener, key, at as u64, feedback, plays as u32))
        })();
        let Some((listener, key, at, feedback, plays)) = job.keep(fields)? else { continue };
        let listener = builder.listener(listener)?;
        let song = builder.bare_song(key)?;
        builder.event(NewEvent { listener, song, at, feedback, plays, played: None });
    }
    Ok(match (timestamp, weight) {
        (Some(_), _) => Clock::Real,
        (None, Some(_)) => Clock::None,
        (None, None) => Clock::OrderOnly,
    })
}
