//! Listening data: files come in, a [`Dataset`] comes out. May be imported by every room above it.

mod artefacts;
mod describe;
mod error;
mod fixed;
mod hash;
mod import;
mod log;
mod open;
mod schema;
mod split;
mod synthetic;

#[cfg(test)]
mod real_tests;

pub use artefacts::{Artefact, load_artefact, save_artefact};
pub use describe::{Description, Quantiles, describe};
pub use error::{BadRow, DataError};
pub use fixed::{FixedSplit, fixed_split, samples};
pub use hash::ContentHash;
pub(crate) use import::{Column, Job, Row, Style, Table, find, named};
pub use import::{Format, ImportOptions, ImportReport};
pub use log::{StoredDataset, load_dataset, save_dataset, stored_dataset};
pub use open::open;
pub use schema::{Clock, Dataset, ListenerId, LoggedEvent};
pub use split::{HeldOut, LeaveOneOut, leave_one_out};
pub use synthetic::{SyntheticConfig, TwoBusinesses, World, synthetic};
