//! A catalogue that follows the rounds: where they train the item towers too, every version of the weights has its own embeddings, and who is
//! given the one must be given the other.

use super::app::App;
use super::catalogue::Catalogue;
use crate::catalog::ShardError;
use crate::federated::RoundError;
use sottovoce::ids::WeightsVersion;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tokio::sync::Mutex;

/// Makes the catalogue from a row for every song's number.
type Make = dyn Fn(&[f32]) -> Result<Catalogue, ShardError> + Send + Sync;

/// The catalogue as it is served now.
pub(super) struct Published {
    now: RwLock<Arc<Catalogue>>,
    make: OnceLock<Arc<Make>>,
    /// Of which weights it is; whoever makes the next one holds this.
    version: Mutex<Option<WeightsVersion>>,
}

impl core::fmt::Debug for Published {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Published").field("now", &self.now()).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Published {
    pub(super) fn new(catalogue: Catalogue) -> Self {
        Self { now: RwLock::new(Arc::new(catalogue)), make: OnceLock::new(), version: Mutex::default() }
    }

    fn now(&self) -> Arc<Catalogue> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl App {
    /// Lets the catalogue follow rounds that move the songs: `make` is given a row for every song's number, and is called once a version, before
    /// anybody is given that version's weights.
    #[must_use]
    pub fn following(self, make: impl Fn(&[f32]) -> Result<Catalogue, ShardError> + Send + Sync + 'static) -> Self {
        let _ = self.0.published.make.set(Arc::new(make)); // what follows already follows
        self
    }

    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        self.0.published.now()
    }

    /// Makes the catalogue of the newest weights, unless it is that already.
    pub(super) async fn follow(&self) -> Result<(), RoundError> {
        let published = &self.0.published;
        let Some(make) = published.make.get().cloned() else { return Ok(()) };
        let mut held = published.version.lock().await;
        if *held == Some(self.0.rounds.weights_version().await?) {
            return Ok(());
        }
        let Some((version, rows)) = self.0.rounds.embeddings().await? else { return Ok(()) };
        match tokio::task::spawn_blocking(move || make(&rows)).await {
            Ok(Ok(catalogue)) => {
                *published.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
                *held = Some(version);
            }
            // The one before goes on being served: its songs are those of a moment ago.
            Ok(Err(error)) => tracing::error!(%error, %version, "the catalogue does not follow"),
            Err(error) => tracing::error!(%error, %version, "the catalogue does not follow"),
        }
        Ok(())
    }
}
