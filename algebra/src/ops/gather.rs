//! Rows by their numbers: embeddings. Their derivatives are added up row by row, in the order in which rows were asked for.

use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Tables shorter than this are added up on one thread.
const SHORT: usize = 1024;
/// Longer ones in at most so many stretches.
const STRETCHES: usize = 8;

#[derive(Debug)]
struct Gather {
    table: Var,
    rows: Vec<u32>,
}

pub(crate) fn gather<R: Real>(tape: &mut Tape<'_, R>, table: Var, rows: &[u32], per_row: usize) -> Var {
    assert!(per_row > 0 && rows.len().is_multiple_of(per_row), "{} rows, {per_row} side by side", rows.len());
    if let Some(row) = rows.iter().find(|row| **row >= table.rows) {
        panic!("row {row} of a table of {}", table.rows);
    }
    let (d, values) = (table.columns(), tape.value(table));
    let mut y = tape.pool().take(rows.len() * d);
    // A copy of known length is a few moves; one of unknown length is a call.
    match d {
        1 => parallel::rows!(&mut y, 1, 4, |first, y| {
            y.iter_mut().zip(&rows[first..]).for_each(|(y, row)| *y = values[*row as usize]);
        },),
        8 => copy::<R, 8>(&mut y, values, rows),
        16 => copy::<R, 16>(&mut y, values, rows),
        32 => copy::<R, 32>(&mut y, values, rows),
        64 => copy::<R, 64>(&mut y, values, rows),
        _ => parallel::rows!(&mut y, d, d, |first, y| {
            for (y, row) in y.chunks_exact_mut(d.max(1)).zip(&rows[first..]) {
                y.copy_from_slice(&values[*row as usize * d..][..d]);
            }
        },),
    }
    tape.record(rows.len() / per_row, per_row * d, y, Gather { table, rows: rows.to_vec() })
}

fn copy<R: Real, const D: usize>(y: &mut [R], values: &[R], rows: &[u32]) {
    let (values, _) = values.as_chunks::<D>();
    parallel::rows!(y, D, D, |first, y| {
        for (y, row) in y.as_chunks_mut::<D>().0.iter_mut().zip(&rows[first..]) {
            *y = values[*row as usize];
        }
    });
}

impl<R: Real> Operation<R> for Gather {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.table);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, n) = (self.table.columns(), self.table.rows());
        sweep.add(self.table, |dx| match d {
            1 => scatter::<R, 1>(dx, dy, &self.rows),
            8 => scatter::<R, 8>(dx, dy, &self.rows),
            16 => scatter::<R, 16>(dx, dy, &self.rows),
            32 => scatter::<R, 32>(dx, dy, &self.rows),
            64 => scatter::<R, 64>(dx, dy, &self.rows),
            _ => {
                let stretch = stretch(n);
                parallel::runs(dx, (stretch * d).max(1), |i, dx| {
                    for (row, dy) in self.rows.iter().zip(dy.chunks_exact(d.max(1))) {
                        if let Some(at) = (*row as usize).checked_sub(i * stretch).filter(|at| *at < stretch) {
                            parallel::axpy(R::ONE, dy, &mut dx[at * d..][..d]);
                        }
                    }
                });
            }
        });
    }
}

/// Every thread owns a stretch of the table and reads all numbers: no two write one row, and none waits. A row's sum is taken in the order
/// of `rows` wherever it lies, so this may depend on the number of threads.
fn stretch(n: usize) -> usize {
    if n < SHORT { n.max(1) } else { n.div_ceil(rayon::current_num_threads().clamp(1, STRETCHES)) }
}

fn scatter<R: Real, const D: usize>(dx: &mut [R], dy: &[R], rows: &[u32]) {
    let (stretch, (dy, _)) = (stretch(dx.len() / D), dy.as_chunks::<D>());
    parallel::runs(dx, stretch * D, |i, dx| {
        let ((dx, _), own) = (dx.as_chunks_mut::<D>(), i * stretch);
        parallel::vectorize!(|| {
            for (row, dy) in rows.iter().zip(dy) {
                if let Some(dx) = (*row as usize).checked_sub(own).and_then(|at| dx.get_mut(at)) {
                    for j in 0..D {
                        dx[j] += dy[j];
                    }
                }
            }
        });
    });
}
