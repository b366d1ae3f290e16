//! S3-Rec's sequences: `NAME.txt`, one listener a line, `user item item …` oldest first, and
//! `NAME_item2attributes.json`, `{item: [attribute, …]}`. The order is known, the times are not.
//!
//! Source: Zhou et al., S³-Rec, CIKM 2020.

use super::builder::{Builder, NewEvent};
use super::job::Job;
use super::read::{Lines, find, whole};
use crate::data::error::DataError;
use crate::data::{Clock, Dataset};
use serde_json::Value;
use sottovoce::session::Feedback;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const ATTRIBUTES: &str = "_item2attributes.json";

/// The sequences and the attributes of a folder.
fn files(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names.iter().find_map(|name| {
        let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(ATTRIBUTES)?;
        Some((find(folder, &format!("{stem}.txt"))?, folder.join(name)))
    })
}

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    files(path).is_some()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let (sequences, attributes) = files(folder).ok_or_else(|| DataError::MissingFile {
        folder: folder.to_owned(),
        file: format!("NAME.txt beside NAME{ATTRIBUTES}"),
        format: "s3rec",
    })?;
    let mut builder = Builder::default();
    let mut lines = Lines::open(&sequences, &job.meter)?;
    while let Some(line) = lines.next(job)? {
        let mut fields = line.text.split_ascii_whitespace();
        let Some(user) = fields.next() else { continue };
        let row = line.number::<u32>("user", user, "a whole number").and_then(|_| {
            if builder.known_listener(user).is_some() {
                return Err(line.bad(Some("user"), "each listener on one line", user));
            }
            let items: Vec<&str> = fields.collect();
            if items.is_empty() {
                return Err(line.bad(Some("item"), "at least one item after the listener", line.text));
            }
            items.iter().try_for_each(|item| line.number::<u32>("item", item, "a whole number").map(|_| ()))?;
            Ok(items)
        });
        let Some(items) = job.keep(row)? else {
            continue;
        };
        let listener = builder.listener(user)?;
        for item in items {
            let song = builder.bare_song(item)?;
            builder.event(NewEvent { listener, song, at: 0, feedback: Feedback::Complete, plays: 1, played: None });
        }
    }
    // A map of arrays of anything: ids are numbers in the published files, names elsewhere.
    let parsed: HashMap<String, Vec<Value>> =
        serde_json::from_slice(&whole(&attributes, &job.meter)?).map_err(|source| DataError::Json {
            path: attributes.clone(),
            expected: "{\"item\": [attribute, …]}",
            source,
        })?;
    for (item, list) in parsed {
        let Some(song) = builder.song(&item) else {
            job.pass_over("attributes of items that no sequence holds");
            continue;
        };
        let song = builder.song_mut(song);
        for attribute in list {
            let text = match attribute {
                Value::String(text) => text,
                other => other.to_string(),
            };
            // The published lists repeat an attribute once for every category path it ends.
            if !song.attributes.contains(&text) {
                song.attributes.push(text);
            }
        }
    }
    Ok(builder.finish(name, Clock::OrderOnly))
}
