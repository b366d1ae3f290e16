//! The engine's kernels, each behind a door of its own, so that a page can time one at a time beside other engines
//! (`cargo xtask bench device`). Nothing is computed here: `learn`, `math`, `rerank` and `secagg` do the work that the product has them do.
//!
//! Numbers come and go through buffers that stay where they are: JavaScript writes into a typed array over the wasm memory,
//! calls, and reads from another. That is one copy in and one out, what every other engine pays too. On wasm32 only: whether the
//! answers are right is asked of all engines at once, in the page.

#![cfg(target_arch = "wasm32")]

mod limits;
mod rank;
mod recall;
mod round;
mod tower;

pub use limits::Limits;
pub use rank::{Scorer, Slates};
pub use recall::Recall;
pub use round::Round;
pub use tower::Tower;

/// Where a buffer starts in the wasm memory, for a typed array over it.
fn address<T>(buffer: &[T]) -> usize {
    buffer.as_ptr() as usize
}
