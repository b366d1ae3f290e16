//! Where a process may die, as a hook: a test kills at the n-th point. In production there is no hook, and nothing is called.

use super::StoreError;
use std::sync::Arc;

/// A moment at which what is on disk, what other processes see, and what this one knows may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A transaction has begun.
    Begun,
    /// This statement comes next.
    Statement(&'static str),
    /// The commit comes next.
    Commit,
    /// The commit is on disk, and nobody has been told.
    Committed,
}

/// What is called.
type Hook = dyn Fn(Point) -> Result<(), StoreError> + Send + Sync;

/// Is asked at every [`Point`] of a write. It may end the process, or return [`StoreError::Injected`] to end only this
/// transaction's life; after [`Point::Committed`] the transaction stands all the same.
#[derive(Clone, Default)]
pub struct Fault(Option<Arc<Hook>>);

impl Fault {
    /// No faults: what production runs with.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Calls `hook` at every point.
    pub fn new(hook: impl Fn(Point) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn at(&self, point: Point) -> Result<(), StoreError> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(point))
    }
}

impl core::fmt::Debug for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.0.is_some() { "Fault(hook)" } else { "Fault(none)" })
    }
}
