//! The inner loop of skip-gram, in rows of sixteen lanes.
//!
//! The code is plain Rust over `[f32; 16]`; the caller compiles it once for each vector width the processor may have (through
//! `pulp`) and chooses at run time. Every width adds in the same order and nothing is fused, so the bits are the same.

use pulp::Simd;

/// Lanes in a block.
pub(super) const LANES: usize = 16;

/// A vector of `16·B` coordinates.
pub(super) type Row<const B: usize> = [[f32; LANES]; B];

/// Most songs that a step reads.
pub(super) const MAX_INPUTS: usize = 16;

/// Most songs that a step predicts: the true one and its negatives.
pub(super) const MAX_TARGETS: usize = 32;

/// What a step works on. The targets' rows come from all over a large table; copying them all before the first product lets
/// the processor wait for all of them at the same time, and keeps what they were until the inputs have moved.
#[derive(Debug)]
pub(super) struct Scratch<const B: usize> {
    targets: [Row<B>; MAX_TARGETS],
    sums: [[f32; LANES]; MAX_TARGETS],
    gains: [[f32; MAX_TARGETS]; MAX_INPUTS],
}

impl<const B: usize> Scratch<B> {
    pub(super) fn new() -> Self {
        Self {
            targets: [[[0.0; LANES]; B]; MAX_TARGETS],
            sums: [[0.0; LANES]; MAX_TARGETS],
            gains: [[0.0; MAX_TARGETS]; MAX_INPUTS],
        }
    }

    /// One step of stochastic gradient ascent on `Σ_w [log σ(v′_c·v_w) + Σ_k log σ(−v′_k·v_w)]` over the songs `w` of
    /// `inputs` (at most 16): `targets[0]` is `c`, the rest (at most 31) are the negatives `k`, of which those equal to `c`
    /// are passed over. All inner products are taken before anything moves: this is the gradient of the sum, not of its parts
    /// in turn.
    #[inline(always)]
    pub(super) fn step<S: Simd>(
        &mut self,
        simd: S,
        vectors: &mut [Row<B>],
        contexts: &mut [Row<B>],
        inputs: &[u32],
        targets: &[u32],
        rate: f32,
    ) {
        for (row, song) in self.targets.iter_mut().zip(targets) {
            *row = contexts[*song as usize];
        }
        let truth = targets[0];
        for (gains, song) in self.gains.iter_mut().zip(inputs) {
            let v = &vectors[*song as usize];
            for (sums, u) in self.sums.iter_mut().zip(&self.targets).take(targets.len()) {
                multiply(simd, sums, v, u);
            }
            let (chunks, _) = gains.as_chunks_mut::<8>();
            let (sums, _) = self.sums.as_chunks::<8>();
            for (gains, sums) in chunks.iter_mut().zip(sums).take(targets.len().div_ceil(8)) {
                *gains = tree(sums);
                // Eight at a time: one vector's worth of sigmoids costs what one costs.
                for x in gains.iter_mut() {
                    *x = -rate * sigmoid(*x);
                }
            }
            gains[0] += rate;
            for (gain, target) in gains[1..].iter_mut().zip(&targets[1..]) {
                *gain = if *target == truth { 0.0 } else { *gain };
            }
        }
        for (place, song) in targets.iter().enumerate() {
            let pairs = self.gains.iter().zip(inputs).map(|(gains, song)| (gains[place], &vectors[*song as usize]));
            add_all(simd, &mut contexts[*song as usize], pairs);
        }
        for (gains, song) in self.gains.iter().zip(inputs) {
            let pairs = gains.iter().copied().zip(&self.targets).take(targets.len());
            add_all(simd, &mut vectors[*song as usize], pairs);
        }
    }
}

/// Vectors of `S` that a block of sixteen takes; 0 if the processor's are wider than a block, which none is.
#[inline(always)]
const fn width<S: Simd>() -> usize {
    LANES / S::F32_LANES
}

/// The products of two rows, added up block by block into sixteen lanes.
#[inline(always)]
fn multiply<S: Simd, const B: usize>(simd: S, sums: &mut [f32; LANES], a: &Row<B>, b: &Row<B>) {
    let (a, _) = S::as_simd_f32s(a.as_flattened());
    let (b, _) = S::as_simd_f32s(b.as_flattened());
    let (sums, _) = S::as_mut_simd_f32s(sums);
    for part in 0..width::<S>() {
        let mut sum = simd.mul_f32s(a[part], b[part]);
        for block in 1..B {
            let place = block * width::<S>() + part;
            sum = simd.add_f32s(sum, simd.mul_f32s(a[place], b[place]));
        }
        sums[part] = sum;
    }
}

/// For each of eight: adds the upper half of the lanes to the lower half, four times. Two rows share one after each halving,
/// so that all sixteen lanes stay at work.
#[inline(always)]
fn tree(sums: &[[f32; LANES]; 8]) -> [f32; 8] {
    let a0 = halve::<8>(&sums[0], &sums[4]);
    let a1 = halve::<8>(&sums[1], &sums[5]);
    let a2 = halve::<8>(&sums[2], &sums[6]);
    let a3 = halve::<8>(&sums[3], &sums[7]);
    let (b0, b1) = (halve::<4>(&a0, &a2), halve::<4>(&a1, &a3));
    let c = halve::<2>(&b0, &b1);
    // The rows lie as 0, 4, 2, 6, 1, 5, 3, 7 by now.
    [c[0] + c[1], c[8] + c[9], c[4] + c[5], c[12] + c[13], c[2] + c[3], c[10] + c[11], c[6] + c[7], c[14] + c[15]]
}

/// In segments of `2·HALF` lanes, adds the upper half to the lower; `a`'s results fill the lower eight lanes, `b`'s the upper.
#[inline(always)]
fn halve<const HALF: usize>(a: &[f32; LANES], b: &[f32; LANES]) -> [f32; LANES] {
    let mut out = [0.0f32; LANES];
    for lane in 0..LANES / 2 {
        let from = lane / HALF * 2 * HALF + lane % HALF;
        out[lane] = a[from] + a[from + HALF];
        out[LANES / 2 + lane] = b[from] + b[from + HALF];
    }
    out
}

/// `y ← y + Σ α·x` over the pairs, in their order. The row stays in registers, four vectors of it at a time.
#[inline(always)]
fn add_all<'a, S: Simd, const B: usize>(
    simd: S,
    y: &mut Row<B>,
    pairs: impl Iterator<Item = (f32, &'a Row<B>)> + Clone,
) {
    let (y, _) = S::as_mut_simd_f32s(y.as_flattened_mut());
    let (groups, rest) = y.as_chunks_mut::<4>();
    for (place, group) in groups.iter_mut().enumerate() {
        let [mut y0, mut y1, mut y2, mut y3] = *group;
        for (gain, x) in pairs.clone() {
            let gain = simd.splat_f32s(gain);
            let x = &S::as_simd_f32s(x.as_flattened()).0[place * 4..][..4];
            y0 = simd.add_f32s(y0, simd.mul_f32s(gain, x[0]));
            y1 = simd.add_f32s(y1, simd.mul_f32s(gain, x[1]));
            y2 = simd.add_f32s(y2, simd.mul_f32s(gain, x[2]));
            y3 = simd.add_f32s(y3, simd.mul_f32s(gain, x[3]));
        }
        *group = [y0, y1, y2, y3];
    }
    let start = groups.len() * 4;
    for (place, y) in rest.iter_mut().enumerate() {
        for (gain, x) in pairs.clone() {
            let x = S::as_simd_f32s(x.as_flattened()).0[start + place];
            *y = simd.add_f32s(*y, simd.mul_f32s(simd.splat_f32s(gain), x));
        }
    }
}

/// `1 / (1 + e^{−x})` to 2·10⁻⁷ absolute, without a branch, so that eight of them fit one vector.
///
/// `e^y = 2^n · e^r` with `n` the whole number nearest `y / ln 2`; `e^r` on `|r| ≤ ln 2 / 2` by its series to `r⁶`.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "ln 2 in two parts, the first exact in 15 bits")]
pub(super) fn sigmoid(x: f32) -> f32 {
    let y = -x.clamp(-30.0, 30.0);
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
    let shifted = y * core::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    let r = (y - n * 0.693_359_375) + n * 2.121_944_4e-4;
    let series =
        1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    // 2^n: the exponent bits, from the low bits of `shifted`.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    1.0 / (1.0 + series * power)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "test values are small")]
mod tests {
    use super::*;
    use sottovoce::math::Rng;

    #[test]
    fn sigmoid_is_near_the_one_in_f64() {
        for i in -40_000..=40_000 {
            let x = i as f32 / 1000.0;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            let near = f64::from(sigmoid(x));
            assert!((near - exact).abs() < 2e-7, "σ({x}) = {exact}, got {near}");
        }
        assert!(sigmoid(-1e30) >= 0.0 && sigmoid(1e30) <= 1.0 && sigmoid(-1e30) < 1e-12);
    }

    /// The objective of one step, in f64, from plain vectors.
    fn objective(vectors: &[Vec<f64>], contexts: &[Vec<f64>], inputs: &[u32], targets: &[u32]) -> f64 {
        let log_sigmoid = |x: f64| -((-x).exp().ln_1p());
        let mut sum = 0.0;
        for input in inputs {
            for (place, target) in targets.iter().enumerate() {
                let product: f64 =
                    vectors[*input as usize].iter().zip(&contexts[*target as usize]).map(|(a, b)| a * b).sum();
                sum += log_sigmoid(if place == 0 { product } else { -product });
            }
        }
        sum
    }

    #[test]
    fn one_step_goes_along_the_gradient_of_finite_differences() {
        const B: usize = 2;
        let mut rng = Rng::new(11);
        let mut random_rows = || -> Vec<Row<B>> {
            let mut rows = vec![[[0.0f32; LANES]; B]; 5];
            rows.iter_mut().flatten().flatten().for_each(|x| *x = rng.uniform() - 0.5);
            rows
        };
        let before = [random_rows(), random_rows()];
        // Song 3 is read twice, and is a negative too.
        let (inputs, targets) = ([1u32, 3, 3], [2u32, 0, 4, 3]);
        let [mut vectors, mut contexts] = before.clone();
        let rate = 1.0 / 64.0; // a power of two: dividing by it is exact
        Scratch::<B>::new().step(pulp::Scalar::new(), &mut vectors, &mut contexts, &inputs, &targets, rate);

        let wide = |rows: &Vec<Row<B>>| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.as_flattened().iter().map(|x| f64::from(*x)).collect()).collect()
        };
        let start = [wide(&before[0]), wide(&before[1])];
        let end = [wide(&vectors), wide(&contexts)];
        let h = 1e-5;
        for table in 0..2 {
            for row in 0..5 {
                for i in 0..B * LANES {
                    let nudged = |by: f64| {
                        let mut tables = start.clone();
                        tables[table][row][i] += by;
                        objective(&tables[0], &tables[1], &inputs, &targets)
                    };
                    let slope = (nudged(h) - nudged(-h)) / (2.0 * h);
                    let got = (end[table][row][i] - start[table][row][i]) / f64::from(rate);
                    assert!((slope - got).abs() < 1e-4, "table {table}, row {row}, {i}: {slope} against {got}");
                }
            }
        }
    }

    #[test]
    fn a_negative_equal_to_the_truth_does_not_pull_back() {
        let rows: Vec<Row<1>> = vec![[[0.1; LANES]], [[0.3; LANES]]];
        let after = |targets: &[u32]| {
            let (mut vectors, mut contexts) = (rows.clone(), rows.clone());
            Scratch::<1>::new().step(pulp::Scalar::new(), &mut vectors, &mut contexts, &[0], targets, 0.1);
            (vectors, contexts)
        };
        assert_eq!(after(&[1, 1, 1]), after(&[1]));
    }
}
