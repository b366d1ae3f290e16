//! What an honest but curious server could read out of what reaches it. `suspect` holds the attacks: plain vectors in, a suspicion for each
//! hypothesis out, no model. `trial` plays them against rounds of item-embedding updates, in the four views there are: one device's update, the sum of a
//! cohort, that sum with noise, and a masked report. An attack that fails on the first view shows nothing by failing on the others.
//! `own` plays them against what this project's own vertical rounds send. May be imported by `cli` and tests.

mod own;
mod suspect;
mod trial;

pub use own::{ATTACKS, Asked, OwnConfig, Told, own_trial};
pub use suspect::{Shadow, alignment, direction, norms, projections};
pub use trial::{Areas, Leak, TrialConfig, View, trial};
