//! What can be wrong with a table or its snapshot.

/// Why a table cannot be had or does not take what it was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A setting that no table can have.
    #[error("{what} is {got}: expected {expected}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// What would do.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// A gradient of another length than the rows it is for.
    #[error("{what} has {got} numbers, expected {expected}")]
    ShapeMismatch {
        /// What was given.
        what: &'static str,
        /// How many numbers it should have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// Rows that were lent before the table evicted some: their places are others' now. Pull again.
    #[error("rows were lent at generation {lent}, the table is at {now}: pull them again")]
    Stale {
        /// The table's generation when the rows were lent.
        lent: u64,
        /// Its generation now.
        now: u64,
    },
    /// A step that was pushed before: a restart goes on behind the last one.
    #[error("step {step} is done, the last one pushed is {last}: go on with step {next}", next = last + 1)]
    Done {
        /// Which step.
        step: u64,
        /// The last one that was pushed.
        last: u64,
    },
    /// A step whose rows are lent and not yet pushed.
    #[error("step {step} is open: push it first")]
    Open {
        /// Which step.
        step: u64,
    },
    /// Bytes that are no snapshot of a table.
    #[error("not a snapshot of such a table")]
    NotATable,
    /// A snapshot of a version that this program does not read.
    #[error("a snapshot of version {got}, this program reads {expected}")]
    Version {
        /// The version that is read.
        expected: u16,
        /// The version found.
        got: u16,
    },
    /// A snapshot that ends early.
    #[error("the snapshot ends at byte {at}, within {what}: write it again")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A snapshot whose bytes changed since it was written.
    #[error("the snapshot is damaged: checksum {got:08x}, expected {expected:08x}")]
    Damaged {
        /// What the snapshot says.
        expected: u32,
        /// What its bytes add up to.
        got: u32,
    },
    /// A snapshot whose checksum holds and which no table wrote.
    #[error("the snapshot contradicts itself: {what}")]
    Contradiction {
        /// Where.
        what: &'static str,
    },
}
