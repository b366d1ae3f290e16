//! # sottovoce-server
//!
//! The companion of the on-device engine: it imports listening data, learns song embeddings, recalls and merges candidates,
//! serves the catalogue, and runs federated rounds with browsers as clients.

pub mod batches;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod data;
pub mod embed;
pub mod eval;
pub mod federated;
pub mod funnel;
pub mod http;
pub mod layers;
pub mod progress;
pub mod rank;
pub mod recall;
pub mod registry;
pub mod replay;
pub mod runs;
pub mod simulate;
pub mod stage;
pub mod state;
pub mod store;
pub mod train;
