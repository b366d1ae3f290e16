//! All listeners of a data set over one shared set of resident songs.

use super::SimulatedListener;
use crate::data::{HeldOut, LeaveOneOut, ListenerId};
use sottovoce::client::Resident;
use sottovoce::math::Rng;
use sottovoce::protocol::CatalogueShard;
use std::sync::Arc;

/// Listeners and their held-out songs.
#[derive(Debug)]
pub struct Population {
    /// The songs, as every device has them: through int8 shards.
    pub items: Arc<Resident>,
    /// Listeners who live through the training part only.
    pub listeners: Vec<SimulatedListener>,
    /// What is held out of each.
    pub held_out: Vec<Option<HeldOut>>,
}

impl Population {
    /// Everyone of a split, over songs with these shards.
    #[must_use]
    pub fn new(split: &LeaveOneOut, shards: &[CatalogueShard], seed: u64) -> Self {
        let mut items = Resident::default();
        for shard in shards {
            items.add(shard);
        }
        let items = Arc::new(items);
        let rng = Rng::new(seed).split("listeners");
        let listeners = (0..split.train.listeners.len())
            .map(|i| {
                let log = split.train.events_of(ListenerId(u32::try_from(i).unwrap_or(u32::MAX)));
                SimulatedListener::new(Arc::clone(&items), log, rng.split_at(i as u64).next_u64())
            })
            .collect();
        Self { items, listeners, held_out: split.held_out.clone() }
    }
}
