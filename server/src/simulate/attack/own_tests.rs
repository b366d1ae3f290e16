use super::*;
use crate::data::{SyntheticConfig, synthetic};
use crate::federated::{Scenario, ServerOptimiser, VerticalConfig};
use crate::recall::{ItemTower, ItemTowerConfig};
use crate::simulate::{Cohorts, Part, cohort_rounds};
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use std::collections::HashMap;

#[test]
fn an_update_tells_and_a_noised_sum_or_a_mask_does_not() {
    let config = SyntheticConfig { listeners: 260, songs: 400, artists: 50, events: 9_000, ..Default::default() };
    let world = SplitWorld::next_song(&synthetic(&config), Part::Test, &HashMap::new());
    let shape = TowerShape { interests: 1, ..TowerShape::usual(8) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let items = ItemTowerConfig { dimension: 8, learning_rate: 0.02, ..ItemTowerConfig::default() };
    let scenario = Scenario {
        tower: ItemTower::new(&world.songs, &[], items, 1).unwrap(),
        songs: world.songs.iter().map(|song| song.id).collect(),
        popularity: world.popularity().unwrap(),
        task: 0,
    };
    let plan =
        LocalPlan { epochs: 1, batch: 4096, learning_rate: 1.0, negatives: 1, max_examples: 4096, clip_norm: 1.0 };
    let optimiser = ServerOptimiser::fed_adam(0.02);
    let rules = VerticalConfig { plan, optimiser, block: 4096, ahead: 1, lessons: 16, noise: 0.0 };
    let mut server = Vertical::new(rules, weights, vec![scenario], 1).unwrap();
    cohort_rounds(&mut server, &world, &Cohorts { clients: 60, rounds: 8, seed: 1 }, |_, _, _| Ok(())).unwrap();

    let views = [View::Update, View::NoisedSum { sigma: 4.0 }, View::Masked];
    let found = own_trial(&mut server, &world, &views, &OwnConfig { cohort: 60, ..OwnConfig::default() }).unwrap();
    assert_eq!(found.len(), 2 * views.len(), "either question in every view");
    for told in &found {
        let best = told.areas[told.best()];
        println!("{:?} {:?}: {best:?}, within {:?}", told.view, told.asked, told.within[told.best()]);
        assert!(told.questions > 300 && told.listeners > 40);
        assert!(best.low <= best.value && best.value <= best.high);
        match told.view {
            View::Update => assert!(best.value > 0.65, "the attack must be able to succeed"),
            _ => assert!(best.value < 0.56),
        }
    }
}
