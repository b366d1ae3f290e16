//! A past cut into sittings: `S` of them, the newest first, each with up to `L` steps, oldest first.

use crate::batches::{Batch, ListBatch};

/// How much of a past is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// `S`.
    pub sittings: usize,
    /// `L`.
    pub steps: usize,
}

/// The places of a past's steps, by sitting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sittings {
    /// `B·S·L`: which step of the row's own list.
    places: Vec<u32>,
    /// `B·S·L`: 1 where a step is.
    pub mask: Vec<f32>,
    /// `B·S·L`: how many steps of its sitting came after it.
    pub behind: Vec<u32>,
    /// `B·S`: 1 where a sitting is.
    pub held: Vec<f32>,
    /// `B·S`: its entry in the list of sittings.
    pub distance: Vec<u32>,
}

impl Sittings {
    /// Cuts a batch by the list that says in which sitting each step was; equal neighbours are one.
    #[must_use]
    pub fn new(batch: &Batch, sitting: usize, cut: Cut) -> Self {
        let (list, rows, Cut { sittings, steps }) = (&batch.lists[sitting], batch.len(), cut);
        let mut own = Self {
            places: vec![0; rows * sittings * steps],
            mask: vec![0.0; rows * sittings * steps],
            behind: vec![0; rows * sittings * steps],
            held: vec![0.0; rows * sittings],
            distance: vec![0; rows * sittings],
        };
        for row in 0..rows {
            let there = list.mask[row * list.steps..][..list.steps].iter().filter(|m| **m > 0.0).count();
            let which = &list.ids[row * list.steps..][..there];
            let mut end = there;
            for s in 0..sittings {
                let Some(last) = end.checked_sub(1) else { break };
                let start = (0..last).rev().take_while(|t| which[*t] == which[last]).last().unwrap_or(last);
                let (place, kept) = (row * sittings + s, start.max(end.saturating_sub(steps))..end);
                (own.held[place], own.distance[place]) = (1.0, which[last]);
                for (slot, t) in (place * steps..).zip(kept) {
                    (own.places[slot], own.mask[slot]) = (u32::try_from(t).unwrap_or(0), 1.0);
                    own.behind[slot] = u32::try_from(last - t).unwrap_or(0);
                }
                end = start;
            }
        }
        own
    }

    /// The entries of a list in this order; 0 where nothing is.
    #[must_use]
    pub fn entries(&self, list: &ListBatch) -> Vec<u32> {
        let rows = list.ids.len() / list.steps.max(1);
        let each = self.places.len() / rows.max(1);
        let entry = |(slot, (place, mask)): (usize, (&u32, &f32))| match *mask > 0.0 {
            true => list.ids[slot / each.max(1) * list.steps + *place as usize],
            false => 0,
        };
        self.places.iter().zip(&self.mask).enumerate().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sittings_are_runs_from_the_newest_back() {
        let list = |rows: &[&[u32]], steps: usize| {
            let mut list = ListBatch { steps, ..ListBatch::default() };
            for row in rows {
                list.ids.extend(row.iter().copied().chain(std::iter::repeat(0)).take(steps));
                list.mask.extend((0..steps).map(|t| f32::from(u8::from(t < row.len()))));
            }
            list
        };
        let sitting = list(&[&[7, 7, 3, 3, 3, 1], &[], &[5]], 6);
        let items = list(&[&[10, 11, 12, 13, 14, 15], &[], &[20]], 6);
        let batch = Batch { places: vec![0, 1, 2], lists: vec![items, sitting], ..Batch::default() };
        let cut = Sittings::new(&batch, 1, Cut { sittings: 2, steps: 2 });
        // The newest sitting has one step; of the three before it the newest two are kept; the oldest sitting is not read.
        assert_eq!(cut.entries(&batch.lists[0]), [15, 0, 13, 14, 0, 0, 0, 0, 20, 0, 0, 0]);
        assert_eq!(cut.behind, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(cut.held, [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(cut.distance, [1, 3, 0, 0, 5, 0]);
    }
}
