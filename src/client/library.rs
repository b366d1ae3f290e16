//! What was ever heard, song by song: longer than the history, shorter than a diary. Stays on the device.

use crate::ids::{Millis, SongId};
use crate::session::{Behaviour, ListenEvent};

/// One song's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How often it was heard to its end (or liked while it played).
    pub plays: u32,
    /// How often it was left.
    pub skips: u32,
    /// Whether it is liked.
    pub liked: bool,
    /// Whether it must never come again; a later like takes it back.
    pub blocked: bool,
    /// When it was last heard.
    pub last: Millis,
}

/// All accounts, by song.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Library {
    songs: Vec<(SongId, Tally)>,
    /// What stood there before each of the newest events, for [`Library::undo`].
    before: Vec<(SongId, Option<Tally>)>,
}

/// So many events can be taken back.
const UNDO: usize = 32;

impl Library {
    /// `None` unless the songs rise strictly, as [`Library::songs`] gives them.
    pub(super) fn from_parts(songs: Vec<(SongId, Tally)>) -> Option<Self> {
        songs.is_sorted_by(|a, b| a.0 < b.0).then(|| Self { songs, before: Vec::new() })
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &ListenEvent) {
        let song = event.impression.song;
        let at = match self.songs.binary_search_by_key(&song, |(s, _)| *s) {
            Ok(at) => {
                self.before.push((song, Some(self.songs[at].1)));
                at
            }
            Err(at) => {
                self.before.push((song, None));
                self.songs.insert(at, (song, Tally::default()));
                at
            }
        };
        if self.before.len() > 2 * UNDO {
            self.before.drain(..UNDO);
        }
        let tally = &mut self.songs[at].1;
        match event.feedback.behaviour() {
            Behaviour::Complete => tally.plays = tally.plays.saturating_add(1),
            Behaviour::Skip => tally.skips = tally.skips.saturating_add(1),
            Behaviour::Like => (tally.liked, tally.blocked) = (true, false),
            Behaviour::Dislike => (tally.liked, tally.blocked) = (false, true),
            Behaviour::Ignore => return,
        }
        tally.last = tally.last.max(event.at);
    }

    /// Takes the newest event back; false where it is too long ago.
    pub fn undo(&mut self) -> bool {
        let Some((song, before)) = self.before.pop() else { return false };
        if let Ok(at) = self.songs.binary_search_by_key(&song, |(s, _)| *s) {
            match before {
                Some(tally) => self.songs[at].1 = tally,
                None => drop(self.songs.remove(at)),
            }
        }
        true
    }

    /// No event before now can be taken back.
    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    /// One song's account, if it was ever met.
    #[must_use]
    pub fn get(&self, song: SongId) -> Option<&Tally> {
        self.songs.binary_search_by_key(&song, |(s, _)| *s).ok().map(|at| &self.songs[at].1)
    }

    /// All accounts, by rising song.
    #[must_use]
    pub fn songs(&self) -> &[(SongId, Tally)] {
        &self.songs
    }

    /// The songs that must never come again.
    pub fn blocked(&self) -> impl Iterator<Item = SongId> {
        self.songs.iter().filter(|(_, tally)| tally.blocked).map(|(song, _)| *song)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Fraction, Impression};
    use proptest::prelude::*;

    fn event(song: u32, behaviour: u8, at: u64) -> ListenEvent {
        let at = Millis(at);
        let behaviour = Behaviour::from_u8(behaviour).expect("0 to 4");
        let impression = Impression { song: SongId(song), slot: 0, at };
        ListenEvent { impression, feedback: behaviour.feedback(Fraction::new(0.2)), at }
    }

    proptest! {
        #[test]
        fn undo_is_exact(events in prop::collection::vec((0u32..8, 0u8..5, 0u64..100), 1..100), back in 1usize..UNDO) {
            let back = back.min(events.len());
            let (mut all, mut fewer) = (Library::default(), Library::default());
            events.iter().for_each(|&(s, b, t)| all.note(&event(s, b, t)));
            events[..events.len() - back].iter().for_each(|&(s, b, t)| fewer.note(&event(s, b, t)));
            for _ in 0..back {
                prop_assert!(all.undo());
            }
            prop_assert_eq!(all.songs(), fewer.songs());
        }
    }

    #[test]
    fn a_like_takes_a_block_back() {
        let mut library = Library::default();
        library.note(&event(3, 3, 1));
        assert_eq!(library.blocked().collect::<Vec<_>>(), [SongId(3)]);
        library.note(&event(3, 2, 2));
        assert_eq!(library.blocked().count(), 0);
        assert!(library.get(SongId(3)).is_some_and(|t| t.liked));
    }
}
