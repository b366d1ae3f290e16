//! Companions: simulated listeners who take part in a live server's rounds, so that a single page sees rounds close.

use super::{RoundDevice, SimulatedListener};
use crate::data::{Dataset, ListenerId};
use crate::federated::{Coordinator, RoundError, UpdateKey};
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::client::{self, Outgoing, Resident};
use sottovoce::ids::{Millis, RoundId};
use sottovoce::math::Rng;
use sottovoce::privacy::accountant::Budget;
use sottovoce::protocol::{CatalogueShard, DecodeError, WeightUpdate, decode, encode};
use std::sync::Arc;

/// Why a companion could not take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompanionError {
    /// The coordinator would not.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// The device would not.
    #[error("a companion's device: {0}")]
    Device(#[from] client::Error),
    /// What the device wrote cannot be read.
    #[error("a companion's update: {0}")]
    Update(#[from] DecodeError),
    /// No randomness for a companion's secrets.
    #[error("the system gives no randomness for a companion's keys")]
    Randomness,
    /// What a companion may spend.
    #[error(transparent)]
    Budget(#[from] sottovoce::privacy::Error),
    /// The thread on which a companion trains ended early.
    #[error("a companion's training ended early")]
    Training,
}

/// The companions of one server whose rounds are in the open. They leave the last seat of a round to a page; as soon as somebody who is no companion is
/// counted they fill it up.
#[derive(Debug)]
pub struct Companions {
    listeners: Vec<Option<SimulatedListener>>,
    order: Vec<usize>,
    round: Option<RoundId>,
    counted: u32,
    rng: Rng,
}

/// `count` listeners, or fewer where the data set has fewer: those who heard most, each on a device that holds these shards. `own`: a copy of its
/// own, which may be renewed.
fn busiest(data: &Dataset, shards: &[CatalogueShard], count: usize, own: bool, rng: &Rng) -> Vec<SimulatedListener> {
    let mut items = Resident::default();
    for shard in shards {
        items.add(shard);
    }
    let shared = Arc::new(items);
    let items = || if own { Arc::new(Resident::clone(&shared)) } else { Arc::clone(&shared) };
    let mut busiest: Vec<ListenerId> =
        (0..data.listeners.len()).filter_map(|i| u32::try_from(i).ok()).map(ListenerId).collect();
    busiest.sort_by_key(|listener| core::cmp::Reverse(data.events_of(*listener).len()));
    busiest.truncate(count);
    let device = |(i, listener): (usize, &ListenerId)| {
        let seed = rng.split_at(i as u64).next_u64();
        SimulatedListener::new(items(), data.events_of(*listener), seed)
    };
    busiest.iter().enumerate().map(device).collect()
}

/// Companions for secure rounds: each lives by itself, takes part whenever it is invited, and serves on committees. They ask for no noise:
/// what they heard is made up or public. `vertical`: rounds move the songs, and every companion fetches them anew.
///
/// # Errors
/// [`CompanionError::Randomness`], [`CompanionError::Budget`].
pub fn secure_companions(
    data: &Dataset,
    shards: &[CatalogueShard],
    count: usize,
    seed: u64,
    vertical: bool,
) -> Result<Vec<RoundDevice>, CompanionError> {
    let rng = Rng::new(seed).split("companions");
    let budget = Budget::new(f64::INFINITY, 1e-6)?;
    let device = |listener| {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| CompanionError::Randomness)?;
        let mut device = RoundDevice::new(listener, ChaCha20Rng::from_seed(secret));
        device.engine().set_budget(budget);
        Ok(device)
    };
    busiest(data, shards, count, vertical, &rng).into_iter().map(device).collect()
}

impl Companions {
    /// `count` companions for rounds in the open, or fewer where the data set has fewer listeners.
    #[must_use]
    pub fn new(data: &Dataset, shards: &[CatalogueShard], count: usize, seed: u64) -> Self {
        let rng = Rng::new(seed).split("companions");
        let listeners = busiest(data, shards, count, false, &rng).into_iter().map(Some).collect();
        Self { listeners, order: Vec::new(), round: None, counted: 0, rng }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Lets the next companion take part in the open round, if there is a seat for it. True where an update was counted.
    /// `key` is drawn at random by the caller.
    ///
    /// # Errors
    /// [`CompanionError`]; the others can go on.
    pub async fn step(&mut self, rounds: &Coordinator, now: Millis, key: UpdateKey) -> Result<bool, CompanionError> {
        let Some(offer) = rounds.offer(now).await? else { return Ok(false) };
        if self.round != Some(offer.round) {
            self.round = Some(offer.round);
            self.counted = 0;
            self.order = (0..self.listeners.len()).collect();
            self.rng.split_at(offer.round.0).shuffle(&mut self.order);
        }
        let round = rounds.round(offer.round).await?;
        let guests = round.updates.saturating_sub(self.counted);
        if guests == 0 && round.updates + 1 >= round.cohort {
            return Ok(false); // the last seat is for a page
        }
        let Some(next) = self.order.pop() else { return Ok(false) };
        let Some(mut listener) = self.listeners[next].take() else { return Ok(false) };
        let (offer_bytes, weights) = (encode(&offer), encode(&rounds.weights().await?));
        // Training is arithmetic for a tenth of a second: not for the threads that wait on sockets.
        let trained = tokio::task::spawn_blocking(move || {
            let outgoing = listener.contribute(&offer_bytes, &weights, key, now);
            (listener, outgoing)
        });
        let (listener, outgoing) = trained.await.map_err(|_| CompanionError::Training)?;
        let listener = self.listeners[next].insert(listener);
        let Some(Outgoing { round, key, bytes }) = outgoing? else { return Ok(false) };
        let update: WeightUpdate = decode(&bytes)?;
        let receipt = rounds.accept(now, round, key, &update).await?;
        listener.receipt(&encode(&receipt))?;
        let counted = receipt.status == sottovoce::protocol::ReceiptStatus::Accepted;
        self.counted += u32::from(counted);
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{SHARD_SONGS, shards};
    use crate::data::{SyntheticConfig, synthetic};
    use crate::federated::{CoordinatorConfig, RoundState};
    use crate::state::State;
    use sottovoce::ids::WeightsVersion;
    use sottovoce::privacy::Gradient;
    use sottovoce::protocol::{TowerShape, TowerWeights};
    use sottovoce::tower::initial_weights;

    #[tokio::test]
    async fn companions_leave_a_seat_and_fill_up_once_a_page_has_come() {
        let config = SyntheticConfig { listeners: 6, songs: 60, events: 900, ..SyntheticConfig::default() };
        let data = synthetic(&config);
        let d = 8;
        let mut rng = Rng::new(1);
        let rows: Vec<f32> = (0..data.songs.len() * d).map(|_| rng.normal()).collect();
        let shards = shards(&data.songs, &rows, d, &vec![1; data.songs.len()], SHARD_SONGS).unwrap();
        let shape = TowerShape::usual(8);
        let initial = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
        let rules = CoordinatorConfig { cohort: 4, minimum: 1, ..CoordinatorConfig::default() };
        let rounds = Coordinator::open(State::in_memory().await.unwrap().pool().clone(), rules, initial).await.unwrap();
        let mut companions = Companions::new(&data, &shards, 5, 1);
        assert_eq!(companions.len(), 5);

        let now = Millis(1);
        let mut key = 0;
        let mut step = async |companions: &mut Companions| {
            key += 1;
            companions.step(&rounds, now, UpdateKey([key; 16])).await.unwrap()
        };
        for _ in 0..6 {
            step(&mut companions).await;
        }
        assert_eq!(rounds.round(RoundId(1)).await.unwrap().updates, 3, "the last seat stays free");
        let page = Gradient::new(vec![1e-3; rounds.parameters()]).clip(1.0);
        let page = WeightUpdate::new(RoundId(1), WeightsVersion(0), page);
        rounds.accept(now, RoundId(1), UpdateKey([255; 16]), &page).await.unwrap();
        assert_eq!(rounds.round(RoundId(1)).await.unwrap().state, RoundState::Closed);

        // In the next round the page comes first: nobody has to wait for a deadline.
        let page = Gradient::new(vec![1e-3; rounds.parameters()]).clip(1.0);
        let page = WeightUpdate::new(RoundId(2), WeightsVersion(1), page);
        rounds.accept(now, RoundId(2), UpdateKey([254; 16]), &page).await.unwrap();
        for _ in 0..4 {
            step(&mut companions).await;
        }
        assert_eq!(rounds.round(RoundId(2)).await.unwrap().state, RoundState::Closed);
    }
}
