//! What the caller is asked to do, and where each message goes.

use crate::ids::RoundId;
use crate::secagg::PublicKey;

/// One thing for the caller to do. Paths are relative to the server's own.
#[derive(Clone, PartialEq, Eq)]
pub enum Errand {
    /// Fetch; [`Recommender::round_answer`](crate::client::Recommender::round_answer) takes status and body.
    Get {
        /// Where.
        path: String,
        /// The name of what is expected.
        message: &'static str,
    },
    /// Send; call [`Recommender::round_sent`](crate::client::Recommender::round_sent) once the body has left, then
    /// [`Recommender::round_answer`](crate::client::Recommender::round_answer). Safe to repeat.
    Put {
        /// Where.
        path: String,
        /// The message's name.
        message: &'static str,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// Write the vault durably, read it back, and hand [`Recommender::round_kept`](crate::client::Recommender::round_kept) what was read.
    Keep {
        /// The vault.
        bytes: Vec<u8>,
    },
    /// AES-128 in counter mode from counter 0 under `key`: [`Recommender::round_stream`](crate::client::Recommender::round_stream) takes
    /// `length` bytes of the stream, or none, and then the engine does it and all that follow itself.
    Mask {
        /// 16 bytes.
        key: Vec<u8>,
        /// How much of the stream.
        length: usize,
    },
}

impl core::fmt::Debug for Errand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Get { path, .. } => write!(f, "Get({path})"),
            Self::Put { path, body, .. } => write!(f, "Put({path}, {} bytes)", body.len()),
            Self::Keep { bytes } => write!(f, "Keep(.. {} bytes)", bytes.len()),
            Self::Mask { length, .. } => write!(f, "Mask(.. {length} bytes)"),
        }
    }
}

/// What is being asked for: the errand without its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    Offer,
    Weights,
    Block(u32),
    Join,
    Roster,
    Charge,
    Mask,
    Report,
    Outcome,
    Enlist,
    Split,
    Vote,
    Votes,
    Disclosure,
    /// The vault, before something leaves.
    Vault,
}

/// 64 lower-case hexadecimal digits.
pub(super) fn hex(key: PublicKey) -> String {
    let digit = |nibble: u8| char::from(nibble + if nibble < 10 { b'0' } else { b'a' - 10 });
    key.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(super) fn of_device(round: RoundId, what: &str, identity: PublicKey) -> String {
    of_round(round, &format!("{what}/{}", hex(identity)))
}

pub(super) fn of_round(round: RoundId, what: &str) -> String {
    format!("v1/rounds/{round}/{what}")
}

impl Ask {
    /// What such a message means, for the listener's ledger.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Offer => "An invitation to learn together: which model, how, and with how much noise.",
            Self::Weights => "The shared model as it stands; the same for everybody.",
            Self::Block(_) => {
                "Songs that a round is about, with their present places in the model; the same for everybody."
            }
            Self::Join => {
                "That this device takes part in a round, under a name for this round alone: keys and sealed shares of keys."
            }
            Self::Roster => "Who else takes part, under names for this round alone: keys to hide among.",
            Self::Report => {
                "How this round should change the shared model: clipped, with noise, under masks. Only the sum of all can be read."
            }
            Self::Outcome => "Whether the sum with this device's part in it was opened.",
            Self::Enlist => {
                "That this device helps to open sums of others, and its keys for it; nothing about listening."
            }
            Self::Split => {
                "Whose reports arrived in a round that this device helps to open, under names for that round alone."
            }
            Self::Vote => "This device's signature on whose reports arrived; nothing about listening.",
            Self::Votes => "Who else of the committee signed the same.",
            Self::Disclosure => "Keys that open the sum of a round and no single report; nothing about listening.",
            Self::Charge | Self::Mask | Self::Vault => "Stays on this device.",
        }
    }

    /// Whether all that it takes is here, and only has to be sent, kept or put on.
    pub(super) fn is_ready(self) -> bool {
        matches!(self, Self::Join | Self::Charge | Self::Mask | Self::Report | Self::Vote | Self::Disclosure)
    }

    /// Whether the listener's ledger has a line for each: a sign of life every few seconds would push everything else out of it.
    pub(super) fn beats(self) -> bool {
        self == Self::Enlist
    }
}
