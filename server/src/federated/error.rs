//! What can go wrong in a round.

use super::secure::SumError;
use crate::store::{StoreError, Transient};
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::protocol::TowerShape;

/// Why a round, an update or a step did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoundError {
    /// A mean of nothing.
    #[error("no update to average; a round needs at least one")]
    NoUpdates,
    /// Something does not fit the weights.
    #[error("{what} has {got} values, the weights have {expected}; fetch the weights again and train from them")]
    Length {
        /// Which one.
        what: &'static str,
        /// The weights' length.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// The step left the numbers.
    #[error("weight {at} would not be finite after the step; lower the server's learning rate or the clip norm")]
    NotFinite {
        /// Index of the first such weight.
        at: usize,
    },
    /// A setting outside its range.
    #[error("{what} is {got}, expected {expected}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Its value.
        got: f64,
        /// Its range, in words.
        expected: &'static str,
    },
    /// A round that was never opened.
    #[error("there is no round {round}; ask /v1/rounds/next for the open one")]
    NoSuchRound {
        /// Which was asked for.
        round: RoundId,
    },
    /// The address says one round, the message another.
    #[error("the update is for round {message}, but was sent to round {address}")]
    OtherRound {
        /// Where it was sent.
        address: RoundId,
        /// What it says.
        message: RoundId,
    },
    /// Trained from other weights than the round's.
    #[error(
        "the update starts from weights version {got}, the round from {expected}; fetch the weights and train again"
    )]
    OtherWeights {
        /// The round's.
        expected: WeightsVersion,
        /// The update's.
        got: WeightsVersion,
    },
    /// Not clipped to the round's bound.
    #[error("the update's L2 norm is {norm}, the round's clip norm C is {clip_norm}; clip before sending")]
    Unclipped {
        /// Its norm.
        norm: f64,
        /// `C`.
        clip_norm: f32,
    },
    /// One key, two different updates.
    #[error("this key already carries another update of round {round}; draw a new random key for a new update")]
    KeyReused {
        /// Which round.
        round: RoundId,
    },
    /// Not a key.
    #[error("an update's key is 32 lower-case hex digits chosen at random, got `{got}`")]
    Key {
        /// What was given instead, shortened.
        got: String,
    },
    /// The store holds weights of another shape than this server was asked to serve.
    #[error(
        "the state holds a user tower of {stored:?}, asked for {asked:?}; serve with its shape, or with a new --state file"
    )]
    ShapeChanged {
        /// In the store.
        stored: TowerShape,
        /// Asked for.
        asked: TowerShape,
    },
    /// The store holds something that this build cannot have written.
    #[error("the store is damaged: {what}; restore a copy, or serve with a new store")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// Settings that somebody else has changed.
    #[error("the settings were changed meanwhile, they are of revision {revision} now; look at them again")]
    Changed {
        /// How often they were changed.
        revision: u64,
    },
    /// A round that cannot be let go any more.
    #[error("round {round} has become weights already")]
    Ended {
        /// Which.
        round: RoundId,
    },
    /// An update in the open for a round that takes none.
    #[error("round {round} takes masked reports only; join it as GET /v1/rounds/next says")]
    Secure {
        /// Which.
        round: RoundId,
    },
    /// Noise outside its range.
    #[error(transparent)]
    Noise(#[from] sottovoce::privacy::Error),
    /// A secure sum would not come about.
    #[error(transparent)]
    Sum(#[from] SumError),
    /// The sum of a secure round is longer than updates of the clip norm can add up to.
    #[error(
        "the sum of {devices} devices has L2 norm {norm}, updates clipped as planned add up to {longest} at most: somebody sent a longer one; nothing is learned from this round"
    )]
    Overlong {
        /// How many there were.
        devices: u32,
        /// The sum's norm.
        norm: f64,
        /// What it may be.
        longest: f64,
    },
    /// No key to sign the log with.
    #[error("the log's signing key: {what}")]
    LogKey {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store would not answer.
    #[error(transparent)]
    State(#[from] StoreError),
}

impl Transient for RoundError {
    fn transient(&self) -> bool {
        match self {
            Self::State(error) => error.transient(),
            Self::Sum(error) => error.transient(),
            _ => false,
        }
    }
}
