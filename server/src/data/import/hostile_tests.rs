//! Whatever bytes lie in the files, an importer answers with a data set or an error. Every data set that comes out keeps
//! the rules that trainers rely on.

use super::parquet_tests::events_file;
use super::tests::folder;
use super::{Format, ImportOptions};
use crate::data::Dataset;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sottovoce::ids::SongId;
use std::io::Write;

/// The files of each text format, with the header without which nothing past it would be read.
const FILES: [(Format, &[(&str, &str)]); 7] = [
    (
        Format::Hetrec,
        &[
            ("artists.dat", "id\tname\n1\tA\n2\tB\n"),
            ("user_artists.dat", "userID\tartistID\tweight\n1\t1\t1\n"),
            ("tags.dat", "tagID\ttagValue\n1\tx\n"),
            ("user_taggedartists.dat", "userID\tartistID\ttagID\tday\n"),
            ("user_friends.dat", "userID\tfriendID\n"),
            ("kg.txt", ""),
            ("item_index2entity_id.txt", ""),
        ],
    ),
    (
        Format::HetrecTags,
        &[("user_taggedartists.dat", "userID\tartistID\ttagID\tday\tmonth\tyear\n"), ("artists.dat", "id\tname\n")],
    ),
    (Format::S3rec, &[("A.txt", "9 1 2\n"), ("A_item2attributes.json", "")]),
    (Format::Sessions, &[("sessions.txt", "")]),
    (
        Format::Kuairand,
        &[
            ("log_standard.csv", "user_id,video_id,time_ms,play_time_ms,duration_ms,is_like\n"),
            ("video_features_basic.csv", "video_id,author_id,video_duration,tag\n"),
        ],
    ),
    (
        Format::Atomic,
        &[
            ("a.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"),
            ("a.item", "item_id:token\ttitle:token\tgenre:token_seq\n"),
            ("a.kg", "head_id\trelation_id\ttail_id\n"),
            ("a.link", "item_id\tentity_id\n"),
            ("a.net", "source_id\ttarget_id\n"),
        ],
    ),
    (
        Format::Csv,
        &[
            ("events.csv", "listener,song,time,feedback,played_ms,total_ms\n"),
            ("songs.csv", "song,title,artist,attributes,duration_ms\n"),
        ],
    ),
];

/// Text of the kind that importers trip over.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => prop::sample::select(vec!["1", "2", "3", "0", "like", "skip", "1795341600000"]),
        8 => prop::sample::select(vec!["\t", ",", " ", "\n", "\n", "\r\n"]),
        2 => prop::sample::select(vec![
            "-1", "4294967296", "99999999999999999999999999", "1e308", "1e999", "NaN", "inf", "0.5", "\"", "\"\"", "\u{feff}",
            "é", "\u{0}", "{", "[", ":", ";", "2026-11-22T10:00:00Z", "\\u", "\r",
        ]),
    ];
    let wild = prop_oneof![9 => Just(None), 1 => any::<u8>().prop_map(Some)];
    prop::collection::vec((token, wild), 0..120)
        .prop_map(|parts| parts.iter().flat_map(|(token, wild)| token.bytes().chain(*wild)).collect())
}

fn sound(data: &Dataset) {
    assert!(!data.events.is_empty());
    assert!(data.songs.iter().zip(0..).all(|(song, i)| song.id == SongId(i)));
    assert!(data.songs.iter().all(|song| (song.artist.0 as usize) < data.artists.len()));
    assert!(data.events.is_sorted_by_key(|e| (e.listener, e.at, e.session)));
    for event in &data.events {
        assert!((event.song.0 as usize) < data.songs.len() && (event.listener.0 as usize) < data.listeners.len());
        assert!(event.plays > 0);
    }
    let entities = data.graph.entities.len();
    let inside = |entity: crate::catalog::EntityId| (entity.0 as usize) < entities;
    assert!(data.graph.triples.iter().all(|t| inside(t.head) && inside(t.tail)));
    assert!(data.graph.triples.iter().all(|t| (t.relation as usize) < data.graph.relations.len()));
    assert!(data.graph.links.iter().all(|(song, entity)| inside(*entity) && (song.0 as usize) < data.songs.len()));
    assert!(data.friends.iter().all(|(a, b)| a < b && (b.0 as usize) < data.listeners.len()));
}

fn survive(format: Format, files: &[(&str, &[u8])]) {
    let folder = folder(files);
    if let Ok((data, _)) = format.import(folder.path(), &ImportOptions::default()) {
        sound(&data);
    }
}

proptest! {
    #[test]
    fn soup_under_a_true_header(which in 0..FILES.len(), soups in prop::collection::vec(soup(), 7)) {
        let (format, files) = FILES[which];
        let contents: Vec<Vec<u8>> = files.iter().zip(soups).map(|((_, header), soup)| [header.as_bytes(), &soup].concat()).collect();
        let files: Vec<(&str, &[u8])> = files.iter().zip(&contents).map(|((name, _), content)| (*name, &content[..])).collect();
        survive(format, &files);
    }

    #[test]
    fn any_bytes_at_all(which in 0..FILES.len(), blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 7)) {
        let (format, files) = FILES[which];
        let files: Vec<(&str, &[u8])> = files.iter().zip(&blobs).map(|((name, _), blob)| (*name, &blob[..])).collect();
        survive(format, &files);
    }

    #[test]
    fn gzip_with_a_wound(which in 0..FILES.len(), at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        let (format, files) = FILES[which];
        let packed: Vec<Vec<u8>> = files.iter().map(|(_, header)| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(header.as_bytes()).unwrap();
            packer.write_all(&b"1\t1\t1\n1,1,1\n1 2 3\n".repeat(20)).unwrap();
            let mut bytes = packer.finish().unwrap();
            let place = at.index(bytes.len());
            if cut { bytes.truncate(place) } else { bytes[place] ^= flip }
            bytes
        }).collect();
        // Under their plain names: what is packed is seen from the bytes.
        let files: Vec<(&str, &[u8])> = files.iter().zip(&packed).map(|((name, _), bytes)| (*name, &bytes[..])).collect();
        survive(format, &files);
    }

    #[test]
    fn parquet_with_wounds(wounds in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in prop::option::of(any::<prop::sample::Index>())) {
        let mut bytes = events_file();
        for (at, byte) in wounds {
            let place = at.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            let place = cut.index(bytes.len());
            bytes.truncate(place);
        }
        survive(Format::Parquet, &[("events.parquet", &bytes)]);
    }

    #[test]
    fn parquet_of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survive(Format::Parquet, &[("events.parquet", &bytes)]);
        let framed = [b"PAR1", &bytes[..], &(u32::try_from(bytes.len()).unwrap()).to_le_bytes(), b"PAR1"].concat();
        survive(Format::Parquet, &[("events.parquet", &framed)]);
    }
}
