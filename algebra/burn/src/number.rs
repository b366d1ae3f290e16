//! What a graph computes in.

use burn::tensor::{DType, Element};
use sottovoce_algebra::Real;

/// A number that both burn and the tape know. Not every device has `f64`: processors do, WGSL does not.
pub trait Number: Real + Element {
    /// What burn calls it.
    const DTYPE: DType;
}

impl Number for f32 {
    const DTYPE: DType = DType::F32;
}

impl Number for f64 {
    const DTYPE: DType = DType::F64;
}
