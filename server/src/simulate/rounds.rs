//! Federated rounds in the open over a population: sample a cohort, let each listener's own engine train, lose some on the way, hand the rest
//! to the real coordinator. Time is simulated; bytes are those a browser would send.

use super::Population;
use crate::federated::{Coordinator, RoundError, Transition, UpdateKey};
use rayon::prelude::*;
use sottovoce::client::{self, Outgoing};
use sottovoce::ids::Millis;
use sottovoce::math::Rng;
use sottovoce::protocol::{DecodeError, WeightUpdate, decode, encode};

/// Who takes part.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RoundsConfig {
    /// Listeners invited to each round.
    pub clients: usize,
    /// How many rounds.
    pub rounds: u32,
    /// Share of invited listeners whose page closes before its update is sent.
    pub dropout: f32,
    /// Seed of cohorts, dropouts and keys.
    pub seed: u64,
}

/// What one round did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoundsOutcome {
    /// Listeners invited.
    pub invited: usize,
    /// Those whose page closed.
    pub dropped: usize,
    /// Those with nothing to learn from.
    pub empty: usize,
    /// Updates that the coordinator counted.
    pub counted: usize,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Whether the round became a new version of the weights.
    pub closed: bool,
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The coordinator's.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A device's.
    #[error("a simulated device refused what the coordinator sent: {0}")]
    Device(#[from] client::Error),
    /// A secure round that neither became weights nor was given up.
    #[error("a round has not ended within an hour of simulated time; are there enough devices for a committee?")]
    NoEnd,
    /// A device's message that the server cannot read.
    #[error("the coordinator cannot read what a simulated device sent: {0}")]
    Message(#[from] DecodeError),
}

/// Runs rounds one after the other, and calls `after` with each one's number, from 0, and outcome.
///
/// # Errors
/// [`SimulationError`]; rounds already closed stay closed.
pub async fn run_rounds(
    population: &mut Population,
    coordinator: &Coordinator,
    config: &RoundsConfig,
    mut after: impl FnMut(u32, RoundsOutcome),
) -> Result<(), SimulationError> {
    let rng = Rng::new(config.seed).split("rounds");
    let mut now = Millis(1);
    for number in 0..config.rounds {
        let mut rng = rng.split_at(u64::from(number));
        let Some(offer) = coordinator.offer(now).await? else { continue };
        let weights = encode(&coordinator.weights().await?);
        let offer_bytes = encode(&offer);

        let mut order: Vec<usize> = (0..population.listeners.len()).collect();
        rng.shuffle(&mut order);
        order.truncate(config.clients);
        let invited = order.len();
        let fates: Vec<(usize, bool, [u8; 16])> = order
            .into_iter()
            .map(|i| {
                let dropped = rng.uniform() < config.dropout;
                let mut key = [0; 16];
                key[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
                key[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
                (i, dropped, key)
            })
            .collect();
        let dropped = fates.iter().filter(|(_, dropped, _)| *dropped).count();
        let mut by_listener: Vec<Option<[u8; 16]>> = vec![None; population.listeners.len()];
        for (i, dropped, key) in fates {
            by_listener[i] = (!dropped).then_some(key);
        }
        let sent: Vec<Option<Outgoing>> = population
            .listeners
            .par_iter_mut()
            .zip(by_listener)
            .filter_map(|(listener, key)| {
                key.map(|key| listener.contribute(&offer_bytes, &weights, client::UpdateKey(key), now))
            })
            .collect::<Result<_, _>>()?;

        let (mut counted, mut empty, mut bytes) = (0, 0, 0);
        for outgoing in &sent {
            let Some(Outgoing { key, bytes: body, .. }) = outgoing else {
                empty += 1;
                continue;
            };
            let update: WeightUpdate = decode(body)?;
            coordinator.accept(now, offer.round, UpdateKey(key.0), &update).await?;
            counted += 1;
            bytes += body.len() as u64;
        }
        // Those whose page closed never answer: the deadline passes, and the round closes with those who did.
        now = Millis(offer.closes_at.0 + 1);
        let closed = match coordinator.tick(now).await? {
            Some(Transition::Closed(..)) => true,
            _ => coordinator.round(offer.round).await?.weights_to.is_some(),
        };
        after(number, RoundsOutcome { invited, dropped, empty, counted, bytes, closed });
    }
    Ok(())
}
