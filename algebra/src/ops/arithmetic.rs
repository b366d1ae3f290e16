//! Sums and products, number by number and row by row.

use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

fn same_shape(a: Var, b: Var) {
    assert_eq!((a.rows, a.columns), (b.rows, b.columns), "matrices differ in shape");
}

/// `x + factor·y`.
#[derive(Debug)]
struct Sum<R> {
    x: Var,
    y: Var,
    factor: R,
}

pub(crate) fn sum<R: Real>(tape: &mut Tape<'_, R>, x: Var, y: Var, factor: R) -> Var {
    same_shape(x, y);
    let mut z = tape.pool().take(x.len());
    parallel::zip!(&mut z, tape.value(x), tape.value(y), |z, x, y| *z = x + factor * y,);
    tape.record(x.rows(), x.columns(), z, Sum { x, y, factor })
}

impl<R: Real> Operation<R> for Sum<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.y);
    }

    fn backward(&self, _: &[R], dz: &[R], sweep: &mut Sweep<'_, R>) {
        pass_on(self.x, R::ONE, dz, sweep);
        pass_on(self.y, self.factor, dz, sweep);
    }
}

/// `dx += factor·dy`.
fn pass_on<R: Real>(x: Var, factor: R, dy: &[R], sweep: &mut Sweep<'_, R>) {
    sweep.put(x, |dx, add| match add {
        true => parallel::map!(dx, dy, |dx, dy| *dx += factor * dy,),
        false => parallel::map!(dx, dy, |dx, dy| *dx = factor * dy,),
    });
}

#[derive(Debug)]
struct Product {
    x: Var,
    y: Var,
}

pub(crate) fn product<R: Real>(tape: &mut Tape<'_, R>, x: Var, y: Var) -> Var {
    same_shape(x, y);
    let mut z = tape.pool().take(x.len());
    parallel::zip!(&mut z, tape.value(x), tape.value(y), |z, x, y| *z = x * y,);
    tape.record(x.rows(), x.columns(), z, Product { x, y })
}

impl<R: Real> Operation<R> for Product {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.y);
    }

    fn backward(&self, _: &[R], dz: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, y) = (sweep.value(self.x), sweep.value(self.y));
        sweep.add(self.x, |dx| parallel::zip!(dx, dz, y, |dx, dz, y| *dx += dz * y,));
        sweep.add(self.y, |dy| parallel::zip!(dy, dz, x, |dy, dz, x| *dy += dz * x,));
    }
}

#[derive(Debug)]
struct Affine<R> {
    x: Var,
    scale: R,
}

pub(crate) fn affine<R: Real>(tape: &mut Tape<'_, R>, x: Var, scale: R, shift: R) -> Var {
    let mut y = tape.pool().take(x.len());
    parallel::map!(&mut y, tape.value(x), |y, x| *y = scale * x + shift,);
    tape.record(x.rows(), x.columns(), y, Affine { x, scale })
}

impl<R: Real> Operation<R> for Affine<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        pass_on(self.x, self.scale, dy, sweep);
    }
}

/// Row `i` of `x` plus row `i mod n` of `added`.
#[derive(Debug)]
struct Period {
    x: Var,
    added: Var,
}

pub(crate) fn add_period<R: Real>(tape: &mut Tape<'_, R>, x: Var, added: Var) -> Var {
    assert_eq!(x.columns, added.columns, "rows differ in length");
    assert!(added.rows > 0 && x.rows.is_multiple_of(added.rows), "{} rows in periods of {}", x.rows, added.rows);
    let mut y = tape.pool().take(x.len());
    let (from, period, d, n) = (tape.value(x), tape.value(added), x.columns(), added.rows());
    parallel::rows!(&mut y, d, d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            let (x, p) = (&from[(first + i) * d..][..d], &period[(first + i) % n * d..][..d]);
            y.iter_mut().zip(x).zip(p).for_each(|((y, x), p)| *y = *x + *p);
        }
    });
    tape.record(x.rows(), d, y, Period { x, added })
}

impl<R: Real> Operation<R> for Period {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.added);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        pass_on(self.x, R::ONE, dy, sweep);
        let pool = sweep.pool().clone();
        sweep.add(self.added, |dp| {
            let period = dp.len();
            parallel::summed!(&pool, dy.len() / period.max(1), period, dp, |periods, dp| {
                for dy in dy[periods.start * period..periods.end * period].chunks_exact(period.max(1)) {
                    parallel::axpy(R::ONE, dy, dp);
                }
            });
        });
    }
}

/// Every row of `x` times its own number.
#[derive(Debug)]
struct Column {
    x: Var,
    column: Var,
}

pub(crate) fn multiply_column<R: Real>(tape: &mut Tape<'_, R>, x: Var, column: Var) -> Var {
    assert_eq!((x.rows, 1), (column.rows, column.columns), "not a number a row");
    let factors = tape.value(column);
    let y = by_rows(tape, x, factors);
    tape.record(x.rows(), x.columns(), y, Column { x, column })
}

/// Every row times its factor.
fn by_rows<R: Real>(tape: &Tape<'_, R>, x: Var, factors: &[R]) -> Buffer<R> {
    let (mut y, d, from) = (tape.pool().take(x.len()), x.columns().max(1), tape.value(x));
    parallel::rows!(&mut y, d, d, |first, y| {
        for (i, (y, x)) in y.chunks_exact_mut(d).zip(from[first * d..].chunks_exact(d)).enumerate() {
            let factor = factors[first + i];
            y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * factor);
        }
    });
    y
}

/// `dx += factor·dy`, row by row.
fn rows_back<R: Real>(x: Var, dy: &[R], sweep: &mut Sweep<'_, R>, factors: &[R]) {
    let d = x.columns().max(1);
    sweep.put(x, |dx, add| {
        parallel::rows!(dx, d, d, |first, dx| {
            for (i, (dx, dy)) in dx.chunks_exact_mut(d).zip(dy[first * d..].chunks_exact(d)).enumerate() {
                let factor = factors[first + i];
                for (dx, dy) in dx.iter_mut().zip(dy) {
                    *dx = if add { *dx + factor * *dy } else { factor * *dy };
                }
            }
        });
    });
}

impl<R: Real> Operation<R> for Column {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.column);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (x, column, d) = (sweep.value(self.x), sweep.value(self.column), self.x.columns());
        rows_back(self.x, dy, sweep, column);
        sweep.add(self.column, |dc| {
            parallel::rows!(dc, 1, d, |first, dc| {
                for (i, dc) in dc.iter_mut().enumerate() {
                    let row = (first + i) * d..(first + i + 1) * d;
                    *dc += parallel::dot(&x[row.clone()], &dy[row]);
                }
            });
        });
    }
}

#[derive(Debug)]
struct Mask<R> {
    x: Var,
    mask: Buffer<R>,
}

pub(crate) fn mask_rows<R: Real>(tape: &mut Tape<'_, R>, x: Var, mask: &[f32]) -> Var {
    assert_eq!(x.rows(), mask.len(), "not a number a row");
    let mask = numbers(tape, mask);
    let y = by_rows(tape, x, &mask);
    tape.record(x.rows(), x.columns(), y, Mask { x, mask })
}

/// Data as the tape's numbers.
pub(crate) fn numbers<R: Real>(tape: &Tape<'_, R>, values: &[f32]) -> Buffer<R> {
    let mut to = tape.pool().take(values.len());
    to.iter_mut().zip(values).for_each(|(to, value)| *to = R::from_f32(*value));
    to
}

impl<R: Real> Operation<R> for Mask<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        rows_back(self.x, dy, sweep, &self.mask);
    }
}
