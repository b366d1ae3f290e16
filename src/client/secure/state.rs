//! What the listener may know of the rounds: where things stand, what was spent, what is about to leave, and why something is not done.

use crate::ids::{Millis, RoundId};
use crate::privacy;
use crate::privacy::accountant::{Budget, Spend};
use crate::protocol::{DecodeError, Fate};
use crate::secagg;

/// Where an ordinary device's part in a round stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// In no round.
    Idle,
    /// It has been invited, or its joining is on its way.
    Joining,
    /// It has joined; the roster is not closed yet.
    Roster,
    /// It knows its neighbours and trains, or has its charge written down.
    Training,
    /// Masks are being put on.
    Masking,
    /// The report is on its way.
    Reporting,
    /// The report is there; the sum is not opened yet. The tab may be closed.
    Outcome,
}

impl Phase {
    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Roster => "roster",
            Self::Training => "training",
            Self::Masking => "masking",
            Self::Reporting => "reporting",
            Self::Outcome => "outcome",
        }
    }
}

/// How far a member got in a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// It has a seat; nothing is to be done yet.
    Seated = 0,
    /// It has signed who reported.
    Voted = 1,
    /// It has disclosed what opens the sum.
    Disclosed = 2,
}

impl Task {
    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seated => "seated",
            Self::Voted => "voted",
            Self::Disclosed => "disclosed",
        }
    }
}

/// A member's seat in a round, and what it did there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service {
    /// Which round.
    pub round: RoundId,
    /// How far it got.
    pub task: Task,
}

/// Where everything stands.
#[derive(Clone, PartialEq, Debug)]
pub struct RoundState {
    /// The ordinary part.
    pub phase: Phase,
    /// Of which round.
    pub round: Option<RoundId>,
    /// Whether the server has this device down for its committees.
    pub enlisted: bool,
    /// The newest round in which it has or had a seat.
    pub service: Option<Service>,
    /// What was spent; all of it where the account was lost.
    pub spent: Spend,
    /// What may be spent.
    pub budget: Budget,
    /// In so many rounds this device's part was in the sum that was opened.
    pub included: u64,
    /// What became of the last report.
    pub outcome: Option<(RoundId, Fate)>,
    /// When to ask for an errand again, if there is none now.
    pub retry_at: Option<Millis>,
    /// Why it takes no part, or why the last thing it tried came to nothing.
    pub why: Option<Why>,
}

/// What this device is about to send or has sent, for the listener's own eyes: from the moment noise is added until the outcome is known.
#[derive(Clone, PartialEq)]
pub struct Upload {
    /// Which round.
    pub round: RoundId,
    /// The update as it was learnt and clipped. Does not leave.
    pub clipped: Vec<f32>,
    /// In whole steps and with noise. Leaves under masks only.
    pub noised: Vec<i32>,
    /// `C`: no update is longer.
    pub clip_norm: f32,
    /// Steps per 1.0.
    pub steps: u32,
    /// Standard deviation of the noise of each number, in steps; 0 where none is planned.
    pub sigma: f64,
    /// Bits a number in the report.
    pub bits: u8,
    /// Bytes of the report.
    pub bytes: u32,
}

impl Upload {
    /// The length of the clipped update.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "for people to read")]
    pub fn norm(&self) -> f32 {
        self.clipped.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32
    }

    /// The noised numbers in the unit of the clipped ones.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "for people to read")]
    pub fn noised_values(&self) -> Vec<f32> {
        let step = 1.0 / f64::from(self.steps.max(1));
        self.noised.iter().map(|v| (f64::from(*v) * step) as f32).collect()
    }
}

impl core::fmt::Debug for Upload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Upload({}, .. {} values)", self.round, self.clipped.len()) // the values tell of the listener
    }
}

/// Why a device takes no part in a round, or no further part.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// No key says who the server is.
    #[error("the server's key is not known; call trustServer first")]
    NoServer,
    /// The server invites to rounds in the open.
    #[error("the server asks for updates in the open; this device sends none")]
    Open,
    /// One more round would cost more than there is left.
    #[error("ε would be {after} of {budget} after this round: the budget is used up")]
    Budget {
        /// What would have been spent.
        after: f64,
        /// What may be spent.
        budget: f64,
    },
    /// What was spent is not known any more.
    #[error("the account of what was spent is lost, so all of it counts as spent")]
    AccountLost,
    /// Nothing was heard that could be learned from.
    #[error("there is nothing to learn from yet")]
    NothingToLearn,
    /// The weights at hand are not those of the round.
    #[error("the weights at hand are not those that the round starts from")]
    Weights,
    /// A block is not the one that the terms name.
    #[error("block {index} is not the one that the round's terms name")]
    Block {
        /// Which.
        index: u32,
    },
    /// Vectors of another length than the device would make.
    #[error("the round adds up vectors of {offered} numbers, this device's have {own}")]
    Dimension {
        /// The round's.
        offered: usize,
        /// The device's.
        own: usize,
    },
    /// The protocol does not allow it.
    #[error(transparent)]
    Refused(#[from] secagg::Error),
    /// The noise cannot be as the round has it.
    #[error(transparent)]
    Noise(#[from] privacy::Error),
    /// What came is no message, or another one.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It has taken part lately.
    #[error("this device takes part again from round {next} on")]
    Rests {
        /// From which on.
        next: RoundId,
    },
    /// The round went on without this device, or has ended.
    #[error("the round is over for this device")]
    Over,
    /// The server will not have it.
    #[error("the server refused with status {status}")]
    Server {
        /// Of HTTP.
        status: u16,
    },
    /// Out of reach, or too busy; it is tried again.
    #[error("the server is out of reach or busy (status {status}); it is tried again")]
    Later {
        /// Of HTTP; 0 for no answer at all.
        status: u16,
    },
}

impl Why {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoServer => "round/no-server",
            Self::Open => "round/open",
            Self::Budget { .. } => "round/budget",
            Self::AccountLost => "round/account-lost",
            Self::NothingToLearn => "round/nothing-to-learn",
            Self::Weights => "round/weights",
            Self::Block { .. } => "round/block",
            Self::Dimension { .. } => "round/dimension",
            Self::Refused(_) => "round/refused",
            Self::Noise(_) => "round/noise",
            Self::Decode(_) => "round/decode",
            Self::Rests { .. } => "round/rests",
            Self::Over => "round/over",
            Self::Server { .. } => "round/server",
            Self::Later { .. } => "round/later",
        }
    }
}
