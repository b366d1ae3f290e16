//! Reverse-mode differentiation over small matrices. A model is written once, forwards, in the algebra of its paper; the tape
//! remembers each operation, and `backward` walks back over it.
//!
//! Generic over [`Number`], so that a model which trains in f32 is checked in f64 against finite differences. Storage is lent
//! ([`Scratch`]) and used again: after the first time, a step allocates nothing. Parameters and inputs are read where they lie.
//!
//! Source: Griewank & Walther, *Evaluating Derivatives*, 2008, §3.2 (the reverse sweep).

use super::number::Number;
use super::{Part, backward};
use core::ops::Range;

/// Where the numbers of a matrix lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// On the tape.
    Result,
    /// Among the parameters.
    Parameter,
    /// In the input of this number, which the tape was lent.
    Input(u8),
}

/// A matrix on the tape, row by row; a vector is one row, a scalar one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var {
    pub(super) place: Place,
    start: u32,
    rows: u32,
    columns: u32,
    /// Whether it depends on a parameter; where not, no derivative is carried to it.
    pub(super) learns: bool,
}

#[allow(clippy::cast_possible_truncation, reason = "a tape holds one batch: far fewer than 2³² numbers")]
impl Var {
    pub(super) fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len()
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    fn len(self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// How many rows.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows as usize
    }

    /// How many columns.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns as usize
    }

    /// Some of its rows; no copy is made.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn slice(self, rows: Range<usize>) -> Var {
        assert!(rows.start <= rows.end && rows.end <= self.rows(), "rows {rows:?} of {}", self.rows);
        let start = self.start + rows.start as u32 * self.columns;
        Var { start, rows: (rows.end - rows.start) as u32, ..self }
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(self, index: usize) -> Var {
        self.slice(index..index + 1)
    }

    /// The same numbers in rows of another length.
    ///
    /// # Panics
    /// If they do not fill whole rows.
    #[must_use]
    pub fn reshape(self, columns: usize) -> Var {
        assert!(columns > 0 && self.len().is_multiple_of(columns), "{} numbers in rows of {columns}", self.len());
        Var { rows: (self.len() / columns) as u32, columns: columns as u32, ..self }
    }
}

/// A list of matrices or numbers, as a range of the scratch's own.
type List = Range<u32>;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Linear { w: Part, b: Option<Part>, x: Var },
    Product(Var, Var),
    Scores(Var, Var),
    Mix { weights: Var, rows: Var },
    Lookup { x: Var, columns: List },
    Add(Var, Var),
    AddRow { x: Var, row: Var },
    Multiply(Var, Var),
    Scale { by: Var, x: Var },
    Tanh(Var),
    Relu(Var),
    Exp(Var),
    Softmax(Var),
    Squash(Var),
    Concat(List),
    CrossEntropy { logits: Var, targets: List },
    BinaryCrossEntropy { logit: Var, label: bool },
}

/// What a tape works in; lend the same one again and nothing is allocated.
#[derive(Clone, Debug, Default)]
pub struct Scratch<R> {
    pub(super) values: Vec<R>,
    pub(super) adjoint: Vec<R>,
    pub(super) nodes: Vec<(Op, Var)>,
    pub(super) vars: Vec<Var>,
    pub(super) numbers: Vec<u32>,
    pub(super) turned: Vec<R>,
}

/// What operations read besides the tape's own results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lent<'a, R> {
    pub(super) parameters: &'a [R],
    pub(super) inputs: &'a [&'a [R]],
}

impl<R> Lent<'_, R> {
    /// The numbers of a matrix; `results` are the tape's.
    pub(super) fn read<'s>(&'s self, results: &'s [R], var: Var) -> &'s [R] {
        let numbers = match var.place {
            Place::Result => results,
            Place::Parameter => self.parameters,
            Place::Input(number) => self.inputs[number as usize],
        };
        &numbers[var.range()]
    }
}

/// Remembers a computation over `parameters` and differentiates it.
///
/// # Example
/// The derivative of `tanh(w)` at 0 is 1:
/// ```
/// use sottovoce::learn::{Layout, Scratch, Tape};
/// let mut layout = Layout::default();
/// let w = layout.vector(1);
/// let mut scratch = Scratch::default();
/// let mut tape = Tape::<f64>::new(&[0.0], &mut scratch);
/// let w = tape.parameter(w);
/// let y = tape.tanh(w);
/// let mut gradient = [0.0];
/// tape.backward(y, 1.0, &mut gradient);
/// assert_eq!(gradient, [1.0]);
/// ```
#[derive(Debug)]
pub struct Tape<'a, R> {
    lent: Lent<'a, R>,
    s: &'a mut Scratch<R>,
}

// Operations are calls, not copies of themselves: a model uses each a few times, and the page carries the code.
#[allow(clippy::cast_possible_truncation, reason = "a tape holds one batch: far fewer than 2³² numbers")]
impl<'a, R: Number> Tape<'a, R> {
    /// An empty tape.
    #[must_use]
    pub fn new(parameters: &'a [R], scratch: &'a mut Scratch<R>) -> Self {
        Self::with_inputs(parameters, &[], scratch)
    }

    /// An empty tape whose computation reads `inputs`, at most 256 of them; see [`Tape::input`].
    #[must_use]
    pub fn with_inputs(parameters: &'a [R], inputs: &'a [&'a [R]], scratch: &'a mut Scratch<R>) -> Self {
        scratch.values.clear();
        scratch.nodes.clear();
        scratch.vars.clear();
        scratch.numbers.clear();
        Self { lent: Lent { parameters, inputs }, s: scratch }
    }

    /// The numbers of a matrix, row by row.
    #[must_use]
    pub fn value(&self, var: Var) -> &[R] {
        self.lent.read(&self.s.values, var)
    }

    /// An input as rows of `columns` numbers, read where it lies; it is not differentiated.
    ///
    /// # Panics
    /// If there is no such input.
    #[must_use]
    pub fn input(&self, number: u8, columns: usize) -> Var {
        let rows = self.lent.inputs[number as usize].len() / columns.max(1);
        Var { place: Place::Input(number), start: 0, rows: rows as u32, columns: columns as u32, learns: false }
    }

    /// A matrix that is not differentiated.
    #[inline(never)]
    pub fn constant(&mut self, columns: usize, values: impl IntoIterator<Item = R>) -> Var {
        let start = self.s.values.len();
        self.s.values.extend(values);
        let rows = (self.s.values.len() - start) / columns.max(1);
        Self::result(start, rows, columns, false)
    }

    /// Rows that lie in several places, one below the other; they are not differentiated.
    #[inline(never)]
    pub fn rows<'r>(&mut self, columns: usize, rows: impl Iterator<Item = &'r [f32]>) -> Var {
        let start = self.s.values.len();
        let mut count = 0;
        for row in rows {
            R::extend(&mut self.s.values, row);
            count += 1;
        }
        Self::result(start, count, columns, false)
    }

    /// A matrix that `fill` works out from `x` off the tape, with some room to work in; it is not differentiated.
    pub fn aside(
        &mut self,
        x: Var,
        rows: usize,
        columns: usize,
        fill: impl FnOnce(&[R], &mut Vec<R>, &mut [R]),
    ) -> Var {
        let start = self.s.values.len();
        R::grow(&mut self.s.values, rows * columns);
        let (before, y) = self.s.values.split_at_mut(start);
        fill(self.lent.read(before, x), &mut self.s.turned, y);
        Self::result(start, rows, columns, false)
    }

    /// A row of zeros, which is not differentiated.
    pub fn zeros(&mut self, columns: usize) -> Var {
        let start = self.s.values.len();
        R::grow(&mut self.s.values, columns);
        Self::result(start, 1, columns, false)
    }

    /// A part of the parameters as rows, read where it lies: an embedding table's entries, or a vector as one row.
    #[must_use]
    pub fn parameter(&self, part: Part) -> Var {
        let start = part.range().start as u32;
        Var { place: Place::Parameter, start, rows: part.columns, columns: part.rows, learns: true }
    }

    /// `W·x + b` for every row `x`.
    #[inline(never)]
    pub fn linear(&mut self, w: Part, b: Option<Part>, x: Var) -> Var {
        let (m, n, k) = (x.rows(), w.rows as usize, w.columns as usize);
        assert_eq!(x.columns(), k, "a row is not as long as the map's input");
        let start = self.s.values.len();
        match b {
            Some(b) => (0..m).for_each(|_| self.s.values.extend_from_slice(&self.lent.parameters[b.range()])),
            None => R::grow(&mut self.s.values, m * n),
        }
        let (before, y) = self.s.values.split_at_mut(start);
        R::multiply(m, n, k, self.lent.read(before, x), &self.lent.parameters[w.range()], y);
        self.seal(Op::Linear { w, b, x }, start, m, n, true)
    }

    /// `a·b`.
    #[inline(never)]
    pub fn product(&mut self, a: Var, b: Var) -> Var {
        let (m, n, k) = (a.rows(), b.columns(), b.rows());
        assert_eq!(a.columns(), k, "inner lengths differ");
        let start = self.s.values.len();
        R::grow(&mut self.s.values, m * n);
        let (before, y) = self.s.values.split_at_mut(start);
        R::multiply(m, n, k, self.lent.read(before, a), self.lent.read(before, b), y);
        self.seal(Op::Product(a, b), start, m, n, a.learns || b.learns)
    }

    /// `a·bᵀ`: every row of `a` with every row of `b`.
    #[inline(never)]
    pub fn scores(&mut self, a: Var, b: Var) -> Var {
        assert_eq!(a.columns(), b.columns(), "rows differ in length");
        let start = self.s.values.len();
        R::grow(&mut self.s.values, a.rows() * b.rows());
        let (before, y) = self.s.values.split_at_mut(start);
        R::scores(a.columns(), self.lent.read(before, a), self.lent.read(before, b), y);
        self.seal(Op::Scores(a, b), start, a.rows(), b.rows(), a.learns || b.learns)
    }

    /// Attention's weighted sums, one a row of `weights`: row `i` mixes the `i`-th run of as many `rows` as it has weights.
    #[inline(never)]
    pub fn mix(&mut self, weights: Var, rows: Var) -> Var {
        let (n, d) = (weights.columns(), rows.columns());
        assert_eq!(weights.rows() * n, rows.rows(), "not a weight a row");
        let start = self.s.values.len();
        R::grow(&mut self.s.values, weights.rows() * d);
        let (before, y) = self.s.values.split_at_mut(start);
        for (i, y) in y.chunks_exact_mut(d.max(1)).enumerate() {
            let w = self.lent.read(before, weights.row(i));
            R::multiply(1, d, n, w, self.lent.read(before, rows.slice(i * n..(i + 1) * n)), y);
        }
        self.seal(Op::Mix { weights, rows }, start, weights.rows(), d, weights.learns || rows.learns)
    }

    /// To every row of `x`, the table entries named for it: `each` a row, by their columns in the tables.
    #[inline(never)]
    pub fn lookup(&mut self, x: Var, columns: impl Iterator<Item = (usize, Part)>) -> Var {
        let (start, first) = (self.copy(x), self.s.numbers.len());
        let d = x.columns();
        for (row, part) in columns {
            let at = part.range().start;
            assert_eq!(part.rows as usize, d, "an entry is not as long as a row");
            R::axpy(
                R::ONE,
                &self.lent.parameters[at..at + d],
                &mut self.s.values[start + row * d..start + (row + 1) * d],
            );
            self.s.numbers.extend([row as u32, at as u32]);
        }
        let columns = first as u32..self.s.numbers.len() as u32;
        self.seal(Op::Lookup { x, columns }, start, x.rows(), d, true)
    }

    /// `a + b`.
    #[inline(never)]
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        self.zip(a, b, |a, b| a + b, Op::Add(a, b))
    }

    /// `row` added to every row of `x`.
    #[inline(never)]
    pub fn add_row(&mut self, x: Var, row: Var) -> Var {
        assert_eq!(x.columns(), row.len(), "rows differ in length");
        let start = self.copy(x);
        let (before, y) = self.s.values.split_at_mut(start);
        let added = self.lent.read(before, row);
        y.chunks_exact_mut(row.len().max(1)).for_each(|y| R::axpy(R::ONE, added, y));
        self.seal(Op::AddRow { x, row }, start, x.rows(), x.columns(), x.learns || row.learns)
    }

    /// `a ⊙ b`.
    #[inline(never)]
    pub fn multiply(&mut self, a: Var, b: Var) -> Var {
        self.zip(a, b, |a, b| a * b, Op::Multiply(a, b))
    }

    /// `by · x` for a scalar `by`.
    #[inline(never)]
    pub fn scale(&mut self, by: Var, x: Var) -> Var {
        let factor = self.value(by)[0];
        self.map(x, by.learns, |y| y.iter_mut().for_each(|v| *v *= factor), Op::Scale { by, x })
    }

    /// `tanh(x)`.
    #[inline(never)]
    pub fn tanh(&mut self, x: Var) -> Var {
        self.map(x, false, R::tanh_all, Op::Tanh(x))
    }

    /// `max(x, 0)`.
    #[inline(never)]
    pub fn relu(&mut self, x: Var) -> Var {
        self.map(x, false, |y| y.iter_mut().for_each(|v| *v = v.maximum(R::ZERO)), Op::Relu(x))
    }

    /// `eˣ`.
    #[inline(never)]
    pub fn exp(&mut self, x: Var) -> Var {
        self.map(x, false, R::exp_all, Op::Exp(x))
    }

    /// `softmax` of every row, shifted by its maximum.
    #[inline(never)]
    pub fn softmax(&mut self, x: Var) -> Var {
        let n = x.columns().max(1);
        self.map(x, false, |y| y.chunks_exact_mut(n).for_each(R::softmax), Op::Softmax(x))
    }

    /// `x·‖x‖ / (1 + ‖x‖²)` of every row: a capsule's length as a share (Sabour et al. 2017, eq. 1).
    #[inline(never)]
    pub fn squash(&mut self, x: Var) -> Var {
        let n = x.columns().max(1);
        let squash = |y: &mut [R]| {
            for y in y.chunks_exact_mut(n) {
                let square = R::dot(y, y);
                let factor = square.sqrt() / (R::ONE + square);
                y.iter_mut().for_each(|v| *v *= factor);
            }
        };
        self.map(x, false, squash, Op::Squash(x))
    }

    /// Side by side, row by row: `[x₁ | x₂ | …]`, all of as many rows.
    #[inline(never)]
    pub fn concat(&mut self, parts: &[Var]) -> Var {
        let (start, rows) = (self.s.values.len(), parts.first().map_or(0, |p| p.rows()));
        assert!(parts.iter().all(|p| p.rows() == rows), "parts differ in rows");
        for i in 0..rows {
            for part in parts {
                self.copy(part.row(i));
            }
        }
        let first = self.s.vars.len() as u32;
        self.s.vars.extend_from_slice(parts);
        let list = first..self.s.vars.len() as u32;
        let columns = parts.iter().map(|p| p.columns()).sum();
        self.seal(Op::Concat(list), start, rows, columns, parts.iter().any(|p| p.learns))
    }

    /// The mean over the rows of `−ln softmax(row)[target]`.
    #[inline(never)]
    pub fn cross_entropy(&mut self, logits: Var, targets: impl IntoIterator<Item = u32>) -> Var {
        let (start, first) = (self.s.values.len(), self.s.numbers.len());
        self.s.numbers.extend(targets);
        let mut loss = R::ZERO;
        for (i, target) in self.s.numbers[first..].iter().enumerate() {
            let z = self.lent.read(&self.s.values, logits.row(i));
            let most = largest(z);
            let wanted = z[*target as usize];
            self.s.turned.clear();
            self.s.turned.extend(z.iter().map(|&z| z - most));
            R::exp_all(&mut self.s.turned);
            let sum = self.s.turned.iter().fold(R::ZERO, |s, &v| s + v);
            loss += sum.ln() + most - wanted;
        }
        self.s.values.push(loss / R::from_f64(logits.rows() as f64));
        let targets = first as u32..self.s.numbers.len() as u32;
        self.seal(Op::CrossEntropy { logits, targets }, start, 1, 1, logits.learns)
    }

    /// `−ln σ(z)` where the label holds, `−ln(1 − σ(z))` where not; stable for any `z`.
    #[inline(never)]
    pub fn binary_cross_entropy(&mut self, logit: Var, label: bool) -> Var {
        let start = self.s.values.len();
        let z = self.value(logit)[0];
        let wrong = if label { -z } else { z };
        let loss = wrong.maximum(R::ZERO) + R::ln_1p(R::exp(-wrong.abs()));
        self.s.values.push(loss);
        self.seal(Op::BinaryCrossEntropy { logit, label }, start, 1, 1, logit.learns)
    }

    /// Adds `seed · ∂loss/∂parameters` to `gradient`. `loss` is a scalar; `gradient` is as long as the parameters.
    #[inline(never)]
    pub fn backward(&mut self, loss: Var, seed: R, gradient: &mut [R]) {
        backward::sweep(self.lent, self.s, loss, seed, gradient);
    }

    fn result(start: usize, rows: usize, columns: usize, learns: bool) -> Var {
        Var { place: Place::Result, start: start as u32, rows: rows as u32, columns: columns as u32, learns }
    }

    fn seal(&mut self, op: Op, start: usize, rows: usize, columns: usize, learns: bool) -> Var {
        let var = Self::result(start, rows, columns, learns);
        // What depends on no parameter is never walked back over.
        if learns {
            self.s.nodes.push((op, var));
        }
        var
    }

    /// Appends the numbers of a matrix to the tape; where they begin.
    fn copy(&mut self, x: Var) -> usize {
        let start = self.s.values.len();
        match x.place {
            Place::Result => self.s.values.extend_from_within(x.range()),
            _ => self.s.values.extend_from_slice(self.lent.read(&[], x)),
        }
        start
    }

    fn map(&mut self, x: Var, learns: bool, f: impl FnOnce(&mut [R]), op: Op) -> Var {
        let start = self.copy(x);
        f(&mut self.s.values[start..]);
        self.seal(op, start, x.rows(), x.columns(), learns || x.learns)
    }

    fn zip(&mut self, a: Var, b: Var, f: impl Fn(R, R) -> R, op: Op) -> Var {
        assert_eq!((a.rows, a.columns), (b.rows, b.columns), "matrices differ in shape");
        let start = self.copy(a);
        let (before, y) = self.s.values.split_at_mut(start);
        y.iter_mut().zip(self.lent.read(before, b)).for_each(|(y, &b)| *y = f(*y, b));
        self.seal(op, start, a.rows(), a.columns(), a.learns || b.learns)
    }
}

fn largest<R: Number>(z: &[R]) -> R {
    z.iter().copied().fold(z[0], R::maximum)
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;
