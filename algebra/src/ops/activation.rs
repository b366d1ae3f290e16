//! What bends a line: relu, sigmoid, tanh, softmax, PReLU, Dice; and dropout.

use crate::noise;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// A curve whose slope is known from its height.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Curve {
    Relu,
    Sigmoid,
    Tanh,
}

#[derive(Debug)]
struct Bent {
    x: Var,
    curve: Curve,
}

pub(crate) fn bend<R: Real>(tape: &mut Tape<'_, R>, x: Var, curve: Curve) -> Var {
    let mut y = tape.pool().take(x.len());
    let values = tape.value(x);
    match curve {
        Curve::Relu => parallel::map!(&mut y, values, |y, x| *y = x.maximum(R::ZERO),),
        Curve::Sigmoid => parallel::map!(&mut y, values, |y, x| *y = x.sigmoid(),),
        Curve::Tanh => parallel::map!(&mut y, values, |y, x| *y = x.tanh(),),
    }
    tape.record(x.rows(), x.columns(), y, Bent { x, curve })
}

impl<R: Real> Operation<R> for Bent {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        sweep.put(self.x, |dx, add| match self.curve {
            Curve::Relu => along(dx, y, dy, add, |y| if y > R::ZERO { R::ONE } else { R::ZERO }),
            Curve::Sigmoid => along(dx, y, dy, add, |y| y * (R::ONE - y)),
            Curve::Tanh => along(dx, y, dy, add, |y| R::ONE - y * y),
        });
    }
}

/// `dx = slope(y)·dy`, or added to it.
fn along<R: Real>(dx: &mut [R], y: &[R], dy: &[R], add: bool, slope: impl Fn(R) -> R + Sync) {
    if add {
        parallel::zip!(dx, y, dy, |dx, y, dy| *dx += slope(y) * dy,);
    } else {
        parallel::zip!(dx, y, dy, |dx, y, dy| *dx = slope(y) * dy,);
    }
}

#[derive(Debug)]
struct Softmax {
    x: Var,
}

pub(crate) fn softmax<R: Real>(tape: &mut Tape<'_, R>, x: Var, mask: Option<&[f32]>) -> Var {
    assert!(mask.is_none_or(|m| m.len() == x.len()), "a mask of another shape");
    let (mut y, n, values) = (tape.pool().take(x.len()), x.columns().max(1), tape.value(x));
    parallel::rows!(&mut y, n, 4 * n, |first, y| {
        for (i, y) in y.chunks_exact_mut(n).enumerate() {
            let row = (first + i) * n..(first + i + 1) * n;
            y.copy_from_slice(&values[row.clone()]);
            shares(y, mask.map(|m| &m[row]));
        }
    });
    tape.record(x.rows(), n, y, Softmax { x })
}

/// `softmax` in place, over what the mask keeps.
#[inline(always)]
pub(crate) fn shares<R: Real>(row: &mut [R], mask: Option<&[f32]>) {
    if let Some(mask) = mask {
        row.iter_mut().zip(mask).for_each(|(x, m)| *x = if *m > 0.0 { *x } else { R::LOWEST });
    }
    let largest = parallel::largest(row);
    if largest <= R::LOWEST {
        return row.fill(R::ZERO);
    }
    row.iter_mut().for_each(|x| *x = if *x > R::LOWEST { (*x - largest).exp() } else { R::ZERO });
    let sum = R::ONE / parallel::sum(row);
    row.iter_mut().for_each(|x| *x *= sum);
}

impl<R: Real> Operation<R> for Softmax {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let n = self.x.columns().max(1);
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, n, n, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(n).enumerate() {
                    let row = (first + i) * n..(first + i + 1) * n;
                    let (y, dy) = (&y[row.clone()], &dy[row]);
                    let mean = parallel::dot(y, dy);
                    dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx += *y * (*dy - mean));
                }
            });
        });
    }
}

#[derive(Debug)]
struct Prelu {
    x: Var,
    slope: Var,
}

pub(crate) fn prelu<R: Real>(tape: &mut Tape<'_, R>, x: Var, slope: Var) -> Var {
    assert_eq!((1, x.columns), (slope.rows, slope.columns), "not a slope a column");
    let (mut y, d) = (tape.pool().take(x.len()), x.columns().max(1));
    let (values, slopes) = (tape.value(x), tape.value(slope));
    parallel::rows!(&mut y, d, d, |first, y| {
        for (y, x) in y.chunks_exact_mut(d).zip(values[first * d..].chunks_exact(d)) {
            y.iter_mut().zip(x).zip(slopes).for_each(|((y, x), a)| *y = if *x > R::ZERO { *x } else { *a * *x });
        }
    });
    tape.record(x.rows(), x.columns(), y, Prelu { x, slope })
}

impl<R: Real> Operation<R> for Prelu {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.slope);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, slope, d) = (sweep.value(self.x), sweep.value(self.slope), self.x.columns().max(1));
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, d, |first, dx| {
                let rows = x[first * d..].chunks_exact(d).zip(dy[first * d..].chunks_exact(d));
                for (dx, (x, dy)) in dx.chunks_exact_mut(d).zip(rows) {
                    for (((dx, x), dy), a) in dx.iter_mut().zip(x).zip(dy).zip(slope) {
                        *dx += if *x > R::ZERO { *dy } else { *a * *dy };
                    }
                }
            });
        });
        let pool = sweep.pool().clone();
        sweep.add(self.slope, |da| {
            parallel::summed!(&pool, self.x.rows(), d, da, |rows, da| {
                let run = rows.start * d..rows.end * d;
                for (x, dy) in x[run.clone()].chunks_exact(d).zip(dy[run].chunks_exact(d)) {
                    for ((da, x), dy) in da.iter_mut().zip(x).zip(dy) {
                        *da += if *x > R::ZERO { R::ZERO } else { *x * *dy };
                    }
                }
            });
        });
    }
}

/// Through `p = σ(z)`: what reaches `p`, times its slope.
#[inline(always)]
fn toward<R: Real>(reaches: R, z: R) -> R {
    let p = z.sigmoid();
    reaches * p * (R::ONE - p)
}

/// Dice keeps the mean and one over the deviation of every column.
#[derive(Debug)]
struct Dice<R> {
    x: Var,
    slope: Var,
    mean: Buffer<R>,
    inverse: Buffer<R>,
    /// Whether the moments are the batch's own, so that they change with every number of it.
    own: bool,
}

/// Added to the variance.
const DICE_EPSILON: f64 = 1e-8;

pub(crate) fn dice<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    slope: Var,
    moments: Option<crate::algebra::Moments<'_>>,
) -> Var {
    assert_eq!((1, x.columns), (slope.rows, slope.columns), "not a slope a column");
    let (pool, d, values) = (tape.pool(), x.columns().max(1), tape.value(x));
    let (mean, mut inverse) = match moments {
        Some(moments) => {
            assert_eq!((moments.mean.len(), moments.variance.len()), (d, d), "not a moment a column");
            (numbers(tape, moments.mean), numbers(tape, moments.variance))
        }
        None => {
            let one = R::ONE / R::from_count(x.rows().max(1));
            let (mut mean, mut variance) = (pool.zeros(d), pool.zeros(d));
            parallel::summed!(&pool, x.rows(), d, &mut mean, |rows, sum| {
                values[rows.start * d..rows.end * d].chunks_exact(d).for_each(|x| parallel::axpy(one, x, sum));
            });
            parallel::summed!(&pool, x.rows(), d, &mut variance, |rows, sum| {
                for x in values[rows.start * d..rows.end * d].chunks_exact(d) {
                    for ((sum, x), m) in sum.iter_mut().zip(x).zip(mean.iter()) {
                        *sum += one * (*x - *m) * (*x - *m);
                    }
                }
            });
            (mean, variance)
        }
    };
    inverse.iter_mut().for_each(|v| *v = R::ONE / (*v + R::from_f64(DICE_EPSILON)).sqrt());
    let (mut y, slopes) = (pool.take(x.len()), tape.value(slope));
    parallel::rows!(&mut y, d, 8 * d, |first, y| {
        for (y, x) in y.chunks_exact_mut(d).zip(values[first * d..].chunks_exact(d)) {
            for j in 0..d {
                let p = ((x[j] - mean[j]) * inverse[j]).sigmoid();
                y[j] = x[j] * (slopes[j] + p * (R::ONE - slopes[j]));
            }
        }
    });
    tape.record(x.rows(), x.columns(), y, Dice { x, slope, mean, inverse, own: moments.is_none() })
}

impl<R: Real> Operation<R> for Dice<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.slope);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, slope, d) = (sweep.value(self.x), sweep.value(self.slope), self.x.columns().max(1));
        let (pool, mean, inverse) = (sweep.pool().clone(), &self.mean, &self.inverse);
        sweep.add(self.slope, |da| {
            parallel::summed!(&pool, self.x.rows(), 8 * d, da, |rows, da| {
                let run = rows.start * d..rows.end * d;
                for (x, dy) in x[run.clone()].chunks_exact(d).zip(dy[run].chunks_exact(d)) {
                    for j in 0..d {
                        da[j] += dy[j] * x[j] * (R::ONE - ((x[j] - mean[j]) * inverse[j]).sigmoid());
                    }
                }
            });
        });
        // With z the standardised x and g = ∂L/∂z: as through any standardisation, dx loses the mean of g and of g·z.
        let mut means = pool.zeros(2 * d);
        if self.own && sweep.wants(self.x) {
            let one = R::ONE / R::from_count(self.x.rows().max(1));
            parallel::summed!(&pool, self.x.rows(), 8 * d, &mut means, |rows, sum| {
                let (plain, scaled) = sum.split_at_mut(d);
                let run = rows.start * d..rows.end * d;
                for (x, dy) in x[run.clone()].chunks_exact(d).zip(dy[run].chunks_exact(d)) {
                    for j in 0..d {
                        let g = one * toward(dy[j] * x[j] * (R::ONE - slope[j]), (x[j] - mean[j]) * inverse[j]);
                        plain[j] += g;
                        scaled[j] += g * (x[j] - mean[j]) * inverse[j];
                    }
                }
            });
        }
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, 16 * d, |first, dx| {
                let rows = x[first * d..].chunks_exact(d).zip(dy[first * d..].chunks_exact(d));
                for (dx, (x, dy)) in dx.chunks_exact_mut(d).zip(rows) {
                    for j in 0..d {
                        let z = (x[j] - mean[j]) * inverse[j];
                        let through = toward(dy[j] * x[j] * (R::ONE - slope[j]), (x[j] - mean[j]) * inverse[j])
                            - means[j]
                            - z * means[d + j];
                        dx[j] += dy[j] * (slope[j] + z.sigmoid() * (R::ONE - slope[j])) + inverse[j] * through;
                    }
                }
            });
        });
    }
}

#[derive(Debug)]
struct Dropout<R> {
    x: Var,
    rate: f32,
    factor: R,
    seed: u64,
}

pub(crate) fn dropout<R: Real>(tape: &mut Tape<'_, R>, x: Var, rate: f32, seed: u64) -> Var {
    assert!((0.0..1.0).contains(&rate), "a rate of {rate}");
    let factor = R::from_f64(1.0 / (1.0 - f64::from(rate)));
    let (mut y, values) = (tape.pool().take(x.len()), tape.value(x));
    parallel::rows!(&mut y, 1, 2, |first, y| {
        for (place, (y, x)) in (first as u64..).zip(y.iter_mut().zip(&values[first..])) {
            *y = if noise::uniform(seed, place) < rate { R::ZERO } else { factor * *x };
        }
    });
    tape.record(x.rows(), x.columns(), y, Dropout { x, rate, factor, seed })
}

impl<R: Real> Operation<R> for Dropout<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, 1, 2, |first, dx| {
                for (place, (dx, dy)) in (first as u64..).zip(dx.iter_mut().zip(&dy[first..])) {
                    *dx += if noise::uniform(self.seed, place) < self.rate { R::ZERO } else { self.factor * *dy };
                }
            });
        });
    }
}
