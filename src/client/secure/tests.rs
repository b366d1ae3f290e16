//! Whole rounds through errands alone: with reloads, dropouts, and servers that do not keep to the protocol.

use super::world::{Page, Reloads, Server, World, weights};
use super::*;
use crate::client::{EngineConfig, Error, Recommender};
use crate::ids::{Millis, RoundId};
use crate::privacy::Direction;
use crate::privacy::accountant::Budget;
use crate::protocol::{Fate, LocalPlan, RoundOffer, SecureOffer, SplitQuestion, Stage, decode, encode};
use crate::secagg::{self, Digest, Identity, PublicKey, RosterView};
use proptest::prelude::*;

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
fn a_member_signs_no_second_split() {
    let mut world = World::new(4, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 4, |_| ());
    world.run(25, Reloads::Never);
    world.server.close_joins();
    world.run(25, Reloads::Never);
    world.server.close_reports();
    let page = &mut world.pages[0];
    for second in 0..20 {
        let now = Millis(world.now.0 + 1_000 * second);
        while world.server.wire.iter().all(|(path, _)| !path.contains("votes")) && page.step(&mut world.server, now) {}
    }
    let signed = |server: &Server, from: usize| -> Vec<Vec<u8>> {
        let votes = server.wire[from..].iter().filter(|(path, _)| path.contains("votes"));
        votes.map(|(_, body)| body.clone()).collect()
    };
    let first = signed(&world.server, 0);
    world.server.forge = Some(Box::new(|_, status, body| {
        let Ok(question) = decode::<SplitQuestion>(&body) else { return (status, body) };
        let split = secagg::Split::from_parts(question.split.roster(), 4, vec![0b0111]).unwrap();
        (200, encode(&SplitQuestion { split, ..question }))
    }));
    let (before, now) = (world.server.wire.len(), world.now);
    for second in 20..60 {
        page.reload(false);
        while page.step(&mut world.server, Millis(now.0 + 1_000 * second)) {}
    }
    assert!(!first.is_empty() && signed(&world.server, before).iter().all(|vote| *vote == first[0]));
    // Called anew, as if it had forgotten what it was asked: the member has not forgotten what it signed.
    let duty = &mut page.engine.secure.duty;
    let terms = world.server.rounds[&RoundId(5)].offer.terms.clone();
    duty.call(terms, world.server.identity.public()).unwrap();
    for second in 60..90 {
        while page.step(&mut world.server, Millis(now.0 + 1_000 * second)) {}
    }
    assert_eq!(page.state().why, Some(Why::Refused(secagg::Error::Conflict)));
    assert!(signed(&world.server, before).iter().all(|vote| *vote == first[0]));
}

fn forged(edit: impl FnMut(&str, u16, Vec<u8>) -> (u16, Vec<u8>) + 'static) -> (World, Option<Why>) {
    let mut world = World::new(3, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.server.forge = Some(Box::new(edit));
    world.run(25, Reloads::Never);
    if !world.server.live().unwrap().joins.is_empty() {
        world.server.close_joins();
        world.run(25, Reloads::Never);
    }
    let why = world.pages[0].state().why;
    (world, why)
}

fn sign(offer: &mut SecureOffer, key: u8) {
    offer.terms = offer.terms.terms.clone().sign(&Identity::from_seed([key; 32])).unwrap();
}

#[test]
fn rounds_that_are_not_what_they_say_are_not_joined() {
    let refused = |error| Some(Why::Refused(error));
    type Edit = fn(&mut SecureOffer);
    let cases: [(Edit, Option<Why>); 7] = [
        (|o| sign(o, 3), refused(secagg::Error::Signature { what: "the server" })),
        (|o| o.terms.terms.least = 3, refused(secagg::Error::Signature { what: "the server" })),
        // Trained by another plan than all others, its vector would stand alone.
        (|o| o.plan.learning_rate = 0.2, Some(Why::Weights)),
        (|o| o.noise.multiplier = 0.5, Some(Why::Weights)),
        (
            |o| {
                o.terms.terms.model = Digest([9; 32]);
                sign(o, 2);
            },
            Some(Why::Weights),
        ),
        (
            |o| {
                o.terms.terms.seats.truncate(1);
                o.terms.terms.threshold = 1;
                sign(o, 2);
            },
            refused(secagg::Error::Policy { what: "a committee", got: 1, least: 2 }),
        ),
        (
            |o| {
                o.terms.terms.dimension += 1;
                sign(o, 2);
            },
            Some(Why::Dimension { offered: 0, own: 0 }),
        ),
    ];
    for (i, (edit, expected)) in cases.into_iter().enumerate() {
        let mut world = World::new(3, false);
        world.pages.iter_mut().for_each(|page| page.engine.set_round_policy(2, 2));
        world.run(15, Reloads::Never);
        world.server.open(5, 3, |_| ());
        world.server.forge = Some(Box::new(move |_, status, body| match decode::<SecureOffer>(&body) {
            Ok(mut offer) => {
                edit(&mut offer);
                (status, encode(&offer))
            }
            Err(_) => (status, body),
        }));
        world.run(25, Reloads::Never);
        let state = world.pages[0].state();
        match (&state.why, &expected) {
            (Some(Why::Dimension { .. }), Some(Why::Dimension { .. })) => {}
            (why, expected) => assert_eq!(why, expected, "case {i}"),
        }
        assert!(world.server.live().unwrap().joins.is_empty(), "case {i}");
        assert_eq!(state.spent.rounds, 0, "case {i}");
    }
}

#[test]
fn a_replayed_round_and_a_stale_model_are_refused() {
    let mut world = World::new(3, false);
    world.server.weights = weights(2);
    world.round(5, Reloads::Never);
    world.server.rounds.clear();
    world.server.open(4, 3, |_| ());
    world.run(25, Reloads::Never);
    let last = RoundId(5);
    let replayed = secagg::Error::Replayed { round: RoundId(4), last };
    assert_eq!(world.pages[0].state().why, Some(Why::Refused(replayed)));
    world.server.rounds.clear();
    world.server.weights = weights(1);
    world.server.open(6, 3, |_| ());
    world.run(25, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::Refused(secagg::Error::Stale { got: 1, seen: 2 })));
    world.server.rounds.clear();
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Always);
    assert!(world.server.live().unwrap().joins.is_empty(), "the very round once more");
}

#[test]
fn a_forged_roster_ends_the_round_before_anything_is_paid() {
    let (world, why) = forged(|_, status, body| match decode::<RosterView>(&body) {
        Ok(mut view) => {
            view.beacon = Digest([1; 32]);
            (status, encode(&view))
        }
        Err(_) => (status, body),
    });
    assert_eq!(why, Some(Why::Refused(secagg::Error::Signature { what: "the server" })));
    assert!(world.pages.iter().all(|page| page.state().spent.rounds == 0 && page.state().phase == Phase::Idle));
    assert!(world.server.wire.iter().all(|(path, _)| !path.contains("reports")));
}

#[test]
fn weights_that_the_terms_do_not_name_are_not_taken() {
    let (world, why) = forged(|path, status, body| {
        if path == "v1/tower/weights" {
            let mut other = weights(1);
            other.values[0] += 1.0;
            return (200, encode(&other));
        }
        (status, body)
    });
    assert_eq!((why, world.pages[0].engine.weights_version()), (Some(Why::Weights), None));
}

#[test]
fn a_block_that_the_terms_do_not_name_is_not_taken() {
    let mut world = World::new(3, true);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.server.forge = Some(Box::new(|path, status, mut body| {
        if path.contains("blocks") {
            *body.last_mut().unwrap() ^= 1;
        }
        (status, body)
    }));
    world.run(25, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::Block { index: 0 }));
    assert!(world.server.live().unwrap().joins.is_empty());
}

#[test]
fn without_consent_there_is_no_errand_and_the_account_stays() {
    let mut world = World::new(3, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Never);
    world.server.close_joins();
    let page = &mut world.pages[0];
    for _ in 0..40 {
        world.now.0 += 1_000;
        while page.state().phase != Phase::Reporting && page.step(&mut world.server, world.now) {}
    }
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

#[test]
fn rounds_in_the_open_are_refused() {
    let plan = LocalPlan { epochs: 1, batch: 4, learning_rate: 0.1, negatives: 4, max_examples: 16, clip_norm: 0.5 };
    let weights = crate::ids::WeightsVersion(1);
    let offer = encode(&RoundOffer { round: RoundId(1), weights, plan, cohort: 4, closes_at: Millis(9) });
    let mut world = World::new(1, false);
    world.server.forge = Some(Box::new(move |_, _, _| (200, offer.clone())));
    world.run(30, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::Open));
    assert!(world.server.wire.is_empty() && world.pages[0].engine.offer().is_none());
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
fn a_wrong_stream_is_refused_and_asked_for_again() {
    let mut world = World::new(3, false);
    world.run(15, Reloads::Never);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Never);
    world.server.close_joins();
    let page = &mut world.pages[0];
    for _ in 0..40 {
        world.now.0 += 1_000;
        while page.state().phase != Phase::Masking && page.step(&mut world.server, world.now) {}
    }
    let mask = page.errand(world.now);
    let Some(Errand::Mask { length, .. }) = mask else { panic!("{mask:?}") };
    assert!(matches!(page.engine.round_stream(&vec![0; length - 1]), Err(Error::Sum(secagg::Error::Length { .. }))));
    assert_eq!(page.errand(world.now), mask);
}

/// A vault of every phase.
fn vaults() -> Vec<Vec<u8>> {
    let mut world = World::new(3, true);
    let mut vaults: Vec<Vec<u8>> = Vec::new();
    let mut phases = Vec::new();
    let mut look = |world: &mut World| {
        for _ in 0..25 {
            let now = world.now;
            for page in &mut world.pages {
                while page.step(&mut world.server, now) {
                    if !phases.contains(&page.state().phase) {
                        phases.push(page.state().phase);
                        vaults.push(page.engine.vault());
                    }
                }
            }
            world.now.0 += 1_000;
        }
    };
    look(&mut world);
    world.server.open(5, 3, |_| ());
    look(&mut world);
    world.server.close_joins();
    look(&mut world);
    assert_eq!(world.server.live().unwrap().offer.stage, Stage::Reporting);
    assert_eq!(phases.len(), 7, "{phases:?}");
    vaults
}

#[test]
fn one_flipped_bit_in_a_vault_is_noticed_and_the_budget_counts_as_spent() {
    for vault in vaults() {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        assert_eq!(engine.restore_vault(&vault), Ok(()));
        for i in (0..vault.len()).step_by(1 + vault.len() / 200) {
            let mut bad = vault.clone();
            bad[i] ^= 1 << (i % 8);
            let mut engine = Recommender::new(EngineConfig::default(), 1);
            let error = engine.restore_vault(&bad);
            assert!(matches!(error, Err(Error::Vault { .. } | Error::VaultVersion { .. })), "byte {i}: {error:?}");
            let state = engine.round_state();
            assert!(state.spent.epsilon >= state.budget.epsilon());
            // And stays so.
            let mut again = Recommender::new(EngineConfig::default(), 1);
            again.restore_vault(&engine.vault()).unwrap();
            assert!(again.round_state().spent.epsilon >= again.round_state().budget.epsilon());
        }
    }
}

#[test]
fn a_device_without_its_account_joins_nothing() {
    let mut world = World::new(3, false);
    assert!(world.pages[0].engine.restore_vault(b"SOTK").is_err());
    world.run(15, Reloads::Always);
    world.server.open(5, 3, |_| ());
    world.run(25, Reloads::Always);
    assert_eq!(world.server.live().unwrap().joins.len(), 2);
    world.run(15, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::AccountLost));
}

#[test]
fn nothing_secret_prints() {
    for vault in vaults() {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        engine.restore_vault(&vault).unwrap();
        let printed = format!("{:?}", engine.secure);
        assert!(printed.len() < 60_000 || !printed.contains("clipped: ["), "{printed}");
        assert!(!printed.contains("values: ["));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_vaults_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut engine = Recommender::new(EngineConfig::default(), 1);
        prop_assert!(engine.restore_vault(&body).is_err());
        // … nor with a valid header in front.
        let mut framed = b"SOTK\x01".to_vec();
        framed.extend_from_slice(&crate::client::store::fnv1a(&body).to_le_bytes());
        framed.extend_from_slice(&body);
        let _ = engine.restore_vault(&framed);
    }

    #[test]
    fn hostile_answers_never_panic(status in 0u16..600, body in prop::collection::vec(any::<u8>(), 0..100), after in 0usize..60) {
        let mut world = World::new(2, true);
        world.run(6, Reloads::Never);
        world.server.open(5, 2, |_| ());
        let page = &mut world.pages[0];
        for _ in 0..after {
            world.now.0 += 1_000;
            if !page.step(&mut world.server, world.now) && world.server.live().unwrap().joins.len() == 1 {
                break;
            }
        }
        world.now.0 += 600_000;
        if let Some(Errand::Get { .. } | Errand::Put { .. }) = page.errand(world.now) {
            page.engine.round_answer(status, &body, world.now).unwrap();
        }
        let _ = (page.state(), page.errand(Millis(world.now.0 + 1_000_000)), page.engine.vault());
    }
}
