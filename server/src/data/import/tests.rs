//! Every format on files small enough to read here.

use super::{Format, ImportOptions, ImportReport};
use crate::catalog::EntityId;
use crate::data::{Clock, DataError, Dataset, ListenerId};
use flate2::Compression;
use flate2::write::GzEncoder;
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::session::{Feedback, Fraction};
use std::io::Write;
use tempfile::TempDir;

/// A folder with these files; those that end in `.gz` are packed.
pub(super) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = content.to_vec();
        if name.ends_with(".gz") {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(content).unwrap();
            bytes = packer.finish().unwrap();
        }
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn import(files: &[(&str, &str)]) -> Result<(Dataset, ImportReport), DataError> {
    let bytes: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let folder = folder(&bytes);
    let format = Format::detect(folder.path()).expect("a known format");
    format.import(folder.path(), &ImportOptions::default())
}

fn skip(heard: f32) -> Feedback {
    Feedback::Skip { heard: Fraction::new(heard) }
}

fn complaints(report: &ImportReport) -> Vec<String> {
    report
        .bad
        .iter()
        .map(|row| {
            let file = row.file.file_name().unwrap().to_string_lossy();
            format!("{file}:{} {} {}", row.line, row.column.as_deref().unwrap_or("-"), row.expected)
        })
        .collect()
}

const HETREC: [(&str, &str); 7] = [
    ("artists.dat.gz", "id\tname\turl\tpictureURL\r\n7\tÀ la mer\thttp://x\thttp://y\r\n9\tOther\r\n"),
    ("user_artists.dat", "userID\tartistID\tweight\r\n2\t9\t40\r\n2\t7\t3\r\n5\t7\t1\r\n"),
    ("tags.dat", "tagID\ttagValue\r\n1\tpop\r\n2\tsea\r\n"),
    (
        "user_taggedartists.dat",
        "userID\tartistID\ttagID\tday\tmonth\tyear\r\n2\t7\t1\t1\t1\t1956\r\n2\t7\t2\t1\t1\t2009\r\n5\t7\t2\t1\t1\t2009\r\n5\t404\t2\t1\t1\t2009\r\n",
    ),
    ("user_friends.dat", "userID\tfriendID\r\n2\t5\r\n5\t2\r\n"),
    ("kgcn/item_index2entity_id.txt", "7\t0\n"),
    ("kgcn/kg.txt", "0\tmusic.artist.origin\t3\n0\tmusic.artist.origin\t3\n3\tplace.in\t4\n"),
];

#[test]
fn hetrec_knows_artists_tags_friends_and_the_graph() {
    let (data, report) = import(&HETREC).unwrap();
    assert_eq!(complaints(&report), Vec::<String>::new());
    assert_eq!(report.passed_over, [("tags on artists that nobody of the log listened to", 1)]);
    assert_eq!(data.clock, Clock::None);
    assert_eq!(
        (&data.songs[0].title, &data.songs[0].key, data.songs[0].artist),
        (&"À la mer".into(), &"7".into(), ArtistId(0))
    );
    assert_eq!(data.songs[0].attributes, ["sea", "pop"], "the tag given most comes first");
    assert_eq!(data.songs[0].genre.as_deref(), Some("sea"));
    assert_eq!(data.listeners, ["2", "5"]);
    let plays: Vec<_> = data.events.iter().map(|e| (e.listener.0, e.song.0, e.plays)).collect();
    assert_eq!(plays, [(0, 1, 40), (0, 0, 3), (1, 0, 1)]);
    assert_eq!(data.friends, [(ListenerId(0), ListenerId(1))]);
    assert_eq!((data.graph.triples.len(), data.graph.relations.len(), data.graph.entities.len()), (2, 2, 3));
    assert_eq!(data.graph.links, [(SongId(0), EntityId(0))]);
}

#[test]
fn hetrec_tags_are_events_of_their_day() {
    let mut files = HETREC;
    files[3].1 = "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t7\t1\t1\t1\t1956\n2\t7\t2\t3\t1\t2009\n2\t404\t2\t2\t1\t2009\n5\t7\t2\t30\t2\t2009\n";
    let folder = folder(&files.map(|(name, text)| (name, text.as_bytes())));
    let (data, report) = Format::HetrecTags.import(folder.path(), &ImportOptions::default()).unwrap();
    assert_eq!(complaints(&report), ["user_taggedartists.dat:5 day a date that the calendar has"]);
    assert_eq!(
        (data.clock, data.songs[0].title.as_str(), data.songs[1].title.as_str()),
        (Clock::Real, "À la mer", "Song 404")
    );
    let days: Vec<_> = data.events.iter().map(|e| (e.song.0, e.at.0 / 86_400_000)).collect();
    assert_eq!(days, [(0, 0), (1, 14_246), (0, 14_247)], "1956 is clamped, the row stays");
}

#[test]
fn hetrec_names_its_bad_rows() {
    let mut files = HETREC;
    files[1].1 = "userID\tartistID\tweight\n2\t9\t40\n2\t8\t3\n2\t9\t1\n2\t7\n2\t7\t0\nx\t7\t1\n2\t7\t99999999999\n";
    files[4].1 = "userID\tfriendID\n2\t2\n2\t77\n";
    let (data, report) = import(&files).unwrap();
    assert_eq!(data.events.len(), 1);
    assert_eq!(
        complaints(&report),
        [
            "user_artists.dat:3 artistID an artist of artists.dat",
            "user_artists.dat:4 artistID each artist once a listener",
            "user_artists.dat:5 weight 3 fields (userID, artistID, weight), found 2",
            "user_artists.dat:6 weight a play count of at least 1",
            "user_artists.dat:7 userID a whole number",
            "user_artists.dat:8 weight a play count from 1 to 4294967295",
            "user_friends.dat:2 friendID somebody else",
            "user_friends.dat:3 friendID a listener of user_artists.dat",
        ]
    );
}

#[test]
fn patience_ends_where_it_was_set_to_end() {
    let mut files = HETREC.map(|(name, text)| (name, text.as_bytes()));
    files[1].1 = b"userID\tartistID\tweight\n2\t9\t40\n2\t9\t40\n2\t9\t40\n2\t9\t40\n";
    let folder = folder(&files);
    let run = |strict, max_errors| {
        Format::Hetrec.import(folder.path(), &ImportOptions { strict, max_errors, ..ImportOptions::default() })
    };
    // The friends of user 5 are bad as well, for 5 has no row.
    assert_eq!(run(false, 5).unwrap().1.bad.len(), 5);
    assert!(matches!(run(false, 4), Err(DataError::TooManyBadRows { limit: 4, .. })));
    let error = run(true, 100).unwrap_err();
    assert!(matches!(&error, DataError::Strict(row) if row.line == 3), "{error}");
    assert!(error.to_string().contains("user_artists.dat:3, column artistID: expected each artist once"), "{error}");
}

#[test]
fn s3rec_keeps_the_order_and_drops_repeated_attributes() {
    let (data, report) = import(&[
        ("Beauty.txt.gz", "1 10 11 10\n2 11\n2 11\n3\n4 x\n"),
        ("Beauty_item2attributes.json", r#"{"10": [5, 6, 5], "11": ["soft"], "99": [1]}"#),
    ])
    .unwrap();
    let events: Vec<_> = data.events.iter().map(|e| (e.listener.0, e.song.0, e.at.0)).collect();
    assert_eq!(events, [(0, 0, 0), (0, 1, 1000), (0, 0, 2000), (1, 1, 0)]);
    assert_eq!((data.clock, &data.songs[0].key), (Clock::OrderOnly, &"10".to_owned()));
    assert_eq!(
        (&data.songs[0].attributes, &data.songs[1].attributes),
        (&vec!["5".to_owned(), "6".into()], &vec!["soft".into()])
    );
    assert_ne!(data.songs[0].artist, data.songs[1].artist, "unknown artists are not one artist");
    assert_eq!(
        complaints(&report),
        [
            "Beauty.txt.gz:3 user each listener on one line",
            "Beauty.txt.gz:4 item at least one item after the listener",
            "Beauty.txt.gz:5 item a whole number"
        ]
    );
    let broken = import(&[("A.txt", "1 2\n"), ("A_item2attributes.json", "{\"2\": 5}")]);
    assert!(matches!(broken, Err(DataError::Json { .. })));
}

#[test]
fn a_session_is_a_listener() {
    let (data, report) = import(&[("train_sessions.txt.gz", "1 2 2\n\n3\n4 five\n6 \n")]).unwrap();
    assert_eq!(complaints(&report), ["train_sessions.txt.gz:4 song a whole number"]);
    assert_eq!(data.listeners, ["1", "3", "5"], "a session is called by its line");
    assert_eq!((data.songs.len(), data.events.len()), (4, 5), "of a bad session nothing is kept");
    let folder = folder(&[("other.txt", b"1 2\n")]);
    let file = folder.path().join("other.txt");
    assert_eq!(Format::detect(&file), None, "any text could be a session file: it must be named");
    assert_eq!(Format::Sessions.import(&file, &ImportOptions::default()).unwrap().0.name, "other");
}

const LOG: &str = "user_id,video_id,time_ms,is_like,is_hate,long_view,play_time_ms,duration_ms";

#[test]
fn kuairand_says_what_was_pressed_and_heard() {
    let rows = "1,8,1650812741436,0,0,0,2500,10000\n1,8,1650812741000,0,0,0,10000,10000\n1,9,1650812742000,1,0,1,5,10\n\
                1,9,1650822742000,1,1,1,5,10\n2,7,1650812742000,0,0,1,5,10\n2,7,1650812743000,0,0,0,5,0\n\
                2,7,yesterday,0,0,0,5,0\n2,7,1650812743000,2,0,0,5,0\n2,7,1650812743000,0,0,0,-5,0\n2,7\n";
    let videos =
        "video_id,author_id,video_type,video_duration,tag\n8,44,NORMAL,10000.0,\"20,43\"\n8,44,NORMAL,,3\n9,44,AD,,\n";
    let (data, report) = import(&[
        ("log_standard_x.csv", &format!("{LOG}\n{rows}")),
        ("video_features_basic_pure.csv.gz", videos),
        ("video_features_basic_and_statistic.csv", "of the future"),
    ])
    .unwrap();
    let events: Vec<_> = data.events.iter().map(|e| (e.listener.0, e.song.0, e.feedback, e.session)).collect();
    assert_eq!(
        events,
        [
            (0, 0, Feedback::Complete, 0),
            (0, 0, skip(0.25), 0),
            (0, 1, Feedback::Like, 0),
            (0, 1, Feedback::Dislike, 1),
            (1, 2, Feedback::Complete, 0),
            (1, 2, skip(0.0), 0),
        ]
    );
    assert_eq!(data.events[1].played, Some((2500, 10000)));
    assert_eq!(
        (data.songs[0].duration_ms, &data.songs[0].attributes[..2]),
        (Some(10_000), &["tag:20".into(), "tag:43".into()][..])
    );
    assert_eq!(
        (data.songs[0].artist, data.songs[1].artist, &data.artists[0]),
        (ArtistId(0), ArtistId(0), &"Author 44".to_owned())
    );
    assert_eq!(
        complaints(&report),
        [
            "video_features_basic_pure.csv.gz:3 video_id a video not listed before",
            "log_standard_x.csv:8 time_ms milliseconds since 1970",
            "log_standard_x.csv:9 is_like 0 or 1",
            "log_standard_x.csv:10 play_time_ms milliseconds from 0 to 4294967295",
            "log_standard_x.csv:11 - 8 cells, found 2",
        ]
    );
}

#[test]
fn atomic_files_turn_stars_into_feedback() {
    let (data, report) = import(&[
        (
            "ml.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\ta\t5\t100\n1\tb\t4\t50.5\n1\tc\t3\t60\n2\ta\t1\t1\n2\ta\tNaN\t1\n2\ta\t3\t\n2\ta\t3\t1e300\n",
        ),
        ("ml.item", "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\na\tThe \"A\"\t1999\tWar Drama\n"),
        ("ml.kg", "head_id:token\trelation_id:token\ttail_id:token\nm.1\tr\tm.2\nm.1\t\tm.2\n"),
        ("ml.link", "item_id:token\tentity_id:token\na\tm.1\nzz\tm.2\n"),
        ("ml.net", "source_id:token\ttarget_id:token\n2\t1\n1\t1\n"),
    ])
    .unwrap();
    let events: Vec<_> = data.events.iter().map(|e| (e.listener.0, e.song.0, e.at.0, e.feedback)).collect();
    assert_eq!(
        events,
        [
            (0, 1, 50_500, Feedback::Complete),
            (0, 2, 60_000, skip(0.5)),
            (0, 0, 100_000, Feedback::Like),
            (1, 0, 1_000, Feedback::Dislike)
        ]
    );
    assert_eq!((data.songs[0].title.as_str(), data.songs[0].genre.as_deref()), ("The \"A\"", Some("War")));
    assert_eq!(data.songs[0].attributes, ["War", "Drama", "release_year:1999"]);
    assert_eq!((data.graph.triples.len(), data.graph.links.len(), data.friends.len()), (1, 1, 1));
    assert_eq!(
        complaints(&report),
        [
            "ml.inter:6 rating a rating of at least 0",
            "ml.inter:7 timestamp seconds since 1970",
            "ml.inter:8 timestamp seconds since 1970",
            "ml.link:3 item_id an item of the .item or .inter file",
            "ml.kg:3 relation_id an id",
            "ml.net:3 target_id two different users of the .inter file",
        ]
    );
}

pub(super) const EVENTS: &str = "\u{feff}listener, song ,time,feedback,played_ms,total_ms\r\n\
    ann,s1,2026-11-22T10:00:00Z,,90,100\r\nann,s2,1795341601000,,10,\r\nann,s1,1795341602000,like,,\r\n\
    \"b,o\",s1,1795341600000,skip,50,100\r\nbo,s2,1795341600000,,,\r\n";
pub(super) const SONGS: &str = "song,title,artist,album,genre,language,attributes,duration_ms,url\n\
    s1,\"One, two\",X,,pop,en,calm; bright;,,\ns2,Two,X,A,,,,20,https://x/2.ogg\n";

#[test]
fn csv_of_ones_own() {
    let (data, report) = import(&[("events.csv", EVENTS), ("songs.csv.gz", SONGS)]).unwrap();
    assert_eq!(complaints(&report), Vec::<String>::new());
    let events: Vec<_> = data.events.iter().map(|e| (e.listener.0, e.song.0, e.feedback)).collect();
    assert_eq!(
        events,
        [
            (0, 0, Feedback::Complete),
            (0, 1, skip(0.5)),
            (0, 0, Feedback::Like),
            (1, 0, skip(0.5)),
            (2, 1, Feedback::Complete)
        ]
    );
    assert_eq!((data.events[0].at, data.events[1].played), (Millis(1_795_341_600_000), Some((10, 20))));
    assert_eq!(
        (data.songs[0].title.as_str(), &data.songs[0].attributes[..]),
        ("One, two", &["calm".to_owned(), "bright".into()][..])
    );
    assert_eq!((data.artists.len(), data.songs[1].url.as_deref()), (1, Some("https://x/2.ogg")));
    assert_eq!(data.listeners, ["ann", "b,o", "bo"]);
}

#[test]
fn csv_names_its_bad_rows() {
    let rows = "ann,s1,1,,,\nann,s3,1,,,\n,s1,1,,,\nann,s1,soon,,,\nann,s1,1,loved,,\nann,s1,1,,-1,\nann,s1\n";
    let events = format!("listener,song,time,feedback,played_ms,total_ms\n{rows}");
    let (data, report) = import(&[("events.csv", &events), ("songs.csv", SONGS)]).unwrap();
    assert_eq!(data.events.len(), 1);
    assert_eq!(
        complaints(&report),
        [
            "events.csv:3 song a song of the table of songs",
            "events.csv:4 listener a listener's id",
            "events.csv:5 time milliseconds since 1970 or a time as 2026-11-22T10:00:00Z",
            "events.csv:6 feedback skip, complete, like, dislike or nothing",
            "events.csv:7 played_ms milliseconds from 0 to 4294967295",
            "events.csv:8 - 6 cells, found 2",
        ]
    );
    assert_eq!(import(&[("events.csv", "listener,song\na,1\na,2\n")]).unwrap().0.clock, Clock::OrderOnly);
    let error = import(&[("events.csv", "who,song\na,1\n")]).unwrap_err();
    assert!(error.to_string().ends_with("events.csv has no column \"listener\"; its columns are who, song"), "{error}");
    let error = import(&[("events.csv", "listener,song,time\na,1,x\n")]).unwrap_err();
    assert!(matches!(&error, DataError::Empty { bad: Some(_), .. }), "{error}");
}

#[test]
fn damage_is_told_from_badness() {
    let whole = folder(&[("sessions.txt.gz", "1 2 3 4 5 6 7 8\n".repeat(500).as_bytes())]);
    let path = whole.path().join("sessions.txt.gz");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = Format::Sessions.import(whole.path(), &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::Compression { .. }), "{error}");

    let mut text = b"1 2\n\xff\xfe 3\n".to_vec();
    let (data, report) = {
        let folder = folder(&[("sessions.txt", &text)]);
        Format::Sessions.import(folder.path(), &ImportOptions::default()).unwrap()
    };
    assert_eq!(
        (data.events.len(), complaints(&report)),
        (2, vec!["sessions.txt:2 - UTF-8 text (byte 1 is not)".to_owned()])
    );

    // One line, or one quoted cell, that never ends.
    text.resize(17 << 20, b'1');
    let folder = folder(&[("sessions.txt", &text)]);
    let error = Format::Sessions.import(folder.path(), &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::LineTooLong { line: 3, .. }), "{error}");
    let mut cells = b"listener,song\n\"a,1\n".to_vec();
    cells.resize(17 << 20, b'\n');
    let folder = self::folder(&[("events.csv.gz", &cells)]);
    let error = Format::Csv.import(folder.path(), &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::LineTooLong { line: 2, .. }), "{error}");
}

#[test]
fn names_and_formats_agree() {
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
        assert!(!format.about().is_empty() && !format.files().is_empty());
        let empty = tempfile::tempdir().unwrap();
        let error = format.import(empty.path(), &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, DataError::MissingFile { .. }), "{format:?}: {error}");
    }
    assert!("hetrek".parse::<Format>().unwrap_err().to_string().contains("hetrec, s3rec"));
}

#[test]
fn progress_ends_where_the_files_end() {
    let seen = std::sync::Mutex::new((0, 0));
    let show = |progress: crate::progress::Progress| *seen.lock().unwrap() = (progress.done, progress.total);
    let folder = folder(&HETREC.map(|(name, text)| (name, text.as_bytes())));
    Format::Hetrec.import(folder.path(), &ImportOptions { progress: &show, ..ImportOptions::default() }).unwrap();
    let (done, total) = *seen.lock().unwrap();
    assert!(done == total && total > 300, "{done} of {total}");
}
