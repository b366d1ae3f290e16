//! The log as lists of songs.

use crate::data::{Clock, Dataset, LoggedEvent};

/// Lists of song numbers. Only what was liked, or heard to a good end, is in a list: a skip says where taste is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// How many songs the catalogue has; every token is below it.
    pub songs: usize,
    /// The songs of all lists, one list after the other.
    pub tokens: Vec<u32>,
    /// List `i` is `tokens[ends[i − 1]..ends[i]]`.
    pub ends: Vec<usize>,
    /// Whether the order inside a list means anything. Where it does not, a list is a bag.
    pub ordered: bool,
}

impl Corpus {
    /// The lists of a data set. With real times a list is a session, and a session of one song joins the one before it, for
    /// alone it has no context. Where only the order is known a list is all that a listener heard; where not even that is
    /// known (totals), it is the bag of the listener's songs, each once.
    #[must_use]
    pub fn of(dataset: &Dataset) -> Self {
        let mut corpus = Self {
            songs: dataset.songs.len(),
            tokens: Vec::with_capacity(dataset.events.len()),
            ends: Vec::new(),
            ordered: dataset.clock != Clock::None,
        };
        for listener in dataset.events.chunk_by(|a, b| a.listener == b.listener) {
            let first = corpus.ends.len();
            match dataset.clock {
                Clock::Real => {
                    for session in listener.chunk_by(|a, b| a.session == b.session) {
                        corpus.push(session, first);
                    }
                }
                Clock::OrderOnly | Clock::None => corpus.push(listener, first),
            }
        }
        corpus
    }

    /// Adds a list; one of a single song joins the list before it, where that is not before list `first`.
    fn push(&mut self, events: &[LoggedEvent], first: usize) {
        let start = self.tokens.len();
        self.tokens.extend(events.iter().filter(|e| e.feedback.reward() > 0.0).map(|e| e.song.0));
        match self.tokens.len() - start {
            0 => {}
            1 if self.ends.len() > first => {
                if let Some(end) = self.ends.last_mut() {
                    *end = self.tokens.len();
                }
            }
            _ => self.ends.push(self.tokens.len()),
        }
    }

    /// Lists given as they are.
    #[must_use]
    pub fn from_lists(songs: usize, lists: &[Vec<u32>], ordered: bool) -> Self {
        let mut corpus = Self { songs, tokens: Vec::new(), ends: Vec::new(), ordered };
        for list in lists {
            corpus.tokens.extend(list.iter().copied().filter(|song| (*song as usize) < songs));
            corpus.ends.push(corpus.tokens.len());
        }
        corpus
    }

    /// The lists, in order.
    pub fn lists(&self) -> impl Iterator<Item = &[u32]> {
        self.ends.iter().scan(0, |start, end| {
            let list = &self.tokens[*start..*end];
            *start = *end;
            Some(list)
        })
    }

    /// How often each song is in a list.
    #[must_use]
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0u32; self.songs];
        for token in &self.tokens {
            counts[*token as usize] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ListenerId;
    use sottovoce::ids::{Millis, SongId};
    use sottovoce::session::{Feedback, Fraction};

    fn event(listener: u32, session: u32, song: u32, feedback: Feedback) -> LoggedEvent {
        LoggedEvent {
            listener: ListenerId(listener),
            song: SongId(song),
            at: Millis(0),
            feedback,
            plays: 1,
            played: None,
            session,
        }
    }

    fn dataset(clock: Clock, events: Vec<LoggedEvent>) -> Dataset {
        let mut dataset = crate::data::Dataset {
            name: "hand".into(),
            songs: Vec::new(),
            artists: Vec::new(),
            listeners: Vec::new(),
            events,
            clock,
            graph: crate::catalog::Graph::default(),
            friends: Vec::new(),
        };
        dataset.listeners = vec!["a".into(), "b".into()];
        dataset
    }

    #[test]
    fn sessions_are_lists_and_a_lone_song_joins_the_one_before() {
        let skip = Feedback::Skip { heard: Fraction::new(0.1) };
        let events = vec![
            event(0, 0, 1, Feedback::Complete),
            event(0, 0, 2, Feedback::Like),
            event(0, 0, 3, skip),
            event(0, 1, 4, Feedback::Complete),
            event(0, 2, 5, Feedback::Complete),
            event(0, 2, 6, Feedback::Complete),
            event(1, 0, 7, Feedback::Complete),
            event(1, 1, 8, Feedback::Dislike),
        ];
        let lists = |clock| {
            let corpus = Corpus::of(&dataset(clock, events.clone()));
            (corpus.lists().map(<[u32]>::to_vec).collect::<Vec<_>>(), corpus.ordered)
        };
        // Listener b's only song starts a list: it must not join listener a's.
        assert_eq!(lists(Clock::Real), (vec![vec![1, 2, 4], vec![5, 6], vec![7]], true));
        assert_eq!(lists(Clock::OrderOnly), (vec![vec![1, 2, 4, 5, 6], vec![7]], true));
        assert_eq!(lists(Clock::None), (vec![vec![1, 2, 4, 5, 6], vec![7]], false));
    }
}
