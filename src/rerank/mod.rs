//! The last step before the listener's ear: some hundred candidates with their scores come in, an ordered slate comes out,
//! each song with the reason why it is there.
//!
//! [`Reranker::rerank`] adds up what is known of each candidate, lets [`Dpp`] (or [`Mmr`]) weigh relevance against
//! sameness, lets [`Rules`] refuse what must not follow, and writes the [`Slate`]. All storage is used again: after the
//! first call nothing is allocated. May be imported by `client`, `wasm` and the server.

mod dpp;
mod explore;
mod frontier;
mod mmr;
mod reranker;
mod rules;
mod slate;

pub use dpp::{Dpp, DppConfig};
pub use explore::{ExploreConfig, explore_bonus};
pub use frontier::{Allow, Pick};
pub use mmr::{Mmr, MmrConfig};
pub use reranker::{Before, Candidates, Method, RerankConfig, Reranker};
pub use rules::{RuleConfig, Rules};
pub use slate::{Placement, Reason, RuleNote, Slate, Why};
