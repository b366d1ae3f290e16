//! What can be wrong with a plan for noise, or with an account of what it has cost.

/// Why nothing was quantised, noised or charged.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A grid's steps are outside its range.
    #[error("a grid of {steps} steps per 1.0; next: 1 to {most}", most = super::Grid::MOST_STEPS)]
    GridSteps {
        /// Steps per 1.0.
        steps: u32,
    },
    /// One number of a plan or of a budget is outside its range.
    #[error("{what} is {value}; next: {range}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A client's share of the noise is too little for its integers, or too much for the sampler's table.
    #[error(
        "each client's noise would have a standard deviation of {sigma} steps, outside {least} to {most}; next: a grid with {hint} steps",
        least = super::Sigma::LEAST, most = super::Sigma::MOST
    )]
    NoiseWidth {
        /// In steps of the grid.
        sigma: f64,
        /// `more` or `fewer`.
        hint: &'static str,
    },
    /// What was quantised is not what was charged for.
    #[error("{what}: the charge is for {charged}, the vector has {found}; next: quantise by the plan that was charged")]
    NotAsCharged {
        /// Dimension or squared sensitivity.
        what: &'static str,
        /// By the plan.
        charged: u64,
        /// By the vector.
        found: u64,
    },
    /// One more round would cost more than there is left.
    #[error("ε would be {after} of {budget} after this round; next: take part in no further round")]
    Exhausted {
        /// What would have been spent.
        after: f64,
        /// What may be spent.
        budget: f64,
    },
    /// What was read back from the store is not what was to be written.
    #[error(
        "the store does not hold the account with this charge ({found} bytes of {expected}); next: write it, read it, try again"
    )]
    NotRecorded {
        /// Bytes to be written.
        expected: usize,
        /// Bytes read back.
        found: usize,
    },
    /// These bytes are no account.
    #[error("no account in these {bytes} bytes: {what}; next: treat the budget as spent")]
    Account {
        /// How many bytes.
        bytes: usize,
        /// What is wrong with them.
        what: &'static str,
    },
}
