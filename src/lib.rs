//! # sottovoce
//!
//! *Sotto voce*: under the breath. A music recommender that lives on the listener's device, learns there, and tells nobody.
//!
//! This crate is the device's engine and everything on whose bytes both ends must agree. The same code runs natively (in the
//! simulator and in tests) and as WebAssembly (in the npm package), with the same bits.

pub mod client;
pub mod ids;
pub mod learn;
pub mod math;
pub mod privacy;
pub mod protocol;
pub mod rerank;
#[cfg(feature = "secagg")]
pub mod secagg;
pub mod session;
pub mod tower;
#[cfg(target_arch = "wasm32")]
pub mod wasm;
