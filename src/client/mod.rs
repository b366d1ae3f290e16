//! The engine of one listener, sans I/O: events and bytes come in, slates and messages come out. Brings the rooms above together;
//! may be imported by `wasm` and the server's simulator.

mod config;
mod error;
mod learn;
mod ranking;
mod recommender;
mod resident;
mod round;
mod store;
#[cfg(test)]
mod tests;

pub use config::EngineConfig;
pub use error::Error;
pub use learn::{Negatives, Past, Remembered, Trained, train};
pub use recommender::{Received, Recommender};
pub use resident::Resident;
pub use round::{Invited, Outgoing, UpdateKey};
