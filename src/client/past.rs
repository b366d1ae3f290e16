//! The remembered past with its embeddings: what the tower reads and lessons are cut from.

use super::Resident;
use crate::ids::Millis;
use crate::session::{Behaviour, ListenEvent};
use crate::tower::{Context, Heard, TowerInput};

/// An event and the surroundings in which it happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Remembered {
    /// What happened.
    pub event: ListenEvent,
    /// Where and when.
    pub context: Context,
}

/// Events with their songs' embeddings, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Past {
    dimension: usize,
    rows: Vec<f32>,
    heard: Vec<Heard>,
    moments: Vec<Moment>,
}

/// What the tower does not read of an event.
#[derive(Clone, Copy, Debug)]
struct Moment {
    slot: u32,
    context: Context,
    at: Millis,
}

impl Past {
    /// Looks up the embeddings; events of songs that are not resident are left out.
    #[must_use]
    pub fn new(events: &[Remembered], items: &Resident) -> Self {
        let mut past = Self { dimension: items.dimension(), ..Self::default() };
        events.iter().for_each(|event| past.push(event, items));
        past
    }

    /// Adds the newest event; one of a song that is not resident is left out.
    pub fn push(&mut self, remembered: &Remembered, items: &Resident) {
        let Remembered { event, context } = remembered;
        let Some(slot) = items.slot(event.impression.song) else { return };
        self.dimension = items.dimension();
        let start = self.rows.len();
        self.rows.resize(start + self.dimension, 0.0);
        items.blocks().row(slot, &mut self.rows[start..]);
        let seconds = |from: Millis, to: Millis| u32::try_from(to.since(from) / 1000).unwrap_or(u32::MAX);
        self.heard.push(Heard {
            behaviour: event.feedback.behaviour(),
            fields: items.fields(slot),
            gap: self.moments.last().map_or(u32::MAX, |before| seconds(before.at, event.impression.at)),
            lasted: seconds(event.impression.at, event.at),
            scene: context.scene,
        });
        self.moments.push(Moment { slot, context: *context, at: event.at });
    }

    /// Forgets all but the newest `keep` events once there are twice as many.
    pub(super) fn trim(&mut self, keep: usize) {
        if self.moments.len() >= 2 * keep {
            let gone = self.moments.len() - keep;
            self.moments.drain(..gone);
            self.heard.drain(..gone);
            self.rows.drain(..gone * self.dimension);
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// True before the first event of a resident song.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    pub(super) fn slot(&self, i: usize) -> u32 {
        self.moments[i].slot
    }

    pub(super) fn behaviour(&self, i: usize) -> Behaviour {
        self.heard[i].behaviour
    }

    pub(super) fn context(&self, i: usize) -> Context {
        self.moments[i].context
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.dimension..(i + 1) * self.dimension]
    }

    /// The first `end` events as the tower sees them, oldest first; of more than [`TowerInput::HISTORY`], the newest.
    #[must_use]
    pub fn input(&self, end: usize, context: Context) -> TowerInput<'_> {
        let start = end.saturating_sub(TowerInput::HISTORY);
        let songs = &self.rows[start * self.dimension..end * self.dimension];
        TowerInput { heard: &self.heard[start..end], songs, context }
    }
}
