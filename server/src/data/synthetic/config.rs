//! How large a world, and which.

use serde::{Deserialize, Serialize};

/// The size and the seed of a synthetic world. The default is the demo's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticConfig {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many listeners.
    pub listeners: u32,
    /// How many songs, at least 1.
    pub songs: u32,
    /// How many artists, at least 1; more than there are songs counts as one a song.
    pub artists: u32,
    /// How many events, nearly: shared among the listeners by how much each listens, each at least 8.
    pub events: u32,
    /// Over how many days the log runs and the interests drift, at least 1.
    pub days: u32,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self { seed: 2020, listeners: 400, songs: 3_000, artists: 260, events: 60_000, days: 56 }
    }
}
