//! Fields in pairs: the factorisation machine, its pooled form, and the kernel machine with a matrix a pair.

use crate::matrix::View;
use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

fn width(v: Var, fields: usize) -> usize {
    assert!(fields > 0 && v.columns().is_multiple_of(fields), "{} columns for {fields} fields", v.columns);
    v.columns() / fields
}

/// `½((Σᵢ vᵢ)² − Σᵢ vᵢ²)`, summed over `f` or not.
#[derive(Debug)]
struct Pairs {
    v: Var,
    k: usize,
    summed: bool,
}

pub(crate) fn pairs<R: Real>(tape: &mut Tape<'_, R>, v: Var, fields: usize, summed: bool) -> Var {
    let (k, d, values) = (width(v, fields), v.columns(), tape.value(v));
    let columns = if summed { 1 } else { k };
    let (mut y, half) = (tape.pool().take(v.rows() * columns), R::from_f64(0.5));
    parallel::rows!(&mut y, columns, 2 * d, |first, y| {
        let mut sums = vec![R::ZERO; 2 * k];
        for (y, v) in y.chunks_exact_mut(columns.max(1)).zip(values[first * d..].chunks_exact(d.max(1))) {
            sums.fill(R::ZERO);
            let (sum, squares) = sums.split_at_mut(k);
            for v in v.chunks_exact(k.max(1)) {
                for ((sum, squares), v) in sum.iter_mut().zip(squares.iter_mut()).zip(v) {
                    *sum += *v;
                    *squares += *v * *v;
                }
            }
            sum.iter_mut().zip(squares).for_each(|(sum, squares)| *sum = half * (*sum * *sum - *squares));
            if summed {
                y[0] = parallel::sum(sum);
            } else {
                y.copy_from_slice(sum);
            }
        }
    });
    tape.record(v.rows(), columns, y, Pairs { v, k, summed })
}

impl<R: Real> Operation<R> for Pairs {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.v);
    }

    /// `∂/∂v_{if} = Σⱼ v_{jf} − v_{if}`.
    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (k, d, values) = (self.k, self.v.columns(), sweep.value(self.v));
        let columns = if self.summed { 1 } else { k };
        sweep.put(self.v, |dv, add| {
            parallel::rows!(dv, d, 2 * d, |first, dv| {
                let mut sum = vec![R::ZERO; k];
                for (i, dv) in dv.chunks_exact_mut(d.max(1)).enumerate() {
                    let v = &values[(first + i) * d..][..d];
                    let dy = &dy[(first + i) * columns..][..columns];
                    sum.fill(R::ZERO);
                    v.chunks_exact(k).for_each(|v| parallel::axpy(R::ONE, v, &mut sum));
                    for (dv, v) in dv.chunks_exact_mut(k).zip(v.chunks_exact(k)) {
                        for (f, ((dv, v), s)) in dv.iter_mut().zip(v).zip(&sum).enumerate() {
                            let through = dy[if self.summed { 0 } else { f }] * (*s - *v);
                            *dv = if add { *dv + through } else { through };
                        }
                    }
                }
            });
        });
    }
}

/// Rows of one piece of [`kernel`]: what pieces add to `φ` is as large as `φ`.
const ROWS: usize = 256;
/// The work that makes it so.
const WORK: usize = 64;

/// `Σᵢ ⟨xᵢ·[φ_{i,i+1} | … | φ_{i,F−1}], [x_{i+1} | … | x_{F−1}]⟩`: with the pairs of one `i` side by side, a field meets all later ones in
/// one product.
#[derive(Debug)]
struct Kernel {
    x: Var,
    phi: Var,
    fields: usize,
    k: usize,
}

pub(crate) fn kernel<R: Real>(tape: &mut Tape<'_, R>, x: Var, fields: usize, phi: Var) -> Var {
    let k = width(x, fields);
    let pairs = fields * (fields - 1) / 2;
    assert_eq!((phi.rows(), phi.columns()), (k, pairs * k), "not a {k} × {k} matrix for each of {pairs} pairs");
    let operation = Kernel { x, phi, fields, k };
    let (pool, d, values, weights) = (tape.pool(), x.columns(), tape.value(x), tape.value(phi));
    let mut y = pool.zeros(x.rows());
    parallel::rows!(&mut y, 1, WORK, |first, y| {
        let mut met = pool.take(ROWS * d);
        for (i, phi, later) in operation.blocks(weights) {
            let n = later.len();
            R::product(operation.field(&values[first * d..], y.len(), i), phi, &mut met, n, false);
            for (row, y) in y.iter_mut().enumerate() {
                *y += parallel::dot(&met[row * n..][..n], &values[(first + row) * d..][later.clone()]);
            }
        }
    });
    tape.record(x.rows(), 1, y, operation)
}

impl Kernel {
    /// For each field but the last: its number, its matrices side by side, and the columns of all later fields.
    fn blocks<'a, R>(&self, phi: &'a [R]) -> impl Iterator<Item = (usize, View<'a, R>, core::ops::Range<usize>)> {
        let (k, fields, stride) = (self.k, self.fields, self.phi.columns());
        (0..fields - 1).map(move |i| {
            let from = self::before(i, fields) * k;
            let later = (i + 1) * k..fields * k;
            (i, View::strided(&phi[from..], k, later.len(), stride), later)
        })
    }

    fn field<'a, R>(&self, x: &'a [R], rows: usize, i: usize) -> View<'a, R> {
        View::strided(&x[i * self.k..], rows, self.k, self.fields * self.k)
    }
}

/// How many pairs begin with a field before `i`.
fn before(i: usize, fields: usize) -> usize {
    i * (2 * fields - i - 1) / 2
}

impl<R: Real> Operation<R> for Kernel {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.phi);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (k, d, stride) = (self.k, self.x.columns(), self.phi.columns());
        let (x, phi, pool) = (sweep.value(self.x), sweep.value(self.phi), sweep.pool().clone());
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, d, WORK, |first, dx| {
                let rows = dx.len() / d;
                let mut met = pool.take(rows * d);
                for (i, phi, later) in self.blocks(phi) {
                    let (n, from) = (later.len(), &x[first * d..]);
                    R::product(self.field(from, rows, i), phi, &mut met, n, false);
                    for (row, dx) in dx.chunks_exact_mut(d).enumerate() {
                        parallel::axpy(dy[first + row], &met[row * n..][..n], &mut dx[later.clone()]);
                    }
                    let behind = View::strided(&from[later.start..], rows, n, d);
                    R::product(behind, phi.turned(), &mut met, k, false);
                    for (row, dx) in dx.chunks_exact_mut(d).enumerate() {
                        parallel::axpy(dy[first + row], &met[row * k..][..k], &mut dx[i * k..(i + 1) * k]);
                    }
                }
            });
        });
        sweep.add(self.phi, |dphi| {
            parallel::summed!(&pool, self.x.rows(), WORK, dphi, |rows, dphi| {
                let from = &x[rows.start * d..];
                let mut weighted = pool.take(rows.len() * d);
                for (i, row) in rows.clone().enumerate() {
                    let to = weighted[i * d..][..d].iter_mut();
                    to.zip(&x[row * d..]).for_each(|(to, x)| *to = dy[row] * *x);
                }
                for i in 0..self.fields - 1 {
                    let later = View::strided(&from[(i + 1) * k..], rows.len(), (self.fields - i - 1) * k, d);
                    let to = &mut dphi[before(i, self.fields) * k..];
                    R::product(self.field(&weighted, rows.len(), i).turned(), later, to, stride, true);
                }
            });
        });
    }
}
