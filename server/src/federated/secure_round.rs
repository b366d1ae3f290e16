//! A round whose sum nobody can open but as a whole: how it opens, what it offers, and what its sum becomes.
//!
//! | stage | in `rounds` | in `sums` | ends with |
//! |---|---|---|---|
//! | joining, reporting | open | joining, reporting | a full cohort, or the deadline and `n_min` |
//! | opening | open | opening | `t` disclosures: then one transaction has the weights, the account, the log and the forgetting |
//! | over | closed, abandoned | summed, abandoned | |
//!
//! Which kind a round is stands in its row, not in the settings of who looks at it: any coordinator finishes any round.

use super::coordinator::{Coordinator, Invitation};
use super::item_tables;
use super::log;
use super::secure::{Opened, Phase, Rules, Sum, SumError, Sums};
use super::tables;
use super::transitions::{Fold, Transition};
use super::vertical_round::named;
use super::{CoordinatorConfig, Round, RoundError};
use crate::store::{Isolation, Write, retry};
use sottovoce::ids::Millis;
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Grid, NoisePlan};
use sottovoce::protocol::{NoiseTerms, SecureOffer, Stage};
use sottovoce::secagg::{Digest, Error, Odds, Prg, Ring, Terms, degree};

/// How secure rounds run, beside what [`CoordinatorConfig`] says of all rounds: its `minimum` is `n_min` here.
#[derive(Clone, Debug, PartialEq)]
pub struct SecureConfig {
    /// The noise that all devices add together. With a multiplier of 0 the sum hides a listener among the others, and the published
    /// weights promise nothing.
    pub noise: NoiseTerms,
    /// `δ` of the account that the log tells.
    pub delta: f64,
    /// Fewer enlisted devices make no committee, and no round opens.
    pub least_members: usize,
    /// A member that was not heard of for so many milliseconds gets no seat.
    pub absent_ms: u64,
    /// Milliseconds for reporting.
    pub reporting_ms: u64,
    /// Milliseconds for the committee.
    pub opening_ms: u64,
    /// What is assumed of a cohort when neighbours are counted.
    pub odds: Odds,
    /// How masks are made.
    pub prg: Prg,
}

impl Default for SecureConfig {
    fn default() -> Self {
        Self {
            noise: NoiseTerms { multiplier: 1.0, steps: 1 << 10 },
            delta: 1e-6,
            least_members: 3,
            absent_ms: 120_000,
            reporting_ms: 60_000,
            opening_ms: 120_000,
            odds: Odds::default(),
            prg: Prg::default(),
        }
    }
}

impl SecureConfig {
    /// Checks the ranges, for `parameters` numbers an update.
    ///
    /// # Errors
    /// [`RoundError::Setting`], [`RoundError::Noise`].
    pub(super) fn validate(&self, rules: &CoordinatorConfig, parameters: usize) -> Result<(), RoundError> {
        let check = |what, got: f64, holds: bool, expected| {
            if holds { Ok(()) } else { Err(RoundError::Setting { what, got, expected }) }
        };
        check("minimum", rules.minimum.into(), rules.minimum >= 2, "at least 2: the sum of one device is its update")?;
        check("delta", self.delta, (1e-15..1.0).contains(&self.delta), "10⁻¹⁵ to below 1")?;
        let members = u32::try_from(self.least_members).unwrap_or(u32::MAX);
        check("least_members", members.into(), (1..=255).contains(&members), "1 to 255")?;
        check("cohort", rules.cohort.into(), rules.cohort <= 1 << 15, "at most 32,768 in a secure round")?;
        self.ring(rules, parameters).map(|_| ())
    }

    fn plan(&self, rules: &CoordinatorConfig, parameters: usize) -> Result<NoisePlan, RoundError> {
        let grid = Grid::new(self.noise.steps)?;
        Ok(NoisePlan::new(self.noise.multiplier, rules.plan.clip_norm, rules.minimum, grid, parameters)?)
    }

    /// The narrowest ring that the sum of a whole cohort does not wrap in.
    fn ring(&self, rules: &CoordinatorConfig, parameters: usize) -> Result<Ring, RoundError> {
        let bits = self.plan(rules, parameters)?.ring_bits(rules.cohort).max(8);
        let wide = RoundError::Setting {
            what: "bits of a number in the sum",
            got: bits.into(),
            expected: "at most 32; a coarser grid, a smaller cohort or less noise needs fewer",
        };
        u8::try_from(bits).ok().and_then(|bits| Ring::new(bits).ok()).ok_or(wide)
    }

    fn rules(&self, rules: &CoordinatorConfig) -> Rules {
        Rules {
            cohort: rules.cohort,
            least_members: self.least_members,
            absent_ms: self.absent_ms,
            patience_ms: [rules.deadline_ms, self.reporting_ms, self.opening_ms],
        }
    }
}

impl Coordinator {
    /// The secure sums of this coordinator's rounds: where devices' and members' messages go.
    #[must_use]
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The invitation to the secure round that is under way, at whatever stage; none where there is no such round, or an operator has paused
    /// them before it took anybody. Does what is due first.
    ///
    /// # Errors
    /// As [`Coordinator::tick`].
    pub async fn secure_offer(&self, now: Millis) -> Result<Option<SecureOffer>, RoundError> {
        Ok(match self.invitation(now).await? {
            Some(Invitation::Secure(offer)) => Some(*offer),
            _ => None,
        })
    }

    pub(super) async fn invite_secure(
        &self,
        round: &Round,
        noise: NoiseTerms,
        paused: bool,
    ) -> Result<Option<SecureOffer>, RoundError> {
        let Sum { phase, terms, cohort, closes_at, .. } = self.sums.round(round.id).await?;
        let stage = match phase {
            Phase::Joining if paused => return Ok(None),
            Phase::Joining => Stage::Joining,
            Phase::Reporting => Stage::Reporting,
            Phase::Opening => Stage::Opening,
            Phase::Summed | Phase::Abandoned => return Ok(None),
        };
        // Every device asks for this again and again; a horizontal round has no blocks to look for.
        let blocks = match terms.terms.dimension as usize == self.parameters {
            true => Vec::new(),
            false => named(&item_tables::names(&mut self.store.read().await?, round.weights_from).await?).0,
        };
        Ok(Some(SecureOffer { stage, closes_at, cohort, plan: round.plan, noise, blocks, terms }))
    }

    /// What is due of a secure round, one step at most.
    pub(super) async fn tick_secure(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        let rules = self.config.secure.clone().unwrap_or_default().rules(&self.config);
        let phase = match self.sums.tick(now, &rules).await? {
            Some(phase) => phase,
            None => self.sums.round(round.id).await?.phase,
        };
        match phase {
            Phase::Opening if self.sums.answered(round.id).await? => self.close_secure(now, round).await,
            Phase::Abandoned => self.abandon(now, round).await,
            _ => Ok(None),
        }
    }

    async fn close_secure(&self, now: Millis, round: &Round) -> Result<Option<Transition>, RoundError> {
        if !retry(|| self.lease(now, round)).await? {
            return Ok(None); // another coordinator is at it
        }
        let (opened, fold) = match self.fold_secure(now, round).await {
            Ok(Some(both)) => both,
            // Members whose keys do not open: others may still answer before the deadline.
            Ok(None) | Err(RoundError::Sum(SumError::OtherPhase { .. })) => return Ok(None),
            // A device dealt false shares, or no finite weights come of the sum: trying again changes nothing.
            Err(
                error @ (RoundError::Sum(SumError::Refused(Error::Shares { .. } | Error::Key { .. }))
                | RoundError::Overlong { .. }
                | RoundError::NotFinite { .. }
                | RoundError::Length { .. }),
            ) => {
                tracing::error!(round = %round.id, %error, "the round is abandoned");
                return self.abandon(now, round).await;
            }
            Err(error) => return Err(error),
        };
        let closed = retry(|| self.finish_secure(now, round, &opened, &fold)).await?;
        if closed.is_some() {
            self.closed(round, &fold).await;
        }
        Ok(closed)
    }

    async fn lease(&self, now: Millis, round: &Round) -> Result<bool, RoundError> {
        let mut write = self.store.write(Isolation::Swap).await?;
        let ours = self.take_closing_lease(&mut write, now, round.id).await?;
        write.commit().await?;
        Ok(ours)
    }

    /// The opened sum, and the weights that it makes. Reads only; the same bits whoever does it.
    async fn fold_secure(&self, now: Millis, round: &Round) -> Result<Option<(Opened, Fold)>, RoundError> {
        let Some(opened) = self.sums.opened(round.id).await? else { return Ok(None) };
        let noise = round.noise.ok_or(RoundError::Damaged { what: "a secure round has no grid" })?;
        let devices = opened.devices;
        let (least, grid) = (opened.least, Grid::new(noise.steps)?);
        let plan = NoisePlan::new(noise.multiplier, round.plan.clip_norm, least, grid, opened.sum.len())?;
        let norm = opened.sum.iter().map(|steps| f64::from(*steps).powi(2)).sum::<f64>().sqrt();
        // Nobody sees which, so all of it is dropped: a clip norm that is not kept to is no bound on what one device can do.
        let longest = plan.longest(devices);
        if norm > longest {
            let steps = f64::from(noise.steps);
            return Err(RoundError::Overlong { devices, norm: norm / steps, longest: longest / steps });
        }
        let unit = f64::from(noise.steps) * f64::from(devices);
        let mean = opened.sum.iter().map(|steps| f64::from(*steps) / unit).collect();
        let mut fold = self.step(now, round.id, devices, mean).await?;
        fold.entry.roster = opened.roster.0;
        Ok(Some((opened, fold)))
    }

    /// The new weights, the account with this round in it, the forgetting and the next opening, all or nothing.
    async fn finish_secure(
        &self,
        now: Millis,
        round: &Round,
        opened: &Opened,
        fold: &Fold,
    ) -> Result<Option<Transition>, RoundError> {
        let mut write = self.begin_shredding().await?;
        let held = tables::newest_version(&mut write).await?;
        if held != Some(round.weights_from) || !self.sums.finish(&mut write, now, round.id).await? {
            return Ok(None); // somebody else closed it
        }
        let noise = round.noise.ok_or(RoundError::Damaged { what: "a secure round has no grid" })?;
        let (least, dimension) = (opened.least, opened.sum.len());
        let plan = NoisePlan::new(noise.multiplier, round.plan.clip_norm, least, Grid::new(noise.steps)?, dimension)?;
        let mut account = self.account(&mut write).await?;
        let charged = account.charge(plan)?;
        tables::keep_account(&mut write, charged.bytes()).await?;
        let mut fold = fold.clone();
        fold.entry.epsilon = Some(account.spent().epsilon);
        if !self.publish(&mut write, now, round, &fold).await? {
            return Ok(None);
        }
        write.commit().await?;
        Ok(Some(Transition::Closed(round.id, fold.newest.weights.version)))
    }

    /// What a listener has spent who was in every round.
    async fn account(&self, write: &mut Write) -> Result<Account, RoundError> {
        let delta = self.config.secure.as_ref().map_or(SecureConfig::default().delta, |secure| secure.delta);
        match tables::account(write).await? {
            Some(bytes) => Ok(Account::from_bytes(&bytes)?),
            None => Ok(Account::new(Budget::new(f64::INFINITY, delta)?)),
        }
    }

    /// By the rules in force. False where another round is under way, or too few devices serve on committees.
    pub(super) async fn open_secure(
        &self,
        write: &mut Write,
        now: Millis,
        rules: &CoordinatorConfig,
        secure: &SecureConfig,
        round: &Round,
    ) -> Result<bool, RoundError> {
        let Some(record) = log::newest(write).await?.map(|signed| signed.record) else {
            return Err(RoundError::Damaged { what: "its log is empty" });
        };
        let (blocks, about_songs) = named(&item_tables::names(write, round.weights_from).await?);
        let length = self.parameters + about_songs;
        let dimension = u32::try_from(length).unwrap_or(u32::MAX);
        let terms = Terms {
            round: round.id,
            weights: round.weights_from,
            model: SecureOffer::model(record.weights, &round.plan, &secure.noise, &blocks),
            record: Digest(record.hash()),
            dimension,
            ring: secure.ring(rules, length)?,
            prg: secure.prg,
            least: rules.minimum,
            degree: u32::try_from(degree(rules.cohort as usize, secure.odds)).unwrap_or(u32::MAX),
            threshold: 0,
            seats: Vec::new(),
        };
        // Whoever reads the log can draw the committee again.
        let draw = Digest::of(&[record.hash().as_slice(), &round.id.0.to_le_bytes()].concat());
        match self.sums.open_in(write, now, &secure.rules(rules), terms, draw).await {
            Ok(true) => tables::open_round(write, &Round { noise: Some(secure.noise), ..round.clone() }).await,
            Ok(false) => Ok(false),
            Err(SumError::NoCommittee { got, least }) => {
                tracing::debug!(got, least, "no round opens until more devices serve on committees");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
