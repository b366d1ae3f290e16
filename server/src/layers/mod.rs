//! What ranking models have in common: how a batch becomes fields (`fields`), a past beside a candidate (`history`, `sittings`), and layers above
//! them (`mlp` with what bends it, `crossing`, `interacting`, `bits`, `units`, `transformer`). Batches come in, matrices of whatever algebra go out. Knows no model; may be imported
//! by `rank`.

mod bend;
mod bits;
mod crossing;
mod error;
mod fields;
mod foretell;
mod history;
mod interacting;
mod mlp;
mod sittings;
mod transformer;
mod units;

pub use bend::{Bending, Watched};
pub use bits::{Bits, BitsConfig};
pub use crossing::{Cross, Crossing};
pub use error::LayerError;
pub use fields::{Fields, FieldsConfig, Lists, Pooling};
pub use foretell::{Foretell, Sequences};
pub use history::{Beside, History, Told};
pub use interacting::{Interacting, InteractingConfig};
pub use mlp::{Mlp, MlpConfig, Pass};
pub use sittings::{Cut, Sittings};
pub use transformer::{Transformer, TransformerConfig};
pub use units::{Units, Weights};
