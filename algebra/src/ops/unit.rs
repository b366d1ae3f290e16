//! Units of a history beside a candidate: compared, and mixed by weights.

use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// `[e, v, e − v, e ⊙ v]` for every step.
#[derive(Debug)]
struct Compare {
    e: Var,
    v: Var,
    steps: usize,
}

pub(crate) fn compare<R: Real>(tape: &mut Tape<'_, R>, e: Var, v: Var) -> Var {
    assert_eq!(e.columns, v.columns, "rows differ in length");
    assert!(v.rows > 0 && e.rows.is_multiple_of(v.rows), "{} steps for {} examples", e.rows, v.rows);
    let (d, steps) = (e.columns(), e.rows() / v.rows());
    let (mut y, units, candidates) = (tape.pool().take(4 * e.len()), tape.value(e), tape.value(v));
    parallel::rows!(&mut y, 4 * d, 4 * d, |first, y| {
        for (i, y) in y.chunks_exact_mut((4 * d).max(1)).enumerate() {
            let e = &units[(first + i) * d..][..d];
            let v = &candidates[(first + i) / steps * d..][..d];
            let (same, rest) = y.split_at_mut(d);
            let (other, rest) = rest.split_at_mut(d);
            let (difference, product) = rest.split_at_mut(d);
            same.copy_from_slice(e);
            other.copy_from_slice(v);
            difference.iter_mut().zip(e).zip(v).for_each(|((y, e), v)| *y = *e - *v);
            product.iter_mut().zip(e).zip(v).for_each(|((y, e), v)| *y = *e * *v);
        }
    });
    tape.record(e.rows(), 4 * d, y, Compare { e, v, steps })
}

impl<R: Real> Operation<R> for Compare {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.e);
        visit(self.v);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, steps) = (self.e.columns(), self.steps);
        let (units, candidates) = (sweep.value(self.e), sweep.value(self.v));
        sweep.add(self.e, |de| {
            parallel::rows!(de, d, 4 * d, |first, de| {
                for (i, de) in de.chunks_exact_mut(d.max(1)).enumerate() {
                    let dy = &dy[(first + i) * 4 * d..][..4 * d];
                    let v = &candidates[(first + i) / steps * d..][..d];
                    for j in 0..d {
                        de[j] += dy[j] + dy[2 * d + j] + dy[3 * d + j] * v[j];
                    }
                }
            });
        });
        sweep.add(self.v, |dv| {
            parallel::rows!(dv, d, 4 * d * steps, |first, dv| {
                for (i, dv) in dv.chunks_exact_mut(d.max(1)).enumerate() {
                    for t in (first + i) * steps..(first + i + 1) * steps {
                        let (dy, e) = (&dy[t * 4 * d..][..4 * d], &units[t * d..][..d]);
                        for j in 0..d {
                            dv[j] += dy[d + j] - dy[2 * d + j] + dy[3 * d + j] * e[j];
                        }
                    }
                }
            });
        });
    }
}

/// `Σ_t w_t·e_t`.
#[derive(Debug)]
struct Mix {
    w: Var,
    e: Var,
}

pub(crate) fn mix<R: Real>(tape: &mut Tape<'_, R>, w: Var, e: Var) -> Var {
    assert_eq!(w.len(), e.rows(), "not a weight a step");
    let (d, steps) = (e.columns(), w.columns());
    let (mut y, weights, units) = (tape.pool().zeros(w.rows() * d), tape.value(w), tape.value(e));
    parallel::rows!(&mut y, d, steps * d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            for t in (first + i) * steps..(first + i + 1) * steps {
                parallel::axpy(weights[t], &units[t * d..][..d], y);
            }
        }
    });
    tape.record(w.rows(), d, y, Mix { w, e })
}

impl<R: Real> Operation<R> for Mix {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.w);
        visit(self.e);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (d, steps) = (self.e.columns(), self.w.columns());
        let (weights, units) = (sweep.value(self.w), sweep.value(self.e));
        sweep.add(self.w, |dw| {
            parallel::rows!(dw, 1, d, |first, dw| {
                for (i, dw) in dw.iter_mut().enumerate() {
                    let t = first + i;
                    *dw += parallel::dot(&units[t * d..][..d], &dy[t / steps * d..][..d]);
                }
            });
        });
        sweep.add(self.e, |de| {
            parallel::rows!(de, d, d, |first, de| {
                for (i, de) in de.chunks_exact_mut(d.max(1)).enumerate() {
                    let t = first + i;
                    parallel::axpy(weights[t], &dy[t / steps * d..][..d], de);
                }
            });
        });
    }
}
