//! Secure sums that survive the server: the messages of `sottovoce::secagg` on their way through a store, from joining to the opened sum.
//! What is summed, and what becomes of the sum, this room does not know; it never sees one vector.
//!
//! A round goes `Joining → Reporting → Opening → Summed`, or ends `Abandoned` with nothing disclosed. Every message is safe to send again:
//! the same bytes are answered as before, other bytes under the same name are refused. May be imported by the coordinator.

mod error;
mod fold;
mod phase;
mod sums;
mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_together;
mod together;

pub use error::SumError;
pub use fold::Opened;
pub use phase::{Phase, Rules, Sum};
pub use sums::{Sums, Taken};
