//! What was heard how often, and when last, within the ring of events.

use crate::ids::Millis;

/// How often, and when last, something was heard within the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Events about it.
    pub count: u32,
    /// The time of the newest of them.
    pub last: Millis,
}

/// Counts by id, ascending, so that a lookup is a handful of comparisons.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recents(Vec<(u32, Recent)>);

impl Recents {
    pub(super) fn get(&self, id: u32) -> Option<Recent> {
        self.0.binary_search_by_key(&id, |entry| entry.0).ok().map(|i| self.0[i].1)
    }

    pub(super) fn add(&mut self, id: u32, at: Millis) {
        match self.0.binary_search_by_key(&id, |entry| entry.0) {
            Ok(i) => self.0[i].1 = Recent { count: self.0[i].1.count + 1, last: at },
            Err(i) => self.0.insert(i, (id, Recent { count: 1, last: at })),
        }
    }

    pub(super) fn remove_oldest(&mut self, id: u32) {
        if let Ok(i) = self.0.binary_search_by_key(&id, |entry| entry.0) {
            self.0[i].1.count -= 1;
            if self.0[i].1.count == 0 {
                self.0.remove(i);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
