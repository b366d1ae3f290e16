//! The reverse sweep: the adjoint of every result is handed on to its operands, operation by operation, from the last to the first.

use super::Part;
use super::number::{Number, Operand};
use super::tape::{Op, Scratch, Var, softmax};

pub(super) fn sweep<R: Number>(parameters: &[R], s: &mut Scratch<R>, loss: Var, seed: R, gradient: &mut [R]) {
    let Scratch { values, adjoint, nodes, vars, numbers, turned } = s;
    adjoint.clear();
    adjoint.resize(values.len(), R::ZERO);
    adjoint[loss.start()] = seed;
    let mut step = Step { parameters, values, vars, numbers, turned, gradient };
    for (op, out) in nodes.iter().rev().filter(|(_, out)| out.learns) {
        // Operands lie before their result, so one split lends both.
        let (before, after) = adjoint.split_at_mut(out.start());
        step.pull_back(op, *out, &after[..out.range().len()], before);
    }
}

struct Step<'a, R> {
    parameters: &'a [R],
    values: &'a [R],
    vars: &'a [Var],
    numbers: &'a [u32],
    turned: &'a mut Vec<R>,
    gradient: &'a mut [R],
}

impl<R: Number> Step<'_, R> {
    fn value(&self, var: Var) -> &[R] {
        &self.values[var.range()]
    }

    /// Hands the adjoint `g` of one result on to its operands.
    fn pull_back(&mut self, op: &Op, out: Var, g: &[R], adjoint: &mut [R]) {
        let y = &self.values[out.range()];
        match *op {
            Op::Constant => {}
            Op::Parameter(part) => R::axpy(R::ONE, g, &mut self.gradient[part.range()]),
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
                R::axpy(R::ONE, g, target(adjoint, x));
                let (pairs, _) = self.numbers[columns.start as usize..columns.end as usize].as_chunks::<2>();
                let d = x.columns();
                for [row, at] in pairs {
                    let (row, at) = (*row as usize * d, *at as usize);
                    R::axpy(R::ONE, &g[row..row + d], &mut self.gradient[at..at + d]);
                }
            }
            Op::Add(a, b) => {
                R::axpy(R::ONE, g, target(adjoint, a));
                R::axpy(R::ONE, g, target(adjoint, b));
            }
            Op::AddRow { x, row } => {
                R::axpy(R::ONE, g, target(adjoint, x));
                g.chunks_exact(row.columns().max(1)).for_each(|g| R::axpy(R::ONE, g, target(adjoint, row)));
            }
            Op::Multiply(a, b) => {
                each(target(adjoint, a), g, self.value(b), |g, b| g * b);
                each(target(adjoint, b), g, self.value(a), |g, a| g * a);
            }
            Op::Scale { by, x } => {
                adjoint[by.start()] += R::dot(g, self.value(x));
                R::axpy(self.value(by)[0], g, target(adjoint, x));
            }
            Op::Tanh(x) => each(target(adjoint, x), g, y, |g, y| g * (R::ONE - y * y)),
            Op::Relu(x) => each(target(adjoint, x), g, y, |g, y| if y > R::ZERO { g } else { R::ZERO }),
            Op::Exp(x) => each(target(adjoint, x), g, y, |g, y| g * y),
            Op::Softmax(x) => {
                let n = x.columns().max(1);
                let rows = target(adjoint, x).chunks_exact_mut(n);
                for (a, (g, y)) in rows.zip(g.chunks_exact(n).zip(y.chunks_exact(n))) {
                    let inner = R::dot(g, y);
                    each(a, g, y, |g, y| y * (g - inner));
                }
            }
            Op::Squash(x) => self.squash(x, g, adjoint),
            Op::Concat(ref list) => {
                let mut g = g;
                for row in 0..out.rows() {
                    for part in &self.vars[list.start as usize..list.end as usize] {
                        let (head, tail) = g.split_at(part.columns());
                        R::axpy(R::ONE, head, target(adjoint, part.row(row)));
                        g = tail;
                    }
                }
            }
            Op::CrossEntropy { logits, ref targets } => {
                let scale = g[0] / R::from_f64(logits.rows() as f64);
                let targets = &self.numbers[targets.start as usize..targets.end as usize];
                for (row, target_column) in targets.iter().enumerate() {
                    self.turned.clear();
                    self.turned.extend_from_slice(&self.values[logits.row(row).range()]);
                    softmax(self.turned);
                    self.turned[*target_column as usize] -= R::ONE;
                    R::axpy(scale, self.turned, target(adjoint, logits.row(row)));
                }
            }
            Op::BinaryCrossEntropy { logit, label } => {
                // σ(z) − label, by the tail that does not overflow.
                let z = self.value(logit)[0];
                let e = R::exp(-z.abs());
                let sigma = if z > R::ZERO { R::ONE / (R::ONE + e) } else { e / (R::ONE + e) };
                adjoint[logit.start()] += g[0] * if label { sigma - R::ONE } else { sigma };
            }
        }
    }

    /// `y = x·W + b`, with `W` stored as `k × n` rows: `∂W = xᵀ·g`, `∂x = g·Wᵀ`.
    fn linear(&mut self, w: Part, b: Option<Part>, x: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (x.rows(), w.rows as usize, w.columns as usize);
        let turned = Operand { values: &self.values[x.range()], row: 1, column: k };
        R::multiply(k, n, m, turned, g, &mut self.gradient[w.range()]);
        if let Some(b) = b {
            g.chunks_exact(n.max(1)).for_each(|g| R::axpy(R::ONE, g, &mut self.gradient[b.range()]));
        }
        if x.learns {
            let weights = &self.parameters[w.range()];
            times_turned(m, n, k, g, weights, self.turned, target(adjoint, x));
        }
    }

    /// `y = a·b`: `∂a = g·bᵀ`, `∂b = aᵀ·g`.
    fn product(&mut self, a: Var, b: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (a.rows(), b.columns(), b.rows());
        if a.learns {
            times_turned(m, n, k, g, &self.values[b.range()], self.turned, target(adjoint, a));
        }
        if b.learns {
            let turned = Operand { values: self.value(a), row: 1, column: k };
            R::multiply(k, n, m, turned, g, target(adjoint, b));
        }
    }

    /// `y = a·bᵀ`: `∂a = g·b`, `∂b = gᵀ·a`.
    fn scores(&mut self, a: Var, b: Var, g: &[R], adjoint: &mut [R]) {
        let (m, n, k) = (a.rows(), b.rows(), a.columns());
        if a.learns {
            let rows = Operand { values: g, row: n, column: 1 };
            R::multiply(m, k, n, rows, self.value(b), target(adjoint, a));
        }
        if b.learns {
            let turned = Operand { values: g, row: 1, column: n };
            R::multiply(n, k, m, turned, self.value(a), target(adjoint, b));
        }
    }

    /// `y = x·f(s)` with `s = ‖x‖²` and `f = √s/(1 + s)`: `∂x = f·g + 2f′⟨g, x⟩·x`, `2f′ = (1 − s)/(√s·(1 + s)²)`.
    fn squash(&mut self, x: Var, g: &[R], adjoint: &mut [R]) {
        let n = x.columns().max(1);
        for (i, g) in g.chunks_exact(n).enumerate() {
            let row = self.value(x.row(i));
            let square = R::dot(row, row);
            let length = square.sqrt();
            if length > R::ZERO {
                let share = R::ONE + square;
                let a = target(adjoint, x.row(i));
                R::axpy(length / share, g, a);
                R::axpy((R::ONE - square) / (length * share * share) * R::dot(g, row), row, a);
            }
        }
    }
}

/// `c ← c + g·bᵀ` with `g: m × n`, `b: k × n` and `c: m × k`, all row by row. A few rows are met by inner products; for more, `b` is
/// turned once.
fn times_turned<R: Number>(m: usize, n: usize, k: usize, g: &[R], b: &[R], turned: &mut Vec<R>, c: &mut [R]) {
    if m < 4 {
        for (g, c) in g.chunks_exact(n.max(1)).zip(c.chunks_exact_mut(k.max(1))) {
            for (c, b) in c.iter_mut().zip(b.chunks_exact(n.max(1))) {
                *c += R::dot(g, b);
            }
        }
        return;
    }
    turned.clear();
    turned.extend((0..n * k).map(|i| b[i % k * n + i / k]));
    R::multiply(m, k, n, Operand { values: g, row: n, column: 1 }, turned, c);
}

fn target<R>(adjoint: &mut [R], var: Var) -> &mut [R] {
    &mut adjoint[var.range()]
}

fn each<R: Number>(adjoint: &mut [R], g: &[R], y: &[R], f: impl Fn(R, R) -> R) {
    for ((a, &g), &y) in adjoint.iter_mut().zip(g).zip(y) {
        *a += f(g, y);
    }
}
