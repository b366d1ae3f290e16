//! Listening data: files come in, a [`Dataset`] comes out. May be imported by every room above it.

mod error;
mod import;
mod open;
mod schema;
mod synthetic;

pub use error::{BadRow, DataError};
pub use import::{Format, ImportOptions, ImportReport};
pub use open::open;
pub use schema::{Clock, Dataset, ListenerId, LoggedEvent};
pub use synthetic::{SyntheticConfig, World, synthetic};
