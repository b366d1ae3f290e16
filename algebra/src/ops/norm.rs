//! Rows brought to one scale: layer normalisation, and division by length.

use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Added to the variance.
const EPSILON: f64 = 1e-5;
/// Rows that one thread brings to scale at a time.
const RUN: usize = 256;

#[derive(Debug)]
struct LayerNorm<R> {
    x: Var,
    gain: Var,
    bias: Var,
    /// Mean and one over the deviation of every row.
    moments: Buffer<R>,
}

pub(crate) fn layer_norm<R: Real>(tape: &mut Tape<'_, R>, x: Var, gain: Var, bias: Var) -> Var {
    let d = x.columns().max(1);
    assert!([gain, bias].iter().all(|v| (v.rows(), v.columns()) == (1, d)), "gain and bias are not 1 × {d}");
    let (pool, values) = (tape.pool(), tape.value(x));
    let (mut y, mut moments) = (pool.take(x.len()), pool.take(2 * x.rows()));
    let (gains, biases, one) = (tape.value(gain), tape.value(bias), R::ONE / R::from_count(d));
    parallel::paired_runs((&mut y, RUN * d), (&mut moments, RUN * 2), |run, y, moments| {
        parallel::vectorize!(|| {
            let x = values[run * RUN * d..].chunks_exact(d);
            for ((y, moments), x) in y.chunks_exact_mut(d).zip(moments.as_chunks_mut::<2>().0).zip(x) {
                let mean = one * parallel::sum(x);
                // Over differences from the mean: the difference of two large sums would lose the digits that matter.
                let variance = one
                    * parallel::sum_of(
                        x,
                        #[inline(always)]
                        |x| (x - mean) * (x - mean),
                    );
                let inverse = R::ONE / (variance + R::from_f64(EPSILON)).sqrt();
                *moments = [mean, inverse];
                for (((y, x), gain), bias) in y.iter_mut().zip(x).zip(gains).zip(biases) {
                    *y = (*x - mean) * inverse * *gain + *bias;
                }
            }
        });
    });
    tape.record(x.rows(), d, y, LayerNorm { x, gain, bias, moments })
}

impl<R: Real> Operation<R> for LayerNorm<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        [self.x, self.gain, self.bias].into_iter().for_each(visit);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, moments, pool) = (self.x.columns(), &self.moments, sweep.pool().clone());
        let (x, gain, one) = (sweep.value(self.x), sweep.value(self.gain), R::ONE / R::from_count(d));
        if sweep.wants(self.gain) || sweep.wants(self.bias) {
            let mut sums = pool.zeros(2 * d);
            parallel::summed!(&pool, self.x.rows(), d, &mut sums, |rows, sums| {
                let (dgain, dbias) = sums.split_at_mut(d);
                for i in rows {
                    let (mean, inverse) = (moments[2 * i], moments[2 * i + 1]);
                    let row = x[i * d..][..d].iter().zip(&dy[i * d..]);
                    for ((dgain, dbias), (x, dy)) in dgain.iter_mut().zip(dbias.iter_mut()).zip(row) {
                        *dgain += *dy * (*x - mean) * inverse;
                        *dbias += *dy;
                    }
                }
            });
            sweep.add(self.gain, |dgain| parallel::accumulate(dgain, &sums[..d]));
            sweep.add(self.bias, |dbias| parallel::accumulate(dbias, &sums[d..]));
        }
        sweep.put(self.x, |dx, add| {
            parallel::rows!(dx, d, 2 * d, |first, dx| {
                let mut g = vec![R::ZERO; d];
                for (i, dx) in dx.chunks_exact_mut(d).enumerate() {
                    let i = first + i;
                    let (x, mean, inverse) = (&x[i * d..][..d], moments[2 * i], moments[2 * i + 1]);
                    g.iter_mut().zip(&dy[i * d..]).zip(gain).for_each(|((g, dy), gain)| *g = *dy * *gain);
                    let plain = one * parallel::sum(&g);
                    // Σ g·z with z = (x − mean)·inverse.
                    let scaled = one * inverse * (parallel::dot(&g, x) - mean * parallel::sum(&g));
                    for ((dx, g), x) in dx.iter_mut().zip(&g).zip(x) {
                        let through = inverse * (*g - plain - (*x - mean) * inverse * scaled);
                        *dx = if add { *dx + through } else { through };
                    }
                }
            });
        });
    }
}

#[derive(Debug)]
struct Normalize {
    x: Var,
}

pub(crate) fn normalize<R: Real>(tape: &mut Tape<'_, R>, x: Var) -> Var {
    let (mut y, d, values) = (tape.pool().take(x.len()), x.columns().max(1), tape.value(x));
    parallel::rows!(&mut y, d, 2 * d, |first, y| {
        for (y, x) in y.chunks_exact_mut(d).zip(values[first * d..].chunks_exact(d)) {
            let inverse = inverse_length(x);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * inverse);
        }
    });
    tape.record(x.rows(), x.columns(), y, Normalize { x })
}

#[inline(always)]
fn inverse_length<R: Real>(x: &[R]) -> R {
    let square = parallel::dot(x, x);
    if square > R::ZERO { R::ONE / square.sqrt() } else { R::ZERO }
}

impl<R: Real> Operation<R> for Normalize {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, d) = (sweep.value(self.x), self.x.columns().max(1));
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, 4 * d, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(d).enumerate() {
                    let row = (first + i) * d..(first + i + 1) * d;
                    let (y, dy, inverse) = (&y[row.clone()], &dy[row.clone()], inverse_length(&x[row]));
                    let along = parallel::dot(y, dy);
                    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
                        *dx += inverse * (*dy - along * *y);
                    }
                }
            });
        });
    }
}
