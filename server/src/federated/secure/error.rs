//! What can go wrong on the way to a sum.

use super::Phase;
use crate::store::{StoreError, Transient};
use sottovoce::ids::RoundId;
use sottovoce::protocol::DecodeError;
use sottovoce::secagg;

/// Why a message was not taken, or a sum did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SumError {
    /// The message is not what the protocol calls for.
    #[error(transparent)]
    Refused(#[from] secagg::Error),
    /// There is no such round.
    #[error("there is no secure round {round}; ask for the open one")]
    NoSuchRound {
        /// Which was asked for.
        round: RoundId,
    },
    /// The round is elsewhere.
    #[error("round {round} is {got:?}, this takes {expected:?}; ask where it stands")]
    OtherPhase {
        /// Which round.
        round: RoundId,
        /// Where it stands.
        got: Phase,
        /// Where it would have to stand.
        expected: Phase,
    },
    /// One name, two different messages.
    #[error("{what} is there already, with other bytes; send what was sent before")]
    Differs {
        /// Which message.
        what: &'static str,
    },
    /// Not enough devices serve.
    #[error("{got} devices offer to serve on a committee, at least {least} are needed")]
    NoCommittee {
        /// How many do.
        got: usize,
        /// How many it takes.
        least: usize,
    },
    /// What is in the store was not written by this build.
    #[error("the store is damaged: {what} does not read back; restore a copy, or serve with a new store")]
    Damaged {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The store would not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Transient for SumError {
    fn transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.transient())
    }
}
