//! What a model may ask of columns that they do not have.

/// Why a model does not fit its columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A list that there is not.
    #[error("the model reads the list {list:?}; the columns have {known}; set it, or add the list to the schema")]
    UnknownList {
        /// What was asked for.
        list: String,
        /// What there is.
        known: String,
    },
    /// A history has to share the vocabulary of the candidate that it is held against.
    #[error("the list {list:?} shares no id feature's vocabulary; give it `shares = \"…\"` in the schema")]
    Unshared {
        /// The list.
        list: String,
    },
    /// An entry of a list by a name that no training row had.
    #[error("{list:?} has no entry {entry:?}; it has {known}")]
    UnknownEntry {
        /// The list.
        list: String,
        /// What was asked for.
        entry: String,
        /// What there is.
        known: String,
    },
    /// A model that is not trained step by step.
    #[error("{model} has no steps to be trained by; it fits itself to a training part")]
    FitsItself {
        /// Its name.
        model: &'static str,
    },
    /// A setting that means nothing.
    #[error("{setting} is {got}; it has to be {expected}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What it is.
        got: usize,
    },
}
