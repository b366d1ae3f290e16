//! Gated recurrent units, with attention on the update gate or without.
//!
//! What a step takes from its input is one product over all steps, done before ([`super::linear`]); here is what needs the state. Runs
//! of examples walk through time side by side, so that a step is a product too.

use crate::matrix::View;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Examples that one thread walks through time side by side.
const RUN: usize = 48;

/// Letters as in the paper: `u` update, `r` reset, `c` the candidate `h̃`, `h` the state.
#[derive(Debug)]
struct Gru<R> {
    /// `[W^u x + b^u | W^r x + b^r | W^h x + b^h]`, `B·T × 3h`.
    x: Var,
    /// `[U^u | U^r | U^h]`.
    u: Var,
    attention: Option<Var>,
    mask: Buffer<R>,
    steps: usize,
    /// `[u | r | c | U^h h]` of every step.
    gates: Buffer<R>,
}

pub(crate) fn gru<R: Real>(
    tape: &mut Tape<'_, R>,
    x: Var,
    u: Var,
    attention: Option<Var>,
    mask: &[f32],
    steps: usize,
) -> Var {
    let h = u.rows();
    assert_eq!((x.columns(), u.columns()), (3 * h, 3 * h), "three gates of {h}");
    assert!(steps > 0 && x.rows().is_multiple_of(steps), "{} rows in sequences of {steps}", x.rows);
    assert_eq!(mask.len(), x.rows(), "not a number a step");
    assert!(attention.is_none_or(|a| a.len() == x.rows()), "not an attention a step");
    let (pool, mask) = (tape.pool(), numbers(tape, mask));
    let (mut y, mut gates) = (pool.take(x.rows() * h), pool.take(x.rows() * 4 * h));
    let (inputs, map, weights) = (tape.value(x), tape.value(u), attention.map(|a| tape.value(a)));
    let run = RUN * steps * h;
    parallel::paired_runs((&mut y, run), (&mut gates, 4 * run), |run, y, gates| {
        let examples = y.len() / (steps * h);
        let (mut state, mut met) = (pool.zeros(examples * h), pool.take(examples * 3 * h));
        for t in 0..steps {
            R::product(View::new(&state, examples, h), View::new(map, h, 3 * h), &mut met, 3 * h, false);
            parallel::vectorize!(|| {
                for example in 0..examples {
                    let here = example * steps + t;
                    let place = run * RUN * steps + here;
                    let share = mask[place] * weights.map_or(R::ONE, |a| a[place]);
                    let met = &met[example * 3 * h..][..3 * h];
                    let state = &mut state[example * h..][..h];
                    step(&inputs[place * 3 * h..][..3 * h], met, share, state, &mut gates[here * 4 * h..][..4 * h]);
                    y[here * h..][..h].copy_from_slice(state);
                }
            });
        }
    });
    tape.record(x.rows(), h, y, Gru { x, u, attention, mask, steps, gates })
}

/// One step of one example: `share` is mask times attention.
#[inline(always)]
fn step<R: Real>(x: &[R], met: &[R], share: R, state: &mut [R], gates: &mut [R]) {
    let h = state.len();
    let ([xu, xr, xc], [mu, mr, mc]) = (thirds(x), thirds(met));
    let (u, rest) = gates.split_at_mut(h);
    let (r, rest) = rest.split_at_mut(h);
    let (c, kept) = rest.split_at_mut(h);
    for j in 0..h {
        u[j] = (xu[j] + mu[j]).sigmoid();
        r[j] = (xr[j] + mr[j]).sigmoid();
        c[j] = (xc[j] + r[j] * mc[j]).tanh();
        kept[j] = mc[j];
        state[j] += share * u[j] * (c[j] - state[j]);
    }
}

#[inline(always)]
fn thirds<R>(x: &[R]) -> [&[R]; 3] {
    let (a, rest) = x.split_at(x.len() / 3);
    let (b, c) = rest.split_at(rest.len() / 2);
    [a, b, c]
}

impl<R: Real> Operation<R> for Gru<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.u);
        self.attention.iter().for_each(|a| visit(*a));
    }

    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (h, steps, pool) = (self.u.rows(), self.steps, sweep.pool().clone());
        let (map, weights) = (sweep.value(self.u), self.attention.map(|a| sweep.value(a)));
        // For every step: derivatives of what came from the state (3h), of what came from the input (3h), of the attention (1).
        let stride = 6 * h + 1;
        let mut steps_back = pool.take(self.x.rows() * stride);
        parallel::runs(&mut steps_back, RUN * steps * stride, |run, back| {
            let examples = back.len() / (steps * stride);
            let (mut carried, none) = (pool.zeros(examples * h), pool.zeros(h));
            for t in (0..steps).rev() {
                parallel::vectorize!(|| {
                    for example in 0..examples {
                        let here = example * steps + t;
                        let place = run * RUN * steps + here;
                        let dh = &mut carried[example * h..][..h];
                        parallel::axpy(R::ONE, &dy[place * h..][..h], dh);
                        let before = if t == 0 { &none[..] } else { &y[(place - 1) * h..][..h] };
                        let (mask, a) = (self.mask[place], weights.map_or(R::ONE, |a| a[place]));
                        let gates = &self.gates[place * 4 * h..][..4 * h];
                        step_back(gates, before, mask, a, dh, &mut back[here * stride..][..stride]);
                    }
                });
                let of_state = View::strided(&back[t * stride..], examples, 3 * h, steps * stride);
                R::product(of_state, View::new(map, h, 3 * h).turned(), &mut carried, h, true);
            }
        });
        sweep.add(self.x, |dx| {
            parallel::rows!(dx, 3 * h, 3 * h, |first, dx| {
                for (i, dx) in dx.chunks_exact_mut(3 * h).enumerate() {
                    parallel::axpy(R::ONE, &steps_back[(first + i) * stride + 3 * h..][..3 * h], dx);
                }
            });
        });
        if let Some(a) = self.attention {
            sweep.add(a, |da| {
                da.iter_mut().zip(steps_back.chunks_exact(stride)).for_each(|(da, back)| *da += back[6 * h]);
            });
        }
        let mut before = pool.zeros(y.len());
        for (before, y) in before.chunks_exact_mut(steps * h).zip(y.chunks_exact(steps * h)) {
            before[h..].copy_from_slice(&y[..(steps - 1) * h]);
        }
        sweep.put(self.u, |du, add| {
            let back = View::strided(&steps_back, self.x.rows(), 3 * h, stride);
            parallel::turned_product(&pool, View::new(&before, self.x.rows(), h), back, du, add);
        });
    }
}

/// `dh` is the derivative with respect to the state after the step, and becomes that before it, but for what went through the maps `U`.
#[inline(always)]
fn step_back<R: Real>(gates: &[R], before: &[R], mask: R, a: R, dh: &mut [R], back: &mut [R]) {
    let h = dh.len();
    let (u, rest) = gates.split_at(h);
    let (r, rest) = rest.split_at(h);
    let (c, met) = rest.split_at(h);
    let (of_state, rest) = back.split_at_mut(3 * h);
    let (of_input, of_attention) = rest.split_at_mut(3 * h);
    let mut da = R::ZERO;
    for j in 0..h {
        let share = mask * a * u[j];
        let toward_u = dh[j] * (c[j] - before[j]) * mask;
        da += toward_u * u[j];
        let du = toward_u * a * u[j] * (R::ONE - u[j]);
        let dc = dh[j] * share * (R::ONE - c[j] * c[j]);
        let dr = dc * met[j] * r[j] * (R::ONE - r[j]);
        (of_input[j], of_input[h + j], of_input[2 * h + j]) = (du, dr, dc);
        (of_state[j], of_state[h + j], of_state[2 * h + j]) = (du, dr, dc * r[j]);
        dh[j] *= R::ONE - share;
    }
    of_attention[0] = da;
}
