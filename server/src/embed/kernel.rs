//! The inner loop of skip-gram, in rows of sixteen lanes.
//!
//! The code is plain Rust over `[f32; 16]`; the caller compiles it once for each vector width the processor may have (through
//! `pulp`) and chooses at run time. Every width adds in the same order and nothing is fused, so the bits are the same.

/// Lanes in a block.
pub(super) const LANES: usize = 16;

/// A vector of `16·B` coordinates.
pub(super) type Row<const B: usize> = [[f32; LANES]; B];

/// Most targets a step can take: the context and its negatives.
pub(super) const MAX_TARGETS: usize = 32;

/// One step of stochastic gradient ascent on `log σ(v'_c·v_w) + Σ log σ(−v'_k·v_w)`: `targets[0]` is the context `c`, the rest
/// are negatives, of which those equal to `c` are passed over. All inner products are taken before anything moves, so this is
/// the gradient of the sum and not of its parts in turn; it also lets the processor fetch all rows at once.
#[inline(always)]
pub(super) fn step<const B: usize>(center: &mut Row<B>, contexts: &mut [Row<B>], targets: &[u32], rate: f32) {
    let v = *center;
    let mut gains = [0.0f32; MAX_TARGETS];
    for (gain, target) in gains.iter_mut().zip(targets) {
        *gain = dot(&v, &contexts[*target as usize]);
    }
    // Eight at a time: one vector's worth of sigmoids costs what one costs.
    let (chunks, _) = gains.as_chunks_mut::<8>();
    for chunk in chunks.iter_mut().take(targets.len().div_ceil(8)) {
        for x in chunk.iter_mut() {
            *x = -rate * sigmoid(*x);
        }
    }
    gains[0] += rate;
    let context = targets[0];
    let mut gradient = [[0.0f32; LANES]; B];
    for (place, (gain, target)) in gains.iter().zip(targets).enumerate() {
        if place > 0 && *target == context {
            continue;
        }
        let row = &mut contexts[*target as usize];
        for b in 0..B {
            for lane in 0..LANES {
                gradient[b][lane] += gain * row[b][lane];
                row[b][lane] += gain * v[b][lane];
            }
        }
    }
    for b in 0..B {
        for lane in 0..LANES {
            center[b][lane] = v[b][lane] + gradient[b][lane];
        }
    }
}

#[inline(always)]
fn dot<const B: usize>(a: &Row<B>, b: &Row<B>) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (x, y) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let mut eight = [0.0f32; 8];
    for lane in 0..8 {
        eight[lane] = sums[lane] + sums[lane + 8];
    }
    let mut four = [0.0f32; 4];
    for lane in 0..4 {
        four[lane] = eight[lane] + eight[lane + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
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
    fn objective(center: &[f64], rows: &[Vec<f64>], targets: &[u32]) -> f64 {
        let log_sigmoid = |x: f64| -((-x).exp().ln_1p());
        targets
            .iter()
            .enumerate()
            .map(|(place, target)| {
                let product: f64 = center.iter().zip(&rows[*target as usize]).map(|(a, b)| a * b).sum();
                log_sigmoid(if place == 0 { product } else { -product })
            })
            .sum()
    }

    #[test]
    fn one_step_goes_along_the_gradient_of_finite_differences() {
        const B: usize = 2;
        let mut rng = Rng::new(11);
        let mut random_row = || {
            let mut row = [[0.0f32; LANES]; B];
            row.iter_mut().flatten().for_each(|x| *x = rng.uniform() - 0.5);
            row
        };
        let before = random_row();
        let contexts: Vec<Row<B>> = (0..5).map(|_| random_row()).collect();
        let targets = [2u32, 0, 4, 3];
        let (mut center, mut moved) = (before, contexts.clone());
        // A power of two, so that dividing the movement by it is exact; small, so that the movement is all first order.
        let rate = 1.0 / 64.0;
        step::<B>(&mut center, &mut moved, &targets, rate);

        let wide = |row: &Row<B>| row.iter().flatten().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (v, rows) = (wide(&before), contexts.iter().map(wide).collect::<Vec<_>>());
        let h = 1e-5;
        for i in 0..B * LANES {
            let nudged = |by: f64| {
                let mut v = v.clone();
                v[i] += by;
                objective(&v, &rows, &targets)
            };
            let slope = (nudged(h) - nudged(-h)) / (2.0 * h);
            let got = f64::from(center[i / LANES][i % LANES] - before[i / LANES][i % LANES]) / f64::from(rate);
            assert!((slope - got).abs() < 1e-4, "centre {i}: {slope} against {got}");
            for row in 0..rows.len() {
                let nudged = |by: f64| {
                    let mut rows = rows.clone();
                    rows[row][i] += by;
                    objective(&v, &rows, &targets)
                };
                let slope = (nudged(h) - nudged(-h)) / (2.0 * h);
                let got =
                    f64::from(moved[row][i / LANES][i % LANES] - contexts[row][i / LANES][i % LANES]) / f64::from(rate);
                assert!((slope - got).abs() < 1e-4, "row {row}, {i}: {slope} against {got}");
            }
        }
    }

    #[test]
    fn a_negative_equal_to_the_context_does_not_pull_back() {
        let mut center: Row<1> = [[0.1; LANES]];
        let mut alone = center;
        let mut rows: Vec<Row<1>> = vec![[[0.2; LANES]], [[0.3; LANES]]];
        let mut rows_alone = rows.clone();
        step::<1>(&mut center, &mut rows, &[1, 1, 1], 0.1);
        step::<1>(&mut alone, &mut rows_alone, &[1], 0.1);
        assert_eq!(center, alone);
        assert_eq!(rows, rows_alone);
    }
}
