//! Sums: over everything, over columns, over fields, over the steps of a sequence.

use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// `count` numbers in a row become one.
#[derive(Debug)]
struct Runs {
    x: Var,
    count: usize,
}

pub(crate) fn sum<R: Real>(tape: &mut Tape<'_, R>, x: Var) -> Var {
    let (pool, values) = (tape.pool(), tape.value(x));
    let mut y = pool.take(1);
    y[0] = parallel::total!(&pool, x.len(), 1, |run| parallel::sum(&values[run]),);
    tape.record(1, 1, y, Runs { x, count: x.len() })
}

pub(crate) fn sum_columns<R: Real>(tape: &mut Tape<'_, R>, x: Var) -> Var {
    let (mut y, d, values) = (tape.pool().take(x.rows()), x.columns(), tape.value(x));
    parallel::rows!(&mut y, 1, d, |first, y| {
        y.iter_mut().enumerate().for_each(|(i, y)| *y = parallel::sum(&values[(first + i) * d..][..d]));
    });
    tape.record(x.rows(), 1, y, Runs { x, count: d })
}

impl<R: Real> Operation<R> for Runs {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        sweep.add(self.x, |dx| {
            let count = self.count;
            if let [dy] = dy {
                return parallel::rows!(dx, 1, 1, |_, dx| dx.iter_mut().for_each(|dx| *dx += *dy),);
            }
            parallel::rows!(dx, count, count, |first, dx| {
                for (dx, dy) in dx.chunks_exact_mut(count.max(1)).zip(&dy[first..]) {
                    dx.iter_mut().for_each(|dx| *dx += *dy);
                }
            });
        });
    }
}

/// A weighted sum over the `steps` rows of an example, or over its fields.
#[derive(Debug)]
struct Steps<R> {
    x: Var,
    /// `B·steps`, or none where all are 1.
    weights: Option<Buffer<R>>,
    steps: usize,
    d: usize,
}

pub(crate) fn sum_fields<R: Real>(tape: &mut Tape<'_, R>, x: Var, fields: usize) -> Var {
    assert!(fields > 0 && x.columns().is_multiple_of(fields), "{} columns for {fields} fields", x.columns);
    steps(tape, x, None, fields, x.rows(), x.columns() / fields)
}

pub(crate) fn mean_pool<R: Real>(tape: &mut Tape<'_, R>, x: Var, mask: &[f32], count: usize) -> Var {
    assert!(count > 0 && x.rows().is_multiple_of(count), "{} rows in sequences of {count}", x.rows);
    assert_eq!(mask.len(), x.rows(), "not a number a step");
    let mut weights = numbers(tape, mask);
    for weights in weights.chunks_exact_mut(count) {
        let sum = parallel::sum(weights);
        if sum > R::ZERO {
            weights.iter_mut().for_each(|w| *w = *w / sum);
        }
    }
    steps(tape, x, Some(weights), count, x.rows() / count, x.columns())
}

fn steps<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    weights: Option<Buffer<R>>,
    steps: usize,
    examples: usize,
    d: usize,
) -> Var {
    let (mut y, values) = (tape.pool().zeros(examples * d), tape.value(x));
    parallel::rows!(&mut y, d, steps * d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            for (t, x) in values[(first + i) * steps * d..][..steps * d].chunks_exact(d).enumerate() {
                let weight = weights.as_ref().map_or(R::ONE, |w| w[(first + i) * steps + t]);
                parallel::axpy(weight, x, y);
            }
        }
    });
    tape.record(examples, d, y, Steps { x, weights, steps, d })
}

impl<R: Real> Operation<R> for Steps<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, steps) = (self.d, self.steps);
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, d, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(d.max(1)).enumerate() {
                    let weight = self.weights.as_ref().map_or(R::ONE, |w| w[first + i]);
                    parallel::axpy(weight, &dy[(first + i) / steps * d..][..d], dx);
                }
            });
        });
    }
}
