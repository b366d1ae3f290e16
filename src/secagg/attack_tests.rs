//! A server that does not keep to the protocol, and devices and members that do: each attempt is refused by whom it is aimed at, or
//! leaves the server with noise.

use super::world::{Answer, BEACON, Fate, MODEL, Reported, World};
use super::*;
use crate::ids::{RoundId, WeightsVersion};
use std::collections::BTreeSet;

fn all(n: usize) -> Vec<Fate> {
    vec![Fate::Reports; n]
}

fn joining(world: &World, edit: impl FnOnce(&mut Terms, &mut Policy)) -> Result<Joining, Error> {
    let (mut terms, mut policy) = (world.terms.terms.clone(), world.policy);
    edit(&mut terms, &mut policy);
    let signature = world.server.sign("terms", &[&terms.context().0]);
    Joining::new(SignedTerms { terms, signature }, policy, MODEL)
}

#[test]
fn terms_a_device_does_not_join() {
    let world = World::new(2, 4, 4, 1);
    assert!(joining(&world, |_, _| ()).is_ok());
    let other = Identity::from_seed([99; 32]);
    type Edit = Box<dyn FnOnce(&mut Terms, &mut Policy)>;
    let cases: Vec<(&str, Edit, Error)> = vec![
        ("another model", Box::new(|t, _| t.model = Digest([0; 32])), Error::Other { what: "the model" }),
        (
            "a replayed round",
            Box::new(|t, _| t.round = RoundId(4)),
            Error::Replayed { round: RoundId(4), last: RoundId(4) },
        ),
        ("a stale version", Box::new(|t, _| t.weights = WeightsVersion(3)), Error::Stale { got: 3, seen: 4 }),
        (
            "n_min of one",
            Box::new(|t, _| t.least = 1),
            Error::Setting { what: "n_min", got: 1, expected: "at least 2: the sum of one device is its vector" },
        ),
        ("n_min under the device's", Box::new(|_, p| p.least = 3), Error::Policy { what: "a sum", got: 2, least: 3 }),
        ("a small committee", Box::new(|_, p| p.seats = 5), Error::Policy { what: "a committee", got: 4, least: 5 }),
        (
            "a low threshold",
            Box::new(|t, _| t.threshold = 2),
            Error::Setting { what: "threshold", got: 2, expected: "over two thirds of the committee" },
        ),
        ("a member twice", Box::new(|t, _| t.seats[1] = t.seats[0]), Error::Twice { what: "a member" }),
        (
            "a member's key swapped",
            Box::new(|t, _| t.seats[1].agreement = PublicKey([9; 32])),
            Error::Signature { what: "a member" },
        ),
        (
            "a member that has served",
            Box::new(|t, _| t.round = RoundId(10)),
            Error::Setting { what: "round", got: 10, expected: "a round up to the last one the member serves in" },
        ),
        ("another server", Box::new(move |_, p| p.server = other.public()), Error::Signature { what: "the server" }),
    ];
    for (what, edit, expected) in cases {
        assert_eq!(joining(&world, edit).err(), Some(expected), "{what}");
    }
    let mut terms = world.terms.clone();
    terms.terms.least = 3;
    assert_eq!(
        Joining::new(terms, world.policy, MODEL).err(),
        Some(Error::Signature { what: "the server" }),
        "terms changed after signing"
    );
}

fn view(world: &World, edit: impl FnOnce(&mut RosterView, &Roster)) -> Result<Neighbourhood, Error> {
    let roster = world.report(&all(world.devices.len())).unwrap().roster;
    let device = &world.devices[0].0;
    let mut view = roster.view(roster.index_of(device.identity()).unwrap(), &world.server).unwrap();
    edit(&mut view, &roster);
    device.check(&view)
}

#[test]
fn rosters_a_device_does_not_mask_for() {
    let world = World::with(70, 1, 2, |terms| terms.degree = 6);
    assert!(view(&world, |_, _| ()).is_ok());
    type Edit = Box<dyn Fn(&mut RosterView, &Roster)>;
    let stranger = world.devices[1].1.entry();
    let cases: Vec<(&str, Edit, Error)> = vec![
        ("another root", Box::new(|v, _| v.root = Digest([3; 32])), Error::Signature { what: "the server" }),
        ("another beacon", Box::new(|v, _| v.beacon = Digest([3; 32])), Error::Signature { what: "the server" }),
        ("another size", Box::new(|v, _| v.count = 69), Error::Signature { what: "the server" }),
        ("another place", Box::new(|v, _| v.index ^= 1), Error::Proof { what: "this device" }),
        ("a neighbour less", Box::new(|v, _| v.neighbours.truncate(5)), Error::Neighbours),
        (
            "a neighbour chosen by the server",
            Box::new(|v, r| {
                let i = (0..70).find(|i| *i != v.index && v.neighbours.iter().all(|n| n.index != *i)).unwrap();
                v.neighbours[0] = Neighbour { index: i, entry: r.entries()[i as usize], proof: Vec::new() };
            }),
            Error::Neighbours,
        ),
        (
            "a neighbour's entry swapped",
            Box::new(move |v, _| {
                let n = v.neighbours.iter().position(|n| n.entry != stranger).unwrap();
                v.neighbours[n].entry = stranger;
            }),
            Error::Proof { what: "a neighbour" },
        ),
        (
            "a neighbour's key swapped",
            Box::new(|v, _| v.neighbours[2].entry.mask_key = PublicKey([9; 32])),
            Error::Proof { what: "a neighbour" },
        ),
        ("a proof cut short", Box::new(|v, _| v.neighbours[1].proof.truncate(2)), Error::Proof { what: "a neighbour" }),
    ];
    for (what, edit, expected) in cases {
        assert_eq!(view(&world, edit).err(), Some(expected), "{what}");
    }
}

/// A root over invented keys that nobody signed for.
#[test]
fn a_roster_of_invented_devices_is_refused() {
    let world = World::new(4, 1, 4, 3);
    let mut entries: Vec<Entry> = world.devices.iter().map(|(_, join)| join.entry()).collect();
    entries[1].mask_key = PublicKey([77; 32]);
    let roster = Roster::close(&world.terms, entries, BEACON).unwrap();
    let device = &world.devices[0].0;
    let view = roster.view(roster.index_of(device.identity()).unwrap(), &world.server).unwrap();
    assert_eq!(device.check(&view).err(), Some(Error::Signature { what: "a device" }));
}

#[test]
fn a_roster_under_n_min_is_refused_by_the_device_too() {
    let world = World::new(4, 1, 4, 4);
    let few =
        Roster::close(&world.terms, vec![world.devices[0].1.entry(), world.devices[1].1.entry()], BEACON).unwrap();
    let mut strict = World::with(4, 1, 4, |terms| terms.least = 3);
    let device = strict.devices.remove(0).0;
    let mut view = few.view(0, &world.server).unwrap();
    assert!(device.check(&view).is_err());
    // The strict server signs the same small roster under its own terms.
    let parts: [&[u8]; 4] = [&strict.terms.terms.context().0, &2u64.to_le_bytes(), &view.root.0, &view.beacon.0];
    let name = super::hash::bind("roster", &parts);
    view.signature = strict.server.sign("roster", &[&name.0]);
    assert_eq!(device.check(&view).err(), Some(Error::TooFew { what: "the roster", got: 2, least: 3 }));
}

/// Devices that were given different models, or different rosters, mask with keys that do not cancel: the server is left with noise.
#[test]
fn who_is_told_different_things_adds_up_to_noise() {
    let mut world = World::new(4, 3, 64, 5);
    let honest = world.report(&all(4)).unwrap();
    let plain = world.plain(&all(4));
    // The first device is shown a roster with another beacon.
    let other =
        Roster::close(&world.terms, world.devices.iter().map(|(_, j)| j.entry()).collect(), Digest([55; 32])).unwrap();
    let report = world.device_report(0, &other).unwrap();
    assert_eq!(honest.roster.accept(&world.terms, &report).err(), Some(Error::Other { what: "the roster" }));
    // A server that takes it all the same:
    let mut sum = vec![0; 64];
    let ring = world.terms.terms.ring;
    ring.add_packed(&report.body, &mut sum).unwrap();
    for i in 1..4 {
        ring.add_packed(&world.device_report(i, &honest.roster).unwrap().body, &mut sum).unwrap();
    }
    let forged = Reported { sum, ..honest };
    let opened = world.open(&forged, &[Answer::Discloses; 3]).unwrap().unwrap();
    let same = opened.iter().zip(&plain).filter(|(a, b)| a == b).count();
    assert!(same <= 2, "{same} of 64 numbers came out");
}

fn seated(world: &World, member: usize) -> Seated {
    world.members[member].seat(world.terms.clone(), world.policy.server).unwrap()
}

#[test]
fn splits_a_member_does_not_sign() {
    let mut world = World::with(4, 3, 6, |terms| terms.least = 3);
    let reported = world.report(&all(4)).unwrap();
    let (entries, name) = (reported.roster.entries().to_vec(), reported.roster.name());
    let mut member = world.members[0].clone();
    let mut vote = |entries: &[Entry], beacon, split: Split| {
        seated(&world, 0).vote(&mut member, entries.to_vec(), beacon, split).map(|(_, vote)| vote)
    };
    let split = |bits: u8| Split::from_parts(name, 4, vec![bits]).unwrap();
    let few = Error::TooFew { what: "reported", got: 2, least: 3 };
    assert_eq!(vote(&entries, BEACON, split(0b0011)).err(), Some(few), "under n_min");
    let other = Split::from_parts(Digest([2; 32]), 4, vec![15]).unwrap();
    assert_eq!(vote(&entries, BEACON, other).err(), Some(Error::Other { what: "the roster" }));
    assert_eq!(vote(&entries, Digest([0; 32]), split(15)).err(), Some(Error::Other { what: "the roster" }));
    assert_eq!(vote(&entries[..3], BEACON, split(15)).err(), Some(Error::Other { what: "the roster" }));
    let mut forged = entries.clone();
    forged[0].seal_key = PublicKey([9; 32]);
    let roster = Roster::close(&world.terms, forged.clone(), BEACON).unwrap();
    let of_forged = Split::from_parts(roster.name(), 4, vec![15]).unwrap();
    assert_eq!(vote(&forged, BEACON, of_forged).err(), Some(Error::Signature { what: "a device" }));
    let mut twice = entries.clone();
    twice[1].seal_key = twice[0].seal_key;
    assert_eq!(vote(&twice, BEACON, split(15)).err(), Some(Error::Twice { what: "a sealing key" }));
    // One split a round, the same one as often as asked, and none of a round before.
    let first = vote(&entries, BEACON, split(0b0111)).unwrap();
    assert_eq!(vote(&entries, BEACON, split(0b0111)), Ok(first));
    assert_eq!(vote(&entries, BEACON, split(0b1111)).err(), Some(Error::Conflict), "conflicting sets");
    assert_eq!(vote(&entries, BEACON, split(0b1011)).err(), Some(Error::Conflict), "conflicting sets");
    let mut later = Member::from_bytes(&{
        let mut bytes = world.members[0].to_bytes();
        bytes[64] = 1;
        bytes[65..73].copy_from_slice(&6u64.to_le_bytes());
        bytes
    })
    .unwrap();
    let replay = seated(&world, 0).vote(&mut later, entries, BEACON, split(15)).err();
    assert_eq!(replay, Some(Error::Replayed { round: RoundId(5), last: RoundId(6) }), "a replayed round");
    world.members.truncate(1);
}

#[test]
fn signatures_that_do_not_open() {
    let mut world = World::new(3, 6, 4, 7);
    let reported = world.report(&all(3)).unwrap();
    let split = reported.split.clone().unwrap();
    let terms = world.terms.clone();
    let mut both = Vec::new();
    for member in &mut world.members {
        let seated = member.seat(terms.clone(), world.policy.server).unwrap();
        both.push(seated.vote(member, reported.roster.entries().to_vec(), BEACON, split.clone()).unwrap());
    }
    let votes: Vec<Vote> = both.iter().map(|(_, vote)| *vote).collect();
    let t = terms.terms.threshold as usize;
    let disclose = |votes: &[Vote]| both[0].0.clone().disclose(&world.members[0], votes);
    let few = |got| Some(Error::TooFew { what: "the split's signatures", got, least: terms.terms.threshold });
    assert!(disclose(&votes[..t]).is_ok());
    assert_eq!(disclose(&votes[..t - 1]).err(), few(4), "one signature too few");
    assert_eq!(disclose(&vec![votes[0]; t]).err(), few(1), "one signature many times");
    let mut forged = votes.clone();
    forged.iter_mut().skip(3).for_each(|vote| vote.signature.0[5] ^= 1);
    assert_eq!(disclose(&forged).err(), few(3), "forged signatures");
    let mut moved = votes.clone();
    moved.iter_mut().for_each(|vote| vote.seat = (vote.seat + 1) % 6);
    assert_eq!(disclose(&moved).err(), few(0), "signatures under other seats");
    let stranger = Member::new(&mut world.rng);
    assert_eq!(stranger.seat(terms, world.policy.server).err(), Some(Error::Stranger { what: "the member" }));
}

/// Everything a server can ask of three members with two splits of one roster, in every order up to six steps, with restarts in between:
/// no device's own and pairwise shares are ever both opened by `t` members, and no member opens both of one device.
#[test]
fn no_order_of_questions_opens_both_of_a_device() {
    let world = World::new(3, 3, 3, 8);
    let reported = world.report(&all(3)).unwrap();
    let name = reported.roster.name();
    let splits = [0b111u8, 0b011].map(|bits| Split::from_parts(name, 3, vec![bits]).unwrap());

    #[derive(Clone)]
    struct State {
        members: Vec<Member>,
        votes: Vec<Vec<Vote>>,
        opened: BTreeSet<(usize, usize)>,
    }
    // (member, split): which members disclosed under which split.
    fn step(
        world: &World,
        reported: &Reported,
        splits: &[Split; 2],
        state: &State,
        member: usize,
        which: usize,
        disclose: bool,
    ) -> Option<State> {
        let mut next = state.clone();
        // Every question meets a member fresh from its store.
        next.members[member] = Member::from_bytes(&next.members[member].to_bytes())?;
        let seated = next.members[member].seat(world.terms.clone(), world.policy.server).ok()?;
        let entries = reported.roster.entries().to_vec();
        let (voted, vote) = seated.vote(&mut next.members[member], entries, BEACON, splits[which].clone()).ok()?;
        if disclose {
            voted.disclose(&next.members[member], &next.votes[which]).ok()?;
            next.opened.insert((member, which)).then_some(())?;
        } else {
            if next.votes[which].contains(&vote) {
                return None;
            }
            next.votes[which].push(vote);
        }
        Some(next)
    }
    let start = State { members: world.members.clone(), votes: vec![Vec::new(); 2], opened: BTreeSet::new() };
    let mut frontier = vec![start];
    let mut seen = BTreeSet::new();
    let (mut states, mut full) = (0, 0);
    while let Some(state) = frontier.pop() {
        let votes =
            state.votes.iter().map(|v| v.iter().map(|vote| vote.seat).collect::<BTreeSet<_>>()).collect::<Vec<_>>();
        if !seen.insert((votes, state.opened.clone())) {
            continue;
        }
        states += 1;
        for member in 0..3 {
            let both = state.opened.contains(&(member, 0)) && state.opened.contains(&(member, 1));
            assert!(!both, "member {member} opened both");
        }
        let under = |which| state.opened.iter().filter(|(_, w)| *w == which).count();
        assert!(under(0) == 0 || under(1) == 0, "two splits were opened");
        full += usize::from(under(0) == 3 || under(1) == 3);
        for member in 0..3 {
            for which in 0..2 {
                for disclose in [false, true] {
                    frontier.extend(step(&world, &reported, &splits, &state, member, which, disclose));
                }
            }
        }
    }
    assert!(states > 30 && full == 2, "{states} states, {full} of them fully open");
}

#[test]
fn disclosures_and_reports_that_are_not_what_they_say() {
    let mut world = World::new(4, 3, 4, 12);
    let fates = [Fate::Reports, Fate::Reports, Fate::Joins, Fate::Reports];
    let reported = world.report(&fates).unwrap();
    let split = reported.split.clone().unwrap();
    let mut votes = Vec::new();
    let mut voted = Vec::new();
    for member in &mut world.members {
        let seated = member.seat(world.terms.clone(), world.policy.server).unwrap();
        let (v, vote) = seated.vote(member, reported.roster.entries().to_vec(), BEACON, split.clone()).unwrap();
        votes.push(vote);
        voted.push(v);
    }
    let disclosures: Vec<Disclosure> =
        voted.into_iter().zip(&world.members).map(|(v, m)| v.disclose(m, &votes).unwrap()).collect();
    let take = |disclosure: &Disclosure| {
        Unmasking::new(&world.terms, &reported.roster, &split, &votes)
            .unwrap()
            .disclose(disclosure, reported.joins.iter())
    };
    let edited = |edit: fn(&mut Disclosure)| {
        let mut disclosure = disclosures[0].clone();
        edit(&mut disclosure);
        take(&disclosure).err()
    };
    assert_eq!(take(&disclosures[0]), Ok(0));
    assert_eq!(edited(|d| d.keys[0].0[0] ^= 1), Some(Error::Signature { what: "a disclosure" }));
    assert_eq!(edited(|d| d.seat = 9), Some(Error::Stranger { what: "the member" }));
    assert_eq!(edited(|d| d.split = Digest([0; 32])), Some(Error::Other { what: "the split" }));
    assert_eq!(edited(|d| d.keys.truncate(3)), Some(Error::Length { what: "a disclosure", expected: 4, got: 3 }));
    let mut unmasking = Unmasking::new(&world.terms, &reported.roster, &split, &votes).unwrap();
    unmasking.disclose(&disclosures[0], reported.joins.iter()).unwrap();
    let again = unmasking.disclose(&disclosures[0], reported.joins.iter());
    assert_eq!(again, Err(Error::Twice { what: "the member" }));
    assert!(!unmasking.ready() && unmasking.jobs().is_err());

    // What a member discloses for a device that reported does not open that device's other share.
    let place = usize::from(!split.reported(0));
    let join = &reported.joins[place];
    let about = super::device::about(reported.roster.context(), join.identity, 0);
    let half = |from: usize| -> [u8; 48] { join.shares[0][from..from + 48].try_into().unwrap() };
    assert!(disclosures[0].keys[place].open(about, &half(0)).is_some());
    assert!(disclosures[0].keys[place].open(about, &half(48)).is_none());

    // Reports.
    let report = world.device_report(0, &reported.roster).unwrap();
    let accept = |edit: &dyn Fn(&mut Report)| {
        let mut report = report.clone();
        edit(&mut report);
        reported.roster.accept(&world.terms, &report).err()
    };
    assert_eq!(accept(&|_| ()), None);
    assert_eq!(accept(&|r| r.body[0] ^= 1), Some(Error::Signature { what: "a report" }));
    assert_eq!(accept(&|r| r.identity = PublicKey([1; 32])), Some(Error::Stranger { what: "the device" }));
    assert_eq!(accept(&|r| r.identity = world.devices[1].1.identity), Some(Error::Signature { what: "a report" }));
    assert_eq!(accept(&|r| r.body.push(0)), Some(Error::Length { what: "a report's body", expected: 10, got: 11 }));
}

/// A device that deals shares which do not fit its commitment spoils the round; it does not spoil the sum unseen.
#[test]
fn false_shares_are_found_and_named() {
    let mut world = World::new(3, 3, 4, 13);
    let other = World::new(3, 3, 4, 14);
    let reported = world.report(&all(3)).unwrap();
    // Shares of another round do not open at all.
    let mut joins = reported.joins.clone();
    joins[1].shares = other.devices[0].1.shares.clone();
    let spoiled = Reported {
        joins,
        roster: reported.roster.clone(),
        split: reported.split.clone(),
        sum: reported.sum.clone(),
        who: reported.who.clone(),
    };
    let error = world.open(&spoiled, &[Answer::Discloses; 3]).unwrap_err();
    assert_eq!(error, Error::TooFew { what: "shares of a device", got: 0, least: 3 });
}

#[test]
fn joins_that_are_not_admitted() {
    let world = World::new(2, 2, 4, 15);
    let join = &world.devices[0].1;
    let admit = |edit: &dyn Fn(&mut Join)| {
        let mut join = join.clone();
        edit(&mut join);
        world.terms.admit(&join).err()
    };
    assert_eq!(admit(&|_| ()), None);
    assert_eq!(admit(&|j| j.context = Digest([0; 32])), Some(Error::Other { what: "the round's terms" }));
    assert_eq!(admit(&|j| j.shares.truncate(1)), Some(Error::Length { what: "sealed shares", expected: 2, got: 1 }));
    assert_eq!(admit(&|j| j.shares[1][0] ^= 1), Some(Error::Signature { what: "a device" }));
    assert_eq!(admit(&|j| j.mask_key.0[3] ^= 1), Some(Error::Signature { what: "a device" }));
    let entry = join.entry();
    assert_eq!(Roster::close(&world.terms, vec![entry, entry], BEACON).err(), Some(Error::Twice { what: "a device" }));
    let few = Roster::close(&world.terms, vec![entry], BEACON).err();
    assert_eq!(few, Some(Error::TooFew { what: "joined", got: 1, least: 2 }));
}
