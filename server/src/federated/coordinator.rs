//! The coordinator: invites, counts, closes.
//!
//! It holds nothing that the state file does not hold too, so a kill at any moment loses nothing that was acknowledged, and
//! several coordinators may run over one file: who loses a compare-and-swap reads again. Time is an argument.

use super::round::Due;
use super::store::{self, Insert, Newest, Write};
use super::{CoordinatorConfig, Round, RoundError, RoundState, UpdateKey};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{Receipt, ReceiptStatus, RoundOffer, TowerShape, TowerWeights, WeightUpdate};
use sqlx::SqlitePool;

/// An update may be longer than `C` by this factor: devices and server sum in different orders.
const NORM_SLACK: f64 = 1.0 + 1e-5;

/// Runs federated rounds over a state file. Cheap to clone; clones share the file.
#[derive(Clone, Debug)]
pub struct Coordinator {
    pool: SqlitePool,
    config: CoordinatorConfig,
    shape: TowerShape,
    parameters: usize,
}

/// What [`Coordinator::tick`] brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A round opened.
    Opened(RoundId),
    /// A round closed and became these weights.
    Closed(RoundId, WeightsVersion),
    /// A round's deadline moved.
    Extended(RoundId, Millis),
    /// A round ended without new weights.
    Abandoned(RoundId),
}

impl Coordinator {
    /// Takes up the rounds where the state file left them. `initial` becomes the first version where the file holds none, and
    /// the next version where its weights speak about other embeddings ([`CoordinatorConfig::basis`]).
    ///
    /// # Errors
    /// [`RoundError::Setting`]; [`RoundError::ShapeChanged`] where the file holds weights of another shape over the same
    /// embeddings; [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn open(pool: SqlitePool, config: CoordinatorConfig, initial: TowerWeights) -> Result<Self, RoundError> {
        config.validate()?;
        let (shape, parameters) = (initial.shape, initial.values.len());
        let mut write = Write::begin(&pool).await?;
        let begin = match store::newest(write.reader()).await? {
            None => Some(initial.version),
            Some(held) if held.basis != config.basis => {
                tracing::info!("the song embeddings have changed: the user tower starts anew");
                Some(WeightsVersion(held.weights.version.0 + 1))
            }
            Some(held) if held.weights.shape != shape || held.weights.values.len() != parameters => {
                return Err(RoundError::ShapeChanged { stored: held.weights.shape, asked: shape });
            }
            Some(_) => None,
        };
        if let Some(version) = begin {
            let moments = config.optimiser.initial(parameters);
            let weights = TowerWeights { version, ..initial };
            write.publish(&Newest { weights, moments, basis: config.basis.clone() }).await?;
        }
        write.commit().await?;
        Ok(Self { pool, config, shape, parameters })
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

    /// Length of the weights and of every update.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The newest weights.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn weights(&self) -> Result<TowerWeights, RoundError> {
        let newest = store::newest(&mut *self.pool.acquire().await?).await?;
        newest.map(|newest| newest.weights).ok_or(RoundError::Damaged { what: "it holds no weights" })
    }

    /// The version of the newest weights.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn weights_version(&self) -> Result<WeightsVersion, RoundError> {
        let version = store::newest_version(&mut *self.pool.acquire().await?).await?;
        version.ok_or(RoundError::Damaged { what: "it holds no weights" })
    }

    /// The newest rounds, newest first.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn rounds(&self, limit: u32) -> Result<Vec<Round>, RoundError> {
        store::newest_rounds(&mut *self.pool.acquire().await?, limit).await
    }

    /// One round.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`]; [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn round(&self, id: RoundId) -> Result<Round, RoundError> {
        store::round(&mut *self.pool.acquire().await?, id).await?.ok_or(RoundError::NoSuchRound { round: id })
    }

    /// The invitation to the open round; none while the coordinator rests between rounds. Does what is due first.
    ///
    /// # Errors
    /// As [`Coordinator::tick`].
    pub async fn offer(&self, now: Millis) -> Result<Option<RoundOffer>, RoundError> {
        self.tick(now).await?;
        let newest = self.rounds(1).await?.pop();
        Ok(newest.filter(|round| round.state == RoundState::Open && !round.full()).map(|round| round.offer()))
    }

    /// Counts an update, once. When this returns, the update is on disk; where it was the last one missing, the round is closed
    /// too. The same key with the same update again is answered `AlreadyCounted` and changes nothing.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`], [`RoundError::OtherRound`], [`RoundError::OtherWeights`], [`RoundError::Length`],
    /// [`RoundError::Unclipped`], [`RoundError::KeyReused`]: nothing was counted. [`RoundError::State`]: unknown; send again.
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

        let mut write = Write::begin(&self.pool).await?;
        match write.insert_update(id, key, update.values()).await? {
            Insert::Different => {
                // Another coordinator may have closed the round since: then the body is gone, and the key was counted.
                let round = store::round(write.reader(), id).await?.ok_or(RoundError::NoSuchRound { round: id })?;
                if round.state == RoundState::Open {
                    return Err(RoundError::KeyReused { round: id });
                }
                Ok((ReceiptStatus::AlreadyCounted, false))
            }
            Insert::Same => Ok((ReceiptStatus::AlreadyCounted, round.full())),
            Insert::New => match write.take_seat(id).await? {
                Some(last) => {
                    write.commit().await?;
                    metrics::counter!("sottovoce_updates_total").increment(1);
                    Ok((ReceiptStatus::Accepted, last))
                }
                None => Ok((ReceiptStatus::RoundClosed, true)), // `write` is dropped, and the insert with it
            },
        }
    }

    /// A round that has ended: was this key in it?
    async fn too_late(&self, round: &Round, key: UpdateKey) -> Result<ReceiptStatus, RoundError> {
        let counted = store::counted(&mut *self.pool.acquire().await?, round.id, key).await?;
        Ok(if counted { ReceiptStatus::AlreadyCounted } else { ReceiptStatus::RoundClosed })
    }

    /// Does what is due at `now`, one transition at most: open, close, extend or abandon. Call it now and then (the server does
    /// so every second); [`Coordinator::offer`] and [`Coordinator::accept`] call it too.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`]: nothing happened, the next call tries again.
    pub async fn tick(&self, now: Millis) -> Result<Option<Transition>, RoundError> {
        let newest = self.rounds(1).await?.pop();
        let round = match newest {
            Some(round) if round.state == RoundState::Open => round,
            Some(ended) if ended.closed_at.is_some_and(|at| now.since(at) < self.config.rest_ms) => return Ok(None),
            _ => return self.reopen(now).await,
        };
        let due = if self.weights_version().await? == round.weights_from {
            round.due(now, self.config.extensions)
        } else {
            Due::Abandon // the weights started anew under it
        };
        let transition = match due {
            Due::Nothing => return Ok(None),
            Due::Close => match self.close(now, &round).await {
                // These updates will never make weights, however often we try.
                Err(error @ (RoundError::NotFinite { .. } | RoundError::Length { .. } | RoundError::NoUpdates)) => {
                    tracing::error!(round = %round.id, %error, "the round is abandoned");
                    self.abandon(now, &round).await?
                }
                other => other?,
            },
            Due::Extend { counts } => {
                let mut write = Write::begin(&self.pool).await?;
                let to = Millis(now.0.saturating_add(self.config.deadline_ms));
                let moved = write.extend(round.id, round.closes_at, to, counts).await?;
                write.commit().await?;
                moved.then_some(Transition::Extended(round.id, to))
            }
            Due::Abandon => self.abandon(now, &round).await?,
        };
        if let Some(transition) = transition {
            tracing::debug!(?transition, "round");
        }
        Ok(transition)
    }

    /// `Open → Closed`: the mean, the step, the new weights, the forgetting and the next opening, all or nothing.
    async fn close(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        let mut write = self.begin_shredding().await?;
        let held = store::newest(write.reader()).await?.ok_or(RoundError::Damaged { what: "it holds no weights" })?;
        let version = WeightsVersion(held.weights.version.0 + 1);
        if held.weights.version != round.weights_from || !write.end(round.id, now, Some(version)).await? {
            return Ok(None); // somebody else closed it
        }
        let mean = write.mean(round.id, self.parameters).await?;
        let count = mean.count();
        let mean = mean.finish()?;
        let Newest { weights: TowerWeights { shape, mut values, .. }, mut moments, basis } = held;
        if moments.first.len() != self.parameters {
            moments = self.config.optimiser.initial(self.parameters); // the file was last served with FedAvg
        }
        self.config.optimiser.step(&mut values, &mut moments, &mean)?;
        write.publish(&Newest { weights: TowerWeights { version, shape, values }, moments, basis }).await?;
        write.forget_updates(round.id, true).await?;
        self.open_next(&mut write, now, round.id, version).await?;
        write.commit().await?;
        metrics::counter!("sottovoce_rounds_total", "state" => "closed").increment(1);
        self.shred().await;
        tracing::info!(round = %round.id, updates = count, %version, "round closed");
        Ok(Some(Transition::Closed(round.id, version)))
    }

    /// `Open → Abandoned`: the updates are forgotten, the weights stay.
    async fn abandon(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        let mut write = self.begin_shredding().await?;
        if !write.end(round.id, now, None).await? {
            return Ok(None);
        }
        write.forget_updates(round.id, false).await?;
        let version = store::newest_version(write.reader()).await?.unwrap_or(round.weights_from);
        self.open_next(&mut write, now, round.id, version).await?;
        write.commit().await?;
        metrics::counter!("sottovoce_rounds_total", "state" => "abandoned").increment(1);
        self.shred().await;
        tracing::info!(round = %round.id, updates = round.updates, "round abandoned");
        Ok(Some(Transition::Abandoned(round.id)))
    }

    /// `(nothing) → Open` after a rest, or at the very first call.
    async fn reopen(&self, now: Millis) -> Result<Option<Transition>, RoundError> {
        let mut write = Write::begin(&self.pool).await?;
        let newest = store::newest_rounds(write.reader(), 1).await?.pop();
        if newest.as_ref().is_some_and(|round| round.state == RoundState::Open) {
            return Ok(None); // somebody else opened it
        }
        let next = RoundId(newest.map_or(1, |round| round.id.0 + 1));
        let version =
            store::newest_version(write.reader()).await?.ok_or(RoundError::Damaged { what: "it holds no weights" })?;
        let opened = write.open_round(&self.fresh(now, next, version)).await?;
        write.commit().await?;
        Ok(opened.then_some(Transition::Opened(next)))
    }

    async fn open_next(
        &self,
        write: &mut Write,
        now: Millis,
        after: RoundId,
        version: WeightsVersion,
    ) -> Result<(), RoundError> {
        if self.config.rest_ms == 0 {
            write.open_round(&self.fresh(now, RoundId(after.0 + 1), version)).await?;
        }
        Ok(())
    }

    fn fresh(&self, now: Millis, id: RoundId, weights_from: WeightsVersion) -> Round {
        Round {
            id,
            state: RoundState::Open,
            weights_from,
            weights_to: None,
            plan: self.config.plan,
            cohort: self.config.cohort,
            minimum: self.config.minimum,
            updates: 0,
            extensions: 0,
            opened_at: now,
            closes_at: Millis(now.0.saturating_add(self.config.deadline_ms)),
            closed_at: None,
        }
    }

    async fn begin_shredding(&self) -> Result<Write, RoundError> {
        let mut write = Write::begin(&self.pool).await?;
        store::shred_on_delete(write.reader()).await?;
        Ok(write)
    }

    async fn shred(&self) {
        if let Err(error) = store::cut_log(&self.pool).await {
            tracing::warn!(%error, "the write-ahead log could not be cut; the next round's end tries again");
        }
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt()
}
