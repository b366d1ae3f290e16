//! Last.fm HetRec 2011 with KGCN's knowledge graph. The files know artists, not songs, so an artist is the song here.
//!
//! | file | columns | becomes |
//! |---|---|---|
//! | `artists.dat` | id, name, url, pictureURL | songs, one an artist |
//! | `user_artists.dat` | userID, artistID, weight | events: a complete play, counted `weight` times |
//! | `tags.dat`, `user_taggedartists.dat` | tagID, tagValue · userID, artistID, tagID, … | a song's attributes: its most given tags; the first is its genre |
//! | `user_friends.dat` | userID, friendID | friends |
//! | `kgcn/kg.txt`, `kgcn/item_index2entity_id.txt` | head, relation, tail · artistID, entity | the graph and its links |
//!
//! Source: Cantador, Brusilovsky, Kuflik, HetRec 2011; Wang et al., KGCN, WWW 2019 (the graph).

use super::builder::{Builder, NewEvent, NewSong};
use super::job::Job;
use super::read::{Line, Lines, find};
use crate::data::error::{BadRow, DataError};
use crate::data::{Clock, Dataset};
use sottovoce::ids::SongId;
use sottovoce::session::Feedback;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// So many tags of an artist are kept, the most given first.
const TAGS: usize = 10;

/// Whether a folder holds this format.
pub(super) fn detect(path: &Path) -> bool {
    find(path, "user_artists.dat").is_some()
}

/// Reads a folder.
pub(super) fn import(folder: &Path, name: String, job: &mut Job<'_>) -> Result<Dataset, DataError> {
    let need = |file: &str| {
        find(folder, file).ok_or_else(|| DataError::MissingFile {
            folder: folder.to_owned(),
            file: file.to_owned(),
            format: "hetrec",
        })
    };
    let mut builder = Builder::default();
    artists(&need("artists.dat")?, &mut builder, job)?;
    plays(&need("user_artists.dat")?, &mut builder, job)?;
    if let (Some(names), Some(given)) = (find(folder, "tags.dat"), find(folder, "user_taggedartists.dat")) {
        tags(&names, &given, &mut builder, job)?;
    }
    if let Some(path) = find(folder, "user_friends.dat") {
        friends(&path, &mut builder, job)?;
    }
    // KGCN's files lie in a folder of their own, or beside the rest.
    let graph = |file: &str| find(&folder.join("kgcn"), file).or_else(|| find(folder, file));
    if let (Some(links), Some(triples)) = (graph("item_index2entity_id.txt"), graph("kg.txt")) {
        self::graph(&links, &triples, &mut builder, job)?;
    }
    Ok(builder.finish(name, Clock::None))
}

fn song(line: &Line<'_>, key: &str, builder: &Builder) -> Result<SongId, BadRow> {
    builder.song(key).ok_or_else(|| line.bad(Some("artistID"), "an artist of artists.dat", key))
}

fn artists(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut lines = Lines::open(path, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        let Some([key, rest]) = job.keep(line.split('\t', ["id", "name"]))? else {
            continue;
        };
        let title = rest.split('\t').next().unwrap_or_default();
        if job.keep(line.number::<u32>("id", key, "a whole number"))?.is_none() {
            continue;
        }
        let new = NewSong { key, title, artist_key: key, artist: title, ..NewSong::default() };
        if builder.add_song(new)?.is_none() {
            job.bad(line.bad(Some("id"), "an artist not listed before", key))?;
        }
    }
    Ok(())
}

fn plays(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    let mut lines = Lines::open(path, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        let row = line.split('\t', ["userID", "artistID", "weight"]).and_then(|[listener, artist, weight]| {
            line.number::<u32>("userID", listener, "a whole number")?;
            let plays = line.number::<u32>("weight", weight, "a play count from 1 to 4294967295")?;
            if plays == 0 {
                return Err(line.bad(Some("weight"), "a play count of at least 1", weight));
            }
            Ok((listener, song(&line, artist, builder)?, plays))
        });
        let Some((listener, song, plays)) = job.keep(row)? else {
            continue;
        };
        let listener = builder.listener(listener)?;
        if !seen.insert((listener, song)) {
            job.bad(line.bad(Some("artistID"), "each artist once a listener", line.text))?;
            continue;
        }
        builder.event(NewEvent { listener, song, at: 0, feedback: Feedback::Complete, plays, played: None });
    }
    Ok(())
}

fn tags(names: &Path, given: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut tags: HashMap<u32, String> = HashMap::new();
    let mut lines = Lines::open(names, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        let row = line
            .split('\t', ["tagID", "tagValue"])
            .and_then(|[id, tag]| Ok((line.number::<u32>("tagID", id, "a whole number")?, tag)));
        let Some((id, tag)) = job.keep(row)? else {
            continue;
        };
        tags.insert(id, tag.to_owned());
    }
    let mut counts: HashMap<(SongId, u32), u32> = HashMap::new();
    let mut lines = Lines::open(given, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        // The rest of the row is the date of the tag, some of it senseless (1956); nothing here needs it.
        let row = line.split('\t', ["userID", "artistID", "tagID", "day"]).and_then(|[_, artist, tag, _]| {
            let id = line.number::<u32>("tagID", tag, "a whole number")?;
            if tags.contains_key(&id) {
                Ok((builder.song(artist), id))
            } else {
                Err(line.bad(Some("tagID"), "a tag of tags.dat", tag))
            }
        });
        match job.keep(row)? {
            Some((Some(song), tag)) => *counts.entry((song, tag)).or_default() += 1,
            Some((None, _)) => job.pass_over("tags on artists that nobody of the log listened to"),
            None => {}
        }
    }
    let mut ranked: Vec<_> = counts.into_iter().map(|((song, tag), count)| (song, u32::MAX - count, tag)).collect();
    ranked.sort_unstable();
    for (song, _, tag) in ranked {
        let song = builder.song_mut(song);
        if song.attributes.len() < TAGS {
            song.attributes.push(tags[&tag].clone());
            song.genre.get_or_insert_with(|| tags[&tag].clone());
        }
    }
    Ok(())
}

fn friends(path: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut lines = Lines::open(path, &job.meter)?;
    lines.skip_header()?;
    while let Some(line) = lines.next(job)? {
        let row = line.split('\t', ["userID", "friendID"]).and_then(|[a, b]| {
            let find = |column, key: &str| {
                builder
                    .known_listener(key.trim())
                    .ok_or_else(|| line.bad(Some(column), "a listener of user_artists.dat", key))
            };
            let (a, b) = (find("userID", a)?, find("friendID", b)?);
            if a == b { Err(line.bad(Some("friendID"), "somebody else", line.text)) } else { Ok((a, b)) }
        });
        if let Some((a, b)) = job.keep(row)? {
            builder.friends(a, b);
        }
    }
    Ok(())
}

fn graph(links: &Path, triples: &Path, builder: &mut Builder, job: &mut Job<'_>) -> Result<(), DataError> {
    let mut lines = Lines::open(links, &job.meter)?;
    while let Some(line) = lines.next(job)? {
        let row = line
            .split('\t', ["artistID", "entity"])
            .and_then(|[artist, entity]| Ok((song(&line, artist, builder)?, entity.trim())));
        if let Some((song, entity)) = job.keep(row)? {
            builder.link(song, entity)?;
        }
    }
    let mut lines = Lines::open(triples, &job.meter)?;
    while let Some(line) = lines.next(job)? {
        if let Some([head, relation, tail]) = job.keep(line.split('\t', ["head", "relation", "tail"]))? {
            builder.triple(head.trim(), relation.trim(), tail.trim())?;
        }
    }
    Ok(())
}
