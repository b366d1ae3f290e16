//! Numbers that change their place: side by side, cut out, repeated.

use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

#[derive(Debug)]
struct Concat {
    parts: Vec<Var>,
    columns: usize,
}

pub(crate) fn concat<R: Real>(tape: &mut Tape<'_, R>, parts: &[Var]) -> Var {
    let rows = parts.first().map_or(0, |p| p.rows());
    assert!(parts.iter().all(|p| p.rows() == rows), "parts differ in rows");
    let columns: usize = parts.iter().map(|p| p.columns()).sum();
    let mut y = tape.pool().take(rows * columns);
    let values: Vec<&[R]> = parts.iter().map(|p| tape.value(*p)).collect();
    parallel::rows!(&mut y, columns, columns, |first, y| {
        for (i, mut y) in y.chunks_exact_mut(columns.max(1)).enumerate() {
            for (part, values) in parts.iter().zip(&values) {
                let d = part.columns();
                let (to, rest) = y.split_at_mut(d);
                to.copy_from_slice(&values[(first + i) * d..][..d]);
                y = rest;
            }
        }
    });
    tape.record(rows, columns, y, Concat { parts: parts.to_vec(), columns })
}

impl<R: Real> Operation<R> for Concat {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        self.parts.iter().for_each(|p| visit(*p));
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let mut from = 0;
        for part in &self.parts {
            let (d, stride) = (part.columns(), self.columns);
            sweep.add(*part, |dx| {
                parallel::rows!(dx, d, d, |first, dx| {
                    for (i, dx) in dx.chunks_exact_mut(d.max(1)).enumerate() {
                        parallel::axpy(R::ONE, &dy[(first + i) * stride + from..][..d], dx);
                    }
                });
            });
            from += d;
        }
    }
}

#[derive(Debug)]
struct Slice {
    x: Var,
    first: usize,
    count: usize,
}

pub(crate) fn slice<R: Real>(tape: &mut Tape<'_, R>, x: Var, first: usize, count: usize) -> Var {
    assert!(first + count <= x.columns(), "columns {first}..{} of {}", first + count, x.columns);
    let (mut y, values, stride) = (tape.pool().take(x.rows() * count), tape.value(x), x.columns());
    parallel::rows!(&mut y, count, count, |row, y| {
        for (i, y) in y.chunks_exact_mut(count.max(1)).enumerate() {
            y.copy_from_slice(&values[(row + i) * stride + first..][..count]);
        }
    });
    tape.record(x.rows(), count, y, Slice { x, first, count })
}

impl<R: Real> Operation<R> for Slice {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let Slice { x, first, count } = *self;
        let stride = x.columns();
        sweep.add(x, |dx| {
            parallel::rows!(dx, stride, count, |row, dx| {
                for (i, dx) in dx.chunks_exact_mut(stride).enumerate() {
                    parallel::axpy(R::ONE, &dy[(row + i) * count..][..count], &mut dx[first..]);
                }
            });
        });
    }
}

#[derive(Debug)]
struct Repeat {
    x: Var,
    times: usize,
}

pub(crate) fn repeat<R: Real>(tape: &mut Tape<'_, R>, x: Var, times: usize) -> Var {
    let (mut y, values, d) = (tape.pool().take(x.len() * times), tape.value(x), x.columns());
    parallel::rows!(&mut y, d, d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            y.copy_from_slice(&values[(first + i) / times * d..][..d]);
        }
    });
    tape.record(x.rows() * times, d, y, Repeat { x, times })
}

impl<R: Real> Operation<R> for Repeat {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, times) = (self.x.columns(), self.times);
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, d * times, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(d.max(1)).enumerate() {
                    for dy in dy[(first + i) * times * d..][..times * d].chunks_exact(d) {
                        parallel::axpy(R::ONE, dy, dx);
                    }
                }
            });
        });
    }
}
