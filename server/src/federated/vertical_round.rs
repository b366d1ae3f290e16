//! Vertical rounds of a live server: the item towers lie in the store beside the weights, each version of both in the one transaction that ends a
//! round. A vertical round is always a secure one: where every update could be looked at, the gradient at a song's embedding would say who
//! heard it.
//!
//! | | comes from | lies in |
//! |---|---|---|
//! | blocks of a version | its towers, its number and the seed | `blocks`, named in the terms of its rounds |
//! | the step | the opened sum: weights first, then block by block | one transaction: `weights`, `item_towers`, the next `blocks` |

use super::item_tables::{self, Standing};
use super::items::{Items, Places};
use super::{Coordinator, CoordinatorConfig, LogKey, RoundError};
use crate::store::Store;
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::protocol::{CandidateBlock, TowerWeights, decode};
use sottovoce::secagg::Digest;
use std::sync::Arc;

impl Coordinator {
    /// As [`Coordinator::open_signing`], for rounds that train `items` too. They are where the first version starts; later ones are in
    /// the store. [`CoordinatorConfig::basis`] should name them.
    ///
    /// # Errors
    /// As there, and [`RoundError::Setting`] for rounds in the open.
    pub async fn open_vertical(
        store: impl Into<Store>,
        config: CoordinatorConfig,
        initial: TowerWeights,
        items: Items,
        key: Option<LogKey>,
    ) -> Result<Self, RoundError> {
        if config.secure.is_none() {
            let expected = "secure rounds: in the open, the gradient at a song's embedding says who heard it";
            return Err(RoundError::Setting { what: "vertical rounds without `secure`", got: 0.0, expected });
        }
        Self::open_with(store.into(), config, initial, key, Some(Arc::new(items))).await
    }

    /// The newest embedding of every song, by its number, and the version that they belong to; `None` where rounds do not move them.
    ///
    /// # Errors
    /// [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn embeddings(&self) -> Result<Option<(WeightsVersion, Vec<f32>)>, RoundError> {
        let Some(items) = &self.items else { return Ok(None) };
        let version = self.weights_version().await?;
        let towers = item_tables::towers(&mut self.store.read().await?, version).await?;
        if towers.is_empty() {
            return Ok(None); // a round has ended in between; whoever asks, asks again
        }
        let items = Arc::clone(items);
        let rows = apart(move || items.resumed(&towers).map(|items| items.rows())).await?;
        Ok(Some((version, rows)))
    }

    /// The blocks that a live round is about, as they travel; none in a horizontal one, and none once it is over.
    ///
    /// # Errors
    /// [`RoundError::NoSuchRound`]; [`RoundError::Damaged`], [`RoundError::State`].
    pub async fn blocks(&self, round: RoundId) -> Result<Vec<Vec<u8>>, RoundError> {
        let round = self.round(round).await?;
        if !round.state.live() {
            return Ok(Vec::new());
        }
        item_tables::blocks(&mut self.store.read().await?, round.weights_from).await
    }

    /// What the first of these weights starts with.
    pub(super) fn first_standing(&self, version: WeightsVersion) -> Option<Standing> {
        self.items.as_ref().map(|items| Standing::of(items, version))
    }

    /// The item side after the step along `mean`, which comes of a round from `version`.
    pub(super) async fn step_items(
        &self,
        version: WeightsVersion,
        mean: &[f64],
    ) -> Result<Option<Standing>, RoundError> {
        let Some(items) = self.items.clone() else {
            let (expected, got) = (self.parameters, self.parameters + mean.len());
            return if mean.is_empty() { Ok(None) } else { Err(RoundError::Length { what: "mean", expected, got }) };
        };
        let mut link = self.store.read().await?;
        let towers = item_tables::towers(&mut link, version).await?;
        let blocks = item_tables::blocks(&mut link, version).await?;
        drop(link);
        let (rate, mean) = (self.config.plan.learning_rate.into(), mean.to_vec());
        let next = WeightsVersion(version.0 + 1);
        apart(move || {
            let mut items = items.resumed(&towers)?;
            let places = places(&items, &blocks)?;
            items.learn(&places, &mean, rate)?;
            Ok(Standing::of(&items, next))
        })
        .await
        .map(Some)
    }
}

/// What the terms of a round from these weights say of its blocks: their names, and how many numbers an update holds about them.
pub(super) fn named(names: &[(Digest, u32)]) -> (Vec<Digest>, usize) {
    (names.iter().map(|(digest, _)| *digest).collect(), names.iter().map(|(_, numbers)| *numbers as usize).sum())
}

fn places(items: &Items, blocks: &[Vec<u8>]) -> Result<Places, RoundError> {
    let read = |bytes: &Vec<u8>| decode::<CandidateBlock>(bytes);
    let blocks: Result<Vec<CandidateBlock>, _> = blocks.iter().map(read).collect();
    let blocks = blocks.map_err(|_| RoundError::Damaged { what: "a block cannot be read" })?;
    items.places(blocks.iter().map(|block| &block.songs[..]))
}

/// A tower's step is arithmetic for a second: not for the threads that wait on sockets.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RoundError> + Send + 'static,
) -> Result<T, RoundError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(RoundError::Damaged { what: "the step of an item tower did not end" }))
}
