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
    /// Songs that other engines share cannot grow for one of them.
    #[error("the songs are shared with other engines; load shards before sharing them")]
    SongsShared,
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
    /// The listener has not agreed to ask the server for songs.
    #[cfg(feature = "full")]
    #[error(
        "the listener has not agreed to ask the server for songs; call setConsent({{ recall: true }}) once they have"
    )]
    RecallConsentOff,
    /// Neither weights nor songs say of which dimension a question would be.
    #[cfg(feature = "full")]
    #[error("there are neither weights nor songs to ask from; fetch the current weights first")]
    NothingToAskFrom,
    /// A setting of a question that is out of its range.
    #[cfg(feature = "full")]
    #[error("a question's {what} is out of its range; see AskConfig")]
    Question {
        /// Which.
        what: &'static str,
    },
    /// An answer where nothing was asked.
    #[cfg(feature = "full")]
    #[error("no question waits for this answer; ask first")]
    NotAsked,
    /// A block of candidates that is not the next one of its round, or a round whose blocks are not all here.
    #[cfg(feature = "full")]
    #[error(
        "block {next} of the round is the next one, got {got}; receive all its blocks in their order, then contribute"
    )]
    Block {
        /// Which one comes next.
        next: usize,
        /// Which one came, or how many there are.
        got: usize,
    },
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
    /// A vault that is none, or was cut or changed.
    #[cfg(feature = "secagg")]
    #[error(
        "the vault is damaged ({detail}); what rounds have cost is not known, so all of the budget counts as spent"
    )]
    Vault {
        /// What is wrong.
        detail: &'static str,
    },
    /// A vault of a later build.
    #[cfg(feature = "secagg")]
    #[error("the vault has format {got}, this build reads up to {newest}; update the package")]
    VaultVersion {
        /// Its format.
        got: u8,
        /// The newest this build reads.
        newest: u8,
    },
    /// An answer to an errand that was not given.
    #[cfg(feature = "secagg")]
    #[error("no errand waits for this answer; ask for one first")]
    NoErrand,
    /// The store holds something else than it was to keep.
    #[cfg(feature = "secagg")]
    #[error(
        "the store gave back {found} bytes that are not the {expected} it was to keep; write them again, then read them"
    )]
    NotKept {
        /// How many were to be kept.
        expected: usize,
        /// How many came back.
        found: usize,
    },
    /// Another server than the pinned one.
    #[cfg(feature = "secagg")]
    #[error("another server's key is pinned on this device; what was kept for one server is not for another")]
    ServerKey,
    /// A message or a phase of a secure round that does not hold.
    #[cfg(feature = "secagg")]
    #[error(transparent)]
    Sum(#[from] crate::secagg::Error),
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
    /// What the page shows: as [`core::fmt::Display`] says it, without the numbers, which are in [`Error::numbers`]. Formatting them would
    /// cost every page four kilobytes.
    #[must_use]
    pub fn brief(&self) -> &'static str {
        match self {
            Error::Decode(error) => error.brief(),
            Error::NotADownlink { .. } => "a message of this kind does not come to a device; is the URL right?",
            Error::ShardDimension { .. } => {
                "the shard's dimension is not that of the resident songs; delete the cached catalogue and load it again"
            }
            Error::SongsShared => "the songs are shared with other engines; load shards before sharing them",
            Error::WeightsLength { .. } => "the weights are not as long as their shape needs",
            Error::WeightsDimension { .. } => {
                "the weights are for songs of another dimension; load catalogue and weights from the same server"
            }
            Error::WeightsVersion { .. } => {
                "the round starts from other weights than are held; fetch the current weights first"
            }
            Error::ConsentOff => "the listener has not agreed to contribute; call setConsent(true) once they have",
            #[cfg(feature = "full")]
            Error::RecallConsentOff => {
                "the listener has not agreed to ask the server for songs; call setConsent({ recall: true }) once they have"
            }
            #[cfg(feature = "full")]
            Error::NothingToAskFrom => {
                "there are neither weights nor songs to ask from; fetch the current weights first"
            }
            #[cfg(feature = "full")]
            Error::Question { .. } => "a setting of the question is out of its range",
            #[cfg(feature = "full")]
            Error::NotAsked => "no question waits for this answer; ask first",
            #[cfg(feature = "full")]
            Error::Block { .. } => {
                "a block of the round is missing; receive all of them in their order, then contribute"
            }
            Error::NoOffer => "no round is on offer; receive one first",
            Error::UnknownSong { .. } => "the song is not on this device; load its catalogue shard first",
            Error::Snapshot { .. } => "the saved state is damaged; the engine keeps its present state",
            Error::SnapshotVersion { .. } => "the saved state is of a later build; update the package",
            #[cfg(feature = "secagg")]
            Error::Vault { .. } => "the vault is damaged, so all of the budget counts as spent",
            #[cfg(feature = "secagg")]
            Error::VaultVersion { .. } => "the vault is of a later build; update the package",
            #[cfg(feature = "secagg")]
            Error::NoErrand => "no errand waits for this answer; ask for one first",
            #[cfg(feature = "secagg")]
            Error::NotKept { .. } => {
                "the store gave back other bytes than it was to keep; write them again, then read them"
            }
            #[cfg(feature = "secagg")]
            Error::ServerKey => "another server's key is pinned on this device",
            #[cfg(feature = "secagg")]
            Error::Sum(_) => "the message does not fit the round",
        }
    }

    /// The numbers that belong to it: what was found, then what was expected.
    #[must_use]
    pub fn numbers(&self) -> [Option<u64>; 2] {
        let (found, expected) = match *self {
            Error::Decode(ref error) => error.numbers(),
            Error::NotADownlink { kind } => (Some(kind.into()), None),
            Error::ShardDimension { dimension, resident, .. } => (Some(dimension.into()), Some(resident as u64)),
            Error::WeightsLength { expected, got } => (Some(got as u64), Some(expected as u64)),
            Error::WeightsDimension { weights, songs } => (Some(weights as u64), Some(songs as u64)),
            Error::WeightsVersion { needed, held } => (held.map(|v| v.0), Some(needed.0)),
            Error::UnknownSong { song } => (Some(song.0.into()), None),
            Error::SnapshotVersion { got, newest } => (Some(got.into()), Some(newest.into())),
            #[cfg(feature = "full")]
            Error::Block { next, got } => (Some(got as u64), Some(next as u64)),
            #[cfg(feature = "full")]
            Error::RecallConsentOff | Error::NothingToAskFrom | Error::Question { .. } | Error::NotAsked => {
                (None, None)
            }
            #[cfg(feature = "secagg")]
            Error::VaultVersion { got, newest } => (Some(got.into()), Some(newest.into())),
            #[cfg(feature = "secagg")]
            Error::NotKept { expected, found } => (Some(found as u64), Some(expected as u64)),
            #[cfg(feature = "secagg")]
            Error::Sum(crate::secagg::Error::Length { expected, got, .. }) => (Some(got as u64), Some(expected as u64)),
            #[cfg(feature = "secagg")]
            Error::Vault { .. } | Error::NoErrand | Error::ServerKey | Error::Sum(_) => (None, None),
            Error::SongsShared | Error::ConsentOff | Error::NoOffer | Error::Snapshot { .. } => (None, None),
        };
        [found, expected]
    }

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
            Error::SongsShared => "shard/shared",
            Error::WeightsLength { .. } => "weights/length",
            Error::WeightsDimension { .. } => "weights/dimension",
            Error::WeightsVersion { .. } => "weights/version",
            Error::ConsentOff => "consent/off",
            #[cfg(feature = "full")]
            Error::RecallConsentOff => "consent/off",
            #[cfg(feature = "full")]
            Error::NothingToAskFrom => "recall/nothing",
            #[cfg(feature = "full")]
            Error::Question { .. } => "recall/question",
            #[cfg(feature = "full")]
            Error::NotAsked => "recall/not-asked",
            #[cfg(feature = "full")]
            Error::Block { .. } => "round/block",
            Error::NoOffer => "round/no-offer",
            Error::UnknownSong { .. } => "song/unknown",
            Error::Snapshot { .. } => "snapshot/damaged",
            Error::SnapshotVersion { .. } => "snapshot/version",
            #[cfg(feature = "secagg")]
            Error::Vault { .. } => "vault/damaged",
            #[cfg(feature = "secagg")]
            Error::VaultVersion { .. } => "vault/version",
            #[cfg(feature = "secagg")]
            Error::NoErrand => "round/no-errand",
            #[cfg(feature = "secagg")]
            Error::NotKept { .. } => "vault/not-kept",
            #[cfg(feature = "secagg")]
            Error::ServerKey => "round/server-key",
            #[cfg(feature = "secagg")]
            Error::Sum(_) => "round/refused",
        }
    }
}
