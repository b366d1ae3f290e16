//! Dynamic routing: behaviours vote for interests, and interests that agree with a behaviour get more of its vote.

use crate::ops::activation::shares;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

#[derive(Debug)]
struct Routing<R> {
    x: Var,
    start: Buffer<R>,
    mask: Buffer<R>,
    steps: usize,
    interests: usize,
    iterations: usize,
}

/// What one example's routing went through: per iteration the coupling (`T × K`), `z` and `u` (`K × d`).
struct Course<R> {
    logits: Vec<R>,
    coupling: Vec<R>,
    z: Vec<R>,
    u: Vec<R>,
}

pub(crate) fn capsules<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    start: &[f32],
    mask: &[f32],
    steps: usize,
    iterations: usize,
) -> Var {
    assert!(steps > 0 && iterations > 0 && x.rows().is_multiple_of(steps), "{} rows in sequences of {steps}", x.rows);
    assert_eq!(mask.len(), x.rows(), "not a number a step");
    assert!(x.rows > 0 && start.len().is_multiple_of(x.rows()), "not a logit a step and interest");
    let (interests, d, examples) = (start.len() / x.rows(), x.columns(), x.rows() / steps);
    let (start, mask) = (numbers(tape, start), numbers(tape, mask));
    let routing = Routing { x, start, mask, steps, interests, iterations };
    let (mut y, values) = (tape.pool().take(examples * interests * d), tape.value(x));
    parallel::rows!(&mut y, interests * d, routing.work(), |first, y| {
        let mut course = routing.course();
        for (i, y) in y.chunks_exact_mut(interests * d).enumerate() {
            routing.run(first + i, &values[(first + i) * steps * d..][..steps * d], &mut course);
            y.copy_from_slice(&course.u[(iterations - 1) * interests * d..]);
        }
    });
    tape.record(examples * interests, d, y, routing)
}

impl<R: Real> Routing<R> {
    fn work(&self) -> usize {
        2 * self.iterations * self.steps * self.interests * self.x.columns()
    }

    fn course(&self) -> Course<R> {
        let (tk, kd) = (self.steps * self.interests, self.interests * self.x.columns());
        let room = |n: usize| vec![R::ZERO; n];
        let n = self.iterations;
        Course { logits: room(tk), coupling: room(n * tk), z: room(n * kd), u: room(n * kd) }
    }

    #[inline(always)]
    fn run(&self, example: usize, x: &[R], course: &mut Course<R>) {
        let (k, d) = (self.interests, self.x.columns());
        let (tk, kd) = (self.steps * k, k * d);
        course.logits.copy_from_slice(&self.start[example * tk..][..tk]);
        let mask = &self.mask[example * self.steps..][..self.steps];
        for i in 0..self.iterations {
            let coupling = &mut course.coupling[i * tk..][..tk];
            let (z, u) = (&mut course.z[i * kd..][..kd], &mut course.u[i * kd..][..kd]);
            coupling.copy_from_slice(&course.logits);
            z.fill(R::ZERO);
            for ((coupling, x), mask) in coupling.chunks_exact_mut(k).zip(x.chunks_exact(d)).zip(mask) {
                shares(coupling, None);
                coupling.iter_mut().for_each(|w| *w *= *mask);
                z.chunks_exact_mut(d).zip(coupling.iter()).for_each(|(z, w)| parallel::axpy(*w, x, z));
            }
            for (u, z) in u.chunks_exact_mut(d).zip(z.chunks_exact(d)) {
                let square = parallel::dot(z, z);
                let factor = square.sqrt() / (R::ONE + square);
                u.iter_mut().zip(z).for_each(|(u, z)| *u = factor * *z);
            }
            for (logits, x) in course.logits.chunks_exact_mut(k).zip(x.chunks_exact(d)) {
                logits.iter_mut().zip(u.chunks_exact(d)).for_each(|(b, u)| *b += parallel::dot(u, x));
            }
        }
    }
}

/// Turns the derivative with respect to `u = z·‖z‖ / (1 + ‖z‖²)` into that with respect to `z`.
#[inline(always)]
fn squash_back<R: Real>(z: &[R], d: &mut [R]) {
    let square = parallel::dot(z, z);
    let length = square.sqrt();
    if length <= R::ZERO {
        return d.fill(R::ZERO);
    }
    let one = R::ONE / (R::ONE + square);
    // f(n) = n / (1 + n²), f'(n) = (1 − n²) / (1 + n²)².
    let along = parallel::dot(z, d) * (R::ONE - square) * one * one / length;
    d.iter_mut().zip(z).for_each(|(d, z)| *d = length * one * *d + along * *z);
}

impl<R: Real> Operation<R> for Routing<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
    }

    fn backward(&self, _: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (k, d, steps) = (self.interests, self.x.columns(), self.steps);
        let (tk, kd, values) = (steps * k, k * d, sweep.value(self.x));
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, steps * d, 3 * self.work(), |first, dx| {
                let (mut course, mut du, mut dlogits) = (self.course(), vec![R::ZERO; kd], vec![R::ZERO; tk]);
                let mut dw = vec![R::ZERO; k];
                for (i, dx) in dx.chunks_exact_mut(steps * d).enumerate() {
                    let x = &values[(first + i) * steps * d..][..steps * d];
                    let mask = &self.mask[(first + i) * steps..][..steps];
                    self.run(first + i, x, &mut course);
                    dlogits.fill(R::ZERO);
                    for i_back in (0..self.iterations).rev() {
                        let (z, u) = (&course.z[i_back * kd..][..kd], &course.u[i_back * kd..][..kd]);
                        if i_back + 1 == self.iterations {
                            du.copy_from_slice(&dy[(first + i) * kd..][..kd]);
                        } else {
                            // b ← b + ⟨u, x⟩, for the logits of the next iteration.
                            du.fill(R::ZERO);
                            for ((dx, x), db) in
                                dx.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(dlogits.chunks_exact(k))
                            {
                                for (j, db) in db.iter().enumerate() {
                                    parallel::axpy(*db, x, &mut du[j * d..][..d]);
                                    parallel::axpy(*db, &u[j * d..][..d], dx);
                                }
                            }
                        }
                        du.chunks_exact_mut(d).zip(z.chunks_exact(d)).for_each(|(du, z)| squash_back(z, du));
                        // z = Σ w·x with w = softmax(b)·mask; `du` is the derivative with respect to z by now.
                        let coupling = course.coupling[i_back * tk..][..tk].chunks_exact(k);
                        let each = dx.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(dlogits.chunks_exact_mut(k));
                        for ((w, mask), ((dx, x), db)) in coupling.zip(mask).zip(each) {
                            for ((dw, dz), w) in dw.iter_mut().zip(du.chunks_exact(d)).zip(w) {
                                *dw = parallel::dot(x, dz);
                                parallel::axpy(*w, dz, dx);
                            }
                            if *mask > R::ZERO {
                                // Coupling is shares times mask: one mask is in w, and Σ w = mask.
                                let mean = parallel::dot(w, &dw) / *mask;
                                for ((db, w), dw) in db.iter_mut().zip(w).zip(&dw) {
                                    *db += *w * (*dw - mean);
                                }
                            }
                        }
                    }
                }
            });
        });
    }
}
