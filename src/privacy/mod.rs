//! What happens to a gradient before it may leave, and the account of what left. A value moves through types that only the
//! step before can make: [`Gradient`] → [`Clipped`] → a message. May be imported by `protocol`, `client`, `wasm` and the server.

mod clip;
mod ledger;

pub use clip::{Clipped, Gradient};
pub use ledger::{Direction, Ledger, LedgerEntry};
