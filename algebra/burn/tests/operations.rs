//! Every operation of the algebra over burn against the tape: values, and the derivatives that one side has by hand and the other derived.

#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod beside;

use beside::operations::{MASK, every_operation, none_is_missing, numbers, random, weigh};
use beside::{by_burn, by_tape, near};
use sottovoce_algebra::{
    Activation, Algebra, Attention, FieldWeights, GruWeights, LstmWeights, Moments, Samples, TimeBias,
};

/// A model over any algebra, its parameters' shapes; run in f64 to 1e-9 and in f32 to 1e-4, over several draws.
macro_rules! operations {
    ($($name:ident: $shapes:expr, |$a:ident, $p:ident| $body:block)*) => {$(
        #[test]
        fn $name() {
            fn model<A: Algebra>($a: &mut A, $p: &[A::Var]) -> A::Var $body
            for seed in 1..=5 {
                let double = random(&$shapes, seed);
                near(&by_tape(&double, |a, p| model(a, p)), &by_burn(&double, |a, p| model(a, p)), 1e-9);
                let single = double.convert::<f32>();
                near(&by_tape(&single, |a, p| model(a, p)), &by_burn(&single, |a, p| model(a, p)), 1e-4);
            }
        }
    )*};
}

every_operation!(operations);

#[test]
fn every_operation_is_here() {
    none_is_missing(concat!(
        include_str!("../../tests/operations/mod.rs"),
        include_str!("edges.rs"),
        include_str!("beside/mod.rs")
    ));
}
