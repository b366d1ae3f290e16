//! Reverse-mode differentiation over vectors. A model is written once, forwards, in the algebra of its paper; the tape
//! remembers each operation and walks back.
//!
//! Generic over [`Number`], so that a model which trains in f32 is checked in f64 against finite differences. Matrix·vector
//! products are nalgebra's `gemv` and `ger`, whose bits agree between x86-64 and wasm32; matrix·matrix products, whose bits do
//! not, do not occur.
//!
//! Source: Griewank & Walther, *Evaluating Derivatives*, 2008, §3.2 (the reverse sweep).

use super::Part;
use crate::math::Real;
use core::ops::Range;
use nalgebra::{ClosedAddAssign, ClosedMulAssign, DMatrixView, DMatrixViewMut, DVectorView, DVectorViewMut, Scalar};
use num_traits::{One, Zero};

/// A number the tape works in: f32 on the device, f64 in gradient checks.
pub trait Number: Real + Scalar + Zero + One + ClosedAddAssign + ClosedMulAssign {}
impl<T: Real + Scalar + Zero + One + ClosedAddAssign + ClosedMulAssign> Number for T {}

/// A vector on the tape; a scalar is a vector of length 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var {
    start: u32,
    len: u32,
}

impl Var {
    fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// A list of vectors, as a range of the tape's `lists`.
type List = Range<u32>;

#[derive(Clone, Debug)]
enum Op {
    Constant,
    Parameter(Part),
    Linear { w: Part, x: Var },
    Add(Var, Var),
    Multiply(Var, Var),
    Scale { by: Var, x: Var },
    Tanh(Var),
    Relu(Var),
    Exp(Var),
    Concat(List),
    Softmax(Var),
    Mix { weights: Var, vectors: List },
    Dots { query: Var, vectors: List },
    CrossEntropy { logits: Var, target: u32 },
}

/// Remembers a computation over `parameters` and differentiates it.
///
/// # Example
/// The derivative of `tanh(w)` at 0 is 1:
/// ```
/// use sottovoce::learn::{Layout, Tape};
/// let mut layout = Layout::default();
/// let w = layout.vector(1);
/// let mut tape = Tape::<f64>::new(&[0.0]);
/// let w = tape.parameter(w);
/// let y = tape.tanh(w);
/// let mut gradient = [0.0];
/// tape.backward(y, 1.0, &mut gradient);
/// assert_eq!(gradient, [1.0]);
/// ```
#[derive(Debug)]
pub struct Tape<'p, R> {
    parameters: &'p [R],
    values: Vec<R>,
    nodes: Vec<(Op, Var)>,
    lists: Vec<Var>,
}

// Operations are calls, not copies of themselves: a model uses each a few times, and the page carries the code.
#[allow(clippy::cast_possible_truncation, reason = "a tape holds one example: far fewer than 2³² numbers")]
impl<'p, R: Number> Tape<'p, R> {
    /// An empty tape.
    #[must_use]
    pub fn new(parameters: &'p [R]) -> Self {
        Self { parameters, values: Vec::with_capacity(1 << 14), nodes: Vec::with_capacity(512), lists: Vec::new() }
    }

    /// The value of a vector.
    #[must_use]
    pub fn value(&self, var: Var) -> &[R] {
        &self.values[var.range()]
    }

    /// A vector that is not differentiated.
    #[inline(never)]
    pub fn constant(&mut self, values: &[R]) -> Var {
        let start = self.values.len();
        self.values.extend_from_slice(values);
        self.seal(Op::Constant, start)
    }

    /// A part of the parameters, as a vector.
    #[inline(never)]
    pub fn parameter(&mut self, part: Part) -> Var {
        let start = self.values.len();
        self.values.extend_from_slice(&self.parameters[part.range()]);
        self.seal(Op::Parameter(part), start)
    }

    /// `W·x` for the matrix `w`.
    #[inline(never)]
    pub fn linear(&mut self, w: Part, x: Var) -> Var {
        let start = self.values.len();
        self.values.resize(start + w.rows as usize, R::zero());
        let (before, y) = self.values.split_at_mut(start);
        let w_view = matrix(w, &self.parameters[w.range()]);
        column(y).gemv(R::one(), &w_view, &view(&before[x.range()]), R::zero());
        self.seal(Op::Linear { w, x }, start)
    }

    /// `a + b`.
    #[inline(never)]
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        self.zip(a, b, |a, b| a + b, Op::Add(a, b))
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
        self.map(x, |v| factor * v, Op::Scale { by, x })
    }

    /// `tanh(x)`.
    #[inline(never)]
    pub fn tanh(&mut self, x: Var) -> Var {
        self.map(x, Real::tanh, Op::Tanh(x))
    }

    /// `max(x, 0)`.
    #[inline(never)]
    pub fn relu(&mut self, x: Var) -> Var {
        self.map(x, |v| if v > R::zero() { v } else { R::zero() }, Op::Relu(x))
    }

    /// `eˣ`.
    #[inline(never)]
    pub fn exp(&mut self, x: Var) -> Var {
        self.map(x, Real::exp, Op::Exp(x))
    }

    /// `[x₁; x₂; …]`.
    #[inline(never)]
    pub fn concat(&mut self, parts: &[Var]) -> Var {
        let start = self.values.len();
        for part in parts {
            self.values.extend_from_within(part.range());
        }
        let list = self.list(parts);
        self.seal(Op::Concat(list), start)
    }

    /// `softmax(x)`, shifted by its maximum.
    #[inline(never)]
    pub fn softmax(&mut self, x: Var) -> Var {
        let start = self.values.len();
        self.values.extend_from_within(x.range());
        softmax(&mut self.values[start..]);
        self.seal(Op::Softmax(x), start)
    }

    /// `Σ wᵢ·xᵢ`: attention's weighted sum.
    ///
    /// # Panics
    /// If there are no vectors.
    #[inline(never)]
    pub fn mix(&mut self, weights: Var, vectors: &[Var]) -> Var {
        let start = self.values.len();
        self.values.resize(start + vectors[0].len as usize, R::zero());
        let (before, y) = self.values.split_at_mut(start);
        for (w, x) in before[weights.range()].iter().zip(vectors) {
            axpy(y, *w, &before[x.range()]);
        }
        let vectors = self.list(vectors);
        self.seal(Op::Mix { weights, vectors }, start)
    }

    /// `[⟨q, x₁⟩, ⟨q, x₂⟩, …]`.
    #[inline(never)]
    pub fn dots(&mut self, query: Var, vectors: &[Var]) -> Var {
        let start = self.values.len();
        for x in vectors {
            let product = dot(&self.values[query.range()], &self.values[x.range()]);
            self.values.push(product);
        }
        let vectors = self.list(vectors);
        self.seal(Op::Dots { query, vectors }, start)
    }

    /// `−ln softmax(logits)[target]`.
    #[inline(never)]
    pub fn cross_entropy(&mut self, logits: Var, target: u32) -> Var {
        let start = self.values.len();
        let z = &self.values[logits.range()];
        let most = z.iter().copied().fold(z[0], |a, b| if b > a { b } else { a });
        let sum = z.iter().fold(R::zero(), |s, &v| s + Real::exp(v - most));
        let loss = Real::ln(sum) + most - z[target as usize];
        self.values.push(loss);
        self.seal(Op::CrossEntropy { logits, target }, start)
    }

    /// Adds `seed · ∂loss/∂parameters` to `gradient`. `loss` is a scalar; `gradient` is as long as the parameters.
    #[inline(never)]
    pub fn backward(&self, loss: Var, seed: R, gradient: &mut [R]) {
        let mut adjoint = vec![R::zero(); self.values.len()];
        adjoint[loss.start as usize] = seed;
        for (op, out) in self.nodes.iter().rev() {
            // Operands lie before their result, so one split lends both.
            let (before, after) = adjoint.split_at_mut(out.start as usize);
            self.pull_back(op, *out, &after[..out.len as usize], before, gradient);
        }
    }

    /// Hands the adjoint `g` of one result on to its operands.
    fn pull_back(&self, op: &Op, out: Var, g: &[R], adjoint: &mut [R], gradient: &mut [R]) {
        let y = self.value(out);
        match op {
            Op::Constant => {}
            Op::Parameter(part) => axpy(&mut gradient[part.range()], R::one(), g),
            Op::Linear { w, x } => {
                matrix_mut(*w, &mut gradient[w.range()]).ger(R::one(), &view(g), &view(self.value(*x)), R::one());
                let w = matrix(*w, &self.parameters[w.range()]);
                column(&mut adjoint[x.range()]).gemv_tr(R::one(), &w, &view(g), R::one());
            }
            Op::Add(a, b) => {
                axpy(&mut adjoint[a.range()], R::one(), g);
                axpy(&mut adjoint[b.range()], R::one(), g);
            }
            Op::Multiply(a, b) => {
                for (i, &g) in g.iter().enumerate() {
                    adjoint[a.start as usize + i] += g * self.value(*b)[i];
                    adjoint[b.start as usize + i] += g * self.value(*a)[i];
                }
            }
            Op::Scale { by, x } => {
                adjoint[by.start as usize] += dot(g, self.value(*x));
                axpy(&mut adjoint[x.range()], self.value(*by)[0], g);
            }
            Op::Tanh(x) => each(&mut adjoint[x.range()], g, y, |g, y| g * (R::one() - y * y)),
            Op::Relu(x) => each(&mut adjoint[x.range()], g, y, |g, y| if y > R::zero() { g } else { R::zero() }),
            Op::Exp(x) => each(&mut adjoint[x.range()], g, y, |g, y| g * y),
            Op::Concat(parts) => {
                let mut g = g;
                for part in self.listed(parts) {
                    let (head, tail) = g.split_at(part.len as usize);
                    axpy(&mut adjoint[part.range()], R::one(), head);
                    g = tail;
                }
            }
            Op::Softmax(x) => {
                let inner = dot(g, y);
                each(&mut adjoint[x.range()], g, y, |g, y| y * (g - inner));
            }
            Op::Mix { weights, vectors } => {
                for (i, x) in self.listed(vectors).iter().enumerate() {
                    adjoint[weights.start as usize + i] += dot(g, self.value(*x));
                    axpy(&mut adjoint[x.range()], self.value(*weights)[i], g);
                }
            }
            Op::Dots { query, vectors } => {
                for (&g, x) in g.iter().zip(self.listed(vectors)) {
                    axpy(&mut adjoint[query.range()], g, self.value(*x));
                    axpy(&mut adjoint[x.range()], g, self.value(*query));
                }
            }
            Op::CrossEntropy { logits, target } => {
                let mut p = self.value(*logits).to_vec();
                softmax(&mut p);
                p[*target as usize] -= R::one();
                axpy(&mut adjoint[logits.range()], g[0], &p);
            }
        }
    }

    fn seal(&mut self, op: Op, start: usize) -> Var {
        let var = Var { start: start as u32, len: (self.values.len() - start) as u32 };
        self.nodes.push((op, var));
        var
    }

    fn map(&mut self, x: Var, f: impl Fn(R) -> R, op: Op) -> Var {
        let start = self.values.len();
        self.values.extend_from_within(x.range());
        self.values[start..].iter_mut().for_each(|v| *v = f(*v));
        self.seal(op, start)
    }

    fn zip(&mut self, a: Var, b: Var, f: impl Fn(R, R) -> R, op: Op) -> Var {
        assert_eq!(a.len, b.len, "vectors differ in length");
        let start = self.values.len();
        for i in 0..a.len {
            let value = f(self.values[(a.start + i) as usize], self.values[(b.start + i) as usize]);
            self.values.push(value);
        }
        self.seal(op, start)
    }

    fn list(&mut self, vars: &[Var]) -> List {
        let start = self.lists.len() as u32;
        self.lists.extend_from_slice(vars);
        start..self.lists.len() as u32
    }

    fn listed(&self, list: &List) -> &[Var] {
        &self.lists[list.start as usize..list.end as usize]
    }
}

fn matrix<R: Number>(part: Part, weights: &[R]) -> DMatrixView<'_, R> {
    DMatrixView::from_slice(weights, part.rows as usize, part.columns as usize)
}

fn matrix_mut<R: Number>(part: Part, weights: &mut [R]) -> DMatrixViewMut<'_, R> {
    DMatrixViewMut::from_slice(weights, part.rows as usize, part.columns as usize)
}

fn view<R: Number>(x: &[R]) -> DVectorView<'_, R> {
    DVectorView::from_slice(x, x.len())
}

fn column<R: Number>(x: &mut [R]) -> DVectorViewMut<'_, R> {
    let len = x.len();
    DVectorViewMut::from_slice(x, len)
}

fn dot<R: Number>(a: &[R], b: &[R]) -> R {
    view(a).dot(&view(b))
}

fn axpy<R: Number>(y: &mut [R], a: R, x: &[R]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

fn each<R: Number>(adjoint: &mut [R], g: &[R], y: &[R], f: impl Fn(R, R) -> R) {
    for ((a, &g), &y) in adjoint.iter_mut().zip(g).zip(y) {
        *a += f(g, y);
    }
}

fn softmax<R: Number>(z: &mut [R]) {
    let Some(&first) = z.first() else { return };
    let most = z.iter().copied().fold(first, |a, b| if b > a { b } else { a });
    let mut sum = R::zero();
    for v in z.iter_mut() {
        *v = Real::exp(*v - most);
        sum += *v;
    }
    z.iter_mut().for_each(|v| *v /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Layout;
    use proptest::prelude::*;

    /// One scalar out of every operation, over 2 matrices, a table and a scalar.
    fn everything(parameters: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let mut layout = Layout::default();
        let (w, table, s) = (layout.matrix(3, 4), layout.matrix(4, 3), layout.vector(1));
        assert_eq!(layout.len(), parameters.len());
        let mut t = Tape::new(parameters);
        let rows: Vec<Var> = (0..3).map(|i| t.parameter(table.column(i))).collect();
        let hidden: Vec<Var> = rows
            .iter()
            .map(|&x| {
                let z = t.linear(w, x);
                t.tanh(z)
            })
            .collect();
        let query = t.constant(&[0.3, -0.7, 0.2]);
        let scores = t.dots(query, &hidden);
        let attention = t.softmax(scores);
        let pooled = t.mix(attention, &rows);
        let gate = t.parameter(s);
        let gate = t.exp(gate);
        let scaled = t.scale(gate, pooled);
        let sum = t.add(scaled, rows[2]);
        let product = t.multiply(sum, rows[0]);
        let rest = t.relu(product);
        let both = t.concat(&[sum, rest]);
        let mirrored = t.concat(&[rest, pooled]);
        let logits = t.dots(both, &[both, mirrored]);
        let loss = t.cross_entropy(logits, 1);
        if let Some(gradient) = gradient {
            t.backward(loss, 1.0, gradient);
        }
        t.value(loss)[0]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn gradients_equal_central_differences(seed in prop::collection::vec(-0.9f64..0.9, 25)) {
            let mut gradient = vec![0.0; seed.len()];
            everything(&seed, Some(&mut gradient));
            let step = 1e-5;
            for i in 0..seed.len() {
                let mut moved = seed.clone();
                moved[i] = seed[i] + step;
                let up = everything(&moved, None);
                moved[i] = seed[i] - step;
                let down = everything(&moved, None);
                let numeric = (up - down) / (2.0 * step);
                // A relu's kink between the two points makes the difference, not the gradient, wrong.
                let kink = (numeric - gradient[i]).abs() > 1e-6 * (1.0 + numeric.abs());
                if kink {
                    let one_sided = [(up - everything(&seed, None)) / step, (everything(&seed, None) - down) / step];
                    prop_assert!(one_sided.iter().any(|n| (n - gradient[i]).abs() < 1e-3 * (1.0 + n.abs())),
                        "parameter {}: tape {} numeric {}", i, gradient[i], numeric);
                }
            }
        }
    }

    #[test]
    fn softmax_of_huge_logits_is_finite() {
        let mut t = Tape::<f32>::new(&[]);
        let z = t.constant(&[3e38, -3e38, 0.0]);
        let loss = t.cross_entropy(z, 0);
        assert!(t.value(loss)[0].abs() < 1e-6);
    }
}
