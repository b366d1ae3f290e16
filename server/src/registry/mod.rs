//! The one room that knows all names: of the recall channels, fitted and kept together, and of the ranking models. Whoever trains, serves or explains
//! asks here for what a configuration names; no model knows another. May be imported by `eval`, `train`, `simulate`, `http` and `cli`.

mod channels;
mod fitted;
mod rankers;

pub use channels::Channels;
pub use fitted::{Fit, FitsItself, Fitted};
pub use rankers::RankSpec;
