//! Federated rounds. Clipped updates come in, versions of the shared weights go out.
//!
//! A [`Coordinator`] invites devices to the open round, counts each update once, and when enough are there averages them
//! ([`Mean`]), lets the server's optimiser ([`ServerOptimiser`]) take one step and publishes the result as the next version. All of
//! it is a durable state machine over the store ([`Round`] says which states there are): what was acknowledged survives a
//! kill at any moment, several coordinators may run over one store, and every version is in a signed public log ([`LogKey`]). What an
//! operator may change meanwhile is in [`Settings`]. In a secure round ([`SecureConfig`]) it sees no update, only the sum of a cohort, which [`secure`]
//! carries through the store; in a round in the open it sees each device's clipped update, and keeps it only until its round ends.
//! In vertical rounds updates carry the gradient at the item towers' output too, along which [`Items`] take their step: in the store of a live server
//! ([`Coordinator::open_vertical`]), or in the memory of an experiment ([`Vertical`]). Where only sums of cohorts are
//! seen, [`combine`] joins them so that a few bad ones do not carry the day, and [`bound_pull`] bounds how hard one song is pulled at, which is not enough against liars (docs/poisoning.md). [`calibrate`] finds the noise that a
//! budget asks for. May be imported by `simulate`, `http` and `cli`.

mod aggregate;
mod calibrate;
mod coordinator;
mod error;
mod item_tables;
mod items;
mod key;
mod log;
mod robust;
mod round;
mod rows;
pub mod secure;
mod secure_round;
mod settings;
mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_secure;
#[cfg(test)]
mod tests_together;
#[cfg(test)]
mod tests_vertical;
mod transitions;
mod vertical;
mod vertical_round;

pub use aggregate::{Mean, Moments, ServerOptimiser};
pub use calibrate::calibrate;
pub use coordinator::{Coordinator, Invitation};
pub use error::RoundError;
pub use items::{BlockRules, Items, Scenario, exact_split};
pub use key::parse_key;
pub(crate) use key::{from_hex, to_hex};
pub use log::LogKey;
pub use robust::{
    Cohort, Combination, Combined, OUTLIER, RobustError, SMOOTHING, STEPS, bound_rows, combine, outliers,
};
pub use round::{CoordinatorConfig, Round, RoundState};
pub use rows::{LONG, NEAR, bound_pull};
pub use secure_round::SecureConfig;
pub use settings::Settings;
pub use sottovoce::client::UpdateKey;
pub use transitions::Transition;
pub use vertical::{Vertical, VerticalConfig};
