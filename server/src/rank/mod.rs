//! Ranking models, one paper a file: a batch of impressions comes in, a logit for each row and task goes out. A model is written once over
//! [`Algebra`](sottovoce_algebra::Algebra), knows its fields and its parameters' places, and no other model. May be imported by `train` and
//! `registry`.

mod autoint;
mod dcn;
mod deepfm;
mod error;
mod fm;
mod ftrl;
mod ftrl_rows;
mod kfm;
mod lr;
mod nfm;
mod ranker;
mod trees;
mod trees_table;
mod wide_deep;

pub use autoint::{AutoInt, AutoIntConfig};
pub use dcn::{Crossing, Dcn, DcnConfig};
pub use deepfm::{DeepFm, DeepFmConfig};
pub use error::RankError;
pub use fm::{Fm, FmConfig};
pub use ftrl::{Ftrl, FtrlConfig, FtrlFit};
pub use ftrl_rows::TextRows;
pub use kfm::{DeepKfm, DeepKfmConfig};
pub use lr::{Lr, LrConfig};
pub use nfm::{Nfm, NfmConfig};
pub use ranker::{Answer, Forward, Ranker, Trainable};
pub use trees::{Growth, Trees, TreesConfig, TreesFit};
pub use trees_table::Statistics;
pub use wide_deep::{WideDeep, WideDeepConfig};
