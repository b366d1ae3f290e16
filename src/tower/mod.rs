//! The user tower: what was heard and when goes in, the listener's interests in the space of the songs come out (rows W2, R14–R17,
//! T5, T6, Y2). Knows no catalogue and no network. May be imported by `client`, `wasm` and the server's simulator.

mod features;
mod interests;
mod layout;
#[cfg(feature = "full")]
mod split;
mod task;
#[allow(clippy::module_inception, reason = "the room and its main noun share a name")]
mod tower;
mod user;

pub use features::{Context, Fields, Heard, TowerInput};
pub use layout::TowerLayout;
#[cfg(feature = "full")]
pub use split::{BlockExample, Candidates, SplitTower};
pub use task::{Task, Utility};
pub use tower::{Embedding, Example, UserTower, initial_weights};
