//! Servers and stores that do not keep to the protocol: whatever they say, nothing leaves that should not.

use super::world::{Reloads, Server, World, weights};
use super::*;
use crate::client::Error;
use crate::ids::{Millis, RoundId};
use crate::protocol::{LocalPlan, RoundOffer, SecureOffer, SplitQuestion, decode, encode};
use crate::secagg::{self, Digest, Identity, RosterView};
use proptest::prelude::*;

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
        world.pages.iter_mut().for_each(|page| page.engine.set_round_policy(2, 2, 1));
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
fn rounds_in_the_open_are_refused() {
    let plan = LocalPlan {
        epochs: 1,
        batch: 4,
        learning_rate: 0.1,
        negatives: 4,
        max_examples: 16,
        clip_norm: 0.5,
        proximal: 0.0,
    };
    let weights = crate::ids::WeightsVersion(1);
    let offer = encode(&RoundOffer { round: RoundId(1), weights, plan, cohort: 4, closes_at: Millis(9) });
    let mut world = World::new(1, false);
    world.server.forge = Some(Box::new(move |_, _, _| (200, offer.clone())));
    world.run(30, Reloads::Never);
    assert_eq!(world.pages[0].state().why, Some(Why::Open));
    assert!(world.server.wire.is_empty() && world.pages[0].engine.offer().is_none());
}

#[test]
fn a_wrong_stream_is_refused_and_asked_for_again() {
    let mut world = World::new(3, false);
    world.first_page_in(Phase::Masking);
    let page = &mut world.pages[0];
    let mask = page.errand(world.now);
    let Some(Errand::Mask { length, .. }) = mask else { panic!("{mask:?}") };
    assert!(matches!(page.engine.round_stream(&vec![0; length - 1]), Err(Error::Sum(secagg::Error::Length { .. }))));
    assert_eq!(page.errand(world.now), mask);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
