//! What can go wrong while channels are fitted or read back.

use crate::embed::EmbedError;

/// Why there is no channel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecallError {
    /// The data set holds nothing that a channel could learn from.
    #[error("data set {name} holds no song that was liked or heard to a good end; `data describe` shows what it holds")]
    NothingHeard {
        /// The data set.
        name: String,
    },
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
    /// No channel has this name.
    #[error("merge.channels names {name:?}, which is no channel; expected one of {known}")]
    UnknownChannel {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The matrix of who heard what has no usable spectrum.
    #[error("spectral channel: {what} is not finite; are all play counts sensible?")]
    Spectrum {
        /// Which table.
        what: &'static str,
    },
    /// Embeddings could not be learned.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// Saved channels cannot be read.
    #[error("saved channels are not readable: {detail}; run `sottovoce-server train` again")]
    Artefact {
        /// What is wrong.
        detail: String,
    },
}
