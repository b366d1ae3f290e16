//! What a server hands out: the catalogue as devices download it, and the item tower behind it where rounds train that too.

use crate::catalog::{SHARD_SONGS, ShardError, Song, shards};
use crate::data::Dataset;
use crate::federated::{BlockRules, Items, Scenario};
use crate::http::Catalogue;
use crate::recall::{ItemTower, ItemTowerConfig};
use sottovoce::protocol::CatalogueShard;

/// Songs that are somewhere already are moved with care: with noise, every number of a block takes a step of about this length a round.
const ITEM_RATE: f32 = 1e-3;

/// The songs of a data set, without its listeners.
#[derive(Debug)]
pub(super) struct World {
    name: String,
    songs: Vec<Song>,
    artists: Vec<String>,
    plays: Vec<u32>,
    /// Of the embeddings.
    pub(super) dimension: usize,
}

impl World {
    pub(super) fn of(data: &Dataset, dimension: usize) -> Self {
        let mut plays = vec![0u32; data.songs.len()];
        for event in &data.events {
            if let Some(plays) = plays.get_mut(event.song.0 as usize) {
                *plays = plays.saturating_add(event.plays);
            }
        }
        let (songs, artists) = (data.songs.clone(), data.artists.clone());
        Self { name: data.name.clone(), songs, artists, plays, dimension }
    }

    /// The catalogue with these embeddings, a row a song.
    pub(super) fn published(&self, rows: &[f32]) -> Result<(Catalogue, Vec<CatalogueShard>), ShardError> {
        let shards = shards(&self.songs, rows, self.dimension, &self.plays, SHARD_SONGS)?;
        Ok((Catalogue::build(&self.name, &self.songs, &self.artists, &shards), shards))
    }

    /// The item side of vertical rounds: every song starts where the channels have put it, and blocks hold so many of them.
    pub(super) fn items(
        &self,
        shards: &[CatalogueShard],
        rows: &[f32],
        block: usize,
        seed: u64,
    ) -> anyhow::Result<Items> {
        let config = ItemTowerConfig { dimension: self.dimension, learning_rate: ITEM_RATE, ..Default::default() };
        let scenario = Scenario {
            tower: ItemTower::new(&self.songs, &[], config, seed)?.starting_at(rows)?,
            songs: self.songs.iter().map(|song| song.id).collect(),
            popularity: shards.iter().flat_map(|shard| shard.popularity.iter().copied()).collect(),
            task: 0,
        };
        let rules = BlockRules { size: block, ahead: 1, lessons: 16 };
        Ok(Items::new(rules, vec![scenario], self.dimension, seed)?)
    }
}
