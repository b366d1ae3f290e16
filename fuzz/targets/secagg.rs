//! Every message of a secure sum, thrown at whoever it is for: refused with an error, or it is what an honest sender could have said.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce::protocol::{Message, SplitQuestion, SplitVotes, decode, encode};
use sottovoce::secagg::{
    Disclosure, Enlistment, Join, Joining, Member, Report, RosterView, SignedTerms, Unmasking, Vote,
};
use sottovoce_fuzz::round::{Round, round};
use std::fmt::Debug;
use std::sync::LazyLock;

static ROUND: LazyLock<Round> = LazyLock::new(|| round().expect("fixed seeds"));

fuzz_target!(init: sottovoce_fuzz::seeds::write_if_asked(), |data: &[u8]| {
    let r = &*ROUND;
    if let Some(enlistment) = reads::<Enlistment>(data) {
        let _ = enlistment.verify(r.terms.terms.round);
    }
    if let Some(terms) = reads::<SignedTerms>(data) {
        let signed = terms == r.terms;
        assert_eq!(Joining::new(terms.clone(), r.policy, r.model).is_ok(), signed);
        assert_eq!(r.members[0].seat(terms, r.server.public()).is_ok(), signed);
    }
    if let Some(join) = reads::<Join>(data) {
        assert_eq!(r.terms.admit(&join).is_ok(), r.devices.iter().any(|(_, known)| *known == join));
    }
    if let Some(view) = reads::<RosterView>(data) {
        let known = r.roster.view(0, &r.server);
        if r.devices[0].0.check(&view).is_ok() {
            assert_eq!(Some(sorted(view)), known.map(sorted));
        }
    }
    if let Some(report) = reads::<Report>(data)
        && let Ok(index) = r.roster.accept(&r.terms, &report)
    {
        assert_eq!(index, 0);
        r.terms.terms.ring.add_packed(&report.body, &mut [0; 4]).expect("what was signed");
    }
    if let Some(SplitQuestion { entries, beacon, split }) = reads::<SplitQuestion>(data) {
        let mut member: Member = r.members[0].clone();
        let seated = member.seat(r.terms.clone(), r.server.public()).expect("its seat");
        // It has signed one already: the same again, or nothing.
        let same = split == r.split;
        assert!(seated.vote(&mut member, entries, beacon, split).is_err() || same);
    }
    let _ = reads::<Vote>(data);
    if let Some(SplitVotes { votes }) = reads::<SplitVotes>(data)
        && r.voted[0].clone().disclose(&r.members[0], &votes).is_ok()
    {
        assert!(r.votes.iter().all(|vote| votes.contains(vote)));
    }
    if let Some(disclosure) = reads::<Disclosure>(data) {
        let mut unmasking = Unmasking::new(&r.terms, &r.roster, &r.split, &r.votes).expect("its signatures");
        if unmasking.disclose(&disclosure, r.devices.iter().map(|(_, join)| join)).is_ok() {
            assert!(r.disclosures.contains(&disclosure));
        }
    }
});

/// The order of neighbours means nothing.
fn sorted(mut view: RosterView) -> RosterView {
    view.neighbours.sort_by_key(|neighbour| neighbour.index);
    view
}

fn reads<M: Message + Debug>(data: &[u8]) -> Option<M> {
    let message = decode::<M>(data).ok()?;
    let bytes = encode(&message);
    let again = decode::<M>(&bytes).expect("its own message");
    assert_eq!(encode(&again), bytes, "{message:?}");
    Some(message)
}
