//! Embedding tables too large and too sparse for dense parameters: rows appear when an id has been seen often enough, are lent for a step,
//! learn from what comes back, and go when nobody has asked for them in a long time. Errors are the room's own; time comes in as a number.

mod error;
mod optimiser;
mod shard;
mod snapshot;
mod table;

pub use error::TableError;
pub use optimiser::RowOptimiser;
pub use table::{EmbeddingTable, Rows, TableConfig};
