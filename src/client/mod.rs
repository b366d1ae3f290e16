//! The engine of one listener, sans I/O: events and bytes come in, slates and messages come out. Brings the rooms above together;
//! may be imported by `wasm` and the server's simulator.

#[cfg(feature = "full")]
mod asking;
#[cfg(all(test, feature = "full"))]
mod asking_tests;
mod config;
mod course;
mod error;
mod federation;
mod insight;
mod keeping;
mod learn;
mod library;
mod past;
mod portrait;
mod ranker;
mod ranking;
mod recommender;
mod resident;
mod round;
#[cfg(feature = "secagg")]
pub mod secure;
#[cfg(feature = "full")]
mod split;
mod store;
mod tastes;
#[cfg(test)]
mod tests;

#[cfg(feature = "full")]
pub use asking::{AskConfig, RecallAccount};
pub use config::{ConfigError, EngineConfig};
pub use error::Error;
pub use federation::Received;
pub use insight::Interest;
pub use learn::{Lesson, Negatives, Trained, train};
pub use library::{Library, Tally};
pub use past::{Past, Remembered};
pub use portrait::{Portrait, Trait};
pub use ranker::{Ranked, Ranker, Refused};
pub use ranking::Request;
pub use recommender::Recommender;
pub use resident::Resident;
pub use round::{Invited, Outgoing, UpdateKey};
#[cfg(feature = "full")]
pub use split::{BlockLesson, OpenBlock, train_split};
pub use tastes::{Muted, Tastes};
