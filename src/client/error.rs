//! What can go wrong in the engine, with a stable code for callers in other languages.

use crate::ids::{SongId, WeightsVersion};
use crate::protocol::DecodeError;

/// Why the engine refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes from the server are not a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A message of a kind that does not come down.
    #[error("a message of kind {kind} does not come to a device; is the URL right?")]
    NotADownlink {
        /// Its kind.
        kind: u8,
    },
    /// A shard does not fit to what is here.
    #[error(
        "shard {index} has dimension {dimension}, resident songs have {resident}; delete the cached catalogue and load it again"
    )]
    ShardDimension {
        /// Which shard.
        index: u32,
        /// Its dimension.
        dimension: u32,
        /// The dimension of what is here (equal where an id was too large).
        resident: usize,
    },
    /// Weights whose length is not what their shape needs.
    #[error("weights have {got} values, their shape needs {expected}")]
    WeightsLength {
        /// What the shape needs.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// Weights for embeddings of another dimension.
    #[error(
        "weights are for dimension {weights}, the songs have dimension {songs}; load catalogue and weights from the same server"
    )]
    WeightsDimension {
        /// The tower's.
        weights: usize,
        /// The songs'.
        songs: usize,
    },
    /// The round starts from other weights than held.
    #[error("the round starts from weights {needed}, held are {held:?}; fetch the current weights first")]
    WeightsVersion {
        /// The round's.
        needed: WeightsVersion,
        /// What is held.
        held: Option<WeightsVersion>,
    },
    /// The listener has not agreed to contribute.
    #[error("the listener has not agreed to contribute; call setConsent(true) once they have")]
    ConsentOff,
    /// No round is on offer.
    #[error("no round is on offer; receive one first")]
    NoOffer,
    /// An event about a song that is not resident.
    #[error("song {song} is not on this device; load its catalogue shard first")]
    UnknownSong {
        /// Which song.
        song: SongId,
    },
    /// A snapshot that is not one, or was cut or changed.
    #[error("the saved state is damaged ({detail}); the engine keeps its present state")]
    Snapshot {
        /// What is wrong.
        detail: &'static str,
    },
    /// A snapshot of a later build.
    #[error("the saved state has format {got}, this build reads up to {newest}; update the package")]
    SnapshotVersion {
        /// Its format.
        got: u8,
        /// The newest this build reads.
        newest: u8,
    },
}

impl Error {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Decode(DecodeError::TooLong { .. }) => "decode/too-long",
            Error::Decode(DecodeError::Version { .. }) => "decode/version",
            Error::Decode(DecodeError::Kind { .. }) => "decode/kind",
            Error::Decode(DecodeError::Malformed { .. }) => "decode/malformed",
            Error::Decode(DecodeError::Invalid { .. }) => "decode/invalid",
            Error::NotADownlink { .. } => "decode/not-a-downlink",
            Error::ShardDimension { .. } => "shard/dimension",
            Error::WeightsLength { .. } => "weights/length",
            Error::WeightsDimension { .. } => "weights/dimension",
            Error::WeightsVersion { .. } => "weights/version",
            Error::ConsentOff => "consent/off",
            Error::NoOffer => "round/no-offer",
            Error::UnknownSong { .. } => "song/unknown",
            Error::Snapshot { .. } => "snapshot/damaged",
            Error::SnapshotVersion { .. } => "snapshot/version",
        }
    }
}
