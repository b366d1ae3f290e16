//! The door to JavaScript: newtypes and one-line methods with the names of `client`, on wasm32 only. Typed arrays on the hot
//! path; serde objects for configuration and explanations. Nothing may import this room.

mod engine;
mod error;
#[cfg(feature = "full")]
mod insight;
#[cfg(feature = "full")]
mod insight_views;
mod recommender;
#[cfg(feature = "full")]
mod rounds;
mod view;
mod views;

pub use recommender::Recommender;
