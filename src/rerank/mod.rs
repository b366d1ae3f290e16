//! The last step before the listener's ear: some hundred candidates with their scores come in, an ordered slate comes out,
//! each song with the reason why it is there.
//!
//! [`Reranker::rerank`] adds up what is known of each candidate, lets [`Dpp`] (or [`Mmr`], or [`Ssd`]) weigh relevance against
//! sameness, lets [`Rules`] refuse what must not follow, and writes the [`Slate`]. What counts as alike is one feature map under
//! all three: vectors, and [`Classes`] with a prior. What the rules could not keep is proved ([`Infeasible`]). All storage is used again: after the
//! first call nothing is allocated. May be imported by `client`, `wasm` and the server.

mod dpp;
mod explore;
mod fill;
mod frontier;
mod likeness;
mod mmr;
mod places;
mod proof;
mod reranker;
mod rules;
mod slate;
mod ssd;

pub use dpp::{Dpp, DppConfig};
pub use explore::{ExploreConfig, Exploring};
pub use frontier::{Allow, Pick};
pub use likeness::Classes;
pub use mmr::{Mmr, MmrConfig};
pub use proof::Infeasible;
pub use reranker::{Before, Candidates, Method, RerankConfig, Reranker};
pub(crate) use reranker::{log_weight, sharpness, why};
pub use rules::{RuleConfig, Rules};
pub use slate::{Placement, Reason, RuleNote, Slate, Why};
pub use ssd::{Ssd, SsdConfig};
