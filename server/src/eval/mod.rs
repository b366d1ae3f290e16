//! Evaluation: held-out songs and lists of candidates come in, numbers come out. Pure functions; no model in sight.
//!
//! `protocol` says what is held out, `ranking` what a list is worth, `auc` what a score is worth, `predictions` and `calibration` what a
//! probability is worth, `bootstrap` how sure that is, `report` adds up over listeners and says it in lines; `frontier` sets relevance
//! against difference, `blur` noise against what is found and what is told, `portrait` asks what a listener's stars are worth, `picture`
//! and `chart` draw. A score that is not finite is an error, never a place in a ranking. May be imported by `train`, `cli` and by tests.

mod auc;
mod blur;
mod bootstrap;
mod calibration;
mod chart;
mod error;
mod frontier;
mod picture;
mod portrait;
mod predictions;
mod protocol;
mod ranking;
mod report;

pub use auc::{Sorted, auc, auc_within};
pub use blur::{Blur, NEAREST, blur};
pub use bootstrap::{Bootstrap, Interval, weighted_correlation, weighted_mean};
pub use calibration::{Bin, Calibration};
pub use chart::{Chart, Curve};
pub use error::EvalError;
pub use frontier::{Catalogue, Contender, Duel, Frontier, Point, Question, SLATE, frontier};
pub use picture::{Series, Tile, Whisker, details, lines, page, paragraph, preformatted, row, table, tiles, whiskers};
pub use portrait::{DIMENSIONS, Dimension, LEAST_PLAYS, Novelty, Portraits, Retest, portraits};
pub use predictions::{Gauc, Predictions, Resampling};
pub use protocol::{Case, Holdout, Protocol, Split};
pub use ranking::{Measures, Spread, measure, spread};
pub use report::{Answer, DEEP, Line, NEAR, Segment, evaluate, segments};
