//! Where a round stands, and the rules it runs by.

use sottovoce::ids::{Millis, RoundId};
use sottovoce::secagg::{Digest, SignedTerms};

/// Where a round stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Takes devices.
    Joining,
    /// The roster is closed; takes reports.
    Reporting,
    /// Who reported is settled; the committee signs it and discloses.
    Opening,
    /// The sum was taken out; nothing of what devices sent is kept but who was in it.
    Summed,
    /// Ended without a sum.
    Abandoned,
}

impl Phase {
    pub(super) const ALL: [Self; 5] = [Self::Joining, Self::Reporting, Self::Opening, Self::Summed, Self::Abandoned];

    /// Its name, in the store and over HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Reporting => "reporting",
            Self::Opening => "opening",
            Self::Summed => "summed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether something may still come of it.
    #[must_use]
    pub fn live(self) -> bool {
        !matches!(self, Self::Summed | Self::Abandoned)
    }
}

/// A round, as the store has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// Which one.
    pub round: RoundId,
    /// Where it stands.
    pub phase: Phase,
    /// Its terms.
    pub terms: SignedTerms,
    /// So many devices close the roster.
    pub cohort: u32,
    /// So many have joined.
    pub joined: u32,
    /// So many have reported.
    pub reported: u32,
    /// Drawn when the roster closed.
    pub beacon: Option<Digest>,
    /// Who reported, once that is settled: a bit a device.
    pub bitmap: Option<Vec<u8>>,
    /// The deadline of this phase.
    pub closes_at: Millis,
}

/// How rounds run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// So many devices close the roster at once.
    pub cohort: u32,
    /// Fewer enlisted devices make no committee.
    pub least_members: usize,
    /// A member that was not heard of for so long, in milliseconds, gets no seat.
    pub absent_ms: u64,
    /// Milliseconds for joining, for reporting, and for opening.
    pub patience_ms: [u64; 3],
}

impl Rules {
    /// The deadline of a phase that begins at `now`.
    pub(super) fn closes_at(&self, phase: Phase, now: Millis) -> Millis {
        let patience = match phase {
            Phase::Joining => self.patience_ms[0],
            Phase::Reporting => self.patience_ms[1],
            _ => self.patience_ms[2],
        };
        Millis(now.0.saturating_add(patience))
    }
}
