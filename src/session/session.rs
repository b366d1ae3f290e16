//! The listener's recent past: a bounded ring of events, the [`Memory`] they leave, what was heard how often, and what never to
//! play again (row W4).
//!
//! An undo is exact: the same operations in the same order give the same bits, so the memory before the oldest event held is
//! kept, and taking an event back plays the others again.

use super::recent::Recents;
use super::{Feedback, ListenEvent, Memory, Recent};
use crate::ids::{ArtistId, Millis, SongId};
use crate::math::ItemBlocks;

/// How a [`Session`] remembers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionConfig {
    /// How many events are kept; at least 1.
    pub history: usize,
    /// How many pushes can be undone once the ring is full.
    pub undo_depth: usize,
    /// `h`: after so many milliseconds an event counts half; at least 1.
    pub half_life_ms: u64,
    /// `λ`: how much of the negative memory is held against a song.
    pub negative_weight: f32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { history: 64, undo_depth: 8, half_life_ms: 30 * 60 * 1000, negative_weight: 0.5 }
    }
}

/// One event of the ring with what it was about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// What happened.
    pub event: ListenEvent,
    /// The song's artist.
    pub artist: ArtistId,
    /// Whether the event changed the set of disliked songs: what undo has to turn back.
    changed_dislikes: bool,
}

/// The recent past. See the file's head for the arithmetic.
///
/// # Example
/// ```
/// use sottovoce::{ids::*, session::*};
/// let mut session = Session::new(2, SessionConfig::default());
/// let at = Millis(1_000);
/// let event = ListenEvent { impression: Impression { song: SongId(7), slot: 0, at }, feedback: Feedback::Like, at };
/// session.push(event, &[1.0, 0.0], ArtistId(3));
/// let mut taste = Vec::new();
/// session.taste_into(at, &mut taste);
/// assert_eq!(taste, [0.5, 0.0]); // one like: half-way from nothing known to certainty
/// assert!(session.undo().is_some());
/// session.taste_into(at, &mut taste);
/// assert_eq!(taste, [0.0, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    config: SessionConfig,
    dimension: usize,
    /// Newest last; up to `history + undo_depth`, of which the newest `history` are the ring that others see.
    held: Vec<Heard>,
    vectors: Vec<f32>,
    /// Before the oldest of `held`: with it, replaying `held` gives `now`, bit for bit.
    base: Memory,
    now: Memory,
    songs: Recents,
    artists: Recents,
    disliked: Vec<SongId>,
    pushed: u64,
}

impl Session {
    /// An empty session for vectors of dimension `d`.
    #[must_use]
    pub fn new(dimension: usize, config: SessionConfig) -> Self {
        Self {
            config: SessionConfig { history: config.history.max(1), ..config },
            dimension,
            held: Vec::new(),
            vectors: Vec::new(),
            base: Memory::empty(dimension),
            now: Memory::empty(dimension),
            songs: Recents::default(),
            artists: Recents::default(),
            disliked: Vec::new(),
            pushed: 0,
        }
    }

    /// `d`.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Takes in an event, its song's vector (`d` values; a shorter one counts as filled with zeros) and artist.
    /// Costs O(d + history), whatever came before.
    pub fn push(&mut self, event: ListenEvent, vector: &[f32], artist: ArtistId) {
        if self.held.len() >= self.config.history {
            let leaving = self.held[self.held.len() - self.config.history];
            self.songs.remove_oldest(leaving.event.impression.song.0);
            self.artists.remove_oldest(leaving.artist.0);
        }
        if self.held.len() >= self.config.history + self.config.undo_depth {
            self.base.push(&self.held[0].event, &self.vectors[..self.dimension], self.config.half_life_ms);
            self.held.remove(0);
            self.vectors.drain(..self.dimension);
        }
        let start = self.vectors.len();
        let taken = vector.len().min(self.dimension);
        self.vectors.extend_from_slice(&vector[..taken]);
        self.vectors.resize(start + self.dimension, 0.0);
        self.now.push(&event, &self.vectors[start..], self.config.half_life_ms);
        self.songs.add(event.impression.song.0, event.at);
        self.artists.add(artist.0, event.at);
        let changed_dislikes = match event.feedback {
            Feedback::Dislike => self.set_disliked(event.impression.song, true),
            Feedback::Like => self.set_disliked(event.impression.song, false),
            _ => false,
        };
        self.held.push(Heard { event, artist, changed_dislikes });
        self.pushed += 1;
    }

    /// Takes back the newest event and answers it: afterwards every bit is as if it had never come. `None` where there is
    /// none, or where the event before the ring's oldest is needed and no longer held (see [`SessionConfig::undo_depth`]).
    pub fn undo(&mut self) -> Option<ListenEvent> {
        let complete = self.held.len() as u64 == self.pushed;
        if !complete && self.held.len() <= self.config.history {
            return None;
        }
        let last = self.held.pop()?;
        self.vectors.truncate(self.held.len() * self.dimension);
        self.pushed -= 1;
        if last.changed_dislikes {
            self.set_disliked(last.event.impression.song, last.event.feedback != Feedback::Dislike);
        }
        self.replay();
        Some(last.event)
    }

    /// The same operations in the same order give the same bits, so no checkpoint per event is kept.
    fn replay(&mut self) {
        self.now.copy_from(&self.base);
        for (i, heard) in self.held.iter().enumerate() {
            let vector = &self.vectors[i * self.dimension..(i + 1) * self.dimension];
            self.now.push(&heard.event, vector, self.config.half_life_ms);
        }
        self.songs.clear();
        self.artists.clear();
        let oldest = self.held.len().saturating_sub(self.config.history);
        for heard in &self.held[oldest..] {
            self.songs.add(heard.event.impression.song.0, heard.event.at);
            self.artists.add(heard.artist.0, heard.event.at);
        }
    }

    /// Answers whether the set changed.
    fn set_disliked(&mut self, song: SongId, disliked: bool) -> bool {
        match (self.disliked.binary_search(&song), disliked) {
            (Err(i), true) => self.disliked.insert(i, song),
            (Ok(i), false) => drop(self.disliked.remove(i)),
            _ => return false,
        }
        true
    }

    /// What this session asks for at time `now`, `d` values: `⟨taste, v⟩` is a song's session score, within ±1 for unit
    /// vectors.
    pub fn taste_into(&self, now: Millis, taste: &mut Vec<f32>) {
        self.now.taste_into(now, self.config.half_life_ms, self.config.negative_weight, taste);
    }

    /// The session score of every item at time `now`; `taste` is storage that is used again.
    pub fn score_into(&self, items: &ItemBlocks, now: Millis, taste: &mut Vec<f32>, scores: &mut Vec<f32>) {
        self.taste_into(now, taste);
        items.dot_all(taste, scores);
    }

    /// The decayed sums as of the last event.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.now
    }

    /// How many events the ring holds, at most [`SessionConfig::history`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len().min(self.config.history)
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The ring, newest first, each event with its song's vector.
    pub fn newest_first(&self) -> impl Iterator<Item = (&Heard, &[f32])> {
        let d = self.dimension;
        (0..self.held.len())
            .rev()
            .take(self.config.history)
            .map(move |i| (&self.held[i], &self.vectors[i * d..(i + 1) * d]))
    }

    /// Whether the ring has an event about this song.
    #[must_use]
    pub fn heard_recently(&self, song: SongId) -> bool {
        self.songs.get(song.0).is_some()
    }

    /// How often and when last this song was heard within the ring.
    #[must_use]
    pub fn song(&self, song: SongId) -> Option<Recent> {
        self.songs.get(song.0)
    }

    /// How often and when last this artist was heard within the ring.
    #[must_use]
    pub fn artist(&self, artist: ArtistId) -> Option<Recent> {
        self.artists.get(artist.0)
    }

    /// Whether the listener asked never to hear this song again, however long ago; a later like takes it back.
    #[must_use]
    pub fn disliked(&self, song: SongId) -> bool {
        self.disliked.binary_search(&song).is_ok()
    }

    /// The disliked songs, ascending.
    #[must_use]
    pub fn disliked_songs(&self) -> &[SongId] {
        &self.disliked
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used, reason = "tests compare exact values")]
mod tests {
    use super::*;
    use crate::math::Rng;
    use crate::session::{Fraction, Impression};
    use proptest::prelude::*;

    fn event(song: u32, feedback: Feedback, at: u64) -> ListenEvent {
        let at = Millis(at);
        ListenEvent { impression: Impression { song: SongId(song), slot: 0, at }, feedback, at }
    }

    fn feedbacks() -> impl Strategy<Value = Feedback> {
        prop_oneof![
            (0f32..1.0).prop_map(|heard| Feedback::Skip { heard: Fraction::new(heard) }),
            Just(Feedback::Complete),
            Just(Feedback::Like),
            Just(Feedback::Dislike),
        ]
    }

    fn vector(song: u32) -> Vec<f32> {
        let mut rng = Rng::new(song.into());
        let mut v: Vec<f32> = (0..6).map(|_| rng.normal()).collect();
        crate::math::normalize(&mut v);
        v
    }

    proptest! {
        #[test]
        fn undo_is_exact_and_memory_is_the_sum(
            events in prop::collection::vec((0u32..12, feedbacks(), 0u64..5_000_000), 1..60),
            undone in 1usize..6,
            history in 1usize..20,
        ) {
            // Times are in any order: the clock may go backwards.
            let config = SessionConfig { history, undo_depth: 6, ..SessionConfig::default() };
            let mut session = Session::new(6, config);
            let mut states = vec![session.clone()];
            for (song, feedback, at) in &events {
                session.push(event(*song, *feedback, *at), &vector(*song), ArtistId(song / 3));
                states.push(session.clone());
                prop_assert!(session.len() <= history);
            }
            let undone = undone.min(events.len());
            for _ in 0..undone {
                prop_assert!(session.undo().is_some());
            }
            let before = &states[events.len() - undone];
            prop_assert_eq!(&session.now, &before.now);
            prop_assert_eq!(&session.songs, &before.songs);
            prop_assert_eq!(&session.artists, &before.artists);
            prop_assert_eq!(&session.disliked, &before.disliked);
            let (a, b): (Vec<_>, Vec<_>) = (session.newest_first().collect(), before.newest_first().collect());
            prop_assert_eq!(a, b);

            // Going on from there is going on from before.
            let mut never = before.clone();
            session.push(event(3, Feedback::Like, 9), &vector(3), ArtistId(1));
            never.push(event(3, Feedback::Like, 9), &vector(3), ArtistId(1));
            prop_assert_eq!(&session.now, &never.now);
        }

        #[test]
        fn scores_stay_within_one_and_fade(events in prop::collection::vec((0u32..12, feedbacks(), 0u64..900_000), 1..80)) {
            let mut session = Session::new(6, SessionConfig { negative_weight: 1.0, ..SessionConfig::default() });
            for (song, feedback, at) in &events {
                session.push(event(*song, *feedback, *at), &vector(*song), ArtistId(0));
            }
            let mut items = ItemBlocks::new(6);
            for song in 0..12 {
                items.push(&vector(song));
            }
            let (mut taste, mut now, mut later) = (vec![], vec![], vec![]);
            session.score_into(&items, Millis(900_000), &mut taste, &mut now);
            prop_assert!(now.iter().all(|s| s.abs() <= 1.0 + 1e-5));
            session.score_into(&items, Millis(900_000 + 30 * 60 * 1000 * 40), &mut taste, &mut later);
            prop_assert!(later.iter().all(|s| s.abs() < 1e-6));
        }
    }

    #[test]
    fn a_skip_pushes_away_and_a_like_pulls() {
        let mut session = Session::new(2, SessionConfig::default());
        session.push(event(1, Feedback::Like, 0), &[1.0, 0.0], ArtistId(0));
        session.push(event(2, Feedback::Skip { heard: Fraction::new(0.0) }, 0), &[0.0, 1.0], ArtistId(1));
        let mut taste = vec![];
        session.taste_into(Millis(0), &mut taste);
        assert!(taste[0] > 0.0 && taste[1] < 0.0 && taste[0] > -taste[1]);
    }

    #[test]
    fn one_half_life_is_a_half() {
        let config = SessionConfig { half_life_ms: 1000, ..SessionConfig::default() };
        let mut session = Session::new(1, config);
        session.push(event(1, Feedback::Like, 5000), &[1.0], ArtistId(0));
        session.push(event(1, Feedback::Like, 6000), &[1.0], ArtistId(0));
        assert!((session.memory().positive[0] - 1.5).abs() < 1e-6);
        session.push(event(1, Feedback::Like, 1000), &[1.0], ArtistId(0)); // backwards: nothing fades, nothing grows
        assert!((session.memory().positive[0] - 2.5).abs() < 1e-6);
    }

    #[test]
    fn counters_follow_the_ring() {
        let mut session = Session::new(1, SessionConfig { history: 3, ..SessionConfig::default() });
        for (song, at) in [(1, 10), (1, 20), (2, 30)] {
            session.push(event(song, Feedback::Complete, at), &[1.0], ArtistId(song));
        }
        assert_eq!(session.song(SongId(1)), Some(Recent { count: 2, last: Millis(20) }));
        assert_eq!(session.artist(ArtistId(2)), Some(Recent { count: 1, last: Millis(30) }));
        session.push(event(3, Feedback::Complete, 40), &[1.0], ArtistId(3));
        session.push(event(4, Feedback::Complete, 50), &[1.0], ArtistId(4));
        assert!(!session.heard_recently(SongId(1)) && session.heard_recently(SongId(2)));
        session.undo();
        assert_eq!(session.song(SongId(1)), Some(Recent { count: 1, last: Millis(20) }));
    }

    #[test]
    fn a_dislike_outlives_the_ring_and_a_like_takes_it_back() {
        let mut session = Session::new(1, SessionConfig { history: 2, undo_depth: 2, ..SessionConfig::default() });
        session.push(event(9, Feedback::Dislike, 0), &[1.0], ArtistId(0));
        for song in 0..8 {
            session.push(event(song, Feedback::Complete, 1), &[1.0], ArtistId(0));
        }
        assert!(session.disliked(SongId(9)) && !session.heard_recently(SongId(9)));
        session.push(event(9, Feedback::Like, 2), &[1.0], ArtistId(0));
        assert!(!session.disliked(SongId(9)));
        assert!(session.undo().is_some() && session.disliked(SongId(9)));
        assert!(session.undo().is_some());
        assert_eq!(session.undo(), None, "the ring's oldest is no longer held");
    }
}
