//! A data set in memory: what every importer makes, and what every trainer and channel reads.

use crate::catalog::{Graph, Song};
use sottovoce::ids::{Millis, SongId};
use sottovoce::session::Feedback;

/// A listener of the log; dense, from 0. Exists on the server only for logs that a service already holds: a device never
/// sends one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub u32);

/// What the times of a log mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Real milliseconds since the Unix epoch.
    Real,
    /// Only the order is known: `at` counts a listener's events, one second apart, from 0.
    OrderOnly,
    /// Not even the order is known: totals per listener and song, `at` is 0.
    None,
}

/// One row of a log.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LoggedEvent {
    /// Who.
    pub listener: ListenerId,
    /// Which song.
    pub song: SongId,
    /// When; see [`Clock`].
    pub at: Millis,
    /// What came of it.
    pub feedback: Feedback,
    /// How often: 1 for a single play, the count for logs of totals (HetRec).
    pub plays: u32,
    /// Milliseconds heard and milliseconds there were, where the log has them.
    pub played: Option<(u32, u32)>,
    /// Which of the listener's sessions, from 0.
    pub session: u32,
}

/// A whole data set. `events` is sorted by listener, then time, then order in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Short name, for reports: the folder's or the file's.
    pub name: String,
    /// The catalogue; `songs[i].id == SongId(i)`.
    pub songs: Vec<Song>,
    /// Artists' names, by `ArtistId`.
    pub artists: Vec<String>,
    /// The source's listener ids, by [`ListenerId`].
    pub listeners: Vec<String>,
    /// The log.
    pub events: Vec<LoggedEvent>,
    /// What the times mean.
    pub clock: Clock,
    /// Knowledge graph; empty where the source has none.
    pub graph: Graph,
    /// Friend pairs, each once with the lower id first.
    pub friends: Vec<(ListenerId, ListenerId)>,
}

impl Dataset {
    /// The events of one listener, in time order.
    #[must_use]
    pub fn events_of(&self, listener: ListenerId) -> &[LoggedEvent] {
        let start = self.events.partition_point(|e| e.listener < listener);
        let end = self.events.partition_point(|e| e.listener <= listener);
        &self.events[start..end]
    }
}
