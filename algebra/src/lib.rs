//! What the server's ranking models learn with.
//!
//! [`Algebra`] has the words of the papers: linear maps, crosses, factorisation machines, attention over fields and units, gated recurrent
//! units, capsules, experts, losses. A model is written once over it. [`Tape`] does it on the processor: batched, on all cores, with the same
//! bits for one seed however many cores there are; in f64 it checks its own gradients. [`Parameters`] hold dense weights, an [`Optimiser`] moves them; an
//! [`EmbeddingTable`] holds what is sparse.
//!
//! Knows nothing of music, and stands alone: a model's room imports this crate, never the other way round.

mod algebra;
mod embedding;
mod matrix;
pub mod noise;
mod ops;
mod optim;
mod parallel;
mod parameters;
mod pool;
mod real;
mod tape;

pub use algebra::{
    Activation, Algebra, Attention, FieldWeights, GruWeights, LstmWeights, Moments, Nearest, Samples, TimeBias,
};
pub use embedding::{
    EmbeddingTable, HashedFtrl, HashedFtrlConfig, Lent, LocalServer, ParameterServer, RowFile, RowFileError,
    RowOptimiser, Rows, SparseRows, TableConfig, TableError, Used,
};
pub use matrix::View;
pub use optim::{Adagrad, Adam, AdamConfig, Optimiser, Sgd};
pub use parameters::{Init, Parameters, Part};
pub use pool::{Buffer, Pool};
pub use real::Real;
pub use tape::{Gradients, Tape, Var};
