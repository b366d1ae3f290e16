//! The engine's doors to secure rounds.

use super::errand::Errand;
use super::machine::Secure;
use super::part::Device;
use super::state::{RoundState, Upload};
use crate::client::{Error, Recommender};
use crate::ids::Millis;
use crate::privacy::accountant::Budget;
use crate::privacy::{Direction, LedgerEntry};
use crate::secagg::PublicKey;
use rand_core::CryptoRng;

impl Recommender {
    /// What to do next for secure rounds: do it, then answer with [`Recommender::round_answer`], [`Recommender::round_kept`] or
    /// [`Recommender::round_stream`]. `None`: nothing now; [`RoundState::retry_at`] says when to ask again. Asked twice it says the same.
    /// Without consent there is never anything, and what waits is dropped: write the vault then, or the store
    /// still has it.
    ///
    /// Training, noise and whatever else needs no one happens in here; `rng` is a cryptographic source, all of whose draws are secret.
    ///
    /// # Errors
    /// None at present: what the server says wrongly is in [`RoundState::why`].
    pub fn round_errand(&mut self, now: Millis, rng: &mut impl CryptoRng) -> Result<Option<Errand>, Error> {
        if !self.kept.consent {
            self.secure.retire();
            return Ok(None);
        }
        let (secure, device) = self.secure();
        Ok(secure.errand(now, &device, rng))
    }

    /// Takes the server's answer to the last [`Errand::Get`] or [`Errand::Put`]: the status of HTTP, 0 for no answer at all, and the body.
    /// 429, 5xx and 0 give the same errand again after a growing pause; 409 ends the round for this device, other 4xx refuse it for good.
    ///
    /// # Errors
    /// [`Error::NoErrand`] where nothing of the kind was asked for.
    pub fn round_answer(&mut self, status: u16, body: &[u8], now: Millis) -> Result<(), Error> {
        let (secure, device) = self.secure();
        let answered = secure.answer(status, body, now, &device)?;
        if let Some((message, meaning)) = answered.down {
            self.record_received(message, u32::try_from(body.len()).unwrap_or(u32::MAX), meaning, now);
        }
        if let Some(weights) = answered.weights
            && self.take_weights(&weights).is_err()
        {
            let round = self.secure.part.round();
            self.secure.give_up(round, super::Why::Weights);
        }
        Ok(())
    }

    /// Takes what the store holds after an [`Errand::Keep`].
    ///
    /// # Errors
    /// [`Error::NotKept`] where that is something else, and the errand stays; [`Error::NoErrand`].
    pub fn round_kept(&mut self, read_back: &[u8]) -> Result<(), Error> {
        self.secure.kept(read_back)
    }

    /// Takes the stream of an [`Errand::Mask`]; an empty one leaves masking to the engine.
    ///
    /// # Errors
    /// [`Error::Sum`] for another length, and the errand stays; [`Error::NoErrand`].
    pub fn round_stream(&mut self, stream: &[u8]) -> Result<(), Error> {
        self.secure.stream(stream)
    }

    /// Writes into the ledger that the body of the last [`Errand::Put`] has left once. Of a member's signs of life the first of a session
    /// has a line; all are counted.
    pub fn round_sent(&mut self, now: Millis) {
        let Some((ask, message, bytes, again)) = self.secure.leaving() else { return };
        if again {
            self.kept.ledger.count(bytes);
        } else {
            let (message, meaning) = (message.into(), ask.meaning().into());
            self.kept.ledger.record(LedgerEntry { at: now, direction: Direction::Up, message, bytes, meaning });
        }
    }

    /// Writes into the ledger that something may have left: it was on its way, and the caller was gone before it heard what became of it. What left
    /// unseen must not be missing, so it counts.
    pub fn record_left(&mut self, message: &str, bytes: u32, meaning: &str, now: Millis) {
        let (message, meaning) = (message.into(), meaning.into());
        self.kept.ledger.record(LedgerEntry { at: now, direction: Direction::Up, message, bytes, meaning });
    }

    /// Where everything stands.
    #[must_use]
    pub fn round_state(&self) -> RoundState {
        self.secure.state(self.kept.consent, &self.device())
    }

    /// What is about to leave or has left, beside what it was made of: from the moment noise is added until the outcome is known.
    #[must_use]
    pub fn explain_upload(&self) -> Option<Upload> {
        self.secure.part.upload().cloned()
    }

    /// All secrets of rounds, for a store of their own that only this device can open: apart from [`Recommender::snapshot`].
    #[must_use]
    pub fn vault(&self) -> Vec<u8> {
        self.secure.vault()
    }

    /// Takes up where [`Recommender::vault`] left off.
    ///
    /// # Errors
    /// [`Error::Vault`], [`Error::VaultVersion`], [`Error::ServerKey`]. What was spent is not known then, so all of the budget counts as
    /// spent, and stays so.
    pub fn restore_vault(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.secure.restore(bytes)
    }

    /// Forgets all of it, the account and the server's key too, as a device that was set up anew: for a caller that has erased where it kept
    /// [`Recommender::vault`]. What was told is told all the same.
    pub fn forget_vault(&mut self) {
        self.secure.forget();
    }

    /// Sets what rounds may cost the listener altogether. What was spent stays spent.
    pub fn set_budget(&mut self, budget: Budget) {
        self.secure.set_budget(budget);
    }

    /// Sets what this device asks of a round: survivors without which no sum may be opened, and members of the committee; and how many rounds
    /// lie at least between two that it takes part in (`b` of `privacy::accountant::Participation`): 1 is every round.
    pub fn set_round_policy(&mut self, survivors: u32, members: u32, apart: u32) {
        self.secure.least = (survivors, members);
        self.secure.apart = apart;
    }

    /// Pins the server's key, for good: whoever else signs terms or rosters is refused.
    ///
    /// # Errors
    /// [`Error::ServerKey`] where another one is pinned.
    pub fn trust_server(&mut self, key: PublicKey) -> Result<(), Error> {
        self.secure.trust(key)
    }

    fn device(&self) -> Device<'_> {
        Device { tower: self.tower.as_ref(), history: self.history(), items: &self.items, rng: &self.rng }
    }

    /// Both halves at once.
    fn secure(&mut self) -> (&mut Secure, Device<'_>) {
        let Self { secure, tower, kept, items, rng, config, .. } = self;
        let history = &kept.history[kept.history.len().saturating_sub(config.history.max(1))..];
        (secure, Device { tower: tower.as_ref(), history, items, rng })
    }
}
