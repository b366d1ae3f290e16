//! What was computed, and how to compute it again.
//!
//! burn walks back over a computation once and takes it apart on the way; the algebra may be asked for as many gradients as there are losses.
//! So a graph keeps what it did as functions of matrices. The first walk takes the computation as it was made; every later one, and every
//! walk that is to stop at the trunk, does what lies between its ends once more.

use crate::gradients::Gradients;
use crate::number::Number;
use crate::weights::Weights;
use burn::tensor::{Bool, Device, Element, Int, Tensor, TensorData};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use sottovoce_algebra::Part;
use std::collections::BTreeMap;

/// Rows by columns, on a device.
pub(crate) type Matrix = Tensor<2>;

/// A matrix of a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var {
    pub(crate) node: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Var {
    pub(crate) fn shape(self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    pub(crate) fn len(self) -> usize {
        self.rows * self.columns
    }
}

/// An operation: matrices in, a matrix out.
type Run = dyn Fn(&[Matrix]) -> Matrix;

/// Where a matrix came from.
enum Origin {
    Data,
    Leaf,
    Part(Part),
    Operation { inputs: Vec<Var>, run: Box<Run> },
}

struct Node {
    value: Matrix,
    origin: Origin,
    /// Whether it depends on a parameter or a leaf.
    learns: bool,
}

/// A computation over [`Weights`], on their device: the [`Algebra`](sottovoce_algebra::Algebra) of burn.
///
/// Logits over all items ([`softmax_cross_entropy`](sottovoce_algebra::Algebra::softmax_cross_entropy)) are written down here, unlike on the
/// tape: `B × n` numbers must fit the device.
pub struct Graph<'w, R> {
    weights: &'w Weights<R>,
    nodes: Vec<Node>,
    /// Whether burn has taken the computation apart.
    walked: Cell<bool>,
}

impl<R> fmt::Debug for Graph<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("matrices", &self.nodes.len()).field("walked", &self.walked.get()).finish()
    }
}

impl<'w, R: Number> Graph<'w, R> {
    /// Nothing yet.
    #[must_use]
    pub fn new(weights: &'w Weights<R>) -> Self {
        Self { weights, nodes: Vec::new(), walked: Cell::new(false) }
    }

    /// The numbers of a matrix, row by row, as precise as they are.
    #[must_use]
    pub fn numbers(&self, x: Var) -> Vec<R> {
        crate::weights::down(self.nodes[x.node].value.clone())
    }

    fn device(&self) -> &Device {
        self.weights.device()
    }

    /// A matrix that nothing flows back to.
    pub(crate) fn data<E: Element>(&self, rows: usize, columns: usize, values: Vec<E>) -> Matrix {
        assert_eq!(values.len(), rows * columns, "{rows} × {columns} numbers");
        Tensor::from_data(TensorData::new(values, [rows, columns]), (self.device(), R::DTYPE))
    }

    /// Which rows, or which columns.
    pub(crate) fn places(&self, places: &[u32]) -> Tensor<1, Int> {
        let places: Vec<i64> = places.iter().map(|p| i64::from(*p)).collect();
        let count = places.len();
        Tensor::from_data(TensorData::new(places, [count]), self.device())
    }

    /// Where something does not count.
    pub(crate) fn barred(&self, rows: usize, columns: usize, barred: Vec<bool>) -> Tensor<2, Bool> {
        assert_eq!(barred.len(), rows * columns, "{rows} × {columns} numbers");
        Tensor::from_data(TensorData::new(barred, [rows, columns]), self.device())
    }

    pub(crate) fn matrix(&self, x: Var) -> Matrix {
        shaped(self.nodes[x.node].value.clone(), x)
    }

    /// Remembers a matrix that came from outside.
    fn push(&mut self, value: Matrix, origin: Origin, learns: bool) -> Var {
        let [rows, columns] = value.dims();
        self.nodes.push(Node { value, origin, learns });
        Var { node: self.nodes.len() - 1, rows, columns }
    }

    pub(crate) fn input(&mut self, value: Matrix) -> Var {
        self.push(value, Origin::Data, false)
    }

    pub(crate) fn leaf(&mut self, value: Matrix) -> Var {
        self.push(value.autodiff().require_grad(), Origin::Leaf, true)
    }

    pub(crate) fn weight(&mut self, part: Part) -> Var {
        let same = |node: &Node| matches!(node.origin, Origin::Part(known) if known == part);
        if let Some(node) = self.nodes.iter().position(same) {
            return Var { node, rows: part.rows as usize, columns: part.columns as usize };
        }
        let value = self.weights.part(part).autodiff().require_grad();
        self.push(value, Origin::Part(part), true)
    }

    /// Does an operation and remembers it.
    pub(crate) fn record(&mut self, inputs: &[Var], run: impl Fn(&[Matrix]) -> Matrix + 'static) -> Var {
        let given: Vec<Matrix> = inputs.iter().map(|x| self.matrix(*x)).collect();
        let (value, learns) = (run(&given), inputs.iter().any(|x| self.nodes[x.node].learns));
        let origin = match learns {
            true => Origin::Operation { inputs: inputs.to_vec(), run: Box::new(run) },
            false => Origin::Data,
        };
        self.push(value, origin, learns)
    }

    /// Derivatives of `⟨seed, x⟩` with respect to `at`, or to every parameter and leaf.
    pub(crate) fn walk(&self, x: Var, seed: Matrix, at: Option<&[Var]>) -> Gradients<R> {
        let source = |node: &usize| match at {
            Some(at) => at.iter().any(|x| x.node == *node),
            None => matches!(self.nodes[*node].origin, Origin::Leaf | Origin::Part(_)),
        };
        let whole = at.is_none() && !self.walked.replace(true);
        let from = |node: usize| {
            let value = self.nodes[node].value.clone();
            (node, if whole { value } else { value.without_autodiff().autodiff().require_grad() })
        };
        let from: BTreeMap<usize, Matrix> = (0..=x.node).filter(source).map(from).collect();
        let end = if whole { Some(self.nodes[x.node].value.clone()) } else { self.again(x.node, &from) };
        let mut of = BTreeMap::new();
        if let Some(end) = end.filter(Tensor::is_tracked) {
            let found = (shaped(end, x) * seed).sum().backward();
            of.extend(from.iter().filter_map(|(node, matrix)| Some((*node, matrix.grad(&found)?))));
        }
        let parts = self.nodes[..=x.node].iter().enumerate().filter_map(|(node, n)| match n.origin {
            Origin::Part(part) => Some((part, node)),
            _ => None,
        });
        Gradients { of, parts: parts.collect(), precision: PhantomData }
    }

    /// What `last` is as a function of these matrices; `None` if it does not depend on them.
    fn again(&self, last: usize, from: &BTreeMap<usize, Matrix>) -> Option<Matrix> {
        let mut needed = vec![false; last + 1];
        needed[last] = true;
        for node in (0..=last).rev().filter(|node| !from.contains_key(node)) {
            if let (true, Origin::Operation { inputs, .. }) = (needed[node], &self.nodes[node].origin) {
                inputs.iter().for_each(|x| needed[x.node] = true);
            }
        }
        let mut values: Vec<Option<Matrix>> = (0..=last).map(|node| from.get(&node).cloned()).collect();
        for node in (0..=last).filter(|node| needed[*node] && !from.contains_key(node)) {
            let Origin::Operation { inputs, run } = &self.nodes[node].origin else { continue };
            if inputs.iter().any(|x| values[x.node].is_some()) {
                let known =
                    |x: &Var| values[x.node].clone().map_or_else(|| self.constant(*x), |value| shaped(value, *x));
                let given: Vec<Matrix> = inputs.iter().map(known).collect();
                values[node] = Some(run(&given));
            }
        }
        values.pop().flatten()
    }

    fn constant(&self, x: Var) -> Matrix {
        self.matrix(x).without_autodiff()
    }
}

/// The same numbers in rows of another length.
fn shaped(value: Matrix, x: Var) -> Matrix {
    if value.dims() == [x.rows, x.columns] { value } else { value.reshape([x.rows, x.columns]) }
}
