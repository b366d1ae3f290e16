//! A share of a table's ids, which one thread at a time works on.

use crate::embedding::RowOptimiser;
use crate::noise;
use crate::parallel;
use crate::parameters::Init;
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

/// Ids are spread by one multiplication; they choose their shard by other bits of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

pub(super) fn spread(id: u64) -> u64 {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.0 = spread(self.0 ^ u64::from(*b)));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = spread(id);
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Spread>>;

/// An id that has no row yet.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Waiting {
    pub(super) count: u32,
    pub(super) seen: u64,
}

/// Where a pulled id stands: in a row of the shard, or nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    /// Which ids have a row. What a pull needs of a row lies where its id is found: one place in memory to wait for instead of two.
    pub(super) rows: Map<Row>,
    pub(super) waiting: Map<Waiting>,
    /// The id of every row.
    pub(super) ids: Vec<u64>,
    pub(super) weights: Vec<f32>,
    pub(super) state: Vec<f32>,
}

/// What is known of a row besides its numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) seen: u64,
    pub(super) count: u32,
    /// Where its numbers lie.
    at: u32,
    /// The pull that asked last, and which of its rows that pull has it as: ids that come twice are found without a map.
    pull: u64,
    place: u32,
}

impl Row {
    /// Where the row's numbers lie.
    pub(super) fn at(&self) -> u32 {
        self.at
    }

    #[inline(always)]
    fn ask(&mut self, pull: u64, now: u64, rows: &mut Vec<u32>) -> u32 {
        if self.pull != pull {
            (self.pull, self.seen) = (pull, now);
            self.place = u32::try_from(rows.len()).unwrap_or(NOWHERE);
            rows.push(self.at);
        }
        self.place
    }
}

/// What rows are like, for all shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) columns: usize,
    pub(super) optimiser: RowOptimiser,
    pub(super) init: Init,
    pub(super) seed: u64,
    pub(super) admit_at: u32,
}

/// What a shard found for its ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// For each id asked for, which of `rows`.
    pub(super) places: Vec<u32>,
    /// Rows of the shard, each once, in the order in which they were first asked for; the last is [`NOWHERE`] if any id has none.
    pub(super) rows: Vec<u32>,
}

impl Shard {
    pub(super) fn find(&mut self, kind: &Kind, ids: &[u64], pull: u64, now: u64) -> Found {
        let mut found = Found { places: Vec::with_capacity(ids.len()), rows: Vec::with_capacity(ids.len()) };
        let mut strangers = Vec::new();
        for (i, id) in ids.iter().enumerate() {
            match self.rows.get_mut(id) {
                Some(row) => {
                    row.count = row.count.saturating_add(1);
                    found.places.push(row.ask(pull, now, &mut found.rows));
                }
                None => {
                    let waiting = self.waiting.entry(*id).or_default();
                    waiting.count = waiting.count.saturating_add(1);
                    waiting.seen = now;
                    found.places.push(NOWHERE);
                    strangers.push(i);
                }
            }
        }
        // Only now, so that an id is in or out for the whole batch.
        let mut any_left_out = false;
        for i in strangers {
            let id = ids[i];
            if let Some(waiting) = self.waiting.get(&id).copied().filter(|w| w.count >= kind.admit_at) {
                self.admit(kind, id, waiting);
            }
            match self.rows.get_mut(&id) {
                Some(row) => found.places[i] = row.ask(pull, now, &mut found.rows),
                None => any_left_out = true,
            }
        }
        if any_left_out {
            let last = u32::try_from(found.rows.len()).unwrap_or(NOWHERE);
            found.places.iter_mut().filter(|p| **p == NOWHERE).for_each(|p| *p = last);
            found.rows.push(NOWHERE);
        }
        found
    }

    /// A new row: what it starts as is a function of its id, not of when it came.
    fn admit(&mut self, kind: &Kind, id: u64, waiting: Waiting) {
        let at = u32::try_from(self.ids.len()).unwrap_or_else(|_| panic!("a shard of 2³² rows"));
        self.waiting.remove(&id);
        self.rows.insert(id, Row { seen: waiting.seen, count: waiting.count, at, ..Row::default() });
        self.ids.push(id);
        let seed = noise::bits(kind.seed, id);
        let first = self.weights.len();
        self.weights.extend((0u64..).take(kind.columns).map(|i| match kind.init {
            Init::Constant(value) => value,
            Init::Normal(deviation) => deviation * noise::normal(seed, i),
            // A row is a map from one id to k numbers.
            Init::Glorot => (6.0 / (1 + kind.columns) as f32).sqrt() * (2.0 * noise::uniform(seed, i) - 1.0),
            Init::He => core::f32::consts::SQRT_2 * noise::normal(seed, i),
        }));
        let from = self.state.len();
        self.state.resize(from + kind.optimiser.state_len(kind.columns), 0.0);
        kind.optimiser.start(&self.weights[first..], &mut self.state[from..]);
    }

    /// Copies the rows found, behind one another; zeros for who has none.
    pub(super) fn copy(&self, columns: usize, rows: &[u32], to: &mut [f32]) {
        for (to, row) in to.chunks_exact_mut(columns).zip(rows) {
            match self.weights.get(*row as usize * columns..).and_then(|w| w.get(..columns)) {
                Some(weights) if *row != NOWHERE => to.copy_from_slice(weights),
                _ => to.fill(0.0),
            }
        }
    }

    /// A step of every row.
    pub(super) fn learn(&mut self, kind: &Kind, rows: &[u32], gradient: &[f32]) {
        let (k, s) = (kind.columns, kind.optimiser.state_len(kind.columns));
        parallel::vectorize!(|| {
            for (row, g) in rows.iter().zip(gradient.chunks_exact(k)).filter(|(row, _)| **row != NOWHERE) {
                let row = *row as usize;
                let (w, state) = (&mut self.weights[row * k..][..k], &mut self.state[row * s..][..s]);
                kind.optimiser.step(w, state, g);
            }
        });
    }

    /// Forgets what was last seen before `then`; how many rows.
    pub(super) fn evict(&mut self, kind: &Kind, then: u64) -> usize {
        self.waiting.retain(|_, waiting| waiting.seen >= then);
        let old = core::mem::take(self);
        self.waiting = old.waiting;
        let (k, s) = (kind.columns, kind.optimiser.state_len(kind.columns));
        for (i, id) in old.ids.iter().enumerate() {
            if let Some(row) = old.rows.get(id).filter(|row| row.seen >= then) {
                self.take_in(*id, row.count, row.seen, &old.weights[i * k..][..k], &old.state[i * s..][..s]);
            }
        }
        old.ids.len() - self.ids.len()
    }

    /// Appends a row as it is; false if the id has one already.
    pub(super) fn take_in(&mut self, id: u64, count: u32, seen: u64, weights: &[f32], state: &[f32]) -> bool {
        let Ok(at) = u32::try_from(self.ids.len()) else { return false };
        if self.rows.insert(id, Row { seen, count, at, ..Row::default() }).is_some() {
            return false;
        }
        self.ids.push(id);
        self.weights.extend_from_slice(weights);
        self.state.extend_from_slice(state);
        true
    }
}
