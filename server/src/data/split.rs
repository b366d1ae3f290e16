//! Splits of a log for honest evaluation: what is held out is never trained on, embeddings included.

use super::{Dataset, ListenerId, LoggedEvent};
use sottovoce::ids::SongId;
use sottovoce::session::Feedback;

/// Leave-one-out by time: each listener's last finished song is the test, the one before it the validation.
#[derive(Clone, Debug)]
pub struct LeaveOneOut {
    /// The data set with only the events before the validation song.
    pub train: Dataset,
    /// Per listener, what is held out; listeners with fewer than three finished songs have nothing.
    pub held_out: Vec<Option<HeldOut>>,
}

/// What is held out of one listener's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldOut {
    /// The last finished song but one; the events before it are the history when it is asked for.
    pub valid: SongId,
    /// How many of the listener's events lie before it.
    pub before_valid: usize,
    /// The last finished song.
    pub test: SongId,
    /// How many of the listener's events lie before it.
    pub before_test: usize,
}

/// Splits a data set whose order is known.
#[must_use]
pub fn leave_one_out(data: &Dataset) -> LeaveOneOut {
    let mut events = Vec::with_capacity(data.events.len());
    let held_out = (0..data.listeners.len())
        .map(|i| {
            let listener = ListenerId(u32::try_from(i).unwrap_or(u32::MAX));
            let log = data.events_of(listener);
            let held_out = hold_out(log);
            events.extend_from_slice(&log[..held_out.map_or(log.len(), |h| h.before_valid)]);
            held_out
        })
        .collect();
    LeaveOneOut { train: Dataset { events, ..data.clone() }, held_out }
}

fn hold_out(log: &[LoggedEvent]) -> Option<HeldOut> {
    let finished = |e: &LoggedEvent| matches!(e.feedback, Feedback::Complete | Feedback::Like);
    let mut places = (0..log.len()).rev().filter(|&i| finished(&log[i]));
    let (test, valid) = (places.next()?, places.next()?);
    places.next()?;
    Some(HeldOut { valid: log[valid].song, before_valid: valid, test: log[test].song, before_test: test })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Clock;
    use sottovoce::ids::Millis;
    use sottovoce::session::Fraction;

    #[test]
    fn holds_out_the_last_two_finished_songs() {
        let skip = Feedback::Skip { heard: Fraction::new(0.1) };
        let done = Feedback::Complete;
        let log = [(0, 1, done), (0, 2, skip), (0, 3, done), (0, 4, skip), (0, 5, done), (0, 6, skip), (1, 9, done)];
        let events = log.map(|(listener, song, feedback)| LoggedEvent {
            listener: ListenerId(listener),
            song: SongId(song),
            at: Millis(u64::from(song)),
            feedback,
            plays: 1,
            played: None,
            session: 0,
        });
        let data = Dataset {
            name: "three songs".into(),
            songs: vec![],
            artists: vec![],
            listeners: vec!["a".into(), "b".into()],
            events: events.to_vec(),
            clock: Clock::OrderOnly,
            graph: Default::default(),
            friends: vec![],
        };
        let split = leave_one_out(&data);
        let first = split.held_out[0].expect("three finished songs");
        assert_eq!((first.valid, first.before_valid, first.test, first.before_test), (SongId(3), 2, SongId(5), 4));
        assert_eq!(split.held_out[1], None);
        assert_eq!(split.train.events.len(), 3, "two of the first listener, all of the second");
    }
}
