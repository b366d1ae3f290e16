//! What an operator may change while the server runs. It is in the store, so every coordinator over it agrees, and it counts from
//! the next round on: devices hold an invitation to the one under way.

use super::coordinator::Coordinator;
use super::{CoordinatorConfig, Round, RoundError, RoundState};
use crate::store::{Isolation, Link, retry};
use sottovoce::ids::{Millis, RoundId};

/// What stands over the command line's rules; `None` leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// No round opens, and nobody is invited to the one under way.
    pub paused: bool,
    /// For [`CoordinatorConfig::cohort`].
    pub cohort: Option<u32>,
    /// For [`CoordinatorConfig::minimum`].
    pub minimum: Option<u32>,
    /// For [`CoordinatorConfig::deadline_ms`].
    pub deadline_ms: Option<u64>,
}

impl Settings {
    /// The rules that come of them. A cohort below the command line's minimum lowers that too.
    #[must_use]
    pub fn over(&self, rules: &CoordinatorConfig) -> CoordinatorConfig {
        let cohort = self.cohort.unwrap_or(rules.cohort);
        CoordinatorConfig {
            cohort,
            minimum: self.minimum.unwrap_or(rules.minimum.min(cohort)),
            deadline_ms: self.deadline_ms.unwrap_or(rules.deadline_ms),
            ..rules.clone()
        }
    }
}

/// The settings, and how often they were changed.
pub(super) async fn held(link: &mut Link) -> Result<(u64, Settings), RoundError> {
    let row = link.row("SELECT * FROM settings", &[]).await?;
    let row = row.ok_or(RoundError::Damaged { what: "it holds no settings" })?;
    let settings = Settings {
        paused: row.number::<u32>("paused")? != 0,
        cohort: row.some_number("cohort")?,
        minimum: row.some_number("minimum")?,
        deadline_ms: row.some_number("deadline_ms")?,
    };
    Ok((row.number("revision")?, settings))
}

impl Coordinator {
    /// What an operator has set, and how often it was changed.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn settings(&self) -> Result<(u64, Settings), RoundError> {
        held(&mut self.store.read().await?).await
    }

    /// Changes the settings for the rounds to come, only if they are still of revision `since` where one is named.
    ///
    /// # Errors
    /// [`RoundError::Setting`] for rules out of range, [`RoundError::Changed`]; [`RoundError::State`].
    pub async fn change_settings(
        &self,
        since: Option<u64>,
        change: impl Fn(Settings) -> Settings,
    ) -> Result<(), RoundError> {
        retry(|| self.swap_settings(since, &change)).await
    }

    async fn swap_settings(&self, since: Option<u64>, change: impl Fn(Settings) -> Settings) -> Result<(), RoundError> {
        let mut write = self.store.write(Isolation::Serial).await?;
        let (revision, held) = held(&mut write).await?;
        if since.is_some_and(|since| since != revision) {
            return Err(RoundError::Changed { revision });
        }
        let wanted = change(held);
        if wanted == held {
            return Ok(());
        }
        wanted.over(&self.config).validate()?;
        let swapped = write
            .execute(
                "UPDATE settings SET revision = revision + 1, paused = $1, cohort = $2, minimum = $3, deadline_ms = $4
                 WHERE revision = $5",
                &[
                    wanted.paused.into(),
                    wanted.cohort.into(),
                    wanted.minimum.into(),
                    wanted.deadline_ms.into(),
                    revision.into(),
                ],
            )
            .await?;
        if swapped == 0 {
            return Err(RoundError::Changed { revision });
        }
        Ok(write.commit().await?)
    }

    /// Abandons a round that has not ended, whatever its updates; one that was abandoned before stays so.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`]; [`RoundError::Ended`] where it has become weights; [`RoundError::State`].
    pub async fn let_go(&self, now: Millis, id: RoundId) -> Result<Round, RoundError> {
        let round = self.round(id).await?;
        if round.state.live() {
            self.abandon(now, &round).await?; // or another coordinator has ended it meanwhile
        }
        let round = self.round(id).await?;
        if round.state == RoundState::Abandoned { Ok(round) } else { Err(RoundError::Ended { round: id }) }
    }
}
