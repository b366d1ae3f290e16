//! One unit vector a song.

use super::EmbedError;
use crate::data::Dataset;
use sottovoce::ids::SongId;
use sottovoce::math::{axpy, dot, normalize};
use std::collections::HashMap;

/// Embeddings of a whole catalogue, row `i` for `SongId(i)`. A row has length 1, or is all zeros where nothing at all is known
/// of the song; never a NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SongEmbeddings {
    /// `d`, coordinates in a row.
    pub dimension: usize,
    /// `songs × d`, row by row.
    pub rows: Vec<f32>,
}

impl SongEmbeddings {
    /// Takes rows of any length, and makes units of them.
    ///
    /// # Errors
    /// [`EmbedError::ShapeMismatch`] where the values are not whole rows.
    pub fn new(dimension: usize, mut rows: Vec<f32>) -> Result<Self, EmbedError> {
        if dimension == 0 || !rows.len().is_multiple_of(dimension) {
            let expected = rows.len().next_multiple_of(dimension.max(1));
            return Err(EmbedError::ShapeMismatch { what: "embeddings", expected, got: rows.len() });
        }
        for row in rows.chunks_exact_mut(dimension) {
            normalize(row);
        }
        Ok(Self { dimension, rows })
    }

    /// How many songs there are.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.rows.len().checked_div(self.dimension).unwrap_or(0)
    }

    /// The row of a song; empty where there is no such song.
    #[must_use]
    pub fn row(&self, song: SongId) -> &[f32] {
        let start = song.0 as usize * self.dimension;
        self.rows.get(start..start + self.dimension).unwrap_or_default()
    }

    /// The cosine of two songs, 0 where one has no direction.
    #[must_use]
    pub fn cosine(&self, a: SongId, b: SongId) -> f32 {
        dot(self.row(a), self.row(b))
    }

    /// Gives a direction to songs that have none, from what is said of them: the mean of their artist's songs; where the
    /// artist has none either, the mean over the song's attributes and genre of those words' own means. Means are over songs
    /// that had a direction before. Answers how many were filled.
    ///
    /// A song that was never heard is thereby where its artist or its kind is, which is all that can be known before somebody
    /// hears it.
    pub fn fill_from_catalogue(&mut self, dataset: &Dataset) -> usize {
        let d = self.dimension;
        let bare: Vec<usize> = (0..self.songs().min(dataset.songs.len()))
            .filter(|i| dot(&self.rows[i * d..][..d], &self.rows[i * d..][..d]) <= 0.0)
            .collect();
        if bare.is_empty() {
            return 0;
        }
        let mut artists: HashMap<u32, Vec<f32>> = HashMap::new();
        let mut words: HashMap<&str, Vec<f32>> = HashMap::new();
        for (song, row) in dataset.songs.iter().zip(self.rows.chunks_exact(d)) {
            axpy(1.0, row, artists.entry(song.artist.0).or_insert_with(|| vec![0.0; d]));
            for word in song.attributes.iter().chain(&song.genre) {
                axpy(1.0, row, words.entry(word).or_insert_with(|| vec![0.0; d]));
            }
        }
        for mean in artists.values_mut().chain(words.values_mut()) {
            normalize(mean);
        }
        let mut filled = 0;
        for i in bare {
            let song = &dataset.songs[i];
            let row = &mut self.rows[i * d..][..d];
            if let Some(mean) = artists.get(&song.artist.0) {
                row.copy_from_slice(mean);
            }
            if !normalize(row) {
                for word in song.attributes.iter().chain(&song.genre) {
                    axpy(1.0, words.get(word.as_str()).map_or(&[], Vec::as_slice), row);
                }
            }
            filled += usize::from(normalize(row));
        }
        filled
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used, reason = "tests compare exact values")]
mod tests {
    use super::*;
    use crate::catalog::{Graph, Song};
    use crate::data::Clock;
    use sottovoce::ids::ArtistId;

    fn song(id: u32, artist: u32, attributes: &[&str]) -> Song {
        Song {
            id: SongId(id),
            key: id.to_string(),
            title: String::new(),
            artist: ArtistId(artist),
            album: None,
            genre: None,
            language: None,
            attributes: attributes.iter().map(|a| (*a).to_owned()).collect(),
            duration_ms: None,
            url: None,
        }
    }

    #[test]
    fn songs_without_a_direction_take_their_artists_then_their_kinds() {
        let songs = vec![
            song(0, 0, &["calm"]),
            song(1, 1, &["loud"]),
            song(2, 0, &["loud"]),
            song(3, 2, &["loud"]),
            song(4, 3, &[]),
        ];
        let dataset = Dataset {
            name: "hand".into(),
            songs,
            artists: Vec::new(),
            listeners: Vec::new(),
            events: Vec::new(),
            clock: Clock::None,
            graph: Graph::default(),
            friends: Vec::new(),
        };
        let mut rows = SongEmbeddings::new(2, vec![3.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, f32::NAN, 1.0]).unwrap();
        assert_eq!(rows.fill_from_catalogue(&dataset), 2);
        assert_eq!(rows.row(SongId(2)), [1.0, 0.0], "the artist's");
        assert_eq!(rows.row(SongId(3)), [0.0, 1.0], "the kind's");
        assert_eq!(rows.row(SongId(4)), [0.0, 0.0], "nothing is known");
        assert!(rows.row(SongId(9)).is_empty());
    }

    #[test]
    fn half_a_row_is_an_error() {
        assert!(matches!(
            SongEmbeddings::new(2, vec![1.0; 3]),
            Err(EmbedError::ShapeMismatch { expected: 4, got: 3, .. })
        ));
        assert!(SongEmbeddings::new(0, vec![]).is_err());
    }
}
