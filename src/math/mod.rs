//! The arithmetic that everything on the device stands on. Numbers come in, numbers come out; no song, no listener.
//!
//! The bits are the same on x86-64 and wasm32: `exp`, `ln` and `tanh` go through `libm`, the rest is + − × ÷ and square
//! root in one fixed order, never fused, and the inner loops are those of `sottovoce_lanes`. May be imported by every room.

mod blocks;
mod elementary;
mod int8;
mod int8_blocks;
mod ivf;
mod rng;
mod top_k;
mod vector;

pub use blocks::{ItemBlocks, LANES};
pub use elementary::{Real, sigmoid, softplus};
pub use int8::{dequantize_row, quantize_row};
pub use int8_blocks::{Int8Blocks, Query};
pub use ivf::{Ivf, IvfConfig, Search};
pub use rng::{Rng, mix};
pub use top_k::{Leaders, TopK, top_k};
pub use vector::{UnitVector, axpy, dot, norm, normalize, scale};
