//! Whole rounds through errands alone: with reloads, crashes, dropouts, and a listener who thinks better of it.

use super::world::{Page, Reloads, Server, World, weights};
use super::*;
use crate::client::Error;
use crate::ids::{Millis, RoundId};
use crate::privacy::Direction;
use crate::privacy::accountant::Budget;
use crate::protocol::Fate;
use crate::secagg::PublicKey;

fn included(world: &World, round: u64) -> usize {
    let included = Some((RoundId(round), Fate::Included));
    world.pages.iter().filter(|page| page.state().outcome == included).count()
}

#[test]
fn a_round_from_enlisting_to_the_sum() {
    let mut world = World::new(4, false);
    world.pages[1].enciphers = false;
    world.round(5, Reloads::Never);
    world.assert_sum(5);
    assert_eq!(included(&world, 5), 4);
    for page in &world.pages {
        let state = page.state();
        assert_eq!((state.phase, state.included, state.spent.rounds), (Phase::Idle, 1, 1));
        assert_eq!(state.service, Some(Service { round: RoundId(5), task: Task::Disclosed }));
        assert!(state.spent.epsilon > 1.0 && state.spent.epsilon <= state.budget.epsilon(), "{state:?}");
        assert_eq!(page.engine.explain_upload(), None, "what is settled is forgotten");
        let up = |e: &&crate::privacy::LedgerEntry| e.direction == Direction::Up;
        let names: Vec<&str> = page.engine.ledger().entries().iter().filter(up).map(|e| e.message.as_str()).collect();
        let once = |name| assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name} in {names:?}");
        for name in [
            "offer to serve on a committee",
            "joining a round",
            "masked update",
            "signature on who reported",
            "keys that open a sum",
        ] {
            once(name);
        }
        assert!(page.engine.ledger().sent_messages() > 5, "signs of life are counted");
    }
}

#[test]
fn a_vertical_round_fetches_its_blocks() {
    let mut world = World::new(3, true);
    world.round(5, Reloads::Never);
    world.assert_sum(5);
    assert_eq!(included(&world, 5), 3);
}

#[test]
fn every_page_is_reloaded_between_every_two_errands() {
    let mut world = World::new(4, false);
    world.round(5, Reloads::Always);
    world.assert_sum(5);
    assert_eq!(included(&world, 5), 4);
    assert!(world.pages.iter().all(|page| page.state().spent.rounds == 1), "charged once");
}

#[test]
fn pages_that_crash_now_and_then_send_what_they_made_and_pay_once() {
    for seed in 0..3 {
        let mut world = World::new(4, seed == 1);
        world.rng = rand_core::SeedableRng::seed_from_u64(seed);
        world.round(5, Reloads::Crashes);
        world.assert_sum(5);
        assert_eq!(included(&world, 5), 4);
        assert!(world.pages.iter().all(|page| page.state().spent.rounds == 1), "charged once");
    }
}

#[test]
fn two_rounds_in_a_row_by_new_weights() {
    let mut world = World::new(3, false);
    world.round(5, Reloads::Never);
    world.server.weights = weights(2);
    world.round(6, Reloads::Always);
    world.assert_sum(6);
    assert!(world.pages.iter().all(|page| page.state().included == 2 && page.state().spent.rounds == 2));
    let one: Vec<PublicKey> = world.server.rounds[&RoundId(5)].joins.keys().copied().collect();
    assert!(world.server.rounds[&RoundId(6)].joins.keys().all(|key| !one.contains(key)), "names are drawn anew");
}

#[test]
fn who_vanishes_is_missing_from_the_sum_alone() {
    let mut world = World::new(6, false);
    world.run(15, Reloads::Never);
    // Of six members four are enough, so whoever vanishes here leaves five.
    world.pages[2].until = Some("joining a round");
    world.round(5, Reloads::Never);
    world.assert_sum(5);
    assert_eq!(world.server.live().unwrap().reports.len(), 5);
    assert_eq!(included(&world, 5), 5);
}

#[test]
fn a_report_that_is_late_is_missed_and_the_next_round_is_open_to_it() {
    let mut world = World::new(4, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 4, |_| ());
    world.run(25, Reloads::Never);
    world.server.close_joins();
    let mut late = world.pages.remove(0);
    world.run(25, Reloads::Never);
    world.server.close_reports();
    world.pages.insert(0, late);
    world.run(30, Reloads::Never);
    late = world.pages.remove(0);
    assert_eq!((late.state().outcome, late.state().why), (Some((RoundId(5), Fate::Missed)), Some(Why::Over)));
    assert_eq!(late.state().spent.rounds, 0, "it paid for nothing");
    world.pages.insert(0, late);
    assert!(world.server.finish());
    world.run(15, Reloads::Never);
    world.round(6, Reloads::Never);
    assert_eq!(included(&world, 6), 4);
}

#[test]
fn a_member_that_comes_back_between_vote_and_disclosure_goes_on() {
    let mut world = World::new(3, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Never);
    world.server.close_joins();
    world.run(25, Reloads::Never);
    world.server.close_reports();
    let now = world.now;
    let mut voted = 0;
    for page in &mut world.pages {
        for second in 0..20 {
            let now = Millis(now.0 + 1_000 * second);
            while page.state().service.is_none_or(|s| s.task != Task::Voted) && page.step(&mut world.server, now) {}
        }
        voted += usize::from(page.state().service.is_some_and(|s| s.task == Task::Voted));
        page.reload(false);
    }
    assert_eq!(voted, 3);
    world.run(40, Reloads::Never);
    assert!(world.server.finish());
    world.assert_sum(5);
    let votes = world.server.wire.iter().filter(|(path, _)| path.contains("votes"));
    let mut bodies: Vec<&Vec<u8>> = votes.map(|(_, body)| body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 3, "one split a round");
}

#[test]
fn without_consent_there_is_no_errand_and_the_account_stays() {
    let mut world = World::new(3, false);
    world.first_page_in(Phase::Reporting);
    let page = &mut world.pages[0];
    assert_eq!(page.state().phase, Phase::Reporting);
    assert!(page.engine.explain_upload().is_some());
    page.engine.set_consent(false);
    let asked = world.server.asked;
    for _ in 0..100 {
        world.now.0 += 60_000;
        assert_eq!(page.errand(world.now), None);
    }
    let state = page.state();
    assert_eq!((state.phase, state.retry_at, state.spent.rounds), (Phase::Idle, None, 1));
    assert_eq!((page.engine.explain_upload(), world.server.asked), (None, asked));
    page.engine.set_consent(true);
    world.server.close_joins();
    world.run(15, Reloads::Never);
    assert_eq!(world.pages[0].state().phase, Phase::Idle, "the round it has left does not take it back");
    // Whoever erases the store of secrets begins anew, with what the caller has set.
    let page = &mut world.pages[0];
    let budget = Budget::new(2.0, 1e-6).unwrap();
    page.engine.set_budget(budget);
    page.engine.forget_vault();
    let state = page.state();
    assert_eq!((state.spent.rounds, state.included, state.outcome, state.budget), (0, 0, None, budget));
    assert_eq!((page.errand(world.now), page.state().why), (None, Some(Why::NoServer)));
}

#[test]
fn a_budget_that_is_used_up_keeps_a_device_out_and_says_so() {
    let mut world = World::new(3, false);
    for page in &mut world.pages {
        page.engine.set_budget(Budget::new(1.0, 1e-6).unwrap());
    }
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Never);
    assert!(world.server.live().unwrap().joins.is_empty());
    let state = world.pages[0].state();
    assert!(matches!(state.why, Some(Why::Budget { after, budget }) if after > budget), "{state:?}");
    assert!(state.enlisted, "it costs nothing to help others");
    // No noise at all costs everything.
    world.server.noise = 0.0;
    world.pages[0].engine.set_budget(Budget::new(1e6, 1e-6).unwrap());
    world.pages[1].engine.set_budget(Budget::new(f64::INFINITY, 1e-6).unwrap());
    world.server.open(6, 3, |_| ());
    world.run(25, Reloads::Never);
    assert_eq!(world.server.live().unwrap().joins.len(), 1);
}

#[test]
fn nothing_to_learn_from_joins_nothing() {
    let mut world = World::new(3, false);
    world.pages[0].engine.forget();
    world.pages[0].engine.set_consent(true);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Never);
    assert_eq!(world.server.live().unwrap().joins.len(), 2);
    assert_eq!(world.pages[0].state().why, Some(Why::NothingToLearn));
}

/// 0, 429 and 5xx: the same again, ever later. 4xx: never again.
#[test]
fn trouble_is_waited_out_and_refusals_are_taken() {
    let key = Server::new(false).identity.public();
    let mut page = Page::new(1, key);
    let mut now = Millis(0);
    let Some(Errand::Keep { bytes }) = page.errand(now) else { panic!("the pinned key is kept first") };
    assert_eq!(
        page.engine.round_kept(&bytes[1..]),
        Err(Error::NotKept { expected: bytes.len(), found: bytes.len() - 1 })
    );
    assert_eq!(page.errand(now), Some(Errand::Keep { bytes: bytes.clone() }));
    assert_eq!(page.engine.round_answer(200, &[], now), Err(Error::NoErrand));
    page.engine.round_kept(&bytes).unwrap();
    let first = page.errand(now).unwrap();
    let mut pauses = Vec::new();
    for status in [0, 429, 500, 503, 0, 0, 0, 0, 0, 0, 0, 0] {
        page.engine.round_answer(status, &[], now).unwrap();
        assert_eq!(page.state().why, Some(Why::Later { status }));
        let at = page.state().retry_at.unwrap();
        pauses.push(at.since(now));
        assert_eq!(page.errand(Millis(at.0 - 1)), None);
        now = at;
        assert_eq!(page.errand(now).as_ref(), Some(&first));
    }
    assert!(pauses[0] <= 1_000 && pauses[11] >= 150_000 && pauses[11] <= 300_000, "{pauses:?}");
    page.engine.round_answer(403, &[], now).unwrap();
    assert_eq!(page.state().why, Some(Why::Server { status: 403 }));
    assert!(page.state().retry_at.unwrap().since(now) >= 30_000);
    assert_eq!(page.engine.round_stream(&[]), Err(Error::NoErrand));
    assert_eq!(page.engine.round_kept(&[]), Err(Error::NoErrand));
}

#[test]
fn a_second_server_is_an_error() {
    let mut page = Page::new(1, PublicKey([1; 32]));
    assert_eq!(page.engine.trust_server(PublicKey([1; 32])), Ok(()));
    assert_eq!(page.engine.trust_server(PublicKey([2; 32])), Err(Error::ServerKey));
    let mut other = Page::new(1, PublicKey([2; 32]));
    assert_eq!(other.engine.restore_vault(&page.engine.vault()), Err(Error::ServerKey));
    assert!(other.state().spent.epsilon >= other.state().budget.epsilon());
}

#[test]
fn who_has_taken_part_rests_for_as_many_rounds_as_it_was_told() {
    let mut world = World::new(3, false);
    world.pages[0].engine.set_round_policy(2, 1, 3);
    world.round(5, Reloads::Never);
    for (round, joins) in [(6, 2), (7, 2), (8, 3)] {
        world.server.weights = weights(round - 4);
        world.run(15, Reloads::Never);
        world.server.open(round, 3, |_| ());
        world.run(25, Reloads::Never);
        assert_eq!(world.server.live().unwrap().joins.len(), joins, "round {round}");
        let rests = Some(Why::Rests { next: RoundId(8) });
        assert_eq!(world.pages[0].state().why == rests, joins == 2, "round {round}: {:?}", world.pages[0].state());
        if joins == 2 {
            world.server.close_joins();
            world.run(25, Reloads::Never);
            world.server.close_reports();
            world.run(40, Reloads::Never);
            assert!(world.server.finish());
            world.run(15, Reloads::Never);
        }
    }
}
