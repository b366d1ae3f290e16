//! `sum + a·b`, the one operation that everything here is made of.

use wide::f32x8;

/// `sum + a·b`: two roundings, which are the same everywhere.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
pub(crate) fn madd(sum: f32x8, a: f32x8, b: f32x8) -> f32x8 {
    sum + a * b
}

/// `sum + a·b`: one rounding where the processor has a fused instruction, two where it has none. A build that asks for WebAssembly's
/// relaxed SIMD gives up the same bits for it (<https://github.com/WebAssembly/relaxed-simd>).
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
pub(crate) fn madd(sum: f32x8, a: f32x8, b: f32x8) -> f32x8 {
    use bytemuck::must_cast;
    use core::arch::wasm32::{f32x4_relaxed_madd, v128};
    let (s, a, b): ([v128; 2], [v128; 2], [v128; 2]) = (must_cast(sum), must_cast(a), must_cast(b));
    must_cast([f32x4_relaxed_madd(a[0], b[0], s[0]), f32x4_relaxed_madd(a[1], b[1], s[1])])
}
