//! What ranking models have in common: how a batch becomes fields, and the plain layers above them. Batches come in, matrices of whatever algebra
//! go out. Knows no model; may be imported by `rank`.

mod bend;
mod fields;
mod mlp;

pub use bend::{Bending, Watched};
pub use fields::{Fields, FieldsConfig, Lists};
pub use mlp::{Mlp, MlpConfig, Pass};
