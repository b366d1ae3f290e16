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
    /// A score that is to be a probability and is none.
    #[error("row {row} is said to be {score} probable; put logits through a sigmoid before they are measured")]
    NoProbability {
        /// Its place among those measured.
        row: usize,
        /// The score.
        score: f64,
    },
    /// A weight that is none.
    #[error("row {row} has weight {weight}; weights are numbers from 0 upwards")]
    Weight {
        /// Its place among those measured.
        row: usize,
        /// The weight.
        weight: f64,
    },
    /// Nothing to tell apart.
    #[error(
        "all {rows} rows with a label have the label {label}: there is nothing to tell apart; measure a longer time, or another task"
    )]
    OneClass {
        /// How many count.
        rows: usize,
        /// What all of them are.
        label: bool,
    },
    /// Columns that are not of the same rows.
    #[error("there are {got} {what} for {expected} scores; give one for each")]
    Lengths {
        /// Of what.
        what: &'static str,
        /// Scores.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// Bins of a calibration.
    #[error("a calibration in 0 bins says nothing; ask for 10")]
    NoBins,
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
