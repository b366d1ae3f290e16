//! One round with fixed seeds, byte for byte (`tests/vectors/secagg.json`), for whoever writes the other end in another language: every
//! message as it travels, the names that keys are bound to, the sum; and messages that must be refused, with what is said of them.
//! `SOTTOVOCE_BLESS=1` writes the file anew.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Map, Value, json};
use sottovoce::ids::{RoundId, WeightsVersion};
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Grid, Noise, NoiseKey, NoisePlan, Noised};
use sottovoce::protocol::{DecodeError, Message, SplitQuestion, SplitVotes, decode, encode, send};
use sottovoce::secagg::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Encodes, and holds that what comes back is what went in.
fn travels<M: Message + PartialEq + std::fmt::Debug>(message: &M) -> Value {
    let bytes = encode(message);
    assert_eq!(decode::<M>(&bytes).as_ref(), Ok(message));
    json!(hex(&bytes))
}

/// Whole numbers as they are: a grid of ones, no noise, a budget that affords it.
fn noised(values: &[i32]) -> Noised {
    let plan = NoisePlan::new(0.0, 1e7, 2, Grid::new(1).unwrap(), values.len()).unwrap();
    let budget = Budget::new(f64::INFINITY, 1e-9).unwrap();
    let pending = Account::new(budget).charge(plan).unwrap();
    let stored = pending.bytes().to_vec();
    let charged = pending.recorded(&stored).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "whole numbers below 2²⁴")]
    let gradient = Gradient::new(values.iter().map(|v| *v as f32).collect());
    let mut noise = Noise::new(NoiseKey::new([1; 32]));
    gradient.clip(1e7).quantized(1e7, plan.grid(), &mut noise).noised(charged, &mut noise).unwrap()
}

/// The whole round; what of it is written down.
fn round(prg: Prg) -> Map<String, Value> {
    let mut rng = ChaCha20Rng::from_seed([42; 32]);
    let server = Identity::from_seed([1; 32]);
    let mut members: Vec<Member> = (0..3).map(|_| Member::new(&mut rng)).collect();
    let model = Digest::of(b"weights, plan and block");
    let terms = Terms {
        round: RoundId(7),
        weights: WeightsVersion(6),
        model,
        record: Digest::of(b"record 6"),
        dimension: 5,
        ring: Ring::new(20).unwrap(),
        prg,
        least: 2,
        degree: 2,
        threshold: 3,
        seats: members.iter().map(|member| member.enlist(RoundId(8))).collect(),
    };
    let signed = terms.sign(&server).unwrap();
    let policy =
        Policy { server: server.public(), least: 2, seats: 3, odds: Odds::default(), last_round: None, seen: None };
    let mut devices: Vec<(Joined, Join)> =
        (0..4).map(|_| Joining::new(signed.clone(), policy, model).unwrap().join(&mut rng).unwrap()).collect();
    devices.sort_by_key(|(_, join)| join.identity);
    let entries = devices.iter().map(|(_, join)| signed.admit(join).unwrap()).collect();
    let beacon = Digest::of(b"beacon");
    let roster = Roster::close(&signed, entries, beacon).unwrap();
    let view = roster.view(0, &server).unwrap();
    let mut out = Map::new();
    out.insert("terms".into(), travels(&signed));
    out.insert("context".into(), json!(hex(&signed.terms.context().0)));
    out.insert("enlistment".into(), travels(&members[0].enlist(RoundId(8))));
    out.insert("joins".into(), devices.iter().map(|(_, join)| travels(join)).collect());
    out.insert("roster".into(), json!(hex(&roster.name().0)));
    out.insert("roster_view".into(), travels(&view));
    // Device 2 vanishes after joining.
    let values: [[i32; 5]; 4] =
        [[1, -2, 3, 0, 100_000], [10, 20, -30, 0, -1], [7, 7, 7, 7, 7], [-1, -1, -1, -1, 262_143]];
    let mut sum = vec![0; 5];
    let mut reports = Vec::new();
    for (i, (device, _)) in devices.iter().enumerate().filter(|(i, _)| *i != 2) {
        let view = roster.view(u32::try_from(i).unwrap(), &server).unwrap();
        let report = device.clone().mask(&device.check(&view).unwrap(), noised(&values[i])).unwrap().finish();
        assert_eq!(roster.accept(&signed, &report), Ok(u32::try_from(i).unwrap()));
        signed.terms.ring.add_packed(&report.body, &mut sum).unwrap();
        reports.push(travels(&report));
    }
    out.insert("values".into(), json!(values));
    out.insert("reports".into(), reports.into());
    let split = roster.split(&signed, &[true, true, false, true]).unwrap();
    let question = SplitQuestion { entries: roster.entries().to_vec(), beacon, split: split.clone() };
    out.insert("split_question".into(), travels(&question));
    out.insert("split".into(), json!(hex(&split.digest().0)));
    let mut voted = Vec::new();
    let mut votes = Vec::new();
    for member in &mut members {
        let seated = member.seat(signed.clone(), server.public()).unwrap();
        let (v, vote) = seated.vote(member, roster.entries().to_vec(), beacon, split.clone()).unwrap();
        voted.push(v);
        votes.push(vote);
    }
    out.insert("votes".into(), travels(&SplitVotes { votes: votes.clone() }));
    out.insert("vote".into(), travels(&votes[0]));
    let mut unmasking = Unmasking::new(&signed, &roster, &split, &votes).unwrap();
    let mut disclosures = Vec::new();
    for (voted, member) in voted.into_iter().zip(&members) {
        let disclosure = voted.disclose(member, &votes).unwrap();
        disclosures.push(travels(&disclosure));
        assert_eq!(unmasking.disclose(&disclosure, devices.iter().map(|(_, join)| join)), Ok(0));
    }
    out.insert("disclosures".into(), disclosures.into());
    unmasking.jobs().unwrap().iter().for_each(|job| job.apply(signed.terms.ring, &mut sum).unwrap());
    let opened = signed.terms.ring.centred(&sum);
    assert_eq!(opened, [10, 17, -28, -1, 362_142]);
    out.insert("sum".into(), json!(opened));
    out
}

/// Messages that must be refused: what is wrong with them, their bytes, what is said.
fn refused(good: &Map<String, Value>) -> Vec<Value> {
    let bytes = |key: &str| unhex(good[key].as_str().unwrap());
    let join = unhex(good["joins"][0].as_str().unwrap());
    let report = unhex(good["reports"][0].as_str().unwrap());
    let edit = |mut bytes: Vec<u8>, at: usize, to: u8| {
        bytes[at] = to;
        bytes
    };
    let cases: [(&str, &str, Vec<u8>); 9] = [
        ("cut short", "join", join[..join.len() - 1].to_vec()),
        ("a byte too many", "join", [&join[..], &[0]].concat()),
        ("another version", "join", edit(join.clone(), 1, 2)),
        ("another kind", "report", join.clone()),
        ("nothing", "report", Vec::new()),
        ("a list of another length", "report", edit(report, 4, 0x83)),
        ("a key of 31 bytes", "join", [&join[..5], &[0x58, 31], &join[7..]].concat()),
        ("a ring of 7 bits", "terms", {
            let terms = bytes("terms");
            let at = terms.windows(2).position(|pair| pair == [5, 20]).unwrap() + 1;
            edit(terms, at, 7)
        }),
        ("a bit for a device that is not there", "split_question", {
            let question = bytes("split_question");
            edit(question.clone(), question.len() - 1, 0x1b)
        }),
    ];
    let said = |what: &str, bytes: &[u8]| -> String {
        let error = match what {
            "join" => decode::<Join>(bytes).err(),
            "report" => decode::<Report>(bytes).err(),
            "terms" => decode::<SignedTerms>(bytes).err(),
            _ => decode::<SplitQuestion>(bytes).err(),
        };
        error.map_or_else(|| panic!("{what} was taken"), |error: DecodeError| error.to_string())
    };
    cases
        .iter()
        .map(|(why, what, bytes)| json!({ "why": why, "as": what, "bytes": hex(bytes), "error": said(what, bytes) }))
        .collect()
}

#[test]
fn a_round_of_known_bytes() {
    let aes = round(Prg::Aes128Ctr);
    let value = json!({ "aes_128_ctr": aes, "chacha20": round(Prg::ChaCha20), "refused": refused(&aes) });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/secagg.json");
    if std::env::var_os("SOTTOVOCE_BLESS").is_some() {
        std::fs::write(path, format!("{value:#}\n")).unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(value, known, "the bytes have changed: that is another version of the protocol");
}

/// What an upload weighs: 4.1 KB of keys and shares for the usual committee, and `r/8` bytes a number.
#[test]
fn messages_weigh_what_they_should() {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let server = Identity::from_seed([1; 32]);
    let members: Vec<Member> = (0..41).map(|_| Member::new(&mut rng)).collect();
    let terms = Terms {
        round: RoundId(1),
        weights: WeightsVersion(1),
        model: Digest::default(),
        record: Digest::default(),
        dimension: 10_000,
        ring: Ring::new(22).unwrap(),
        prg: Prg::default(),
        least: 2,
        degree: 2,
        threshold: 28,
        seats: members.iter().map(|member| member.enlist(RoundId(1))).collect(),
    };
    let signed = terms.sign(&server).unwrap();
    let policy =
        Policy { server: server.public(), least: 2, seats: 41, odds: Odds::default(), last_round: None, seen: None };
    let join = || Joining::new(signed.clone(), policy, Digest::default()).unwrap();
    let devices: Vec<(Joined, Join)> = (0..2).map(|_| join().join(&mut rng).unwrap()).collect();
    let entries = devices.iter().map(|(_, join)| join.entry()).collect();
    let roster = Roster::close(&signed, entries, Digest::default()).unwrap();
    let (device, joined) = &devices[0];
    let view = roster.view(roster.index_of(device.identity()).unwrap(), &server).unwrap();
    let report = device.clone().mask(&device.check(&view).unwrap(), noised(&[0; 10_000])).unwrap().finish();
    let (join, report) = (send(joined).len(), send(&report).len());
    assert!(join < 4200, "{join}");
    assert!(report < 10_000 * 22 / 8 + 160, "{report}");
}
