//! What there is to hear: songs, artists, and what a knowledge graph says of them. Ground floor of the server: imports no
//! other room.

mod graph;
mod shards;
mod song;

pub use graph::{EntityId, Graph, Triple};
pub use shards::{SHARD_SONGS, ShardError, shards};
pub use song::Song;
