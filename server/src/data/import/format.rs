//! The formats there are, what each reads, and which one a folder holds.

use super::job::{ImportOptions, ImportReport, Job};
use super::{atomic, csv, hetrec, hetrec_tags, kuairand, parquet, s3rec, sessions};
use crate::data::Dataset;
use crate::data::error::DataError;
use std::path::Path;
use std::str::FromStr;

/// A format that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// Last.fm HetRec 2011 with a knowledge graph.
    Hetrec,
    /// S3-Rec's sequences.
    S3rec,
    /// One session a line.
    Sessions,
    /// KuaiRand's logs.
    Kuairand,
    /// RecBole's atomic files, as MovieLens comes in them.
    Atomic,
    /// CSV tables of one's own.
    Csv,
    /// Parquet tables of one's own.
    Parquet,
    /// The tags of Last.fm HetRec 2011, with their dates.
    HetrecTags,
}

impl Format {
    /// All of them, in the order in which [`Format::detect`] tries them.
    pub const ALL: [Format; 8] = [
        Format::Hetrec,
        Format::S3rec,
        Format::Sessions,
        Format::Kuairand,
        Format::Atomic,
        Format::Csv,
        Format::Parquet,
        Format::HetrecTags,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Hetrec => "hetrec",
            Format::S3rec => "s3rec",
            Format::Sessions => "sessions",
            Format::Kuairand => "kuairand",
            Format::Atomic => "atomic",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::HetrecTags => "hetrec-tags",
        }
    }

    /// What it is, in a line.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Format::Hetrec => "Last.fm HetRec 2011: play counts, tags, friends, KGCN's graph; an artist is a song",
            Format::S3rec => "S3-Rec: one listener a line, oldest item first, with item attributes",
            Format::Sessions => "one session a line (#nowplaying as GCE-GNN uses it); every session a listener",
            Format::Kuairand => "KuaiRand: impressions with play time, likes and hates; a video is a song",
            Format::Atomic => "RecBole atomic files (MovieLens): ratings, items, graph; 5 like, 4 complete, 2 dislike",
            Format::Csv => "your own CSV tables",
            Format::Parquet => "your own Parquet tables, with the columns of csv",
            Format::HetrecTags => "Last.fm HetRec 2011: every tag given to an artist, on its day; an artist is a song",
        }
    }

    /// The files it reads and their columns or lines; those that need not be there are marked with `?`.
    #[must_use]
    pub fn files(self) -> &'static [(&'static str, &'static str)] {
        const EVENTS: &str = "listener, song, time?, feedback? (skip|complete|like|dislike), played_ms?, total_ms?";
        const SONGS: &str = "song, title?, artist?, album?, genre?, language?, attributes? (a;b), duration_ms?, url?";
        match self {
            Format::Hetrec => &[
                ("artists.dat", "id, name, …"),
                ("user_artists.dat", "userID, artistID, weight"),
                ("tags.dat?", "tagID, tagValue"),
                ("user_taggedartists.dat?", "userID, artistID, tagID, …"),
                ("user_friends.dat?", "userID, friendID"),
                ("kgcn/kg.txt?", "head, relation, tail"),
                ("kgcn/item_index2entity_id.txt?", "artistID, entity"),
            ],
            Format::S3rec => {
                &[("NAME.txt", "user item item …"), ("NAME_item2attributes.json", "{\"item\": [attribute, …]}")]
            }
            Format::Sessions => &[("train_sessions.txt | sessions.txt", "song song …")],
            Format::Kuairand => &[
                (
                    "log_standard*.csv",
                    "user_id, video_id, time_ms, play_time_ms, duration_ms, long_view?, is_like?, is_hate?",
                ),
                ("video_features_basic*.csv?", "video_id, author_id?, video_duration?, tag?, video_type?"),
            ],
            Format::Atomic => &[
                ("NAME.inter", "user_id, item_id, rating?, weight?, timestamp? (seconds)"),
                ("NAME.item?", "item_id, …title?, artist…?, genre…? or class?, others"),
                ("NAME.kg?", "head_id, relation_id, tail_id"),
                ("NAME.link?", "item_id, entity_id"),
                ("NAME.net?", "source_id, target_id"),
            ],
            Format::Csv => &[("events.csv", EVENTS), ("songs.csv?", SONGS)],
            Format::Parquet => &[("events.parquet", EVENTS), ("songs.parquet?", SONGS)],
            Format::HetrecTags => &[
                ("user_taggedartists.dat", "userID, artistID, tagID, day, month, year"),
                ("artists.dat?", "id, name, …"),
            ],
        }
    }

    /// Which format a folder (or file) holds, by the names of its files.
    #[must_use]
    pub fn detect(path: &Path) -> Option<Format> {
        Self::ALL.into_iter().find(|format| match format {
            Format::Hetrec => hetrec::detect(path),
            Format::S3rec => s3rec::detect(path),
            Format::Sessions => sessions::detect(path),
            Format::Kuairand => kuairand::detect(path),
            Format::Atomic => atomic::detect(path),
            Format::Csv => csv::detect(path),
            Format::Parquet => parquet::detect(path),
            Format::HetrecTags => hetrec_tags::detect(path),
        })
    }

    /// Reads a folder (or file) of this format. Files may be packed with gzip, all but Parquet.
    ///
    /// # Errors
    /// Files that are missing, unreadable or damaged, more bad rows than `options` allow, or nothing to learn from.
    pub fn import(self, path: &Path, options: &ImportOptions<'_>) -> Result<(Dataset, ImportReport), DataError> {
        // A missing folder is a plainer fault than a missing file in it.
        std::fs::metadata(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        let name = name_of(path);
        let mut job = Job::new(options);
        let dataset = match self {
            Format::Hetrec => hetrec::import(path, name, &mut job),
            Format::S3rec => s3rec::import(path, name, &mut job),
            Format::Sessions => sessions::import(path, name, &mut job),
            Format::Kuairand => kuairand::import(path, name, &mut job),
            Format::Atomic => atomic::import(path, name, &mut job),
            Format::Csv => csv::import(path, name, &mut job),
            Format::Parquet => parquet::import(path, name, &mut job),
            Format::HetrecTags => hetrec_tags::import(path, name, &mut job),
        }?;
        let report = job.finish(dataset.events.len());
        if dataset.events.is_empty() {
            return Err(DataError::Empty { path: path.to_owned(), bad: report.bad.into_iter().next().map(Box::new) });
        }
        Ok((dataset, report))
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| DataError::FormatName {
            name: name.to_owned(),
            known: Self::ALL.map(Format::name).join(", "),
        })
    }
}

/// The folder's own name, even for `.`; the file's without its endings.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if whole.is_file() { name.split('.').next().unwrap_or_default().to_owned() } else { name }
}
