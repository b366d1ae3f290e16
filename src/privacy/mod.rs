//! What happens to a gradient or to an interest before it may leave, and the account of what left. A value moves through types that only
//! the step before can make: [`Gradient`] → [`Clipped`] → a message; [`Interest`] → [`ClippedInterest`] → [`NoisedEmbedding`] → a
//! message. May be imported by `protocol`, `client`, `wasm` and the server.

mod clip;
mod ledger;
#[cfg(feature = "full")]
mod noise;

pub use clip::{Clipped, Gradient};
pub use ledger::{Direction, Ledger, LedgerEntry};
#[cfg(feature = "full")]
pub use noise::{ClippedInterest, Epsilon, Interest, Noise, NoiseKey, NoisedEmbedding};
