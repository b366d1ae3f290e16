//! What there is to hear: songs, artists, and what a knowledge graph says of them. Ground floor of the server: imports no
//! other room.

mod graph;
mod song;

pub use graph::{EntityId, Graph, Triple};
pub use song::Song;
