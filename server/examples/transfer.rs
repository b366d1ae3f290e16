//! Transfer: two businesses whose features and whose experience with people overlap in part (Yang et al. 2019, §2.3.3). A partner's item side
//! trains the experts of the same user tower, and those who are new to the songs are served from what they collected there.
//! `cargo run -p sottovoce-server --example transfer`

use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use sottovoce_server::data::TwoBusinesses;
use sottovoce_server::federated::{BlockRules, Scenario, ServerOptimiser, Vertical, VerticalConfig, exact_split};
use sottovoce_server::recall::{ItemTower, ItemTowerConfig};
use sottovoce_server::simulate::{Cohorts, Part, RoundCost, SplitWorld, cohort_rounds, published};
use std::collections::HashMap;

fn main() -> anyhow::Result<()> {
    for with_partner in [false, true] {
        let (before, after, cost) = train(with_partner)?;
        let sides = if with_partner { "songs and the partner's wares" } else { "songs alone" };
        println!("{sides}: {} bytes up and {} down for each device and round", cost.up, cost.down);
        println!(
            "  NDCG@10 among all songs, of those who are new to them: {before:.4} before, {after:.4} after 60 rounds"
        );
    }
    Ok(())
}

fn train(with_partner: bool) -> anyhow::Result<(f64, f64, RoundCost)> {
    let shop = TwoBusinesses::default();
    let data = shop.log(with_partner);
    let cut = shop.first_ware().0 as usize;
    let songs: Vec<String> = data.songs[..cut].iter().map(|song| song.key.clone()).collect();
    let among: HashMap<_, _> = data.listeners.iter().map(|key| (key.clone(), songs.clone())).collect();
    let world = SplitWorld::next_song(&data, Part::Test, &among);
    let popularity = world.popularity()?;

    let shape = TowerShape { interests: 1, ..TowerShape::usual(16) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let config = ItemTowerConfig { dimension: 16, learning_rate: 0.02, ..ItemTowerConfig::default() };
    // Songs are ranked by the experts' task *complete*, wares by *like*; each side has an item tower of its own.
    let mut scenarios = Vec::new();
    for (range, task) in [(0..cut, 0), (cut..data.songs.len(), 1)].into_iter().take(1 + usize::from(with_partner)) {
        scenarios.push(Scenario {
            tower: ItemTower::new(&data.songs[range.clone()], &[], config, 1)?,
            songs: data.songs[range.clone()].iter().map(|song| song.id).collect(),
            popularity: popularity[range].to_vec(),
            task,
        });
    }
    let plan = LocalPlan { max_examples: 64, clip_norm: 10.0, ..exact_split() };
    let optimiser = ServerOptimiser::fed_adam(0.02);
    let rules =
        VerticalConfig { plan, optimiser, blocks: BlockRules { size: 4096, ahead: 1, lessons: 16 }, noise: 0.0 };
    let mut server = Vertical::new(rules, weights, scenarios, 1)?;
    let measure = |server: &Vertical| -> anyhow::Result<f64> {
        let (tower, items) = published(server, &world)?;
        Ok(world.measure_where(&tower, &items, TwoBusinesses::new_to_songs).sampled_ndcg10)
    };
    let before = measure(&server)?;
    let mut cost = RoundCost::default();
    cohort_rounds(&mut server, &world, &Cohorts { clients: 60, rounds: 60, seed: 1 }, |_, _, round| {
        cost = round;
        Ok(())
    })?;
    Ok((before, measure(&server)?, cost))
}
