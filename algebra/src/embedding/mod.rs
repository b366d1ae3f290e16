//! Embedding tables too large and too sparse for dense parameters: rows appear when an id has been seen often enough, are lent for a step,
//! learn from what comes back, and go when nobody has asked for them in a long time. Errors are the room's own; time comes in as a number.
//! `table` is rows by id, `server` what is promised to several workers over it, `row_file` rows for serving; `hashed` is the table without ids:
//! weights of a linear model, found by hash.

mod bytes;
mod error;
mod hashed;
mod hashed_room;
mod hashed_snapshot;
mod huge;
mod optimiser;
mod row_file;
mod server;
mod shard;
mod snapshot;
mod sparse;
mod table;

pub use error::TableError;
pub use hashed::{HashedFtrl, HashedFtrlConfig, Used};
pub use optimiser::RowOptimiser;
pub use row_file::{RowFile, RowFileError};
pub use server::{Lent, LocalServer, ParameterServer};
pub use sparse::SparseRows;
pub use table::{EmbeddingTable, Rows, TableConfig};
