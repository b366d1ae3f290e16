//! The engine of the smallest page, in a room of its own: shards and events come in, a list of songs comes out. May be imported by
//! `wasm`'s slim door only.

mod gap;
#[allow(clippy::module_inception, reason = "the room and its main noun share a name")]
mod ranker;

pub use ranker::{Ranked, Ranker, Refused};
