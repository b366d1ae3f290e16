//! The reverse sweep: the adjoint of every result is handed on to its operands, operation by operation, from the last to the first.

use super::Part;
use super::number::Number;
use super::tape::{Lent, Op, Place, Scratch, Var};

pub(super) fn sweep<R: Number>(lent: Lent<'_, R>, s: &mut Scratch<R>, loss: Var, seed: R, gradient: &mut [R]) {
    let Scratch { values, adjoint, nodes, vars, numbers, turned } = s;
    adjoint.clear();
    R::grow(adjoint, values.len());
    if loss.place == Place::Result {
        adjoint[loss.start()] = seed;
    }
    let mut step = Step { lent, values, vars, numbers, turned, gradient };
    for (op, out) in nodes.iter().rev() {
        // Operands lie before their result, so one split lends both.
        let (before, after) = adjoint.split_at_mut(out.start());
        step.pull_back(op, *out, &after[..out.range().len()], before);
    }
}

struct Step<'a, R> {
    lent: Lent<'a, R>,
    values: &'a [R],
    vars: &'a [Var],
    numbers: &'a [u32],
    turned: &'a mut Vec<R>,
    gradient: &'a mut [R],
}

impl<R: Number> Step<'_, R> {
    /// Hands the adjoint `g` of one result on to its operands.
    fn pull_back(&mut self, op: &Op, out: Var, g: &[R], adjoint: &mut [R]) {
        let (lent, values) = (self.lent, self.values);
        let value = |var: Var| lent.read(values, var);
        let y = &values[out.range()];
        let numbers = |list: &core::ops::Range<u32>| &self.numbers[list.start as usize..list.end as usize];
        let mut to = Targets { gradient: &mut *self.gradient, adjoint };
        match *op {
            Op::Linear { w, b, x } => self.linear(w, b, x, g, adjoint),
            Op::Product(a, b) => self.product(a, b, g, adjoint),
            Op::Scores(a, b) => self.scores(a, b, g, adjoint),
            Op::Mix { weights, rows } => {
                let n = weights.columns();
                for (i, g) in g.chunks_exact(rows.columns().max(1)).enumerate() {
                    self.product(weights.row(i), rows.slice(i * n..(i + 1) * n), g, adjoint);
                }
            }
            Op::Lookup { x, ref columns } => {
                R::axpy(R::ONE, g, to.of(x));
                let (pairs, _) = numbers(columns).as_chunks::<2>();
                let d = x.columns();
                for [row, at] in pairs {
                    let (row, at) = (*row as usize * d, *at as usize);
                    R::axpy(R::ONE, &g[row..row + d], &mut to.gradient[at..at + d]);
                }
            }
            Op::Add(a, b) => {
                R::axpy(R::ONE, g, to.of(a));
                R::axpy(R::ONE, g, to.of(b));
            }
            Op::AddRow { x, row } => {
                R::axpy(R::ONE, g, to.of(x));
                g.chunks_exact(row.columns().max(1)).for_each(|g| R::axpy(R::ONE, g, to.of(row)));
            }
            Op::Multiply(a, b) => {
                each(to.of(a), g, value(b), |g, b| g * b);
                each(to.of(b), g, value(a), |g, a| g * a);
            }
            Op::Scale { by, x } => {
                if let [factor] = to.of(by) {
                    *factor += R::dot(g, value(x));
                }
                R::axpy(value(by)[0], g, to.of(x));
            }
            Op::Tanh(x) => each(to.of(x), g, y, |g, y| g * (R::ONE - y * y)),
            Op::Relu(x) => each(to.of(x), g, y, |g, y| if y > R::ZERO { g } else { R::ZERO }),
            Op::Exp(x) => each(to.of(x), g, y, |g, y| g * y),
            Op::Softmax(x) => {
                let n = x.columns().max(1);
                let rows = to.of(x).chunks_exact_mut(n);
                for (a, (g, y)) in rows.zip(g.chunks_exact(n).zip(y.chunks_exact(n))) {
                    let inner = R::dot(g, y);
                    each(a, g, y, |g, y| y * (g - inner));
                }
            }
            Op::Squash(x) => squash(value(x), x.columns().max(1), g, to.of(x)),
            Op::Concat(ref list) => {
                let mut g = g;
                for row in 0..out.rows() {
                    for part in &self.vars[list.start as usize..list.end as usize] {
                        let (head, tail) = g.split_at(part.columns());
                        R::axpy(R::ONE, head, to.of(part.row(row)));
                        g = tail;
                    }
                }
            }
            Op::CrossEntropy { logits, ref targets } => {
                let scale = g[0] / R::from_f64(logits.rows() as f64);
                for (row, target_column) in numbers(targets).iter().enumerate() {
                    self.turned.clear();
                    self.turned.extend_from_slice(value(logits.row(row)));
                    R::softmax(self.turned);
                    self.turned[*target_column as usize] -= R::ONE;
                    R::axpy(scale, self.turned, to.of(logits.row(row)));
                }
            }
            Op::BinaryCrossEntropy { logit, label } => {
                // σ(z) − label, by the tail that does not overflow.
                let z = value(logit)[0];
                let e = R::exp(-z.abs());
                let sigma = if z > R::ZERO { R::ONE / (R::ONE + e) } else { e / (R::ONE + e) };
                to.of(logit)[0] += g[0] * if label { sigma - R::ONE } else { sigma };
            }
        }
    }

    /// `y = x·W + b`, with `W` stored as `k × n` rows: `∂W = xᵀ·g`, `∂x = g·Wᵀ`.
    fn linear(&mut self, w: Part, b: Option<Part>, x: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (x.rows(), w.rows as usize, w.columns as usize);
        let rows = self.lent.read(self.values, x);
        R::turned_multiply(k, n, m, rows, g, &mut self.gradient[w.range()]);
        if let Some(b) = b {
            g.chunks_exact(n.max(1)).for_each(|g| R::axpy(R::ONE, g, &mut self.gradient[b.range()]));
        }
        if x.learns {
            let mut to = Targets { gradient: &mut *self.gradient, adjoint };
            times_turned(m, n, k, g, &self.lent.parameters[w.range()], self.turned, to.of(x));
        }
    }

    /// `y = a·b`: `∂a = g·bᵀ`, `∂b = aᵀ·g`.
    fn product(&mut self, a: Var, b: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (a.rows(), b.columns(), b.rows());
        let (left, right) = (self.lent.read(self.values, a), self.lent.read(self.values, b));
        let mut to = Targets { gradient: &mut *self.gradient, adjoint };
        if a.learns {
            times_turned(m, n, k, g, right, self.turned, to.of(a));
        }
        if b.learns {
            R::turned_multiply(k, n, m, left, g, to.of(b));
        }
    }

    /// `y = a·bᵀ`: `∂a = g·b`, `∂b = gᵀ·a`.
    fn scores(&mut self, a: Var, b: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (a.rows(), b.rows(), a.columns());
        let (left, right) = (self.lent.read(self.values, a), self.lent.read(self.values, b));
        let mut to = Targets { gradient: &mut *self.gradient, adjoint };
        if a.learns {
            R::multiply(m, k, n, g, right, to.of(a));
        }
        if b.learns {
            R::turned_multiply(n, k, m, g, left, to.of(b));
        }
    }
}

/// Where adjoints are added up: those of parameters in the gradient, those of results on the way to their operands.
struct Targets<'t, R> {
    gradient: &'t mut [R],
    adjoint: &'t mut [R],
}

impl<R> Targets<'_, R> {
    /// The adjoint of a matrix; empty where it depends on no parameter, for nothing has to be carried there.
    fn of(&mut self, var: Var) -> &mut [R] {
        match var.place {
            _ if !var.learns => &mut [],
            Place::Parameter => &mut self.gradient[var.range()],
            Place::Result | Place::Input(_) => &mut self.adjoint[var.range()],
        }
    }
}

/// `y = x·f(s)` with `s = ‖x‖²` and `f = √s/(1 + s)`, for every row of `n`: `∂x = f·g + 2f′⟨g, x⟩·x`,
/// `2f′ = (1 − s)/(√s·(1 + s)²)`.
fn squash<R: Number>(x: &[R], n: usize, g: &[R], adjoint: &mut [R]) {
    for (a, (g, row)) in adjoint.chunks_exact_mut(n).zip(g.chunks_exact(n).zip(x.chunks_exact(n))) {
        let square = R::dot(row, row);
        let length = square.sqrt();
        if length > R::ZERO {
            let share = R::ONE + square;
            R::axpy(length / share, g, a);
            R::axpy((R::ONE - square) / (length * share * share) * R::dot(g, row), row, a);
        }
    }
}

/// `c ← c + g·bᵀ` with `g: m × n`, `b: k × n` and `c: m × k`, all row by row. A few rows are met by inner products; for more, `b` is
/// turned once.
fn times_turned<R: Number>(m: usize, n: usize, k: usize, g: &[R], b: &[R], turned: &mut Vec<R>, c: &mut [R]) {
    if m < 4 {
        return R::scores(n, g, b, c);
    }
    turn(n, b, turned);
    R::multiply(m, k, n, g, turned, c);
}

fn turn<R: Number>(n: usize, b: &[R], turned: &mut Vec<R>) {
    turned.clear();
    R::grow(turned, b.len());
    R::turn(n, b, turned);
}

fn each<R: Number>(adjoint: &mut [R], g: &[R], y: &[R], f: impl Fn(R, R) -> R) {
    for ((a, &g), &y) in adjoint.iter_mut().zip(g).zip(y) {
        *a += f(g, y);
    }
}
