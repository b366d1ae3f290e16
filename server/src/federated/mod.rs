//! Federated rounds. Clipped updates come in, versions of the shared weights go out.
//!
//! A [`Coordinator`] invites devices to the open round, counts each update once, and when enough are there averages them
//! ([`Mean`]), lets the server's optimiser ([`ServerOptimiser`]) take one step and publishes the result as the next version. All of
//! it is a durable state machine over the state file ([`Round`] says which states there are): what was acknowledged survives a
//! kill at any moment. Until secure aggregation lands, this room sees each device's clipped update; it keeps one only until its
//! round ends. Where only sums of cohorts are seen, [`combine`] joins them so that a few bad ones do not carry the day. May be imported by `simulate`, `http` and `cli`.

mod aggregate;
mod coordinator;
mod error;
mod key;
mod robust;
mod round;
mod store;
#[cfg(test)]
mod tests;

pub use aggregate::{Mean, Moments, ServerOptimiser};
pub use coordinator::{Coordinator, Transition};
pub use error::RoundError;
pub use key::parse_key;
pub use robust::{
    Cohort, Combination, Combined, OUTLIER, RobustError, SMOOTHING, STEPS, bound_rows, combine, outliers,
};
pub use round::{CoordinatorConfig, Round, RoundState};
pub use sottovoce::client::UpdateKey;
