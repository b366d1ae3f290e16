//! The catalogue as devices hold it: shards of int8 embeddings, with each song's artist and how often it was played.

use super::Song;
use sottovoce::math::quantize_row;
use sottovoce::protocol::CatalogueShard;
use std::collections::HashMap;

/// Songs of one shard, at most, as the server cuts them.
pub const SHARD_SONGS: usize = 4096;

/// Why columns are no catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The embeddings are not one row a song, or the plays not one count a song.
    #[error("{what}: {got} values for {songs} songs of dimension {dimension}; train the embeddings on this catalogue")]
    Columns {
        /// Which column.
        what: &'static str,
        /// Its length.
        got: usize,
        /// Songs in the catalogue.
        songs: usize,
        /// `d`.
        dimension: usize,
    },
    /// A dimension that no shard can carry.
    #[error("embeddings of dimension {got}; a shard carries 1 to 256")]
    Dimension {
        /// `d`.
        got: usize,
    },
}

/// Cuts a catalogue into shards of at most `size` songs. `rows` holds `songs × dimension` values, row by row; `plays` how often
/// each song was played, by everybody.
///
/// # Errors
/// [`ShardError`].
pub fn shards(
    songs: &[Song],
    rows: &[f32],
    dimension: usize,
    plays: &[u32],
    size: usize,
) -> Result<Vec<CatalogueShard>, ShardError> {
    let width = u32::try_from(dimension)
        .ok()
        .filter(|d| (1..=256).contains(d))
        .ok_or(ShardError::Dimension { got: dimension })?;
    let fits = |what, got, expected| {
        if got == expected { Ok(()) } else { Err(ShardError::Columns { what, got, songs: songs.len(), dimension }) }
    };
    fits("embeddings", rows.len(), songs.len() * dimension)?;
    fits("plays", plays.len(), songs.len())?;
    let most = plays.iter().copied().max().unwrap_or(0);
    let size = size.max(1);
    let names = Names::of(songs);
    let cut = songs.chunks(size).zip(rows.chunks(size * dimension)).zip(plays.chunks(size));
    Ok(cut
        .zip(0u32..)
        .map(|(((songs, rows), plays), index)| {
            let mut codes = vec![0; rows.len()];
            let each = rows.chunks_exact(dimension).zip(codes.chunks_exact_mut(dimension));
            let scales = each.map(|(row, codes)| quantize_row(row, codes)).collect();
            CatalogueShard {
                index,
                dimension: width,
                songs: songs.iter().map(|song| song.id).collect(),
                artists: songs.iter().map(|song| song.artist).collect(),
                popularity: plays.iter().map(|plays| popularity(*plays, most)).collect(),
                scales,
                rows: codes,
                plays: plays.to_vec(),
                albums: songs.iter().map(|song| names.albums.number(song.album.as_deref())).collect(),
                styles: songs.iter().map(|song| short(names.styles.number(song.genre.as_deref()))).collect(),
                languages: songs.iter().map(|song| short(names.languages.number(song.language.as_deref()))).collect(),
                years: songs.iter().map(year).collect(),
                boosts: Vec::new(),
            }
        })
        .collect())
}

/// The catalogue's own numbers for what songs have in common, from 1 in the order of first appearance.
#[derive(Default)]
struct Names<'a> {
    albums: Numbers<'a>,
    styles: Numbers<'a>,
    languages: Numbers<'a>,
}

#[derive(Default)]
struct Numbers<'a>(HashMap<&'a str, u32>);

impl<'a> Names<'a> {
    fn of(songs: &'a [Song]) -> Self {
        let mut names = Self::default();
        for song in songs {
            names.albums.meet(song.album.as_deref());
            names.styles.meet(song.genre.as_deref());
            names.languages.meet(song.language.as_deref());
        }
        names
    }
}

impl<'a> Numbers<'a> {
    fn meet(&mut self, name: Option<&'a str>) {
        if let Some(name) = name {
            let next = u32::try_from(self.0.len()).map_or(u32::MAX, |n| n.saturating_add(1));
            self.0.entry(name).or_insert(next);
        }
    }

    /// 0 for what is not known.
    fn number(&self, name: Option<&str>) -> u32 {
        name.and_then(|name| self.0.get(name)).copied().unwrap_or(0)
    }
}

/// Numbers beyond 65,535 share the last one; a device hashes them into fewer columns anyway.
fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// From an attribute `year:2004`; 0 where there is none.
fn year(song: &Song) -> u16 {
    song.attributes.iter().find_map(|a| a.strip_prefix("year:")?.parse().ok()).unwrap_or(0)
}

/// `ln(1 + plays) / ln(1 + most)`, within `[0, 1]`; 0 where nothing was played.
#[allow(clippy::cast_possible_truncation, reason = "a ratio within [0, 1]")]
fn popularity(plays: u32, most: u32) -> f32 {
    if most == 0 { 0.0 } else { (f64::from(plays).ln_1p() / f64::from(most).ln_1p()) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sottovoce::ids::{ArtistId, SongId};
    use sottovoce::protocol::{decode, encode};

    fn song(id: u32) -> Song {
        Song {
            id: SongId(id),
            key: id.to_string(),
            title: format!("Song {id}"),
            artist: ArtistId(id / 2),
            album: None,
            genre: None,
            language: None,
            attributes: vec![],
            duration_ms: None,
            url: None,
        }
    }

    proptest! {
        #[test]
        fn shards_hold_every_song_once_and_near_what_it_was(n in 0u32..40, d in 1usize..6, size in 1usize..20, seed: u32) {
            let songs: Vec<Song> = (0..n).map(song).collect();
            let value = |i: usize| f32::from(u8::try_from((i + seed as usize % 97) * 37 % 101).unwrap()) / 50.0 - 1.0;
            let rows: Vec<f32> = (0..songs.len() * d).map(value).collect();
            let plays: Vec<u32> = (0..n).map(|i| i * i).collect();
            let shards = shards(&songs, &rows, d, &plays, size).unwrap();
            let mut next = 0;
            for (index, shard) in shards.iter().enumerate() {
                prop_assert!(shard.index as usize == index && shard.songs.len() <= size);
                prop_assert_eq!(&decode::<CatalogueShard>(&encode(shard)).unwrap(), shard, "a device takes it");
                for (i, song) in shard.songs.iter().enumerate() {
                    prop_assert_eq!(song.0, next);
                    prop_assert_eq!(shard.plays[i], next * next);
                    for k in 0..d {
                        let back = f32::from(shard.rows[i * d + k]) * shard.scales[i];
                        prop_assert!((back - rows[next as usize * d + k]).abs() <= shard.scales[i] * 0.5001);
                    }
                    next += 1;
                }
            }
            prop_assert_eq!(next, n);
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let of = |rows: &[f32], d| shards(&[song(0)], rows, d, &[5], 8);
        assert!(matches!(of(&[0.0; 3], 2), Err(ShardError::Columns { what: "embeddings", got: 3, .. })));
        assert_eq!(of(&[0.0; 300], 300), Err(ShardError::Dimension { got: 300 }));
        assert_eq!(
            shards(&[song(0)], &[1.0], 1, &[], 8).map(|_| ()),
            Err(ShardError::Columns { what: "plays", got: 0, songs: 1, dimension: 1 })
        );
    }

    #[test]
    fn popularity_is_a_share_of_the_most_played() {
        let most = popularity(1000, 1000);
        assert!((most - 1.0).abs() < 1e-6 && popularity(0, 1000).abs() < 1e-6 && popularity(0, 0).abs() < 1e-6);
        assert!((popularity(30, 1000) - 0.497).abs() < 1e-3);
    }
}
