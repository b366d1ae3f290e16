//! The operations of the tape, a word of the field a file: what each computes, and how derivatives go back over it. Shapes and sources
//! stand with [`Algebra`](crate::Algebra). May be imported by `tape`.

pub(crate) mod activation;
pub(crate) mod arithmetic;
pub(crate) mod attention;
pub(crate) mod capsule;
pub(crate) mod cross;
pub(crate) mod experts;
pub(crate) mod gather;
pub(crate) mod interaction;
pub(crate) mod interpolate;
pub(crate) mod linear;
pub(crate) mod loss;
pub(crate) mod lstm;
pub(crate) mod norm;
pub(crate) mod pooling;
pub(crate) mod recurrent;
pub(crate) mod search;
pub(crate) mod shape;
pub(crate) mod softmax;
pub(crate) mod unit;
