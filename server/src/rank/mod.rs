//! Ranking models, one paper a file: a batch of impressions comes in, a logit for each row and task goes out. A model is written once over
//! [`Algebra`](sottovoce_algebra::Algebra), knows its fields and its parameters' places, and no other model. May be imported by `train` and
//! `registry`.

mod autoint;
mod bst;
mod cgc;
mod dcn;
mod deepfm;
mod dien;
mod din;
mod error;
mod esmm;
mod fm;
mod ftrl;
mod ftrl_rows;
mod kfm;
#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "tests")]
mod kfm_tests;
mod lr;
mod mmoe;
mod nfm;
mod ranker;
mod recurrent;
mod sessions;
mod trees;
mod trees_table;
mod utility;
mod wide_deep;

pub use autoint::{AutoInt, AutoIntConfig};
pub use bst::{Bst, BstConfig};
pub use cgc::{Cgc, CgcConfig};
pub use dcn::{Dcn, DcnConfig};
pub use deepfm::{DeepFm, DeepFmConfig};
pub use dien::{Dien, DienConfig};
pub use din::{Din, DinConfig, Reading};
pub use error::RankError;
pub use esmm::{Esmm, EsmmConfig};
pub use fm::{Fm, FmConfig};
pub use ftrl::{Ftrl, FtrlConfig, FtrlFit};
pub use ftrl_rows::TextRows;
pub use kfm::{DeepKfm, DeepKfmConfig};
pub use lr::{Lr, LrConfig};
pub use mmoe::{Mmoe, MmoeConfig};
pub use nfm::{Nfm, NfmConfig};
pub use ranker::{Answer, Forward, Ranker, Trainable};
pub use recurrent::{Cell, Recurrent, RecurrentConfig};
pub use sessions::{Sessions, SessionsConfig};
pub use trees::{Growth, Trees, TreesConfig, TreesFit};
pub use trees_table::Statistics;
pub use utility::{Judged, Utility, UtilityError};
pub use wide_deep::{WideDeep, WideDeepConfig};
