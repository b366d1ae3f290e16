//! The inner loops of sottovoce: inner products with blocks of sixteen items (f32 and int8), small dense products, `exp` and
//! `tanh` over slices, and the masks of secure rounds.
//!
//! They are a crate of their own for one reason: the page compiles them for speed and everything else for size
//! (`profile.wasm.package` in the root manifest). Whoever needs them goes through `sottovoce::math` and `sottovoce::learn`.
//!
//! **Same bits everywhere.** Lanes hold different results, never parts of one sum, or the parts are added in an order that is written
//! down here; multiplication and addition are two roundings, never one; `exp` and `tanh` are polynomials over these. So x86-64,
//! aarch64 and wasm32, with simd128 or without, agree to the last bit. A build for WebAssembly's relaxed SIMD gives that up for
//! fused multiplication and addition: `target-feature=+relaxed-simd`.

pub mod blocks;
pub mod dense;
pub mod elementary;
pub mod int8;
mod madd;
pub mod masks;

/// How many items lie side by side in a block.
pub const LANES: usize = 16;
