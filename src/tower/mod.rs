//! The user tower: what was heard and when goes in, one vector in the space of the songs comes out (rows W2, R12, R14). Knows
//! no catalogue and no network. May be imported by `client`, `wasm` and the server's simulator.

mod features;
mod layout;
mod user;

pub use features::{Context, Heard, TowerInput};
pub use layout::TowerLayout;
pub use user::{Embedding, Example, UserTower, initial_weights};
