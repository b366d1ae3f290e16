//! Listening data: files come in, a [`Dataset`] comes out. May be imported by every room above it.

mod schema;

pub use schema::{Clock, Dataset, ListenerId, LoggedEvent};
