//! Evaluation: held-out songs and lists of candidates come in, numbers come out. Pure functions; no model in sight.
//!
//! `protocol` says what is held out, `ranking` what a list is worth, `report` adds up over listeners and says it in lines.
//! A score that is not finite is an error, never a place in a ranking. May be imported by `cli` and by tests.

mod error;
mod protocol;
mod ranking;
mod report;

pub use error::EvalError;
pub use protocol::{Case, Holdout, Protocol, Split};
pub use ranking::{Measures, Spread, measure, spread};
pub use report::{Answer, DEEP, Line, NEAR, Segment, evaluate};
