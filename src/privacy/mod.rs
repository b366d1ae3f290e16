//! What happens to a gradient or to an interest before it may leave, and the account of what left. A value moves through types that only
//! the step before can make: [`Gradient`] → [`Clipped`] → a message, or, where a sum is taken that nobody can open but as a whole,
//! `Clipped → Quantized → Noised`; [`Interest`] → [`ClippedInterest`] → [`NoisedEmbedding`] → a message. May be imported by `protocol`,
//! `client`, `wasm` and the server.

#[cfg(feature = "full")]
pub mod accountant;
mod clip;
#[cfg(feature = "full")]
mod discrete_gaussian;
#[cfg(feature = "full")]
mod error;
#[cfg(feature = "full")]
pub mod exact;
mod ledger;
#[cfg(feature = "full")]
mod noise;
#[cfg(feature = "full")]
mod plan;
#[cfg(feature = "full")]
mod quantize;
#[cfg(feature = "full")]
mod wide;

pub use clip::{Clipped, Gradient};
#[cfg(feature = "full")]
pub use discrete_gaussian::{DiscreteGaussian, Residue, Sigma};
#[cfg(feature = "full")]
pub use error::Error;
pub use ledger::{Direction, Ledger, LedgerEntry};
#[cfg(feature = "full")]
pub use noise::{ClippedInterest, Epsilon, Interest, Noise, NoiseKey, NoisedEmbedding};
#[cfg(feature = "full")]
pub use plan::{NoisePlan, Noised};
#[cfg(feature = "full")]
pub use quantize::{Grid, Quantized, Sensitivity};
