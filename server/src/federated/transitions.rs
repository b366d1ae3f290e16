//! How a round moves: opened, extended, sealed and folded, closed or abandoned. What is different where the sum is secret is in `secure_round`.
//!
//! Closing takes two transactions. The first seals the round (`Open → Closing`: nobody is counted any more) and takes a lease on
//! the work; the second, when the mean is made, is the end and all that follows from it. Between them is only reading, so a process
//! that dies there leaves nothing half done: who finds the round sealed and the lease expired makes the same mean, to the bit.

use super::coordinator::Coordinator;
use super::item_tables::{self, Standing};
use super::log::{self, Entry};
use super::round::Due;
use super::tables::{self, Newest};
use super::{CoordinatorConfig, Round, RoundError, RoundState, settings};
use crate::store::{Isolation, Write, retry};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::TowerWeights;

/// The work that the lease is on.
fn closing(round: RoundId) -> String {
    format!("close round {round}")
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

/// A round's mean, and the weights that it makes.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) count: u32,
    pub(super) newest: Newest,
    /// In a vertical round.
    pub(super) items: Option<Standing>,
    pub(super) entry: Entry,
}

impl Coordinator {
    /// Does what is due at `now`, one transition at most: open, close, extend or abandon. Call it now and then (the server does
    /// so every second); [`Coordinator::offer`] and [`Coordinator::accept`] call it too.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`]: nothing happened, or half of a closing that the next call finishes.
    pub async fn tick(&self, now: Millis) -> Result<Option<Transition>, RoundError> {
        let newest = self.rounds(1).await?.pop();
        let round = match newest {
            Some(round) if round.state.live() => round,
            Some(ended) if ended.closed_at.is_some_and(|at| now.since(at) < self.config.rest_ms) => return Ok(None),
            _ if self.settings().await?.1.paused => return Ok(None), // without asking for the write lock
            _ => return retry(|| self.reopen(now)).await,
        };
        let due = if self.weights_version().await? != round.weights_from {
            Due::Abandon // the weights started anew under it
        } else if round.noise.is_some() {
            return self.tick_secure(now, &round).await;
        } else {
            round.due(now, self.config.extensions)
        };
        let transition = match due {
            Due::Nothing => return Ok(None),
            Due::Close => self.close(now, &round).await?,
            Due::Extend { counts } => retry(|| self.extend(now, &round, counts)).await?,
            Due::Abandon => self.abandon(now, &round).await?,
        };
        if let Some(transition) = transition {
            tracing::debug!(?transition, "round");
        }
        Ok(transition)
    }

    async fn extend(&self, now: Millis, round: &Round, counts: bool) -> Result<Option<Transition>, RoundError> {
        let mut write = self.store.write(Isolation::Swap).await?;
        let rules = settings::held(&mut write).await?.1.over(&self.config);
        let to = Millis(now.0.saturating_add(rules.deadline_ms));
        let moved = tables::extend(&mut write, round.id, round.closes_at, to, counts).await?;
        write.commit().await?;
        Ok(moved.then_some(Transition::Extended(round.id, to)))
    }

    pub(super) async fn close(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        if !retry(|| self.seal(now, round)).await? {
            return Ok(None); // another coordinator is at it
        }
        let fold = match self.fold(now, round).await {
            // These updates will never make weights, however often we try.
            Err(error @ (RoundError::NotFinite { .. } | RoundError::Length { .. } | RoundError::NoUpdates))
                if self.round(round.id).await?.state.live() =>
            {
                tracing::error!(round = %round.id, %error, "the round is abandoned");
                return self.abandon(now, round).await;
            }
            // Who took the work over has finished it, and forgotten the updates under our eyes.
            Err(_) if !self.round(round.id).await?.state.live() => return Ok(None),
            other => other?,
        };
        let closed = retry(|| self.finish(now, round, &fold)).await?;
        if closed.is_some() {
            self.closed(round, &fold).await;
        }
        Ok(closed)
    }

    /// What follows the commit that closed a round.
    pub(super) async fn closed(&self, round: &Round, fold: &Fold) {
        metrics::counter!("sottovoce_rounds_total", "state" => "closed").increment(1);
        self.shred().await;
        let version = fold.newest.weights.version;
        tracing::info!(round = %round.id, updates = fold.count, %version, "round closed");
    }

    /// `Open → Closing`, and the lease on the rest. False where another coordinator has the lease.
    pub(super) async fn seal(&self, now: Millis, round: &Round) -> Result<bool, RoundError> {
        let mut write = self.store.write(Isolation::Swap).await?;
        tables::seal(&mut write, round.id).await?; // or it was sealed before, by whoever let the lease expire
        let ours = self.take_closing_lease(&mut write, now, round.id).await?;
        write.commit().await?;
        Ok(ours)
    }

    pub(super) async fn take_closing_lease(
        &self,
        write: &mut Write,
        now: Millis,
        round: RoundId,
    ) -> Result<bool, RoundError> {
        let until = Millis(now.0.saturating_add(self.config.lease_ms));
        Ok(write.take_lease(&closing(round), self.owner, now, until).await?)
    }

    /// The mean of a sealed round and one step of the optimiser. Reads only; the same bits whoever does it.
    pub(super) async fn fold(&self, now: Millis, round: &Round) -> Result<Fold, RoundError> {
        let mean = tables::mean(&mut self.store.read().await?, round.id, self.parameters).await?;
        let count = mean.count();
        let mut fold = self.step(now, round.id, count, mean.finish()?).await?;
        fold.entry.epsilon = Some(f64::INFINITY); // no noise, no bound
        Ok(fold)
    }

    /// One step of the optimiser along the mean of `count` updates, from the newest weights.
    pub(super) async fn step(
        &self,
        now: Millis,
        round: RoundId,
        count: u32,
        mean: Vec<f64>,
    ) -> Result<Fold, RoundError> {
        let held = tables::newest(&mut self.store.read().await?).await?;
        let held = held.ok_or(RoundError::Damaged { what: "it holds no weights" })?;
        let Newest { weights: TowerWeights { version, shape, mut values }, mut moments, basis } = held;
        if moments.first.len() != self.parameters {
            moments = self.config.optimiser.initial(self.parameters); // the store was last served with FedAvg
        }
        let (mean, about_songs) = mean.split_at(self.parameters.min(mean.len()));
        self.config.optimiser.step(&mut values, &mut moments, mean)?;
        let items = self.step_items(version, about_songs).await?;
        let weights = TowerWeights { version: WeightsVersion(version.0 + 1), shape, values };
        let entry = Entry::of(&weights, round, now); // hashed before the write lock
        Ok(Fold { count, newest: Newest { weights, moments, basis }, items, entry })
    }

    /// `Closing → Closed`: the new weights, the forgetting and the next opening, all or nothing.
    pub(super) async fn finish(
        &self,
        now: Millis,
        round: &Round,
        fold: &Fold,
    ) -> Result<Option<Transition>, RoundError> {
        let mut write = self.begin_shredding().await?;
        let held = tables::newest_version(&mut write).await?;
        if held != Some(round.weights_from) {
            return Ok(None); // somebody else closed it
        }
        tables::forget_updates(&mut write, round.id, true).await?;
        if !self.publish(&mut write, now, round, fold).await? {
            return Ok(None);
        }
        write.commit().await?;
        Ok(Some(Transition::Closed(round.id, fold.newest.weights.version)))
    }

    /// The end of a round that has become weights, and all that follows from it. False where it has ended already: then nothing of this
    /// transaction may be committed.
    pub(super) async fn publish(
        &self,
        write: &mut Write,
        now: Millis,
        round: &Round,
        fold: &Fold,
    ) -> Result<bool, RoundError> {
        let version = fold.newest.weights.version;
        if !tables::end(write, round.id, now, Some((version, fold.count))).await? {
            return Ok(false);
        }
        log::catch_up(write, &self.key, now).await?;
        tables::publish(write, &fold.newest).await?;
        if let Some(standing) = &fold.items {
            item_tables::keep(write, version, standing).await?;
        }
        log::append(write, &self.key, fold.entry).await?;
        write.end_lease(&closing(round.id), now).await?;
        self.open_next(write, now, round.id, version).await?;
        Ok(true)
    }

    /// `Open | Closing → Abandoned`: the updates are forgotten, the weights stay.
    pub(super) async fn abandon(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        let abandoned = retry(|| self.give_up(now, round)).await?;
        if abandoned.is_some() {
            metrics::counter!("sottovoce_rounds_total", "state" => "abandoned").increment(1);
            self.shred().await;
            tracing::info!(round = %round.id, updates = round.updates, "round abandoned");
        }
        Ok(abandoned)
    }

    async fn give_up(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        let mut write = self.begin_shredding().await?;
        if !tables::end(&mut write, round.id, now, None).await? {
            return Ok(None);
        }
        match round.noise {
            Some(_) => self.sums.abandon(&mut write, now, round.id).await?,
            None => tables::forget_updates(&mut write, round.id, false).await?,
        }
        write.end_lease(&closing(round.id), now).await?;
        log::catch_up(&mut write, &self.key, now).await?;
        let version = tables::newest_version(&mut write).await?.unwrap_or(round.weights_from);
        self.open_next(&mut write, now, round.id, version).await?;
        write.commit().await?;
        Ok(Some(Transition::Abandoned(round.id)))
    }

    /// `(nothing) → Open` after a rest, or at the very first call.
    async fn reopen(&self, now: Millis) -> Result<Option<Transition>, RoundError> {
        let mut write = self.store.write(Isolation::Serial).await?;
        let newest = tables::newest_rounds(&mut write, 1).await?.pop();
        if newest.as_ref().is_some_and(|round| round.state.live()) {
            return Ok(None); // somebody else opened it
        }
        log::catch_up(&mut write, &self.key, now).await?;
        let next = RoundId(newest.map_or(1, |round| round.id.0 + 1));
        let version =
            tables::newest_version(&mut write).await?.ok_or(RoundError::Damaged { what: "it holds no weights" })?;
        let opened = self.open_round(&mut write, now, next, version).await?;
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
            self.open_round(write, now, RoundId(after.0 + 1), version).await?;
        }
        Ok(())
    }

    /// By the rules in force. False where another round is under way, or an operator has paused them.
    async fn open_round(
        &self,
        write: &mut Write,
        now: Millis,
        id: RoundId,
        version: WeightsVersion,
    ) -> Result<bool, RoundError> {
        let settings = settings::held(write).await?.1;
        if settings.paused {
            return Ok(false);
        }
        let rules = settings.over(&self.config);
        let round = fresh(&rules, now, id, version);
        match &self.config.secure {
            Some(secure) => self.open_secure(write, now, &rules, secure, &round).await,
            None => tables::open_round(write, &round).await,
        }
    }

    pub(super) async fn begin_shredding(&self) -> Result<Write, RoundError> {
        let mut write = self.store.write(Isolation::Serial).await?;
        write.overwrite_deleted().await?;
        Ok(write)
    }

    async fn shred(&self) {
        if let Err(error) = self.store.shred(tables::VACUUM).await {
            tracing::warn!(%error, "what was deleted is not overwritten yet; the next round's end tries again");
        }
    }
}

fn fresh(rules: &CoordinatorConfig, now: Millis, id: RoundId, weights_from: WeightsVersion) -> Round {
    Round {
        id,
        state: RoundState::Open,
        weights_from,
        weights_to: None,
        plan: rules.plan,
        noise: None,
        cohort: rules.cohort,
        minimum: rules.minimum,
        updates: 0,
        extensions: 0,
        opened_at: now,
        closes_at: Millis(now.0.saturating_add(rules.deadline_ms)),
        closed_at: None,
    }
}
