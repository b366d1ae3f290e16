//! What a tape remembers.

use crate::parameters::{Parameters, Part};
use crate::pool::{Buffer, Pool};
use crate::real::Real;
use crate::tape::Sweep;
use core::fmt::Debug;

/// A matrix on a tape, row by row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var {
    pub(crate) node: u32,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
}

impl Var {
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

    pub(crate) fn len(self) -> usize {
        self.rows() * self.columns()
    }
}

/// An operation that was done, with what it needs to be walked back over.
pub(crate) trait Operation<R: Real>: Debug + Send {
    /// Calls `visit` for every matrix that it read.
    fn inputs(&self, visit: &mut dyn FnMut(Var));
    /// Adds to the derivatives of what it read: `y` are its numbers, `dy` the derivatives with respect to them.
    fn backward(&self, y: &[R], dy: &[R], sweep: &mut Sweep<'_, R>);
}

#[derive(Debug)]
pub(super) enum Values<R> {
    Own(Buffer<R>),
    Part(Part),
}

#[derive(Debug)]
pub(super) struct Node<R> {
    pub(super) values: Values<R>,
    /// Whether it depends on a parameter or a leaf; where not, no derivative is carried to it.
    pub(super) learns: bool,
    pub(super) operation: Option<Box<dyn Operation<R>>>,
}

/// Remembers a computation over `parameters` and differentiates it. Everything large is lent by a [`Pool`] and returns to it with the tape.
///
/// # Example
/// The derivative of `tanh(w)` at 0 is 1:
/// ```
/// use sottovoce_algebra::{Algebra, Init, Parameters, Pool, Tape};
/// let mut parameters = Parameters::<f64>::new(0);
/// let w = parameters.add("w", 1, 1, Init::Constant(0.0));
/// let pool = Pool::default();
/// let mut tape = Tape::new(&parameters, &pool);
/// let x = tape.parameter(w);
/// let y = tape.tanh(x);
/// assert_eq!(tape.grad(y).part(w), Some(&[1.0][..]));
/// ```
#[derive(Debug)]
pub struct Tape<'p, R: Real> {
    pub(super) parameters: &'p Parameters<R>,
    pub(super) pool: Pool<R>,
    pub(super) nodes: Vec<Node<R>>,
}

impl<'p, R: Real> Tape<'p, R> {
    /// An empty tape.
    #[must_use]
    pub fn new(parameters: &'p Parameters<R>, pool: &Pool<R>) -> Self {
        Self { parameters, pool: pool.clone(), nodes: Vec::new() }
    }

    /// The numbers of a matrix.
    #[must_use]
    pub fn value(&self, x: Var) -> &[R] {
        let values: &[R] = match &self.nodes[x.node as usize].values {
            Values::Own(buffer) => buffer,
            Values::Part(part) => self.parameters.part(*part),
        };
        &values[..x.len()]
    }

    pub(crate) fn pool(&self) -> Pool<R> {
        self.pool.clone()
    }

    pub(crate) fn learns(&self, x: Var) -> bool {
        self.nodes[x.node as usize].learns
    }

    /// Remembers an operation and its result.
    pub(crate) fn record(
        &mut self,
        rows: usize,
        columns: usize,
        values: Buffer<R>,
        operation: impl Operation<R> + 'static,
    ) -> Var {
        let mut learns = false;
        operation.inputs(&mut |x| learns |= self.learns(x));
        // What nothing flows through is not walked back over, and what it kept for that is free again.
        let operation = learns.then(|| Box::new(operation) as Box<dyn Operation<R>>);
        self.push(rows, columns, Node { values: Values::Own(values), learns, operation })
    }

    pub(super) fn push(&mut self, rows: usize, columns: usize, node: Node<R>) -> Var {
        let number = |n: usize| u32::try_from(n).unwrap_or_else(|_| panic!("a matrix has a side of {n}"));
        let var = Var { node: number(self.nodes.len()), rows: number(rows), columns: number(columns) };
        if let Values::Own(values) = &node.values {
            assert_eq!(values.len(), rows * columns, "{rows} × {columns} numbers");
        }
        self.nodes.push(node);
        var
    }
}
