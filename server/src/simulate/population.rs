//! All listeners of a data set over one shared set of resident songs.

use super::SimulatedListener;
use crate::data::{Dataset, HeldOut, LeaveOneOut, ListenerId};
use sottovoce::client::Resident;
use sottovoce::ids::SongId;
use sottovoce::math::{Rng, quantize_row};
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

/// Cuts a catalogue into shards of at most `size` songs. `rows` holds a unit row of `dimension` for each song, `popularity` is in
/// `[0, 1]`.
#[must_use]
pub fn shards(data: &Dataset, rows: &[f32], dimension: usize, popularity: &[f32], size: usize) -> Vec<CatalogueShard> {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    data.songs
        .chunks(size.max(1))
        .enumerate()
        .map(|(index, songs)| {
            let ids: Vec<SongId> = songs.iter().map(|s| s.id).collect();
            let mut codes = vec![0i8; songs.len() * dimension];
            let scales = ids
                .iter()
                .zip(codes.chunks_exact_mut(dimension))
                .map(|(id, codes)| {
                    let start = id.0 as usize * dimension;
                    quantize_row(&rows[start..start + dimension], codes)
                })
                .collect();
            CatalogueShard {
                index: narrow(index),
                dimension: narrow(dimension),
                artists: songs.iter().map(|s| s.artist).collect(),
                popularity: ids.iter().map(|id| popularity[id.0 as usize]).collect(),
                songs: ids,
                scales,
                rows: codes,
            }
        })
        .collect()
}
