//! How long work tells how far it is. Trainers and evaluations report; only the command line draws.

/// How far a piece of work is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done: `song2vec`, `item_cf`.
    pub step: &'static str,
    /// How much of it is done, in the step's own unit.
    pub done: u64,
    /// How much there is.
    pub total: u64,
}

/// Takes reports, from any thread.
pub type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// Takes reports and lets them fall.
pub fn quiet(_: Progress) {}
