//! The counts that the public data sets are known by, from the files themselves. Skipped where the files are not there.

use super::{Clock, Dataset, Format, ImportOptions, describe, load_dataset, open, save_dataset};
use crate::progress::quiet;
use crate::state::State;
use sottovoce::ids::Millis;
use std::path::{Path, PathBuf};

/// The data set in `SOTTOVOCE_DATA`, or beside the repository; `None`, with a message, where it is absent.
fn real(folder: &str) -> Option<Dataset> {
    Some(open(&real_path(folder)?).unwrap())
}

fn real_path(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        println!("skipped: no {} (set SOTTOVOCE_DATA to the folder of the data sets)", path.display());
        return None;
    }
    Some(path)
}

fn counts(data: &Dataset) -> (usize, usize, usize) {
    (data.events.len(), data.listeners.len(), data.songs.len())
}

#[tokio::test]
async fn hetrec_and_back_out_of_the_state_file() {
    let Some(data) = real("lastfm-hetrec2k") else { return };
    assert_eq!((counts(&data), data.artists.len()), ((92_834, 1_892, 17_632), 17_632));
    let graph = &data.graph;
    assert_eq!((graph.triples.len(), graph.entities.len(), graph.relations.len()), (15_518, 9_366, 60));
    assert_eq!((graph.links.len(), data.friends.len(), data.clock), (3_846, 12_717, Clock::None));
    assert_eq!(data.songs[0].title, "MALICE MIZER");

    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("hetrec.db")).await.unwrap();
    save_dataset(&state, &data, Millis(0), &quiet).await.unwrap();
    assert_eq!(load_dataset(&state).await.unwrap(), data);
}

#[test]
fn hetrec_tags() {
    let Some(path) = real_path("lastfm-hetrec2k") else { return };
    let (data, report) = Format::HetrecTags.import(&path, &ImportOptions::default()).unwrap();
    assert_eq!((counts(&data), report.bad.len(), data.clock), ((186_479, 1_892, 12_523), 0, Clock::Real));
}

#[test]
fn s3rec() {
    if let Some(data) = real("lastfm-s3rec") {
        assert_eq!(counts(&data), (52_551, 1_090, 3_646));
        let all: std::collections::HashSet<&String> = data.songs.iter().flat_map(|song| &song.attributes).collect();
        assert_eq!((all.len(), data.clock), (388, Clock::OrderOnly));
        let mean = describe(&data).attributes_per_song;
        assert!((mean - 12.452).abs() < 0.001, "31.5 with the repeats: {mean}");
    }
    if let Some(data) = real("amazon-beauty-s3rec") {
        assert_eq!(counts(&data), (198_502, 22_363, 12_101));
    }
}

#[test]
fn nowplaying() {
    let Some(data) = real("nowplaying-sessions") else { return };
    assert_eq!(data.events.len(), 953_381);
    assert_eq!(data.listeners.len(), 128_077);
    assert_eq!(describe(&data).sessions, Some(128_077));
}

#[test]
fn kuairand() {
    let Some(data) = real("kuairand-pure-late") else { return };
    let description = describe(&data);
    assert_eq!((data.events.len(), data.listeners.len(), description.songs_heard), (154_071, 23_651, 5_992));
    let ended = data.events.iter().filter(|e| e.played.is_some_and(|(played, total)| played >= total)).count();
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let ended = ended as f64 / data.events.len() as f64;
    assert!((ended - 0.153).abs() < 0.001, "played to the end: {ended}");
}

#[test]
fn movielens() {
    let Some(data) = real("ml-100k") else { return };
    assert_eq!(counts(&data), (100_000, 943, 1_682));
    assert_eq!((data.graph.triples.len(), data.graph.links.len(), data.clock), (91_631, 1_598, Clock::Real));
}
