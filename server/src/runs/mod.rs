//! What a training leaves behind, and what is asked of it later: settings and a table come in, a folder with a model, its figures and a page
//! about them goes out.
//!
//! In the order of the data: `settings` is the file that a person writes, `prepared` the table it names, cut and encoded; `folder` keeps files
//! whole or not at all, `record` says what was trained on what, `training` fills a folder and takes up one that was left, `saved` is a model
//! with all that it needs. `fusion` makes one score of several
//! tasks. What is asked of runs: `segments` (for whom is it good), `report` (the page), `compare` (which of two is better),
//! `explain` (why this score), `live` (a model that is served and replaced). Names no model. May be imported by `http` and `cli`.

mod compare;
mod error;
mod explain;
mod folder;
mod fusion;
mod live;
mod metrics;
mod prepared;
mod record;
mod report;
mod saved;
mod segments;
mod settings;
mod training;

pub use compare::{Comparison, Difference, compare};
pub use error::RunError;
pub use explain::{Explanation, FeaturePart, explain};
pub use folder::{Begin, RunFolder};
pub use live::{AskError, LiveRanker, MOST_ROWS, Scores, Serving};
pub use metrics::{EpochLine, Fusion, TestLine};
pub use prepared::RunData;
pub use record::RunRecord;
pub use report::report;
pub use saved::SavedModel;
pub use segments::{SegmentLine, segment_lines};
pub use settings::{RunConfig, TableName};
pub use training::{Clock, Outcome, Tell, Times, Told, train};
