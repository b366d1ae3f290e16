//! A function known at points, read between them.

use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Straight lines between values at points that lie evenly from −1 to 1.
#[derive(Debug)]
struct Interpolate {
    q: Var,
    values: Var,
}

/// Below which point a number is, and how far on the way to the next.
#[inline(always)]
fn place<R: Real>(q: R, points: usize) -> (usize, R) {
    let last = points - 1;
    let along = (q.to_f64().clamp(-1.0, 1.0) + 1.0) * 0.5 * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the last point")]
    let below = (along as usize).min(last - 1);
    (below, R::from_f64(along - below as f64))
}

pub(crate) fn interpolate<R: Real>(tape: &mut Tape<'_, R>, q: Var, values: Var) -> Var {
    assert_eq!(q.rows, values.rows, "not values for each row");
    assert!(values.columns() > 1, "a line has two points");
    let (m, points) = (q.columns(), values.columns());
    let (mut y, at, known) = (tape.pool().take(q.len()), tape.value(q), tape.value(values));
    parallel::rows!(&mut y, m, 8 * m, |first, y| {
        for (row, y) in y.chunks_exact_mut(m).enumerate() {
            let known = &known[(first + row) * points..][..points];
            for (y, q) in y.iter_mut().zip(&at[(first + row) * m..][..m]) {
                let (below, on) = place(*q, points);
                *y = known[below] + on * (known[below + 1] - known[below]);
            }
        }
    });
    tape.record(q.rows(), m, y, Interpolate { q, values })
}

impl<R: Real> Operation<R> for Interpolate {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.q);
        visit(self.values);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (m, points) = (self.q.columns(), self.values.columns());
        let (at, known) = (sweep.value(self.q), sweep.value(self.values));
        let steep = R::from_f64(0.5 * (points - 1) as f64);
        sweep.add(self.q, |dq| {
            parallel::rows!(dq, m, 8 * m, |first, dq| {
                for (row, dq) in dq.chunks_exact_mut(m).enumerate() {
                    let (from, known) = ((first + row) * m, &known[(first + row) * points..][..points]);
                    for (j, dq) in dq.iter_mut().enumerate() {
                        // Beyond the ends it is the end's, however far: no slope there.
                        if at[from + j].abs() <= R::ONE {
                            let (below, _) = place(at[from + j], points);
                            *dq += dy[from + j] * steep * (known[below + 1] - known[below]);
                        }
                    }
                }
            });
        });
        sweep.add(self.values, |dv| {
            parallel::rows!(dv, points, 8 * m, |first, dv| {
                for (row, dv) in dv.chunks_exact_mut(points).enumerate() {
                    let from = (first + row) * m;
                    for j in 0..m {
                        let (below, on) = place(at[from + j], points);
                        dv[below] += dy[from + j] * (R::ONE - on);
                        dv[below + 1] += dy[from + j] * on;
                    }
                }
            });
        });
    }
}
