//! What the handlers share, and what they are configured by.

use super::admin::AdminTokens;
use super::admission::{Admission, Open};
use super::blocks::Blocks;
use super::candidates::CandidateSource;
use super::catalogue::Catalogue;
use super::following::Published;
use super::limits::{LimitConfig, Limits};
use super::tower::EncodedWeights;
use crate::federated::{Coordinator, RoundError};
use crate::runs::LiveRanker;
use metrics_exporter_prometheus::PrometheusHandle;
use sottovoce::ids::Millis;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use tokio::sync::Notify;

/// How the server serves.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Folder with the player's files; without one only the API is served.
    pub www: Option<PathBuf>,
    /// Origins (`https://player.example`) whose pages may call this server; empty = its own only.
    pub allow_origins: Vec<String>,
    /// Bounds on what a request may cost.
    pub limits: LimitConfig,
}

/// Why the server cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Not an origin.
    #[error("`{got}` is no origin; write scheme and host, as in --allow-origin https://player.example")]
    Origin {
        /// What was given.
        got: String,
    },
    /// No player there.
    #[error("{} holds no index.html; build the player (npm run build -w www) or leave --www out", path.display())]
    Www {
        /// The folder.
        path: PathBuf,
    },
    /// A limit of zero would refuse everything.
    #[error("limit {what} is 0; give a positive number")]
    Limit {
        /// Which.
        what: &'static str,
    },
    /// The rounds would not answer.
    #[error(transparent)]
    Rounds(#[from] RoundError),
}

/// Everything a handler needs. Cheap to clone.
#[derive(Clone)]
pub struct App(pub(super) Arc<Shared>, pub(super) Arc<Doors>);

impl core::fmt::Debug for App {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("App")
            .field("catalogue", &self.0.published)
            .field("rounds", &self.0.rounds)
            .field("doors", &self.1)
            .finish_non_exhaustive()
    }
}

pub(super) struct Shared {
    pub(super) published: Published,
    pub(super) candidates: Box<dyn CandidateSource>,
    pub(super) rounds: Coordinator,
    pub(super) limits: Limits,
    pub(super) now: Box<dyn Fn() -> Millis + Send + Sync>,
    pub(super) prometheus: PrometheusHandle,
    pub(super) weights: RwLock<Option<EncodedWeights>>,
    pub(super) blocks: RwLock<Option<Blocks>>,
    pub(super) ranker: OnceLock<Arc<LiveRanker>>,
    /// Somebody has sent what may move a round on.
    due: Notify,
}

/// Who may do what. Everybody may read.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) admin: Option<AdminTokens>,
    pub(super) admission: Box<dyn Admission>,
}

impl App {
    /// Puts the parts together. `now` is the wall clock.
    ///
    /// # Errors
    /// [`HttpError::Limit`].
    pub fn new(
        catalogue: Catalogue,
        candidates: impl CandidateSource + 'static,
        rounds: Coordinator,
        limits: LimitConfig,
        now: impl Fn() -> Millis + Send + Sync + 'static,
    ) -> Result<Self, HttpError> {
        let shared = Arc::new(Shared {
            limits: Limits::new(limits, rounds.parameters())?,
            published: Published::new(catalogue),
            candidates: Box::new(candidates),
            rounds,
            now: Box::new(now),
            prometheus: super::ops::recorder(),
            weights: RwLock::new(None),
            blocks: RwLock::new(None),
            ranker: OnceLock::new(),
            due: Notify::new(),
        });
        Ok(Self(shared, Arc::new(Doors { admin: None, admission: Box::new(Open) })))
    }

    /// With an API for operators, where `admin` has tokens for it, and with `admission` deciding which devices take part. Without
    /// this there is no such API, and everybody takes part.
    #[must_use]
    pub fn guarded(self, admin: Option<AdminTokens>, admission: impl Admission + 'static) -> Self {
        Self(self.0, Arc::new(Doors { admin, admission: Box::new(admission) }))
    }

    /// What must happen now and then, whether or not anybody asks: due rounds, forgotten limits, settled metrics. Call it
    /// whenever [`App::due`] returns.
    pub async fn tick(&self) {
        if let Err(error) = self.0.rounds.tick(self.now()).await {
            tracing::error!(%error, "rounds do not move");
        }
        if let Err(error) = self.follow().await {
            tracing::error!(%error, "the catalogue does not follow the rounds");
        }
        self.0.limits.forget();
        self.0.prometheus.run_upkeep();
    }

    /// Waits until something was sent that may move a round on, a second at most.
    pub async fn due(&self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.0.due.notified()).await;
    }

    /// A round may have come to the end of its stage. Whoever sent the last message does not wait for what follows from it.
    pub(super) fn tick_soon(&self) {
        self.0.due.notify_one();
    }

    pub(super) fn now(&self) -> Millis {
        (self.0.now)()
    }
}
