use super::*;
use crate::data::{SyntheticConfig, synthetic};
use crate::simulate::testing::vertical;
use crate::simulate::{Part, published};
use std::collections::HashMap;

const ROUNDS: u32 = 20;

fn small() -> SplitWorld {
    let config = SyntheticConfig { listeners: 200, songs: 240, artists: 40, events: 8_000, ..Default::default() };
    SplitWorld::next_song(&synthetic(&config), Part::Test, &HashMap::new())
}

fn shown(world: &SplitWorld, target: SongId, attack: Option<Attack>, defence: &Defence) -> (f64, f64) {
    let liars = attack.map(|attack| Liars { honest: ROUNDS / 2, ..Liars::draw(world, 0.05, target, attack, 1) });
    let mut server = vertical(world, 0.03, 8);
    let cohorts = Cohorts { clients: 100, rounds: ROUNDS, seed: 1 };
    let mut bad = 0;
    poisoned_rounds(&mut server, world, &cohorts, 5, liars.as_ref(), defence, |_, _, told| {
        bad += told.bad;
        Ok(())
    })
    .unwrap();
    assert_eq!(bad > 0, attack.is_some());
    let (tower, items) = published(&server, world).unwrap();
    (world.exposure(&tower, &items, target, 20, |_| true), world.measure(&tower, &items).ndcg)
}

#[test]
fn liars_lift_a_song_and_the_defence_takes_most_of_it_back() {
    let world = small();
    let target = ranked(&world, 60).unwrap();
    let of = |attack, defence: &Defence| {
        let found = shown(&world, target, attack, defence);
        println!("{attack:?} {:?}: exposure {:.4}, NDCG {:.4}", defence.bound, found.0, found.1);
        found
    };
    let (before, ndcg) = of(None, &Defence::NONE);
    let (lifted, _) = of(Some(Attack::Boost), &Defence::NONE);
    assert!(lifted > before + 0.2, "the attack must be able to succeed: {before} → {lifted}");
    let (honest, defended) = of(None, &Defence::BEST);
    let (held, _) = of(Some(Attack::Boost), &Defence::BEST);
    assert!(held - honest < 0.5 * (lifted - before), "{honest} → {held}");
    assert!(defended > 0.9 * ndcg, "{defended} of {ndcg}");
}

#[test]
fn a_lie_is_within_the_bound() {
    let world = small();
    let mut server = vertical(&world, 0.03, 8);
    let mut items = resident(&server, &world).unwrap();
    let meeting = Meeting::open(&mut server, &world, &mut items, 1, 10, Rng::new(1)).unwrap();
    for attack in [Attack::Boost, Attack::Hide] {
        let liars = Liars::draw(&world, 0.05, ranked(&world, 3).unwrap(), attack, 1);
        assert_eq!(liars.devices.len(), 10);
        let lie = Lie::new(&liars, &meeting, None);
        let sent = lie.update(meeting.answer(0).unwrap().map(|a| a.values), 1.0);
        let at = lie.at.unwrap();
        assert!(norm(&sent[at..at + 8]) > 0.0 && sent.len() == meeting.length());
        if attack == Attack::Boost {
            assert!(norm(&sent) <= 1.0 && norm(&sent) > 0.3, "{}", norm(&sent));
        }
    }
    assert_eq!(ranked(&world, 10_000), None);
}
