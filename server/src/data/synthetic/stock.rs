//! The catalogue of a synthetic world and the vectors behind it.
//!
//! A genre is a random direction, a language another; a cluster is their sum; an artist lies near its cluster and a song
//! near its artist. Fame decides the rank, and the rank the popularity (Zipf).

use super::config::SyntheticConfig;
use super::words::{self, GENRES, LANGUAGES};
use crate::catalog::Song;
use sottovoce::ids::{ArtistId, SongId};
use sottovoce::math::{Real, Rng, axpy, normalize};
use std::collections::HashSet;

/// The length of every vector of the world.
pub(super) const DIMENSION: usize = 16;
/// How far artists stray from their cluster, and songs from their artist, next to a length of 1.
const STRAY: (f32, f32) = (0.55, 0.4);
/// How much a song's language weighs next to its genre.
const LANGUAGE_WEIGHT: f32 = 0.5;
/// Popularity falls with the rank as `(rank + 3)^-0.8`.
const ZIPF: (f32, f32) = (3.0, 0.8);
/// What the first four directions sound like: against, along.
const MOODS: [(&str, &str); 4] =
    [("calm", "energetic"), ("dark", "bright"), ("acoustic", "electric"), ("dreamy", "danceable")];

/// Songs, their vectors, and how often each is put on.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub(super) songs: Vec<Song>,
    pub(super) artists: Vec<String>,
    vectors: Vec<f32>,
    pub(super) artist_vectors: Vec<[f32; DIMENSION]>,
    pub(super) artist_genre: Vec<usize>,
    /// All songs, then the songs of each genre, to draw from by popularity.
    everything: Urn,
    by_genre: Vec<Urn>,
    by_artist: Urn,
}

/// Things to draw by weight.
#[derive(Clone, Debug, Default)]
struct Urn {
    things: Vec<u32>,
    up_to: Vec<f64>,
}

impl Urn {
    fn put(&mut self, thing: u32, weight: f32) {
        self.things.push(thing);
        self.up_to.push(self.up_to.last().unwrap_or(&0.0) + f64::from(weight));
    }

    fn draw(&self, rng: &mut Rng) -> Option<u32> {
        let x = rng.uniform_f64() * self.up_to.last()?;
        let place = self.up_to.partition_point(|up_to| *up_to <= x);
        self.things.get(place.min(self.things.len() - 1)).copied()
    }
}

/// A random direction.
pub(super) fn direction(rng: &mut Rng) -> [f32; DIMENSION] {
    let mut vector = [0.0; DIMENSION];
    loop {
        vector.fill_with(|| rng.normal());
        if normalize(&mut vector) {
            return vector;
        }
    }
}

/// A direction near another.
pub(super) fn near(centre: &[f32; DIMENSION], stray: f32, rng: &mut Rng) -> [f32; DIMENSION] {
    let mut vector = *centre;
    axpy(stray, &direction(rng), &mut vector);
    normalize(&mut vector);
    vector
}

impl Stock {
    pub(super) fn new(config: &SyntheticConfig) -> Self {
        let rng = Rng::new(config.seed);
        let (mut space, mut naming, mut facts) = (rng.split("space"), rng.split("names"), rng.split("facts"));
        let genres = GENRES.map(|_| direction(&mut space));
        let languages = LANGUAGES.map(|_| direction(&mut space));

        let songs_n = config.songs.max(1);
        let artists_n = config.artists.clamp(1, songs_n);
        let (mut artists, mut homes, mut artist_vectors) = (Vec::new(), Vec::new(), Vec::new());
        let (mut fame, mut taken) = (Vec::new(), HashSet::new());
        for _ in 0..artists_n {
            let genre = facts.below(12) as usize;
            let mut ticket = facts.below(100);
            let language = GENRES[genre].2.iter().position(|share| {
                let here = ticket < *share;
                ticket = ticket.saturating_sub(*share);
                here
            });
            let language = language.unwrap_or(0);
            let mut name = words::artist(&mut naming, LANGUAGES[language]);
            for _ in 0..20 {
                if !taken.contains(&name) {
                    break;
                }
                name = words::artist(&mut naming, LANGUAGES[language]);
            }
            // Word lists run out in a large world.
            let stem = name.clone();
            for n in 2.. {
                if taken.insert(name.clone()) {
                    break;
                }
                name = format!("{stem} {n}");
            }
            artists.push(name);
            homes.push((genre, language));
            let mut cluster = genres[genre];
            axpy(LANGUAGE_WEIGHT, &languages[language], &mut cluster);
            normalize(&mut cluster);
            artist_vectors.push(near(&cluster, STRAY.0, &mut space));
            fame.push(facts.normal());
        }

        let albums: Vec<Vec<String>> = homes
            .iter()
            .map(|(_, language)| {
                (0..1 + naming.below(4)).map(|_| words::title(&mut naming, LANGUAGES[*language])).collect()
            })
            .collect();
        let (mut songs, mut vectors, mut ranks, mut used) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        for id in 0..songs_n {
            // Every artist has a song; the rest fall where they fall.
            let artist = if id < artists_n { id } else { facts.below(artists_n) };
            let (genre, language) = homes[artist as usize];
            let vector = near(&artist_vectors[artist as usize], STRAY.1, &mut space);
            let mut title = words::title(&mut naming, LANGUAGES[language]);
            for _ in 0..20 {
                if used.insert((artist, title.clone())) {
                    break;
                }
                title = words::title(&mut naming, LANGUAGES[language]);
            }
            let seconds = (GENRES[genre].1 * (1.0 + 0.22 * facts.normal())).clamp(75.0, 560.0);
            let records = &albums[artist as usize];
            songs.push(Song {
                id: SongId(id),
                key: format!("song-{:04}", id + 1),
                title,
                artist: ArtistId(artist),
                album: records.get(facts.below(u32::try_from(records.len()).unwrap_or(1)) as usize).cloned(),
                genre: Some(GENRES[genre].0.to_owned()),
                language: Some(LANGUAGES[language].to_owned()),
                attributes: moods(&vector),
                duration_ms: Some(milliseconds(seconds)),
                url: None,
            });
            vectors.extend_from_slice(&vector);
            ranks.push((fame[artist as usize] + 0.8 * facts.normal(), id));
        }
        ranks.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut popularity = vec![0.0f32; songs.len()];
        let mut rank = 0.0f32;
        for (_, id) in ranks {
            rank += 1.0;
            popularity[id as usize] = Real::exp(-ZIPF.1 * Real::ln(rank + ZIPF.0));
        }
        let mut stock = Self {
            songs,
            artists,
            vectors,
            artist_vectors,
            artist_genre: homes.iter().map(|(genre, _)| *genre).collect(),
            everything: Urn::default(),
            by_genre: vec![Urn::default(); GENRES.len()],
            by_artist: Urn::default(),
        };
        for (id, weight) in (0u32..).zip(popularity) {
            let artist = stock.songs[id as usize].artist.0;
            stock.everything.put(id, weight);
            stock.by_genre[homes[artist as usize].0].put(id, weight);
            stock.by_artist.put(artist, weight);
        }
        stock
    }

    /// The vector behind a song.
    pub(super) fn vector(&self, song: SongId) -> &[f32] {
        let start = song.0 as usize * DIMENSION;
        &self.vectors[start..start + DIMENSION]
    }

    /// A song by popularity, of one genre where that genre has any.
    pub(super) fn draw_song(&self, genre: Option<usize>, rng: &mut Rng) -> SongId {
        let song = genre.and_then(|genre| self.by_genre[genre].draw(rng)).or_else(|| self.everything.draw(rng));
        SongId(song.unwrap_or(0))
    }

    /// An artist by popularity of the songs.
    pub(super) fn draw_artist(&self, rng: &mut Rng) -> usize {
        self.by_artist.draw(rng).unwrap_or(0) as usize
    }
}

/// The two moods that a vector is fullest of.
fn moods(vector: &[f32; DIMENSION]) -> Vec<String> {
    let mut strongest: Vec<usize> = (0..MOODS.len()).collect();
    strongest.sort_by(|a, b| vector[*b].abs().total_cmp(&vector[*a].abs()));
    let name = |i: usize| {
        if vector[i] < 0.0 { MOODS[i].0 } else { MOODS[i].1 }
    };
    strongest.into_iter().take(2).map(|i| name(i).to_owned()).collect()
}

/// Seconds to whole milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and songs are minutes long"
)]
fn milliseconds(seconds: f32) -> u32 {
    (seconds * 1000.0) as u32
}
