//! A row's own numbers while it is learnt: its slots, each once, and what they hold, side by side in whole registers.

use crate::real::Real;

/// Numbers of a row are worked on in whole registers.
const LANES: usize = 16;
/// Words of the filter for features that come twice.
const FILTER: usize = 512;

/// What a row needs while it is learnt.
#[derive(Clone, Debug)]
pub(super) struct Room<R> {
    pub(super) slots: Vec<u32>,
    pub(super) x: Vec<R>,
    pub(super) z: Vec<R>,
    pub(super) n: Vec<R>,
    pub(super) root: Vec<R>,
    pub(super) w: Vec<R>,
    pairs: Vec<(u32, R)>,
    filter: Box<[u64; FILTER]>,
}

impl<R: Real> Room<R> {
    pub(super) fn new() -> Self {
        let [x, z, n, root, w] = [(); 5].map(|()| Vec::new());
        Self { slots: Vec::new(), x, z, n, root, w, pairs: Vec::new(), filter: Box::new([0; FILTER]) }
    }

    /// A row's slots, each once, and their values; zeros behind them up to a whole number of lanes.
    #[inline(always)]
    pub(super) fn take(&mut self, hashes: &[u32], values: &[f32], mask: u32) {
        self.slots.clear();
        self.slots.extend(hashes.iter().map(|hash| hash & mask));
        self.x.clear();
        if values.is_empty() {
            self.x.resize(hashes.len(), R::ONE);
        } else {
            self.x.extend(values.iter().map(|value| R::from_f32(*value)));
        }
        if self.any_twice() {
            self.merge();
        }
        let len = self.slots.len().next_multiple_of(LANES);
        self.x.resize(len, R::ZERO);
        for numbers in [&mut self.z, &mut self.n, &mut self.root, &mut self.w] {
            if numbers.len() < len {
                numbers.resize(len, R::ZERO);
            }
        }
    }

    /// Whether a slot may have come twice: no false no, few false yes.
    #[inline(always)]
    fn any_twice(&mut self) -> bool {
        let place = |slot: u32| ((slot >> 6) as usize % FILTER, 1u64 << (slot % 64));
        let mut twice = 0;
        for slot in &self.slots {
            let (word, bit) = place(*slot);
            twice |= self.filter[word] & bit;
            self.filter[word] |= bit;
        }
        for slot in &self.slots {
            self.filter[place(*slot).0] = 0;
        }
        twice != 0
    }

    /// One slot, one value: their sum.
    #[cold]
    fn merge(&mut self) {
        self.pairs.clear();
        self.pairs.extend(self.slots.iter().copied().zip(self.x.iter().copied()));
        self.pairs.sort_by_key(|(slot, _)| *slot);
        if self.pairs.array_windows().all(|[a, b]| a.0 != b.0) {
            return;
        }
        self.slots.clear();
        self.x.clear();
        for run in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            self.slots.push(run[0].0);
            self.x.push(run.iter().map(|(_, x)| *x).sum());
        }
    }
}
