//! What can go wrong while embeddings are learned or read.

/// Why no embeddings came out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// No list holds two songs, so there is nothing to learn from.
    #[error("no list holds two songs that were liked or heard; `data describe` shows what the log holds")]
    NothingToLearn,
    /// A number of the configuration is out of its range.
    #[error("{field} is {got}, expected {expected}; correct it in the configuration")]
    Config {
        /// The field, with its section.
        field: &'static str,
        /// What it says.
        got: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Training ran off to infinity.
    #[error("{what} is not finite after epoch {epoch}; lower song2vec.learning_rate (now {learning_rate})")]
    Diverged {
        /// Which table.
        what: &'static str,
        /// After how many epochs.
        epoch: u32,
        /// The rate that was used.
        learning_rate: f32,
    },
    /// Numbers that do not belong together.
    #[error("{what} has {got} values, expected {expected}")]
    ShapeMismatch {
        /// Which table.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
}
