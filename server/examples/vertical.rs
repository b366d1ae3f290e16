//! Vertical: the same people, different features on either side (Yang et al. 2019, §2.3.2). What was heard and how it ended stays on the devices,
//! what the catalogue knows of its songs stays on the server; both towers learn.
//! `cargo run -p sottovoce-server --example vertical`

use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use sottovoce_server::data::{SyntheticConfig, synthetic};
use sottovoce_server::federated::{BlockRules, Scenario, ServerOptimiser, Vertical, VerticalConfig, exact_split};
use sottovoce_server::recall::{ItemTower, ItemTowerConfig};
use sottovoce_server::simulate::{Cohorts, Part, RoundCost, SplitWorld, cohort_rounds, published};

fn main() -> anyhow::Result<()> {
    let data =
        synthetic(&SyntheticConfig { listeners: 200, songs: 400, artists: 60, events: 12_000, ..Default::default() });
    let world = SplitWorld::next_song(&data, Part::Test, &Default::default());
    let shape = TowerShape { interests: 1, ..TowerShape::usual(32) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let config = ItemTowerConfig { dimension: 32, learning_rate: 0.01, ..ItemTowerConfig::default() };
    let songs = ItemTower::new(&data.songs, &[], config, 1)?;
    let scenario = Scenario {
        tower: songs,
        songs: data.songs.iter().map(|song| song.id).collect(),
        popularity: world.popularity()?,
        task: 0,
    };
    let plan = LocalPlan { max_examples: 256, ..exact_split() };
    let optimiser = ServerOptimiser::fed_adam(0.01);
    let rules = VerticalConfig { plan, optimiser, blocks: BlockRules { size: 4096, ahead: 1, lessons: 8 }, noise: 0.0 };
    let mut server = Vertical::new(rules, weights, vec![scenario], 1)?;

    let measure = |server: &Vertical| -> anyhow::Result<f64> {
        let (tower, items) = published(server, &world)?;
        Ok(world.measure(&tower, &items).ndcg)
    };
    let before = measure(&server)?;
    let mut cost = RoundCost::default();
    cohort_rounds(&mut server, &world, &Cohorts { clients: 40, rounds: 40, seed: 1 }, |_, _, round| {
        cost = round;
        Ok(())
    })?;
    let after = measure(&server)?;
    println!("down, to every device alike: {} bytes of weights and one public block of all songs", cost.down);
    println!(
        "up, from every device alike: {} bytes, the user tower's gradient and the cut layer's, clipped as one",
        cost.up
    );
    println!("NDCG@10 of the next song: {before:.4} before, {after:.4} after 40 rounds");
    Ok(())
}
