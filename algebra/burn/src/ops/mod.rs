//! Operations of ranking papers, composed of burn's own: matrices in, a matrix out. Nothing here knows a derivative: burn derives them. What
//! is one word of burn's stands in `algebra.rs`.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod capsule;
pub(crate) mod interaction;
pub(crate) mod loss;
pub(crate) mod norm;
pub(crate) mod recurrent;
pub(crate) mod search;
pub(crate) mod softmax;
