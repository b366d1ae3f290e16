//! What can be wrong with a message of a round.

use crate::ids::RoundId;

/// Why a message was refused, or a phase could not go on. Nothing has changed then, and nothing was disclosed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number of the terms is outside its range.
    #[error("{what} is {got}, expected {expected}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Its value.
        got: u64,
        /// Its range, in words.
        expected: &'static str,
    },
    /// Less than this device insists on.
    #[error("the round offers {what} of {got}, this device takes part from {least} on")]
    Policy {
        /// What of.
        what: &'static str,
        /// What the round offers.
        got: u32,
        /// What the device asks for.
        least: u32,
    },
    /// A signature that does not fit.
    #[error("the signature of {what} does not fit what it signs")]
    Signature {
        /// Whose.
        what: &'static str,
    },
    /// A public key that is none.
    #[error("{what} is not a usable public key")]
    Key {
        /// Whose.
        what: &'static str,
    },
    /// Something stands twice where each may stand once.
    #[error("{what} stands there twice")]
    Twice {
        /// What.
        what: &'static str,
    },
    /// A list or a vector of another length.
    #[error("{what} has {got} entries, expected {expected}")]
    Length {
        /// Which one.
        what: &'static str,
        /// What it should have.
        expected: usize,
        /// What it has.
        got: usize,
    },
    /// The message speaks of something else than the phase it came to.
    #[error("{what} is not the one of this round; fetch it again")]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// A round this device has taken part in, or one before it.
    #[error("round {round} is not after round {last}, the last one this device took part in")]
    Replayed {
        /// Which was offered.
        round: RoundId,
        /// The last one.
        last: RoundId,
    },
    /// A model older than one this device has seen.
    #[error("the round starts from weights version {got}, this device has seen {seen}")]
    Stale {
        /// The round's.
        got: u64,
        /// The newest seen.
        seen: u64,
    },
    /// A roster entry that the root does not hold.
    #[error("the roster's proof for {what} does not lead to its root")]
    Proof {
        /// For which.
        what: &'static str,
    },
    /// The neighbours are not those that root and beacon give.
    #[error("the neighbours are not those that the roster's root and its beacon give")]
    Neighbours,
    /// Too few devices.
    #[error("{what}: {got} devices, at least {least} are needed; nothing is disclosed")]
    TooFew {
        /// When.
        what: &'static str,
        /// How many there are.
        got: u32,
        /// How many it takes.
        least: u32,
    },
    /// A member that has put its name to another split of the same round.
    #[error("this member has signed another split of this round")]
    Conflict,
    /// Whoever sent this is not part of the round.
    #[error("{what} is not part of this round")]
    Stranger {
        /// Who.
        what: &'static str,
    },
    /// A disclosure whose key does not open what the device sealed.
    #[error("the disclosed key of device {index} does not open its share")]
    Opening {
        /// The device's place in the roster.
        index: u32,
    },
    /// The opened shares are not those of the device's secret.
    #[error("the shares of device {index} do not give the secret it committed to")]
    Shares {
        /// The device's place in the roster.
        index: u32,
    },
}
