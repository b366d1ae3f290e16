//! A small server of vertical rounds, for the tests of whoever attacks them.

use super::SplitWorld;
use crate::federated::{BlockRules, Scenario, ServerOptimiser, Vertical, VerticalConfig, exact_split};
use crate::recall::{ItemTower, ItemTowerConfig};
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;

/// Both towers over `world`, of eight dimensions, the whole catalogue as the block.
pub(crate) fn vertical(world: &SplitWorld, learning_rate: f32, lessons: u32) -> Vertical {
    let shape = TowerShape { interests: 1, ..TowerShape::usual(8) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let config = ItemTowerConfig { dimension: 8, learning_rate, ..ItemTowerConfig::default() };
    let scenario = Scenario {
        tower: ItemTower::new(&world.songs, &[], config, 1).unwrap(),
        songs: world.songs.iter().map(|song| song.id).collect(),
        popularity: world.popularity().unwrap(),
        task: 0,
    };
    let optimiser = ServerOptimiser::fed_adam(0.02);
    let rules = VerticalConfig {
        plan: exact_split(),
        optimiser,
        blocks: BlockRules { size: 4096, ahead: 1, lessons },
        noise: 0.0,
    };
    Vertical::new(rules, weights, vec![scenario], 1).unwrap()
}
