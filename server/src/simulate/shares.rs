//! Rounds whose devices each add a share of the noise, by the device's own code: every listener has an account, and an update is charged, written
//! down, rounded to the grid and noised before it counts. What is left out is the mask, which changes no sum.

use sottovoce::math::Rng;
use sottovoce::privacy::accountant::{Account, Budget, Charged, Spend};
use sottovoce::privacy::{Error, Gradient, Noise, NoiseKey, NoisePlan};

/// The plan of all rounds, and everyone's account.
#[derive(Clone, Debug)]
pub struct Shares {
    plan: NoisePlan,
    accounts: Vec<Account>,
    rng: Rng,
}

impl Shares {
    /// Nobody has spent anything.
    #[must_use]
    pub fn new(plan: NoisePlan, budget: Budget, listeners: usize, seed: u64) -> Self {
        Self { plan, accounts: vec![Account::new(budget); listeners], rng: Rng::new(seed).split("shares") }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &NoisePlan {
        &self.plan
    }

    /// What the listener has spent who was in most rounds.
    #[must_use]
    pub fn spent(&self) -> Option<Spend> {
        self.accounts.iter().map(Account::spent).max_by_key(|spend| spend.rounds)
    }

    /// Charges one listener for a round; `None` where the budget does not afford it, and the device stays out.
    pub(super) fn charge(&mut self, listener: usize) -> Result<Option<Charged>, Error> {
        match self.accounts[listener].charge(self.plan) {
            Ok(pending) => {
                // What a page writes to its store and reads back.
                let written = pending.bytes().to_vec();
                pending.recorded(&written).map(Some)
            }
            Err(Error::Exhausted { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Rounds and noises what a device computed, which is clipped already: whole steps of the grid.
    pub(super) fn noised(
        &self,
        values: Vec<f32>,
        charged: Charged,
        round: u32,
        listener: usize,
    ) -> Result<Vec<i32>, Error> {
        let mut rng = self.rng.split_at(round.into()).split_at(listener as u64);
        let mut key = [0; 32];
        key.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = rng.next_u64().to_le_bytes());
        let mut noise = Noise::new(NoiseKey::new(key));
        let norm = self.plan.clip_norm();
        let clipped = Gradient::new(values).clip(norm);
        Ok(clipped.quantized(norm, self.plan.grid(), &mut noise).noised(charged, &mut noise)?.into_values())
    }
}
