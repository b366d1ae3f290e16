//! Long short-term memory. What a step takes from its input is one product over all steps, done before ([`super::linear`]); here is what needs
//! the state, for runs of examples side by side, as in [`super::recurrent`].

use crate::matrix::View;
use crate::ops::arithmetic::numbers;
use crate::parallel;
use crate::pool::Buffer;
use crate::real::Real;
use crate::tape::{Operation, Sweep, Tape, Var};

/// Examples that one thread walks through time side by side.
const RUN: usize = 48;

/// Letters of the paper's descendants: gates `i`, `f`, `o`, the candidate `g`, the cell `c`, the state `h`.
#[derive(Debug)]
struct Lstm<R> {
    /// `[W^i x + b^i | W^f x + b^f | W^g x + b^g | W^o x + b^o]`, `B·T × 4h`.
    x: Var,
    /// `[U^i | U^f | U^g | U^o]`.
    u: Var,
    mask: Buffer<R>,
    steps: usize,
    /// `[i | f | g | o | tanh c̃ | c]` of every step, `c` the cell before it.
    gates: Buffer<R>,
}

pub(crate) fn lstm<R: Real>(tape: &mut Tape<'_, R>, x: Var, u: Var, mask: &[f32], steps: usize) -> Var {
    let h = u.rows();
    assert_eq!((x.columns(), u.columns()), (4 * h, 4 * h), "four gates of {h}");
    assert!(steps > 0 && x.rows().is_multiple_of(steps), "{} rows in sequences of {steps}", x.rows);
    assert_eq!(mask.len(), x.rows(), "not a number a step");
    let (pool, mask) = (tape.pool(), numbers(tape, mask));
    let (mut y, mut gates) = (pool.take(x.rows() * h), pool.take(x.rows() * 6 * h));
    let (inputs, map) = (tape.value(x), tape.value(u));
    let run = RUN * steps * h;
    parallel::paired_runs((&mut y, run), (&mut gates, 6 * run), |run, y, gates| {
        let examples = y.len() / (steps * h);
        let (mut state, mut cell) = (pool.zeros(examples * h), pool.zeros(examples * h));
        let mut met = pool.take(examples * 4 * h);
        for t in 0..steps {
            R::product(View::new(&state, examples, h), View::new(map, h, 4 * h), &mut met, 4 * h, false);
            parallel::vectorize!(|| {
                for example in 0..examples {
                    let here = example * steps + t;
                    let place = run * RUN * steps + here;
                    let met = &met[example * 4 * h..][..4 * h];
                    let (state, cell) = (&mut state[example * h..][..h], &mut cell[example * h..][..h]);
                    let gates = &mut gates[here * 6 * h..][..6 * h];
                    step(&inputs[place * 4 * h..][..4 * h], met, mask[place], state, cell, gates);
                    y[here * h..][..h].copy_from_slice(state);
                }
            });
        }
    });
    tape.record(x.rows(), h, y, Lstm { x, u, mask, steps, gates })
}

/// One step of one example; where the mask is 0 state and cell stay.
#[inline(always)]
fn step<R: Real>(x: &[R], met: &[R], mask: R, state: &mut [R], cell: &mut [R], gates: &mut [R]) {
    let h = state.len();
    let (ifgo, kept) = gates.split_at_mut(4 * h);
    let (bent, before) = kept.split_at_mut(h);
    for j in 0..h {
        let at = |gate: usize| x[gate * h + j] + met[gate * h + j];
        let (i, f, g, o) = (at(0).sigmoid(), at(1).sigmoid(), at(2).tanh(), at(3).sigmoid());
        let next = f * cell[j] + i * g;
        let out = next.tanh();
        (ifgo[j], ifgo[h + j], ifgo[2 * h + j], ifgo[3 * h + j]) = (i, f, g, o);
        (bent[j], before[j]) = (out, cell[j]);
        cell[j] += mask * (next - cell[j]);
        state[j] += mask * (o * out - state[j]);
    }
}

impl<R: Real> Operation<R> for Lstm<R> {
    fn inputs(&self, visit: &mut dyn FnMut(Var)) {
        visit(self.x);
        visit(self.u);
    }

    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>) {
        let (h, steps, pool) = (self.u.rows(), self.steps, sweep.pool().clone());
        let map = sweep.value(self.u);
        // Derivatives of what every step's gates were made of: the same for what came from the input and from the state.
        let mut of_gates = pool.take(self.x.rows() * 4 * h);
        parallel::runs(&mut of_gates, RUN * steps * 4 * h, |run, back| {
            let examples = back.len() / (steps * 4 * h);
            let (mut carried, mut cells) = (pool.zeros(examples * h), pool.zeros(examples * h));
            for t in (0..steps).rev() {
                parallel::vectorize!(|| {
                    for example in 0..examples {
                        let here = example * steps + t;
                        let place = run * RUN * steps + here;
                        let (dh, dc) = (&mut carried[example * h..][..h], &mut cells[example * h..][..h]);
                        parallel::axpy(R::ONE, &dy[place * h..][..h], dh);
                        let gates = &self.gates[place * 6 * h..][..6 * h];
                        step_back(gates, self.mask[place], dh, dc, &mut back[here * 4 * h..][..4 * h]);
                    }
                });
                let of_state = View::strided(&back[t * 4 * h..], examples, 4 * h, steps * 4 * h);
                R::product(of_state, View::new(map, h, 4 * h).turned(), &mut carried, h, true);
            }
        });
        sweep.add(self.x, |dx| parallel::accumulate(dx, &of_gates));
        let mut before = pool.zeros(y.len());
        for (before, y) in before.chunks_exact_mut(steps * h).zip(y.chunks_exact(steps * h)) {
            before[h..].copy_from_slice(&y[..(steps - 1) * h]);
        }
        sweep.put(self.u, |du, add| {
            let back = View::new(&of_gates, self.x.rows(), 4 * h);
            parallel::turned_product(&pool, View::new(&before, self.x.rows(), h), back, du, add);
        });
    }
}

/// `dh`, `dc` are derivatives with respect to state and cell after the step, and become those before it, but for what went through `U`.
#[inline(always)]
fn step_back<R: Real>(gates: &[R], mask: R, dh: &mut [R], dc: &mut [R], back: &mut [R]) {
    let h = dh.len();
    for j in 0..h {
        let [i, f, g, o, out, before] = [0, 1, 2, 3, 4, 5].map(|gate| gates[gate * h + j]);
        let toward_state = mask * dh[j];
        let toward_cell = mask * dc[j] + toward_state * o * (R::ONE - out * out);
        back[j] = toward_cell * g * i * (R::ONE - i);
        back[h + j] = toward_cell * before * f * (R::ONE - f);
        back[2 * h + j] = toward_cell * i * (R::ONE - g * g);
        back[3 * h + j] = toward_state * out * o * (R::ONE - o);
        dc[j] = (R::ONE - mask) * dc[j] + toward_cell * f;
        dh[j] *= R::ONE - mask;
    }
}
