use super::*;
use crate::data::{SyntheticConfig, synthetic};
use crate::simulate::testing::vertical;
use crate::simulate::{Cohorts, Part, cohort_rounds};
use std::collections::HashMap;

#[test]
fn an_update_tells_and_a_noised_sum_or_a_mask_does_not() {
    let config = SyntheticConfig { listeners: 260, songs: 400, artists: 50, events: 9_000, ..Default::default() };
    let world = SplitWorld::next_song(&synthetic(&config), Part::Test, &HashMap::new());
    let mut server = vertical(&world, 0.02, 16);
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
