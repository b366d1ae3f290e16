//! Thousands of listeners on one machine, each the device's own [`sottovoce::client::Recommender`], and one coordinator. A data
//! set and song embeddings come in; held-out quality before and after the rounds comes out, beside the same tower trained
//! centrally. `interests` trains towers that differ in their interests alone, `compare` says what their lists are worth.
//! `pfedrec` is a federated recommender of other people's, under its own protocol; `attack` reads pasts out of what rounds send,
//! `poison` has devices lie in them. May be imported by `cli` and `http` (companions).

pub mod attack;
mod central;
mod companions;
mod compare;
mod device;
mod evaluate;
mod interests;
mod listener;
mod meeting;
pub mod pfedrec;
mod poison;
mod population;
mod rounds;
mod secure;
mod shares;
mod split_world;
#[cfg(test)]
pub(crate) mod testing;
mod vertical;

pub use central::{CentralConfig, train_centrally};
pub use companions::{CompanionError, Companions, secure_companions};
pub use compare::{Gap, Way, Worth, compare};
pub use device::{Reply, RoundDevice, Wire};
pub use evaluate::{HeldOutPart, Quality, evaluate};
pub use interests::{CUTS, Given, Mix, Variant, given, train_variant};
pub use listener::SimulatedListener;
pub use poison::{Attack, Bound, Defence, Liars, Poisoned, poisoned_rounds, ranked};
pub use population::Population;
pub use rounds::{RoundsConfig, RoundsOutcome, SimulationError, run_rounds};
pub use secure::SecurePopulation;
pub use shares::Shares;
pub use split_world::{Part, SplitWorld, Worth as SplitWorth};
pub use vertical::{
    Alike, Cohorts, Pooled, RoundCost, TrainError, cohort_rounds, noised_rounds, pooled_steps, published,
};
