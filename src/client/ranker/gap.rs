//! Songs of others between two of one artist, and no more than that: the gap of [`crate::rerank::Rules`], with its looking ahead and
//! its order of relaxing (the proof stands there), without caps, tags and proofs.

use crate::ids::ArtistId;

/// No artist: the candidate must not come.
const NONE: u32 = u32::MAX;

/// A slot before any that matters.
const NEVER: i32 = i32::MIN / 2;

/// The gap along one list; its storage is used again.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// By candidate, the place of its artist in the columns below.
    places: Vec<u32>,
    artists: Vec<ArtistId>,
    /// Songs that may still come, and the slot at which one came last.
    left: Vec<i32>,
    last: Vec<i32>,
    /// The next slot.
    slot: i32,
    /// How many slots will be filled.
    target: i32,
    /// The gap as asked for, as far as the list is long enough to tell, and the largest with which the list can be filled.
    full: i32,
    kept: i32,
    queue: Vec<(i32, i32)>,
}

impl Gap {
    /// Begins a list of up to `k` songs after those `before` it, newest first, from candidates by these artists; one of `None` must
    /// not come. Answers how many slots will be filled.
    pub(super) fn start(
        &mut self,
        gap: usize,
        candidates: &mut dyn Iterator<Item = Option<ArtistId>>,
        before: &mut dyn Iterator<Item = ArtistId>,
        k: usize,
    ) -> usize {
        self.places.clear();
        self.artists.clear();
        self.left.clear();
        self.last.clear();
        let mut songs = 0;
        for artist in candidates {
            let place = artist.map_or(NONE, |artist| self.place(artist));
            if let Some(left) = self.left.get_mut(place as usize) {
                *left += 1;
                songs += 1;
            }
            self.places.push(place);
        }
        let mut line = 0;
        for artist in before {
            line += 1;
            if let Some(place) = self.artists.iter().position(|a| *a == artist) {
                self.last[place] = self.last[place].max(-line);
            }
        }
        self.slot = 0;
        self.target = i32::try_from(k).unwrap_or(i32::MAX).min(songs);
        self.full = i32::try_from(gap).unwrap_or(i32::MAX).min(line + self.target);
        self.kept = (0..=self.full).rev().find(|gap| self.fills(*gap, None, self.target)).unwrap_or(0);
        usize::try_from(self.target).unwrap_or(0)
    }

    #[allow(clippy::cast_possible_truncation, reason = "at most as many as candidates, which are u32")]
    fn place(&mut self, artist: ArtistId) -> u32 {
        let found = self.artists.iter().position(|a| *a == artist);
        found.unwrap_or_else(|| {
            self.artists.push(artist);
            self.left.push(0);
            self.last.push(NEVER);
            self.artists.len() - 1
        }) as u32
    }

    /// The gaps to try at a slot, widest first.
    pub(super) fn tries(&self) -> impl Iterator<Item = i32> + use<> {
        (self.kept..=self.full).rev()
    }

    /// Whether the candidate may take the next slot with so many songs of others before it, so that the rest can still be filled.
    pub(super) fn allows(&mut self, candidate: usize, gap: i32) -> bool {
        let place = self.places[candidate] as usize;
        self.left.get(place).is_some_and(|left| *left > 0)
            && self.last[place] + gap < self.slot
            && self.fills(self.kept, Some(place), self.target - self.slot - 1)
    }

    /// Gives the next slot to the candidate. Answers how many songs of others stand between it and the artist's song before it.
    pub(super) fn choose(&mut self, candidate: usize) -> i32 {
        let place = self.places[candidate] as usize;
        let between = self.slot - self.last[place] - 1;
        self.left[place] -= 1;
        self.last[place] = self.slot;
        self.slot += 1;
        between
    }

    /// Whether `slots` slots can be filled with `gap`, after giving the next one to `first` if there is one: at each slot, one of the
    /// artists with the most songs left, among those that may come.
    fn fills(&mut self, gap: i32, first: Option<usize>, slots: i32) -> bool {
        self.queue.clear();
        for (place, (left, last)) in self.left.iter().zip(&self.last).enumerate() {
            let chosen = first == Some(place);
            let (left, last) = if chosen { (left - 1, self.slot) } else { (*left, *last) };
            if left > 0 {
                self.queue.push((left, last + gap + 1));
            }
        }
        // With one artist a slot, besides those that may have to wait, there is nothing to work out.
        let open = i32::try_from(self.queue.len()).unwrap_or(i32::MAX);
        let start = self.slot + i32::from(first.is_some());
        open - gap > slots
            || (start..start + slots).all(|slot| {
                let most = self
                    .queue
                    .iter_mut()
                    .filter(|(left, ready)| *left > 0 && *ready <= slot)
                    .max_by_key(|(left, _)| *left);
                most.map(|(left, ready)| (*left, *ready) = (*left - 1, slot + gap + 1)).is_some()
            })
    }
}
