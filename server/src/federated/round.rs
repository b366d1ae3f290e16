//! A round as it stands, and the rules it runs by.

use super::{RoundError, SecureConfig, ServerOptimiser};
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{LocalPlan, NoiseTerms, RoundOffer};

/// Where a round stands. `Open → Closing → Closed` with enough updates, `Open → Abandoned` without, and `Closing → Abandoned` where
/// no finite weights come of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoundState {
    /// Takes updates.
    Open,
    /// Takes no more; its mean is being made. Whoever finds it so may finish it.
    Closing,
    /// Became a new version of the weights.
    Closed,
    /// Ended without one; the next round starts from the same weights.
    Abandoned,
}

impl RoundState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Closing, Self::Closed, Self::Abandoned];

    /// Its name, in the store and over HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Abandoned => "abandoned",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether it has not ended; there is one such round at most.
    #[must_use]
    pub fn live(self) -> bool {
        matches!(self, Self::Open | Self::Closing)
    }
}

/// A round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Which one.
    pub id: RoundId,
    /// Where it stands.
    pub state: RoundState,
    /// The weights it starts from.
    pub weights_from: WeightsVersion,
    /// The weights it became.
    pub weights_to: Option<WeightsVersion>,
    /// How the devices train.
    pub plan: LocalPlan,
    /// Of a secure round the noise; `None` where updates come in the open.
    pub noise: Option<NoiseTerms>,
    /// So many updates close it; it takes no more.
    pub cohort: u32,
    /// At the deadline so many are enough.
    pub minimum: u32,
    /// So many were counted.
    pub updates: u32,
    /// How often the deadline moved while somebody's update was waiting.
    pub extensions: u32,
    /// When it opened.
    pub opened_at: Millis,
    /// Its deadline.
    pub closes_at: Millis,
    /// When it closed or was abandoned.
    pub closed_at: Option<Millis>,
}

impl Round {
    /// The invitation to it.
    #[must_use]
    pub fn offer(&self) -> RoundOffer {
        RoundOffer {
            round: self.id,
            weights: self.weights_from,
            plan: self.plan,
            cohort: self.cohort,
            closes_at: self.closes_at,
        }
    }

    /// Whether it takes no further update.
    #[must_use]
    pub fn full(&self) -> bool {
        self.updates >= self.cohort
    }

    /// What has to happen to an open round at `now`.
    pub(super) fn due(&self, now: Millis, extensions: u32) -> Due {
        if self.state == RoundState::Closing {
            Due::Close
        } else if self.state != RoundState::Open {
            Due::Nothing
        } else if self.full() || (now >= self.closes_at && self.updates >= self.minimum) {
            Due::Close
        } else if now < self.closes_at {
            Due::Nothing
        } else if self.updates == 0 {
            Due::Extend { counts: false } // nobody waits: an idle server keeps one round open, not a row a minute
        } else if self.extensions < extensions {
            Due::Extend { counts: true }
        } else {
            Due::Abandon
        }
    }
}

/// The next transition of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Close,
    Extend { counts: bool },
    Abandon,
}

/// How a coordinator runs its rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct CoordinatorConfig {
    /// So many updates close a round at once. 1 to 100,000.
    pub cohort: u32,
    /// At the deadline, so many are enough. 1 to `cohort`.
    pub minimum: u32,
    /// Milliseconds from a round's opening to its deadline.
    pub deadline_ms: u64,
    /// How often a deadline with too few updates moves by `deadline_ms` before the round is abandoned.
    pub extensions: u32,
    /// Milliseconds between a round's end and the opening of the next; with 0 the next one opens in the same transaction.
    pub rest_ms: u64,
    /// Milliseconds for which a coordinator has the closing of a round to itself; after them another may do it instead.
    pub lease_ms: u64,
    /// How devices train, and `C`.
    pub plan: LocalPlan,
    /// Rounds whose sum the server cannot open; `None`: updates come in the open, each of them to be seen by whoever runs the server.
    pub secure: Option<SecureConfig>,
    /// What the mean becomes.
    pub optimiser: ServerOptimiser,
    /// Names the song embeddings that the weights speak about. Where the store's weights have another basis, they mean
    /// nothing any more and start anew, under the next version.
    pub basis: String,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self {
            cohort: 16,
            minimum: 4,
            deadline_ms: 60_000,
            extensions: 3,
            rest_ms: 0,
            lease_ms: 15_000,
            plan: LocalPlan {
                epochs: 2,
                batch: 16,
                learning_rate: 0.1,
                negatives: 64,
                max_examples: 256,
                clip_norm: 1.0,
                proximal: 0.0,
            },
            secure: None,
            optimiser: ServerOptimiser::default(),
            basis: String::new(),
        }
    }
}

impl CoordinatorConfig {
    /// Checks the settings' ranges, the plan's by the same rules as a device does.
    ///
    /// # Errors
    /// [`RoundError::Setting`].
    pub fn validate(&self) -> Result<(), RoundError> {
        let check = |what, got: f64, holds: bool, expected| {
            if holds { Ok(()) } else { Err(RoundError::Setting { what, got, expected }) }
        };
        check("cohort", self.cohort.into(), (1..=100_000).contains(&self.cohort), "1 to 100000")?;
        check("minimum", self.minimum.into(), (1..=self.cohort).contains(&self.minimum), "1 to the cohort")?;
        let deadline = u32::try_from(self.deadline_ms).unwrap_or(u32::MAX);
        check("deadline_ms", deadline.into(), (1..=u32::MAX - 1).contains(&deadline), "1 ms to 49 days")?;
        let plan = &self.plan;
        let rate = plan.learning_rate;
        check("learning_rate", rate.into(), rate.is_finite() && rate > 0.0, "a positive number")?;
        let clip = plan.clip_norm;
        check("clip_norm", clip.into(), clip.is_finite() && clip > 0.0, "a positive number")?;
        let drawn = rate * plan.proximal;
        let expected = "0 to one over the devices' learning rate";
        check("proximal", plan.proximal.into(), plan.proximal >= 0.0 && drawn <= 1.0, expected)?;
        check("epochs", plan.epochs.into(), (1..=100).contains(&plan.epochs), "1 to 100")?;
        check("batch", plan.batch.into(), (1..=4096).contains(&plan.batch), "1 to 4096")?;
        check("negatives", plan.negatives.into(), (1..=1024).contains(&plan.negatives), "1 to 1024")?;
        check("max_examples", plan.max_examples.into(), (1..=4096).contains(&plan.max_examples), "1 to 4096")?;
        self.optimiser.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(updates: u32, extensions: u32) -> Round {
        Round {
            id: RoundId(1),
            state: RoundState::Open,
            weights_from: WeightsVersion(0),
            weights_to: None,
            plan: CoordinatorConfig::default().plan,
            noise: None,
            cohort: 8,
            minimum: 3,
            updates,
            extensions,
            opened_at: Millis(0),
            closes_at: Millis(100),
            closed_at: None,
        }
    }

    #[test]
    fn the_state_machine_as_a_table() {
        let (before, at) = (Millis(99), Millis(100));
        assert_eq!(open(0, 0).due(before, 2), Due::Nothing);
        assert_eq!(open(7, 0).due(before, 2), Due::Nothing);
        assert_eq!(open(8, 0).due(before, 2), Due::Close);
        assert_eq!(open(3, 0).due(at, 2), Due::Close);
        assert_eq!(open(2, 0).due(at, 2), Due::Extend { counts: true });
        assert_eq!(open(2, 2).due(at, 2), Due::Abandon);
        assert_eq!(open(0, 2).due(at, 2), Due::Extend { counts: false });
        let closing = Round { state: RoundState::Closing, ..open(3, 0) };
        assert_eq!(closing.due(before, 2), Due::Close);
        let closed = Round { state: RoundState::Closed, ..open(8, 0) };
        assert_eq!(closed.due(at, 2), Due::Nothing);
    }

    #[test]
    fn settings_are_checked_by_name() {
        assert!(CoordinatorConfig::default().validate().is_ok());
        let config = CoordinatorConfig { minimum: 17, ..CoordinatorConfig::default() };
        assert_eq!(config.validate().unwrap_err().to_string(), "minimum is 17, expected 1 to the cohort");
        let config = CoordinatorConfig { deadline_ms: 0, ..CoordinatorConfig::default() };
        assert!(config.validate().is_err());
    }
}
