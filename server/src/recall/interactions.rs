//! Who heard what, as a sparse matrix: what the channels are fitted on.

use crate::data::{Dataset, ListenerId};
use sottovoce::ids::SongId;
use std::collections::HashMap;

/// How much a number of plays says about taste: `ln(1 + plays)`. The hundredth play says less than the second.
#[must_use]
pub fn taste(plays: f32) -> f32 {
    if plays > 0.0 { libm::log1pf(plays) } else { 0.0 }
}

/// A sparse matrix of listeners × songs, by rows and by columns. Only songs liked, or heard to a good end, are in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    songs: usize,
    listeners: usize,
    /// By listener: `(song, plays)`, by rising song.
    by_listener: Sparse,
    /// By song: `(listener, plays)`, by rising listener.
    by_song: Sparse,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Sparse {
    ends: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    fn row(&self, row: usize) -> &[(u32, f32)] {
        let end = self.ends.get(row).copied().unwrap_or(0);
        let start = row.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(end));
        &self.entries[start.min(end)..end]
    }
}

impl Interactions {
    /// Sums up the plays of each listener and song.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "play counts beyond 2²⁴ may be rounded")]
    pub fn of(dataset: &Dataset) -> Self {
        let songs = dataset.songs.len();
        let listeners = dataset.listeners.len();
        let mut by_listener = Sparse::default();
        let mut counts = vec![0usize; songs];
        let mut totals: HashMap<u32, u64> = HashMap::new();
        let mut rows = dataset.events.chunk_by(|a, b| a.listener == b.listener).peekable();
        for listener in (0u32..).take(listeners) {
            if let Some(events) = rows.next_if(|events| events[0].listener == ListenerId(listener)) {
                totals.clear();
                for event in events.iter().filter(|e| e.feedback.reward() > 0.0 && (e.song.0 as usize) < songs) {
                    *totals.entry(event.song.0).or_default() += u64::from(event.plays);
                }
                let start = by_listener.entries.len();
                by_listener.entries.extend(totals.iter().map(|(song, plays)| (*song, *plays as f32)));
                by_listener.entries[start..].sort_unstable_by_key(|(song, _)| *song);
                totals.keys().for_each(|song| counts[*song as usize] += 1);
            }
            by_listener.ends.push(by_listener.entries.len());
        }
        let by_song = transpose(&by_listener, &counts);
        Self { songs, listeners, by_listener, by_song }
    }

    /// Columns: songs of the catalogue, heard or not.
    #[must_use]
    pub fn songs(&self) -> usize {
        self.songs
    }

    /// Rows: listeners.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.listeners
    }

    /// Entries: pairs of a listener and a song that the listener heard.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.by_listener.entries.len()
    }

    /// A listener's songs and how often each was heard, by rising song.
    #[must_use]
    pub fn heard_by(&self, listener: ListenerId) -> &[(u32, f32)] {
        self.by_listener.row(listener.0 as usize)
    }

    /// A song's listeners and how often each heard it, by rising listener.
    #[must_use]
    pub fn listeners_of(&self, song: SongId) -> &[(u32, f32)] {
        self.by_song.row(song.0 as usize)
    }
}

fn transpose(rows: &Sparse, counts: &[usize]) -> Sparse {
    let ends: Vec<usize> = counts
        .iter()
        .scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
        .collect();
    let mut next: Vec<usize> = ends.iter().zip(counts).map(|(end, count)| end - count).collect();
    let mut entries = vec![(0, 0.0); rows.entries.len()];
    for (listener, row) in (0u32..).zip(0..rows.ends.len()) {
        for (song, plays) in rows.row(row) {
            let place = &mut next[*song as usize];
            entries[*place] = (listener, *plays);
            *place += 1;
        }
    }
    Sparse { ends, entries }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::catalog::{Graph, Song};
    use crate::data::{Clock, LoggedEvent};
    use sottovoce::ids::{ArtistId, Millis};
    use sottovoce::session::Feedback;

    /// A data set of totals from `(listener, song, plays)`, sorted by listener.
    pub(crate) fn totals(songs: u32, listeners: u32, plays: &[(u32, u32, u32)]) -> Dataset {
        let song = |id: u32| Song {
            id: SongId(id),
            key: id.to_string(),
            title: format!("Song {id}"),
            artist: ArtistId(id),
            album: None,
            genre: None,
            language: None,
            attributes: Vec::new(),
            duration_ms: None,
            url: None,
        };
        let event = |(listener, song, plays): &(u32, u32, u32)| LoggedEvent {
            listener: ListenerId(*listener),
            song: SongId(*song),
            at: Millis(0),
            feedback: Feedback::Complete,
            plays: *plays,
            played: None,
            session: 0,
        };
        Dataset {
            name: "by hand".into(),
            songs: (0..songs).map(song).collect(),
            artists: (0..songs).map(|id| format!("Artist {id}")).collect(),
            listeners: (0..listeners).map(|id| id.to_string()).collect(),
            events: plays.iter().map(event).collect(),
            clock: Clock::None,
            graph: Graph::default(),
            friends: Vec::new(),
        }
    }

    #[test]
    fn rows_and_columns_hold_the_same_pairs() {
        let mut dataset = totals(4, 4, &[(0, 2, 3), (0, 0, 1), (0, 2, 4), (2, 2, 5), (2, 3, 1)]);
        dataset.events[4].feedback = Feedback::Dislike;
        let matrix = Interactions::of(&dataset);
        assert_eq!((matrix.songs(), matrix.listeners(), matrix.pairs()), (4, 4, 3));
        assert_eq!(matrix.heard_by(ListenerId(0)), [(0, 1.0), (2, 7.0)]);
        assert!(matrix.heard_by(ListenerId(1)).is_empty() && matrix.heard_by(ListenerId(3)).is_empty());
        assert_eq!(matrix.heard_by(ListenerId(2)), [(2, 5.0)]);
        assert_eq!(matrix.listeners_of(SongId(2)), [(0, 7.0), (2, 5.0)]);
        assert!(matrix.listeners_of(SongId(3)).is_empty() && matrix.listeners_of(SongId(9)).is_empty());
        assert!(matrix.heard_by(ListenerId(9)).is_empty());
    }
}
