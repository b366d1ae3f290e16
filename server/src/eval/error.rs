//! What can go wrong while a list is measured.

use sottovoce::ids::SongId;

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A score that cannot be ranked.
    #[error(
        "song {song} has score {score} in a list to be measured; find out what diverged before any number is believed"
    )]
    NonFinite {
        /// Whose.
        song: SongId,
        /// The score.
        score: f32,
    },
    /// As [`EvalError::NonFinite`], of an impression.
    #[error("impression {row} has score {score}; find out what diverged before any number is believed")]
    NonFiniteRow {
        /// Its place among those measured.
        row: usize,
        /// The score.
        score: f64,
    },
    /// A list that names a song twice would count it twice.
    #[error("song {song} is in a list twice; a channel must not repeat itself")]
    Repeated {
        /// Which.
        song: SongId,
    },
    /// Nothing was held out.
    #[error("the log leaves nothing to hold out; `data describe` shows how many songs a listener has")]
    NothingHeldOut,
}
