//! A split that others have published: `data1.txt` and `test1.txt` of the LightGCN repositories, `user item weight` a line, tab-separated, ids
//! from 1. The log tells no order.
//!
//! Source: He et al., *LightGCN*, SIGIR 2020.

use super::error::BadRow;
use super::{Clock, DataError, Dataset, ListenerId, LoggedEvent};
use crate::catalog::{Graph, Song};
use flate2::read::MultiGzDecoder;
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::session::Feedback;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// No file is longer, unpacked.
const MOST_BYTES: u64 = 1 << 28;

/// No id is larger: the catalogue has a song for each.
const MOST_ID: u32 = 1 << 22;

/// What may be trained on, and what has to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedSplit {
    /// The training part.
    pub train: Dataset,
    /// Each listener's held-out songs, ascending.
    pub test: Vec<Vec<SongId>>,
}

/// Reads such a folder; `None` where it is none.
///
/// # Errors
/// [`DataError`]: a file that cannot be read, or a line that is no pair of ids.
pub fn fixed_split(folder: &Path) -> Result<Option<FixedSplit>, DataError> {
    let find =
        |name: &str| [name.to_owned(), format!("{name}.gz")].map(|n| folder.join(n)).into_iter().find(|p| p.is_file());
    let (Some(train), Some(test)) = (find("data1.txt"), find("test1.txt")) else { return Ok(None) };
    let (mut train, mut test) = (pairs(&train)?, pairs(&test)?);
    for pairs in [&mut train, &mut test] {
        pairs.sort_unstable();
        pairs.dedup();
    }
    let most = |of: fn(&(u32, u32)) -> u32| train.iter().chain(&test).map(of).max().map_or(0, |id| id + 1);
    let (listeners, songs) = (most(|p| p.0), most(|p| p.1));
    let song = |i: u32| Song {
        id: SongId(i),
        key: (i + 1).to_string(),
        title: String::new(),
        artist: ArtistId(i),
        album: None,
        genre: None,
        language: None,
        attributes: Vec::new(),
        duration_ms: None,
        url: None,
    };
    let mut held_out = vec![Vec::new(); listeners as usize];
    test.iter().for_each(|(listener, song)| held_out[*listener as usize].push(SongId(*song)));
    let event = |&(listener, song): &(u32, u32)| LoggedEvent {
        listener: ListenerId(listener),
        song: SongId(song),
        at: Millis(0),
        feedback: Feedback::Complete,
        plays: 1,
        played: None,
        session: 0,
    };
    let train = Dataset {
        name: folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        songs: (0..songs).map(song).collect(),
        artists: (0..songs).map(|i| (i + 1).to_string()).collect(),
        listeners: (0..listeners).map(|i| (i + 1).to_string()).collect(),
        events: train.iter().map(event).collect(),
        clock: Clock::None,
        graph: Graph::default(),
        friends: Vec::new(),
    };
    Ok(Some(FixedSplit { train, test: held_out }))
}

/// Pairs of a file, counted from 0.
fn pairs(path: &Path) -> Result<Vec<(u32, u32)>, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let text = text(path).map_err(io)?;
    let id = |field: Option<&str>| field?.parse::<u32>().ok().filter(|id| (1..=MOST_ID).contains(id)).map(|id| id - 1);
    text.lines()
        .zip(1u64..)
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| {
            let mut fields = line.split_ascii_whitespace();
            match (id(fields.next()), id(fields.next())) {
                (Some(listener), Some(song)) => Ok((listener, song)),
                _ => Err(DataError::Strict(Box::new(BadRow::new(path, number, None, "two ids from 1", line)))),
            }
        })
        .collect()
}

/// The sampled others of a published ranking: `NAME_sample.txt`, `listener other other …` a line, by the source's ids. Nothing where there is no such
/// file.
///
/// # Errors
/// [`DataError::Io`].
pub fn samples(folder: &Path) -> Result<HashMap<String, Vec<String>>, DataError> {
    let io = |source| DataError::Io { path: folder.to_owned(), source };
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(HashMap::new()) };
    let is_sample = |path: &std::path::PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_suffix(".gz").unwrap_or(&name).ends_with("_sample.txt")
    };
    let Some(path) = entries.filter_map(|entry| Some(entry.ok()?.path())).find(is_sample) else {
        return Ok(HashMap::new());
    };
    let text = text(&path).map_err(io)?;
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace().map(str::to_owned);
        Some((fields.next()?, fields.collect()))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// A whole file, unpacked.
fn text(path: &Path) -> std::io::Result<String> {
    let packed = std::fs::read(path)?;
    let mut text = String::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(&packed[..]).take(MOST_BYTES).read_to_string(&mut text)?;
    } else {
        (&packed[..]).take(MOST_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn both_files_make_a_split_and_one_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data1.txt"), "2\t3\t9\n1\t1\t4\n2\t1\t1\n").unwrap();
        assert!(fixed_split(folder.path()).unwrap().is_none());
        std::fs::write(folder.path().join("test1.txt"), "2\t4\t1\n").unwrap();
        let split = fixed_split(folder.path()).unwrap().unwrap();
        assert_eq!((split.train.songs.len(), split.train.listeners.len(), split.train.events.len()), (4, 2, 3));
        assert_eq!(split.test, [vec![], vec![SongId(3)]]);
        for bad in ["0\t1\t1", "x", "1", "1\t99999999999"] {
            std::fs::write(folder.path().join("test1.txt"), bad).unwrap();
            assert!(fixed_split(folder.path()).is_err(), "{bad}");
        }
    }
}
