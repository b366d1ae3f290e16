//! The engine's state as bytes, taken up again, and forgotten; and listening that happened elsewhere, taken in.

use super::federation::tower;
use super::ranking::Ranking;
use super::store::{Kept, read, write};
use super::{Error, Recommender, Remembered};
use crate::ids::Millis;
use crate::protocol::TowerShape;
use crate::session::ListenEvent;
use crate::tower::Context;

impl Recommender {
    /// Everything the engine keeps, for the page's store. Not a message: nothing can send it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let weights = self.tower.as_ref().map(|(version, shape, tower)| (*version, *shape, tower.weights()));
        write(&self.kept, self.history(), weights)
    }

    /// Takes up where [`Recommender::snapshot`] left off.
    ///
    /// # Errors
    /// [`Error::Snapshot`], [`Error::SnapshotVersion`], [`Error::WeightsLength`]; the present state stays then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (kept, weights) = read(bytes)?;
        let restored = match weights {
            None => None,
            Some((version, shape, values)) => {
                let shared = values.len().saturating_sub(shape.dimension as usize);
                let mut tower = tower(shape, &values[..shared])?;
                tower.weights_mut().copy_from_slice(&values);
                Some((version, shape, tower))
            }
        };
        // Weights for other songs than those here are out of date: they will be fetched again.
        let fits = |shape: &TowerShape| self.items.is_empty() || shape.dimension as usize == self.items.dimension();
        self.tower = restored.filter(|(_, shape, _)| fits(shape));
        self.kept = kept;
        self.invited = None;
        self.replay();
        Ok(())
    }

    /// Takes in what was heard elsewhere: events in any order, which take their places in the history by time. The personal weights
    /// take no step. Returns how many were taken; those about songs that are not resident are passed over.
    pub fn import(&mut self, events: impl IntoIterator<Item = ListenEvent>) -> usize {
        let known = events.into_iter().filter(|e| self.items.slot(e.impression.song).is_some());
        let mut new: Vec<Remembered> = known.map(|event| Remembered { event, context: Context::default() }).collect();
        new.sort_by_key(|r| r.event.at);
        for remembered in &new {
            self.kept.library.note(&remembered.event);
        }
        self.kept.library.settle();
        self.kept.heard += new.len() as u64;
        let taken = new.len();
        self.kept.history.extend(new);
        self.kept.history.sort_by_key(|r| r.event.at);
        let surplus = self.kept.history.len().saturating_sub(self.config.history.max(1));
        self.kept.history.drain(..surplus);
        self.replay();
        taken
    }

    /// Forgets the listener: history, session, interests, personal weights, ledger, consent and what waits to go out. Songs and shared
    /// weights stay; they say nothing of the listener. Songs that were asked for do, and go. What rounds
    /// have cost stays counted: it says nothing of what was heard, and forgetting it would undo nothing.
    pub fn forget(&mut self) {
        if let Some((_, _, tower)) = &mut self.tower {
            let shared = tower.shared().len();
            tower.weights_mut()[shared..].fill(0.0);
        }
        self.context = Context::default();
        self.kept = Kept::default();
        self.invited = None;
        #[cfg(feature = "full")]
        self.forget_asking();
        #[cfg(feature = "secagg")]
        self.secure.retire();
        self.ranking = Ranking::default();
        self.replay();
    }

    /// When the newest event was.
    #[must_use]
    pub fn newest(&self) -> Option<Millis> {
        self.kept.history.last().map(|r| r.event.at)
    }
}
