//! What the page's machine can do at best: how fast memory is read, and how many additions and multiplications a second pass.

use core::arch::wasm32::{f32x4_add, f32x4_mul, f32x4_splat};
use std::hint::black_box;
use wasm_bindgen::prelude::wasm_bindgen;

/// Sums in flight while reading, four to a vector.
const LANES: usize = 32;
/// Vectors in flight while computing: as many as hide the latencies of a multiplication and an addition, and no more than there
/// are registers.
const CHAINS: usize = 12;

/// Loops that do nothing else.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Limits {
    memory: Vec<f32>,
}

#[wasm_bindgen]
impl Limits {
    /// Over so many numbers of four bytes.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(floats: usize) -> Self {
        Self { memory: vec![1.0; floats.next_multiple_of(LANES)] }
    }

    /// Reads all of it, so many times.
    #[must_use]
    pub fn read(&self, times: usize) -> f32 {
        let mut sums = [0.0f32; LANES];
        for _ in 0..times {
            let (chunks, _) = black_box(self.memory.as_slice()).as_chunks::<LANES>();
            for chunk in chunks {
                for lane in 0..LANES {
                    sums[lane] += chunk[lane];
                }
            }
        }
        sums.iter().sum()
    }

    /// Multiplies and adds in registers, `x ← x·a + b` for [`CHAINS`] vectors of four; wasm's simd128 has no fused form. How many
    /// operations that were.
    #[must_use]
    pub fn multiply_add(&self, times: usize) -> usize {
        let (a, b) = (f32x4_splat(black_box(0.999)), f32x4_splat(black_box(0.001)));
        let mut x = [f32x4_splat(black_box(1.0)); CHAINS];
        for _ in 0..times {
            x = x.map(|x| f32x4_add(f32x4_mul(x, a), b));
        }
        black_box(x);
        times * CHAINS * 8
    }
}
