//! Recall: from the whole catalogue to some hundreds of candidates, by several channels at once. One channel a file.
//!
//! A fitted channel holds what it needs and answers a [`crate::stage::Query`] with [`crate::stage::Candidate`]s; it knows
//! neither the other channels nor where its answer goes. [`Interactions`] is what they are fitted on, [`Merge`] makes one list
//! of theirs. `Channels`, all of them fitted by one call, is put together in `registry`, the one room that knows all names.
//! [`ItemTower`] is the item half of a two-tower model; its other half is on the devices. [`NoisedRecall`] is no channel: it answers a device that asks with noised directions.

mod error;
mod index;
mod interactions;
mod item_cf;
mod merge;
mod noised;
mod popular;
mod select;
mod song2vec;
mod spectral;
mod two_tower;

pub use error::RecallError;
pub use index::ExactIndex;
pub use interactions::{Interactions, taste};
pub use item_cf::{ItemCf, ItemCfConfig};
pub use merge::{ChannelShare, Fusion, Merge, MergeConfig, Merged};
pub use noised::NoisedRecall;
pub use popular::Popular;
pub use song2vec::{Song2VecRecall, Song2VecRecallConfig};
pub use spectral::{Spectral, SpectralConfig};
pub use two_tower::{ItemTower, ItemTowerConfig};
