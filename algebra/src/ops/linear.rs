//! Linear maps and inner products.

use crate::matrix::View;
use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

fn view<R: Real>(x: Var, values: &[R]) -> View<'_, R> {
    View::new(values, x.rows(), x.columns())
}

#[derive(Debug)]
struct Linear {
    x: Var,
    w: Var,
    b: Option<Var>,
}

pub(crate) fn linear<R: Real>(tape: &mut Tape<'_, R>, x: Var, w: Var, b: Option<Var>) -> Var {
    assert_eq!(x.columns, w.rows, "a row is not as long as the map's input");
    let n = w.columns();
    let mut y = tape.pool().take(x.rows() * n);
    if let Some(b) = b {
        assert_eq!((b.rows, b.columns), (1, w.columns), "a bias is not as long as the map's output");
        let bias = tape.value(b);
        parallel::rows!(&mut y, n, n, |_, y| y.chunks_exact_mut(n.max(1)).for_each(|y| y.copy_from_slice(bias)),);
    }
    parallel::product(view(x, tape.value(x)), view(w, tape.value(w)), &mut y, b.is_some());
    tape.record(x.rows(), n, y, Linear { x, w, b })
}

impl<R: Real> Operation<R> for Linear {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.w);
        self.b.iter().for_each(|b| visit(*b));
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, w, n) = (sweep.value(self.x), sweep.value(self.w), self.w.columns());
        let (pool, dys) = (sweep.pool().clone(), View::new(dy, self.x.rows(), n));
        sweep.put(self.x, |dx, add| parallel::product(dys, view(self.w, w).turned(), dx, add));
        sweep.put(self.w, |dw, add| parallel::turned_product(&pool, view(self.x, x), dys, dw, add));
        if let Some(b) = self.b {
            sweep.add(b, |db| {
                parallel::summed!(&pool, self.x.rows(), n, db, |rows, db| {
                    dy[rows.start * n..rows.end * n].chunks_exact(n).for_each(|dy| parallel::axpy(R::ONE, dy, db));
                });
            });
        }
    }
}

#[derive(Debug)]
struct Scores {
    a: Var,
    b: Var,
}

pub(crate) fn scores<R: Real>(tape: &mut Tape<'_, R>, a: Var, b: Var) -> Var {
    assert_eq!(a.columns, b.columns, "rows differ in length");
    let mut y = tape.pool().take(a.rows() * b.rows());
    parallel::product(view(a, tape.value(a)), view(b, tape.value(b)).turned(), &mut y, false);
    tape.record(a.rows(), b.rows(), y, Scores { a, b })
}

impl<R: Real> Operation<R> for Scores {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.a);
        visit(self.b);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (a, b) = (view(self.a, sweep.value(self.a)), view(self.b, sweep.value(self.b)));
        let (pool, dys) = (sweep.pool().clone(), View::new(dy, self.a.rows(), self.b.rows()));
        sweep.put(self.a, |da, add| parallel::product(dys, b, da, add));
        sweep.put(self.b, |db, add| parallel::turned_product(&pool, dys, a, db, add));
    }
}

#[derive(Debug)]
struct RowDot {
    a: Var,
    b: Var,
}

pub(crate) fn row_dot<R: Real>(tape: &mut Tape<'_, R>, a: Var, b: Var) -> Var {
    assert_eq!((a.rows, a.columns), (b.rows, b.columns), "matrices differ in shape");
    let (mut y, d) = (tape.pool().take(a.rows()), a.columns());
    let (x, z) = (tape.value(a), tape.value(b));
    parallel::rows!(&mut y, 1, d, |first, y| {
        for (i, y) in y.iter_mut().enumerate() {
            let row = (first + i) * d..(first + i + 1) * d;
            *y = parallel::dot(&x[row.clone()], &z[row]);
        }
    });
    tape.record(a.rows(), 1, y, RowDot { a, b })
}

impl<R: Real> Operation<R> for RowDot {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.a);
        visit(self.b);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let d = self.a.columns();
        for (to, other) in [(self.a, self.b), (self.b, self.a)] {
            let other = sweep.value(other);
            sweep.add(to, |dx| {
                parallel::rows!(dx, d, d, |first, dx| {
                    for (i, dx) in dx.chunks_exact_mut(d.max(1)).enumerate() {
                        parallel::axpy(dy[first + i], &other[(first + i) * d..][..d], dx);
                    }
                });
            });
        }
    }
}
