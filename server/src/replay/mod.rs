//! Real impressions in time order through the device's own engine: what feedback is worth, on people and not on a simulation
//! (rows W4, T6).
//!
//! A KuaiRand folder comes in; scores of every impression of the test days come out, from before its outcome was known, with the
//! floor that needs no engine. What was learned from the log was learned from days before. May be imported by `cli`.

mod blend;
mod devices;
mod error;
mod impressions;
mod prior;
mod run;

pub use blend::Logistic;
pub use devices::{Devices, Feedbacks, Scored};
pub use error::ReplayError;
pub use impressions::{Impressions, Label, Shown};
pub use prior::{LogOdds, Prior};
pub use run::{Days, Figure, Outcome, ReplayConfig, replay};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
