//! KuaiRand logs: what a short-video service showed, for how long it ran, and what was pressed. A video is a song, its
//! author the artist, its tags the attributes.
//!
//! | column of `log_*.csv` | becomes |
//! |---|---|
//! | `user_id`, `video_id`, `time_ms` | listener, song, time |
//! | `play_time_ms`, `duration_ms` | what was heard of how much |
//! | `is_hate` = 1 | dislike, whatever else |
//! | `is_like` = 1 | like |
//! | `long_view` = 1, or played to its end | complete |
//! | none of these | skip, heard for played ÷ duration |
//!
//! Source: Gao et al., KuaiRand, CIKM 2022.

use super::builder::{Builder, NewEvent, NewSong};
use super::job::Job;
use super::read::named;
use super::table::{Style, Table};
use super::time::LATEST_MS;
use crate::data::error::DataError;
use crate::data::{Clock, Dataset};
use sottovoce::session::{Feedback, Fraction};
use std::path::{Path, PathBuf};

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    !named(path, "log_standard").is_empty()
}

/// Reads a folder: every `log_standard*.csv`, and `video_features_basic*.csv` where it is.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let logs = named(folder, "log_standard");
    if logs.is_empty() {
        return Err(DataError::MissingFile {
            folder: folder.to_owned(),
            file: "log_standard*.csv".to_owned(),
            format: "kuairand",
        });
    }
    let mut builder = Builder::default();
    // The statistic file counts the whole month, the test days with it: never read for features.
    let honest = |path: &PathBuf| !path.file_name().unwrap_or_default().to_string_lossy().contains("statistic");
    if let Some(path) = named(folder, "video_features_basic").into_iter().find(honest) {
        songs(&path, &mut builder, job)?;
    }
    for path in logs {
        events(&path, &mut builder, job)?;
    }
    Ok(builder.finish(name, Clock::Real))
}

fn songs(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut table = Table::open(path, Style::Csv, job)?;
    let (video, author) = (table.need("video_id")?, table.find("author_id"));
    let (duration, tag, kind) = (table.find("video_duration"), table.find("tag"), table.find("video_type"));
    while let Some(row) = table.next(job)? {
        let song = row.needed(video, "a video's id").and_then(|key| Ok((key, row.milliseconds(duration)?)));
        let duplicate = row.bad(Some(video), "a video not listed before");
        let Some((key, duration_ms)) = job.keep(song)? else { continue };
        let author = row.text(author);
        let tags = row.text(tag).split(',').map(str::trim).filter(|tag| !tag.is_empty());
        let mut attributes: Vec<String> = tags.map(|tag| format!("tag:{tag}")).collect();
        let genre = attributes.first().cloned().unwrap_or_default();
        if !row.text(kind).is_empty() {
            attributes.push(format!("type:{}", row.text(kind)));
        }
        let added = builder.add_song(NewSong {
            key,
            title: &format!("Video {key}"),
            artist_key: author,
            artist: &if author.is_empty() { String::new() } else { format!("Author {author}") },
            genre: &genre,
            attributes,
            duration_ms,
            ..NewSong::default()
        })?;
        if added.is_none() {
            job.bad(duplicate)?;
        }
    }
    Ok(())
}

fn events(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut table = Table::open(path, Style::Csv, job)?;
    let (user, video, time) = (table.need("user_id")?, table.need("video_id")?, table.need("time_ms")?);
    let (play, duration) = (table.need("play_time_ms")?, table.need("duration_ms")?);
    let flags = ["is_hate", "is_like", "long_view"].map(|name| table.find(name));
    while let Some(row) = table.next(job)? {
        let fields = (|| {
            let listener = row.needed(user, "a user's id")?;
            let key = row.needed(video, "a video's id")?;
            let expected = "milliseconds since 1970";
            let at = row.number::<u64>(Some(time), expected)?.filter(|at| *at <= LATEST_MS);
            let at = at.ok_or_else(|| row.bad(Some(time), expected))?;
            let missing = |column| row.bad(Some(column), "milliseconds from 0 to 4294967295");
            let played = row.milliseconds(Some(play))?.ok_or_else(|| missing(play))?;
            let total = row.milliseconds(Some(duration))?.ok_or_else(|| missing(duration))?;
            let mut set = [false; 3];
            for (set, column) in set.iter_mut().zip(flags) {
                *set = match row.text(column) {
                    "1" => true,
                    "0" | "" => false,
                    _ => return Err(row.bad(column, "0 or 1")),
                };
            }
            let feedback = match set {
                [true, ..] => Feedback::Dislike,
                [_, true, _] => Feedback::Like,
                [_, _, true] => Feedback::Complete,
                _ if total > 0 && played >= total => Feedback::Complete,
                _ => Feedback::Skip { heard: heard(played, total) },
            };
            Ok((listener, key, at, feedback, played, total))
        })();
        let Some((listener, key, at, feedback, played, total)) = job.keep(fields)? else { continue };
        let listener = builder.listener(listener)?;
        let song = builder.bare_song(key)?;
        builder.event(NewEvent { listener, song, at, feedback, plays: 1, played: Some((played, total)) });
    }
    Ok(())
}

/// Played ÷ total; nothing where the total is not known.
#[allow(clippy::cast_possible_truncation, reason = "a share needs no more than an f32")]
pub(super) fn heard(played: u32, total: u32) -> Fraction {
    Fraction::new(if total == 0 { 0.0 } else { (f64::from(played) / f64::from(total)) as f32 })
}
