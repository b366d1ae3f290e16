//! The device's half of secure rounds: what to do next, one errand at a time, sans I/O. The caller fetches, stores and enciphers; time and
//! randomness are arguments; a tab may be closed between any two errands and goes on from its vault.
//!
//! An ordinary device: invitation → join → roster → training → clipped → quantised → charged → noised → masked → report →
//! outcome. A member of the committee: enlistment → vote → disclosure. One device may be both in one round. Three rules hold the whole:
//!
//! - **Nothing leaves before the vault that knows of it is kept**: whatever changed the vault is followed by a `Keep`.
//! - **No noise before its charge is read back** from the store, and one report a round: a report that was made is sent again byte by byte.
//! - **What the server says is checked, not believed**: key, round, model, roster, split. What does not hold ends this round for this device.
//!
//! Imports what [`client`](super) may; used by `wasm` and by the server's simulator through [`Recommender`](super::Recommender).

mod answer;
#[cfg(test)]
mod attack_tests;
mod book;
mod duty;
mod engine;
mod errand;
mod invite;
mod machine;
mod pace;
mod part;
#[cfg(test)]
mod round_tests;
mod state;
mod vault;
#[cfg(test)]
mod vault_tests;
#[cfg(test)]
mod world;
#[cfg(test)]
mod world_server;

pub use errand::Errand;
pub(crate) use machine::Secure;
pub use state::{Phase, RoundState, Service, Task, Upload, Why};
