//! Two businesses with the same people: songs, and the wares of a partner. What somebody buys there tells of their taste in songs, and those who
//! are new to the songs are not new to the partner.

use crate::catalog::{Graph, Song};
use crate::data::{Clock, Dataset, ListenerId, LoggedEvent};
use sottovoce::ids::{ArtistId, Millis, SongId};
use sottovoce::math::Rng;
use sottovoce::session::Feedback;

/// Sizes of such a world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoBusinesses {
    /// Tastes that are planted.
    pub tastes: u32,
    /// Songs of each taste.
    pub songs: u32,
    /// Wares of each taste.
    pub wares: u32,
    /// Listeners; every second one is new to the songs.
    pub listeners: u32,
    /// How often a song is of its listener's taste; otherwise it is any song.
    pub fidelity: f32,
    /// Everything is drawn from it.
    pub seed: u64,
}

impl Default for TwoBusinesses {
    fn default() -> Self {
        Self { tastes: 6, songs: 10, wares: 6, listeners: 240, fidelity: 0.6, seed: 2020 }
    }
}

impl TwoBusinesses {
    /// Songs come first in the catalogue; from this id on there are wares.
    #[must_use]
    pub fn first_ware(&self) -> SongId {
        SongId(self.tastes * self.songs)
    }

    /// Whether somebody is new to the songs: heard three, of which two are held out.
    #[must_use]
    pub fn new_to_songs(listener: usize) -> bool {
        listener % 2 == 1
    }

    /// The log of songs, with what was collected at the partner before, or without it. Both hold the same songs in the same order.
    #[must_use]
    pub fn log(&self, with_partner: bool) -> Dataset {
        let rng = Rng::new(self.seed).split("two businesses");
        let mut events = Vec::new();
        for listener in 0..self.listeners {
            let mut rng = rng.split_at(listener.into());
            let taste = rng.below(self.tastes);
            let mut draw = |each: u32, fidelity: f32| {
                let of = if rng.uniform() < fidelity { taste } else { rng.below(self.tastes) };
                of * each + rng.below(each)
            };
            let wares: Vec<u32> = (0..8).map(|_| self.first_ware().0 + draw(self.wares, 0.9)).collect();
            let heard = if Self::new_to_songs(listener as usize) { 3 } else { 14 };
            let songs: Vec<u32> = (0..heard).map(|_| draw(self.songs, self.fidelity)).collect();
            let liked = wares.into_iter().filter(|_| with_partner).map(|ware| (ware, Feedback::Like));
            let all = liked.chain(songs.into_iter().map(|song| (song, Feedback::Complete)));
            events.extend(all.zip(0u64..).map(|((song, feedback), at)| LoggedEvent {
                listener: ListenerId(listener),
                song: SongId(song),
                at: Millis(at * 60_000),
                feedback,
                plays: 1,
                played: None,
                session: 0,
            }));
        }
        let all = self.first_ware().0 + self.tastes * self.wares;
        let song = |i: u32| Song {
            id: SongId(i),
            key: i.to_string(),
            title: format!("{} {i}", if SongId(i) < self.first_ware() { "song" } else { "ware" }),
            artist: ArtistId(i),
            album: None,
            genre: None,
            language: None,
            attributes: Vec::new(),
            duration_ms: None,
            url: None,
        };
        Dataset {
            name: "two businesses".into(),
            songs: (0..all).map(song).collect(),
            artists: (0..all).map(|i| i.to_string()).collect(),
            listeners: (0..self.listeners).map(|i| i.to_string()).collect(),
            events,
            clock: Clock::OrderOnly,
            graph: Graph::default(),
            friends: Vec::new(),
        }
    }
}
