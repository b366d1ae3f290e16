//! Every operation's derivatives against central differences in f64, and f32 against f64.

#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod operations;
mod oracle;

use operations::{MASK, every_operation, none_is_missing, numbers, weigh};
use oracle::gradients;
use sottovoce_algebra::{
    Activation, Algebra, Attention, FieldWeights, Gradients, GruWeights, LstmWeights, Moments, Samples, Tape, TimeBias,
    Var,
};

every_operation!(gradients);

#[test]
fn every_operation_is_here() {
    none_is_missing(concat!(
        include_str!("operations/mod.rs"),
        include_str!("oracle/mod.rs"),
        include_str!("identities.rs"),
        include_str!("determinism.rs")
    ));
}
