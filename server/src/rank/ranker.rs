//! What every ranking model can do.

use crate::batches::Batch;
use crate::layers::Pass;
use sottovoce_algebra::{Algebra, Part, Tape};

/// A ranking model over some algebra.
pub trait Ranker<A: Algebra>: core::fmt::Debug + Send + Sync {
    /// A logit for each of the model's tasks: `B × 1` each.
    fn logits(&self, a: &mut A, batch: &Batch, pass: Pass) -> Vec<A::Var>;

    /// Tables of rows that only some batches meet: what a trainer may draw to zero.
    fn tables(&self) -> Vec<Part>;
}

/// A model that can be trained here.
pub type Trainable = dyn for<'p> Ranker<Tape<'p, f32>>;
