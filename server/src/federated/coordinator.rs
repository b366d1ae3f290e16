//! The coordinator: invites and counts. How a round moves is in `transitions`.
//!
//! It holds nothing that the store does not hold too, so a kill at any moment loses nothing that was acknowledged, and
//! several coordinators may run over one store: who loses a compare-and-swap reads again. Time is an argument.

use super::item_tables;
use super::items::Items;
use super::secure::Sums;
use super::tables::{self, Insert, Newest};
use super::{CoordinatorConfig, LogKey, Round, RoundError, RoundState, UpdateKey};
use crate::store::{Isolation, Owner, Store, retry};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{Receipt, ReceiptStatus, RoundOffer, SecureOffer, TowerShape, TowerWeights, WeightUpdate};
use std::sync::Arc;

/// An update may be longer than `C` by this factor: devices and server sum in different orders.
const NORM_SLACK: f64 = 1.0 + 1e-5;

/// What a device is invited to.
#[derive(Clone, PartialEq, Debug)]
pub enum Invitation {
    /// A round whose updates come in the open.
    Open(RoundOffer),
    /// A round whose sum the server cannot open.
    Secure(Box<SecureOffer>),
}

/// Runs federated rounds over a store. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Coordinator {
    pub(super) store: Store,
    pub(super) config: CoordinatorConfig,
    shape: TowerShape,
    pub(super) parameters: usize,
    pub(super) owner: Owner,
    pub(super) key: LogKey,
    pub(super) sums: Sums,
    /// Where the item towers of vertical rounds start; where they are now, the store knows.
    pub(super) items: Option<Arc<Items>>,
}

impl Coordinator {
    /// Takes up the rounds where the store left them. `initial` becomes the first version where the store holds none, and
    /// the next version where its weights speak about other embeddings ([`CoordinatorConfig::basis`]).
    ///
    /// # Errors
    /// [`RoundError::Setting`]; [`RoundError::ShapeChanged`] where the store holds weights of another shape over the same
    /// embeddings; [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn open(
        store: impl Into<Store>,
        config: CoordinatorConfig,
        initial: TowerWeights,
    ) -> Result<Self, RoundError> {
        Self::open_signing(store, config, initial, None).await
    }

    /// As [`Coordinator::open`], where the log's key is not the store's own but given.
    ///
    /// # Errors
    /// As [`Coordinator::open`], and [`RoundError::LogKey`].
    pub async fn open_signing(
        store: impl Into<Store>,
        config: CoordinatorConfig,
        initial: TowerWeights,
        key: Option<LogKey>,
    ) -> Result<Self, RoundError> {
        Self::open_with(store.into(), config, initial, key, None).await
    }

    pub(super) async fn open_with(
        store: Store,
        config: CoordinatorConfig,
        initial: TowerWeights,
        key: Option<LogKey>,
        items: Option<Arc<Items>>,
    ) -> Result<Self, RoundError> {
        config.validate()?;
        let (shape, parameters) = (initial.shape, initial.values.len());
        let key = LogKey::of(&store, key).await?;
        if let Some(secure) = &config.secure {
            secure.validate(&config, parameters + items.as_ref().map_or(0, |items| items.length()))?;
        }
        let sums = Sums::new(store.clone(), key.identity());
        let this = Self { store, config, shape, parameters, owner: Owner::random()?, key, sums, items };
        retry(|| this.begin(&initial)).await?;
        Ok(this)
    }

    /// The first version of the weights, or the next where what they speak about has changed.
    async fn begin(&self, initial: &TowerWeights) -> Result<(), RoundError> {
        let (shape, parameters, basis) = (self.shape, self.parameters, &self.config.basis);
        let mut write = self.store.write(Isolation::Serial).await?;
        let version = match tables::newest(&mut write).await? {
            None => initial.version,
            Some(held) if held.basis != *basis => {
                tracing::info!("the song embeddings have changed: the user tower starts anew");
                WeightsVersion(held.weights.version.0 + 1)
            }
            Some(held) if held.weights.shape != shape || held.weights.values.len() != parameters => {
                return Err(RoundError::ShapeChanged { stored: held.weights.shape, asked: shape });
            }
            Some(_) => return Ok(()),
        };
        let moments = self.config.optimiser.initial(parameters);
        let weights = TowerWeights { version, ..initial.clone() };
        if let Some(standing) = self.first_standing(version) {
            item_tables::keep(&mut write, version, &standing).await?;
        }
        tables::publish(&mut write, &Newest { weights, moments, basis: basis.clone() }).await?;
        Ok(write.commit().await?)
    }

    /// The rules of its rounds.
    #[must_use]
    pub fn config(&self) -> &CoordinatorConfig {
        &self.config
    }

    /// The user tower's sizes.
    #[must_use]
    pub fn shape(&self) -> TowerShape {
        self.shape
    }

    /// Length of the weights, and of every update of a horizontal round.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The newest weights.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn weights(&self) -> Result<TowerWeights, RoundError> {
        let newest = tables::newest(&mut self.store.read().await?).await?;
        newest.map(|newest| newest.weights).ok_or(RoundError::Damaged { what: "it holds no weights" })
    }

    /// The version of the newest weights.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn weights_version(&self) -> Result<WeightsVersion, RoundError> {
        let version = tables::newest_version(&mut self.store.read().await?).await?;
        version.ok_or(RoundError::Damaged { what: "it holds no weights" })
    }

    /// The newest rounds, newest first.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn rounds(&self, limit: u32) -> Result<Vec<Round>, RoundError> {
        tables::newest_rounds(&mut self.store.read().await?, limit).await
    }

    /// One round.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`]; [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn round(&self, id: RoundId) -> Result<Round, RoundError> {
        tables::round(&mut self.store.read().await?, id).await?.ok_or(RoundError::NoSuchRound { round: id })
    }

    /// The invitation to the open round whose updates come in the open; none while the coordinator rests between rounds, or an operator has paused them. Does what
    /// is due first.
    ///
    /// # Errors
    /// As [`Coordinator::tick`].
    pub async fn offer(&self, now: Millis) -> Result<Option<RoundOffer>, RoundError> {
        Ok(match self.invitation(now).await? {
            Some(Invitation::Open(offer)) => Some(offer),
            _ => None,
        })
    }

    /// The invitation to the round under way, of whichever kind it is. Does what is due first.
    ///
    /// # Errors
    /// As [`Coordinator::tick`].
    pub async fn invitation(&self, now: Millis) -> Result<Option<Invitation>, RoundError> {
        self.tick(now).await?;
        let Some(round) = self.rounds(1).await?.pop().filter(|round| round.state.live()) else { return Ok(None) };
        let paused = self.settings().await?.1.paused;
        match round.noise {
            Some(noise) => Ok(self.invite_secure(&round, noise, paused).await?.map(Box::new).map(Invitation::Secure)),
            None if paused || round.state != RoundState::Open || round.full() => Ok(None),
            None => Ok(Some(Invitation::Open(round.offer()))),
        }
    }

    /// Counts an update, once. When this returns, the update is on disk; where it was the last one missing, the round is closed
    /// too. The same key with the same update again is answered `AlreadyCounted` and changes nothing.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`], [`RoundError::OtherRound`], [`RoundError::OtherWeights`], [`RoundError::Length`],
    /// [`RoundError::Unclipped`], [`RoundError::KeyReused`], [`RoundError::Secure`]: nothing was counted. [`RoundError::State`]: unknown; send again.
    pub async fn accept(
        &self,
        now: Millis,
        round: RoundId,
        key: UpdateKey,
        update: &WeightUpdate,
    ) -> Result<Receipt, RoundError> {
        let (status, full) = self.count(now, round, key, update).await?;
        if full {
            // The update is safe already, so a failure here is no answer to its device: the next tick closes the round.
            if let Err(error) = self.tick(now).await {
                tracing::error!(%round, %error, "the round is full but did not close");
            }
        }
        Ok(Receipt { round, status })
    }

    /// The half of [`Coordinator::accept`] that the device waits for. Also says whether the round now has all its updates.
    pub(super) async fn count(
        &self,
        now: Millis,
        id: RoundId,
        key: UpdateKey,
        update: &WeightUpdate,
    ) -> Result<(ReceiptStatus, bool), RoundError> {
        if update.round() != id {
            return Err(RoundError::OtherRound { address: id, message: update.round() });
        }
        let norm = norm(update.values()); // before the lock
        let mut late = self.round(id).await?;
        if late.noise.is_some() {
            return Err(RoundError::Secure { round: id });
        }
        if late.state == RoundState::Open && now >= late.closes_at {
            self.tick(now).await?;
            late = self.round(id).await?;
        }
        if late.state != RoundState::Open {
            return Ok((self.too_late(&late, key).await?, false));
        }
        let round = late;
        if update.weights() != round.weights_from {
            return Err(RoundError::OtherWeights { expected: round.weights_from, got: update.weights() });
        }
        if update.values().len() != self.parameters {
            return Err(RoundError::Length {
                what: "the update",
                expected: self.parameters,
                got: update.values().len(),
            });
        }
        let clip_norm = round.plan.clip_norm;
        if !(norm.is_finite() && norm <= f64::from(clip_norm) * NORM_SLACK) {
            return Err(RoundError::Unclipped { norm, clip_norm });
        }

        let (status, full) = retry(|| self.insert(&round, key, update.values())).await?;
        if status == ReceiptStatus::Accepted {
            metrics::counter!("sottovoce_updates_total").increment(1);
        }
        Ok((status, full))
    }

    /// The update and its seat, both or none. Every statement is a swap by itself: devices that come together wait for each other
    /// and need not begin again.
    async fn insert(&self, round: &Round, key: UpdateKey, values: &[f32]) -> Result<(ReceiptStatus, bool), RoundError> {
        let id = round.id;
        let mut write = self.store.write(Isolation::Swap).await?;
        match tables::insert_update(&mut write, id, key, values).await? {
            Insert::Different => {
                // Another coordinator may have closed the round since: then the body is gone, and the key was counted.
                let round = tables::round(&mut write, id).await?.ok_or(RoundError::NoSuchRound { round: id })?;
                if round.state == RoundState::Open {
                    return Err(RoundError::KeyReused { round: id });
                }
                Ok((ReceiptStatus::AlreadyCounted, false))
            }
            Insert::Same => Ok((ReceiptStatus::AlreadyCounted, round.full())),
            Insert::New => match tables::take_seat(&mut write, id).await? {
                Some(last) => {
                    write.commit().await?;
                    Ok((ReceiptStatus::Accepted, last))
                }
                None => Ok((ReceiptStatus::RoundClosed, true)), // `write` is dropped, and the insert with it
            },
        }
    }

    /// A round that takes no more: was this key in it?
    async fn too_late(&self, round: &Round, key: UpdateKey) -> Result<ReceiptStatus, RoundError> {
        let counted = tables::counted(&mut self.store.read().await?, round.id, key).await?;
        Ok(if counted { ReceiptStatus::AlreadyCounted } else { ReceiptStatus::RoundClosed })
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt()
}
