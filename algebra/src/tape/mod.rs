//! The tape: [`Algebra`](crate::Algebra) on the processor. Matrices come in, each operation is done at once and remembered, and derivatives
//! walk back over what was remembered, as often as there are losses. Operations themselves are in `ops`, one word of the field a file.

mod algebra;
mod gradients;
mod record;

pub use gradients::Gradients;
pub use record::{Tape, Var};

pub(crate) use gradients::Sweep;
pub(crate) use record::Operation;
