//! Whoever falls silent at whichever message boundary: the exact sum over those who reported, or nothing at all.

use super::world::{Answer, Fate, World};
use super::*;

const FATES: [Fate; 3] = [Fate::Absent, Fate::Joins, Fate::Reports];
const ANSWERS: [Answer; 3] = [Answer::Silent, Answer::Votes, Answer::Discloses];

/// Runs one schedule and holds the outcome against what the protocol promises.
fn holds(world: &mut World, fates: &[Fate], answers: &[Answer]) {
    let (least, threshold) = (world.terms.terms.least as usize, world.terms.terms.threshold as usize);
    let count = |fate| fates.iter().filter(|f| **f == fate).count();
    let reports = count(Fate::Reports);
    let joined = reports + count(Fate::Joins);
    let voted = answers.iter().filter(|a| **a != Answer::Silent).count();
    let disclosed = answers.iter().filter(|a| **a == Answer::Discloses).count();
    let reported = match world.report(fates) {
        Ok(reported) => reported,
        Err(error) => {
            assert!(matches!(error, Error::TooFew { what: "joined", .. }) && joined < least, "{error} {fates:?}");
            return;
        }
    };
    assert_eq!(reported.who.iter().filter(|who| **who).count(), reports);
    match world.open(&reported, answers) {
        Ok(Some(sum)) => {
            assert!(reports >= least && disclosed >= threshold, "{fates:?} {answers:?}");
            assert_eq!(sum, world.plain(fates), "{fates:?} {answers:?}");
        }
        Ok(None) => assert!(voted < threshold || disclosed == 0, "{fates:?} {answers:?}"),
        Err(Error::TooFew { what: "reported", .. }) => assert!(reports < least),
        Err(Error::TooFew { .. }) => assert!(disclosed < threshold),
        Err(error) => panic!("{error}: {fates:?} {answers:?}"),
    }
    // A sum that is still masked says nothing: no number of it is the plain one's, but by chance.
    if reports > 0 && disclosed < threshold {
        let masked = world.terms.terms.ring.centred(&reported.sum);
        let same = masked.iter().zip(world.plain(fates)).filter(|(a, b)| **a == *b).count();
        assert!(same <= 1, "{same} numbers of {fates:?} lie open");
    }
}

fn forget_votes(world: &mut World) {
    for member in &mut world.members {
        let mut bytes = member.to_bytes();
        bytes[64..].fill(0);
        *member = Member::from_bytes(&bytes).unwrap();
    }
}

#[test]
fn every_schedule_of_four_devices_and_three_members() {
    let mut world = World::new(4, 3, 5, 1);
    for devices in 0..81usize {
        let fates: Vec<Fate> = (0..4).map(|i| FATES[devices / 3usize.pow(i) % 3]).collect();
        for members in 0..27usize {
            let answers: Vec<Answer> = (0..3).map(|i| ANSWERS[members / 3usize.pow(i) % 3]).collect();
            forget_votes(&mut world);
            holds(&mut world, &fates, &answers);
        }
    }
}

/// Small cohorts, because what a schedule costs grows with their square; larger ones are below.
#[test]
fn ten_thousand_schedules_at_random() {
    std::thread::scope(|scope| {
        for thread in 0..2u64 {
            scope.spawn(move || {
                for round in 0..100 {
                    let seed = thread << 32 | round;
                    let (devices, committee) = (2 + (seed % 3) as usize, 1 + (seed % 3) as usize);
                    let bits = 8 + (seed % 25) as u8;
                    let mut world = World::with(devices, committee, seed, |terms| {
                        terms.ring = Ring::new(bits).unwrap();
                        terms.prg = if seed.is_multiple_of(2) { Prg::Aes128Ctr } else { Prg::ChaCha20 };
                        terms.dimension = if bits < 12 { 3 } else { 9 };
                    });
                    for _ in 0..50 {
                        let among = [Fate::Absent, Fate::Joins, Fate::Reports, Fate::Reports, Fate::Reports];
                        let fates: Vec<Fate> = (0..devices).map(|_| world.draw(&among)).collect();
                        let among = [
                            Answer::Silent,
                            Answer::Votes,
                            Answer::Discloses,
                            Answer::Discloses,
                            Answer::Discloses,
                            Answer::Discloses,
                        ];
                        let answers: Vec<Answer> = (0..committee).map(|_| world.draw(&among)).collect();
                        forget_votes(&mut world);
                        holds(&mut world, &fates, &answers);
                    }
                }
            });
        }
    });
}

/// The usual committee: 13 of 41 may be gone (31 %), with 14 gone nothing opens.
#[test]
fn the_usual_committee_bears_thirteen_absences() {
    let mut world = World::with(5, 41, 3, |terms| terms.dimension = 40);
    let fates = [Fate::Reports, Fate::Joins, Fate::Reports, Fate::Reports, Fate::Reports];
    for (silent, opens) in [(0, true), (13, true), (14, false)] {
        forget_votes(&mut world);
        let answers: Vec<Answer> =
            (0..41).map(|i| if i * 7 % 41 < silent { Answer::Silent } else { Answer::Discloses }).collect();
        let reported = world.report(&fates).unwrap();
        let sum = world.open(&reported, &answers).unwrap();
        assert_eq!(sum, opens.then(|| world.plain(&fates)), "{silent} silent");
    }
}

/// A larger cohort on a circle, a tenth of it gone: some devices lose neighbours, none its place in the sum.
#[test]
fn a_circle_of_eighty_with_gaps() {
    let mut world = World::with(80, 4, 11, |terms| terms.degree = 12);
    let fates: Vec<Fate> = (0..80).map(|i| if i % 9 == 4 { Fate::Joins } else { Fate::Reports }).collect();
    let reported = world.report(&fates).unwrap();
    assert_eq!(reported.roster.graph().neighbours(0).count(), 12);
    let sum = world.open(&reported, &[Answer::Discloses; 4]).unwrap();
    assert_eq!(sum, Some(world.plain(&fates)));
}

/// A member whose tab was closed between its vote and its disclosure goes on from what its store holds.
#[test]
fn a_member_that_comes_back_still_answers() {
    let mut world = World::new(3, 3, 4, 9);
    let fates = [Fate::Reports; 3];
    let reported = world.report(&fates).unwrap();
    world.open(&reported, &[Answer::Votes; 3]).unwrap();
    for member in &mut world.members {
        *member = Member::from_bytes(&member.to_bytes()).unwrap();
    }
    assert_eq!(world.open(&reported, &[Answer::Discloses; 3]).unwrap(), Some(world.plain(&fates)));
}
