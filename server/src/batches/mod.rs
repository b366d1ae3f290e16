//! Logs to training batches for ranking models: a table of impressions comes in, batches of numbers go out (rows X1–X5).
//!
//! In the order of the data: a source (`mlc`, `kuairand`) makes a [`LogTable`]; a [`Split`] says what is learned from; a [`Schema`] says
//! what is made of which column; an [`Encoder`] learns vocabularies, cuts and means from the training part (`vocabulary`, `cuts`) and
//! statistics of labels that leave a row's own label out (`odds`), and gives [`Columns`], in memory or as a Parquet `file` (`whole` or not there); `leak`
//! asks whether a feature knows more than it can; `sample` and `weights` choose and weigh rows; [`Batches`] are what a trainer reads.
//! `recent` is what a listener met before each row.
//! `clicks` is a small world in which people look at a list from the top, for what samplers claim.
//! No model is in sight. May be imported by every room that trains, and by `cli`.

mod batch;
mod clicks;
mod columns;
mod cuts;
mod dictionary;
mod encoder;
mod error;
mod file;
mod hash;
mod kuairand;
mod leak;
mod lookup;
mod mlc;
mod odds;
mod ragged;
mod raw;
mod recent;
mod rows;
mod sample;
mod schema;
mod shape;
mod source;
mod table;
mod vocabulary;
mod weights;
mod whole;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::cast_possible_truncation, reason = "tests")]
mod encoder_tests;

pub use batch::{Batch, Batches, ListBatch, Padding, Place, TaskBatch};
pub use clicks::{ClickWorld, Clicks};
pub use columns::{Columns, DenseColumn, IdColumn, ListColumn, TaskColumn};
pub use dictionary::Dictionary;
pub use encoder::Encoder;
pub use error::BatchError;
pub use hash::TableHash;
pub use kuairand::kuairand;
pub use leak::{Told, audit, told};
pub use mlc::mlc;
pub use odds::Odds;
pub use ragged::Ragged;
pub use raw::{Known, RawColumn, RawTask, Values};
pub use rows::{Part, RowSet, Split, Training};
pub use sample::{Drawn, Slates, WholePlatform, click_around, on_placement, skip_above, whole_platform};
pub use schema::{Admission, Apart, Cuts, Feature, Kind, Schema};
pub(crate) use shape::Shape;
pub use source::Prepared;
pub use table::LogTable;
pub use vocabulary::Vocabulary;
pub use weights::{Behaviour, BehaviourWeights};
pub(crate) use whole::{settle, whole};
