//! What outlives rounds: who the server is, what this device has taken part in, and what that has cost.

use crate::ids::{RoundId, WeightsVersion};
use crate::privacy::accountant::{Account, Budget, Spend};
use crate::protocol::Fate;
use crate::secagg::PublicKey;

/// What was spent, or that nobody knows.
#[derive(Debug)]
pub(super) enum Purse {
    Held(Account),
    /// The account was damaged: all of this counts as spent.
    Lost(Budget),
}

impl Purse {
    pub(super) fn budget(&self) -> Budget {
        match self {
            Self::Held(account) => account.budget(),
            Self::Lost(budget) => *budget,
        }
    }

    pub(super) fn set_budget(&mut self, budget: Budget) {
        match self {
            Self::Held(account) => account.set_budget(budget),
            Self::Lost(all) => *all = budget,
        }
    }

    pub(super) fn spent(&self) -> Spend {
        match self {
            Self::Held(account) => account.spent(),
            Self::Lost(all) => Spend { epsilon: all.epsilon(), delta: all.delta(), rounds: 0 },
        }
    }
}

/// What outlives rounds.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) server: Option<PublicKey>,
    /// Whether it is known to hold rounds of this kind.
    pub(super) secure: bool,
    /// The newest weights of any round it took part in.
    pub(super) seen: Option<WeightsVersion>,
    pub(super) last_round: Option<RoundId>,
    pub(super) included: u64,
    pub(super) outcome: Option<(RoundId, Fate)>,
    pub(super) purse: Purse,
}

impl Default for Book {
    fn default() -> Self {
        let purse = Purse::Held(Account::new(Budget::default()));
        Self { server: None, secure: false, seen: None, last_round: None, included: 0, outcome: None, purse }
    }
}
