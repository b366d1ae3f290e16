//! The cross layer with a vector: `x₀·(xᵀw) + b + x`.

use crate::parallel;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

#[derive(Debug)]
struct Cross {
    x0: Var,
    x: Var,
    w: Var,
    b: Var,
}

pub(crate) fn cross<R: Real>(tape: &mut Tape<'_, R>, x0: Var, x: Var, w: Var, b: Var) -> Var {
    let d = x.columns();
    assert_eq!((x0.rows, x0.columns), (x.rows, x.columns), "matrices differ in shape");
    assert!([w, b].iter().all(|v| (v.rows(), v.columns()) == (1, d)), "w and b are not 1 × {d}");
    let mut y = tape.pool().take(x.len());
    let (first_layer, from, weights, bias) = (tape.value(x0), tape.value(x), tape.value(w), tape.value(b));
    parallel::rows!(&mut y, d, 2 * d, |first, y| {
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            let (x0, x) = (&first_layer[(first + i) * d..][..d], &from[(first + i) * d..][..d]);
            let s = parallel::dot(x, weights);
            for (((y, x0), x), b) in y.iter_mut().zip(x0).zip(x).zip(bias) {
                *y = *x0 * s + *b + *x;
            }
        }
    });
    tape.record(x.rows(), d, y, Cross { x0, x, w, b })
}

impl<R: Real> Operation<R> for Cross {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        [self.x0, self.x, self.w, self.b].into_iter().for_each(visit);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let d = self.x.columns();
        let (x0, x, w, pool) = (sweep.value(self.x0), sweep.value(self.x), sweep.value(self.w), sweep.pool().clone());
        sweep.put(self.x0, |dx0, add| {
            parallel::rows!(dx0, d, 2 * d, |first, dx0| {
                for (i, dx0) in dx0.chunks_exact_mut(d).enumerate() {
                    let row = (first + i) * d..(first + i + 1) * d;
                    let s = parallel::dot(&x[row.clone()], w);
                    for (dx0, dy) in dx0.iter_mut().zip(&dy[row]) {
                        *dx0 = if add { *dx0 + s * *dy } else { s * *dy };
                    }
                }
            });
        });
        // One pass for x, w and b: all three need g = ⟨dy, x₀⟩.
        let mut sums = pool.zeros(2 * d);
        let mut pass = |dx: &mut [R], add: bool| {
            parallel::rows_summed!(&pool, dx, d, 2 * d, &mut sums, |first, dx, sums| {
                let (dw, db) = sums.split_at_mut(d);
                for (i, dx) in dx.chunks_exact_mut(d).enumerate() {
                    let row = (first + i) * d..(first + i + 1) * d;
                    let (dy, x) = (&dy[row.clone()], &x[row.clone()]);
                    let g = parallel::dot(dy, &x0[row]);
                    for ((dx, dy), w) in dx.iter_mut().zip(dy).zip(w) {
                        let through = *dy + g * *w;
                        *dx = if add { *dx + through } else { through };
                    }
                    for (((dw, db), x), dy) in dw.iter_mut().zip(db.iter_mut()).zip(x).zip(dy) {
                        *dw += g * *x;
                        *db += *dy;
                    }
                }
            });
        };
        if sweep.wants(self.x) {
            sweep.put(self.x, &mut pass);
        } else {
            pass(&mut pool.take(self.x.len()), false);
        }
        sweep.add(self.w, |dw| parallel::accumulate(dw, &sums[..d]));
        sweep.add(self.b, |db| parallel::accumulate(db, &sums[d..]));
    }
}
