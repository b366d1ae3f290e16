//! What every ranking model can do.

use crate::batches::Batch;
use crate::layers::{Pass, Watched};
use sottovoce_algebra::{Algebra, Part, Tape};

/// What a model says of one task: of `B` rows, how probable it is.
#[derive(Clone, Copy, Debug)]
pub enum Answer<V> {
    /// `p = σ(z)`, `z: B × 1`.
    Logit(V),
    /// `p = σ(a)·σ(b)`: that one thing happens and then another, as ESMM has it.
    Joint(V, V),
}

/// What a model makes of a batch.
#[derive(Clone, Debug)]
pub struct Forward<V> {
    /// An answer for each of the model's tasks, in their order.
    pub answers: Vec<Answer<V>>,
    /// A loss of the model's own (`1 × 1`), which learning adds to those of the tasks.
    pub auxiliary: Option<V>,
    /// Matrices whose moments serving goes by.
    pub watched: Vec<Watched<V>>,
}

impl<V> Forward<V> {
    /// One task.
    pub(super) fn of(logit: V) -> Self {
        Self::answering(vec![Answer::Logit(logit)])
    }

    /// Several.
    pub(super) fn answering(answers: Vec<Answer<V>>) -> Self {
        Self { answers, auxiliary: None, watched: Vec::new() }
    }
}

/// A ranking model over some algebra.
pub trait Ranker<A: Algebra>: core::fmt::Debug + Send + Sync {
    /// Answers for a batch.
    fn forward(&self, a: &mut A, batch: &Batch, pass: Pass) -> Forward<A::Var>;

    /// Places of the lists that it reads; batches leave the others empty.
    fn lists(&self) -> Vec<usize>;

    /// Tables of rows that only some batches meet: what a trainer may draw to zero.
    fn tables(&self) -> Vec<Part>;
}

/// A model that can be trained here.
pub type Trainable = dyn for<'p> Ranker<Tape<'p, f32>>;
