//! Thousands of listeners on one machine, each the device's own [`sottovoce::client::Recommender`], and one coordinator. A data
//! set and song embeddings come in; held-out quality before and after the rounds comes out, beside the same tower trained
//! centrally. May be imported by `cli` and `http` (companions).

mod central;
mod companions;
mod evaluate;
mod listener;
mod population;
mod rounds;

pub use central::{CentralConfig, train_centrally};
pub use companions::{CompanionError, Companions};
pub use evaluate::{HeldOutPart, Quality, evaluate};
pub use listener::SimulatedListener;
pub use population::Population;
pub use rounds::{RoundsConfig, RoundsOutcome, SimulationError, run_rounds};
