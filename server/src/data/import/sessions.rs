//! Session files: one session a line, the songs' ids in order, with spaces between. Nobody is named: every session counts
//! as a listener of its own.
//!
//! Source: the authors' `all_train_seq` of GCE-GNN, SIGIR 2020 (#nowplaying), written as text.

use super::builder::{Builder, NewEvent};
use super::job::Job;
use super::read::{Lines, find};
use crate::data::error::DataError;
use crate::data::{Clock, Dataset};
use sottovoce::session::Feedback;
use std::path::{Path, PathBuf};

const NAMES: [&str; 2] = ["train_sessions.txt", "sessions.txt"];

fn file(path: &Path) -> Option<PathBuf> {
    if path.is_file() { Some(path.to_owned()) } else { NAMES.iter().find_map(|name| find(path, name)) }
}

/// Whether a folder holds this format. A lone file is taken for one only where its name says so.
pub(super) fn detect(path: &Path) -> bool {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if path.is_file() => NAMES.contains(&name.strip_suffix(".gz").unwrap_or(name)),
        _ => file(path).is_some(),
    }
}

/// Reads a folder or a file.
pub(super) fn import(path: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let file = file(path).ok_or_else(|| DataError::MissingFile {
        folder: path.to_owned(),
        file: NAMES.join(" or "),
        format: "sessions",
    })?;
    let mut builder = Builder::default();
    let mut lines = Lines::open(&file, &job.meter)?;
    while let Some(line) = lines.next(job)? {
        // All the ids are looked at before the first is kept: no half sessions.
        let ids = line
            .text
            .split_ascii_whitespace()
            .map(|id| line.number::<u32>("song", id, "a whole number").map(|_| id))
            .collect::<Result<Vec<&str>, _>>();
        let number = line.number;
        let Some(ids) = job.keep(ids)? else { continue };
        if ids.is_empty() {
            continue;
        }
        let listener = builder.listener(&number.to_string())?;
        for id in ids {
            let song = builder.bare_song(id)?;
            builder.event(NewEvent { listener, song, at: 0, feedback: Feedback::Complete, plays: 1, played: None });
        }
    }
    Ok(builder.finish(name, Clock::OrderOnly))
}
