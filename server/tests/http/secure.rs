//! A secure round over HTTP, message by message, with every mistake that a status is promised for.

use super::world::*;
use super::{NeverEnding, Seen, note};
use axum::Router;
use axum::body::Body;
use axum::http::Method;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::ids::RoundId;
use sottovoce::privacy::accountant::{Account, Budget};
use sottovoce::privacy::{Gradient, Noise, NoiseKey};
use sottovoce::protocol::{
    Fate, MEDIA_TYPE, NoiseTerms, Outcome, SecureOffer, SplitQuestion, SplitVotes, Stage, TowerWeights, decode, send,
    weights_hash,
};
use sottovoce::secagg::{Join, Joined, Joining, Member, Odds, Policy, PublicKey, Report, Voted};
use sottovoce_server::federated::{CoordinatorConfig, SecureConfig};
use sottovoce_server::http::{HttpConfig, LimitConfig};
use std::time::Duration;

const MEMBER: &str = "/v1/members/{identity}";
const JOIN: &str = "/v1/rounds/{round}/joins/{identity}";
const ROSTER: &str = "/v1/rounds/{round}/rosters/{identity}";
const REPORT: &str = "/v1/rounds/{round}/reports/{identity}";
const OUTCOME: &str = "/v1/rounds/{round}/outcomes/{identity}";
const SPLIT: &str = "/v1/rounds/{round}/split";
const VOTE: &str = "/v1/rounds/{round}/votes/{seat}";
const VOTES: &str = "/v1/rounds/{round}/votes";
const DISCLOSURE: &str = "/v1/rounds/{round}/disclosures/{seat}";
const CBOR: [(&str, &str); 1] = [("content-type", MEDIA_TYPE)];

pub(crate) fn secure_rules() -> CoordinatorConfig {
    let secure = SecureConfig { noise: NoiseTerms { multiplier: 0.0, steps: 1 << 10 }, ..SecureConfig::default() };
    CoordinatorConfig { minimum: 2, secure: Some(secure), ..rules(2) }
}

/// Devices and a committee, by the device's own code.
struct Devices {
    rng: ChaCha20Rng,
    members: Vec<Member>,
}

impl Devices {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let members = (0..3).map(|_| Member::new(&mut rng)).collect();
        Self { rng, members }
    }

    async fn enlist(&self, router: &Router) {
        for member in &self.members {
            let uri = format!("/v1/members/{}", hex(&member.identity().0));
            assert_eq!(put_to(router, &uri, send(&member.enlist(RoundId(99)))).await.status, 201);
        }
    }

    async fn joining(&mut self, router: &Router) -> (Joined, Join) {
        let offer: SecureOffer = decode(&get(router, "/v1/rounds/next", &[]).await.body).unwrap();
        let weights: TowerWeights = decode(&get(router, "/v1/tower/weights", &[]).await.body).unwrap();
        let server = PublicKey(super::key_of(router).await);
        let model = SecureOffer::model(weights_hash(&weights), &offer.plan, &offer.noise, &offer.blocks);
        let policy = Policy { server, least: 2, seats: 3, odds: Odds::default(), last_round: None, seen: None };
        Joining::new(offer.terms, policy, model).unwrap().join(&mut self.rng).unwrap()
    }

    async fn report(&self, router: &Router, joined: &Joined, value: f32) -> Report {
        let offer: SecureOffer = decode(&get(router, "/v1/rounds/next", &[]).await.body).unwrap();
        let view = get(router, &of("rosters", joined.identity()), &[]).await;
        let neighbourhood = joined.check(&decode(&view.body).unwrap()).unwrap();
        let plan = offer.noise_plan().unwrap();
        let pending = Account::new(Budget::new(f64::INFINITY, 1e-6).unwrap()).charge(plan).unwrap();
        let stored = pending.bytes().to_vec();
        let mut noise = Noise::new(NoiseKey::new([1; 32]));
        let quantized = Gradient::new(vec![value; P]).clip(1.0).quantized(1.0, plan.grid(), &mut noise);
        let noised = quantized.noised(pending.recorded(&stored).unwrap(), &mut noise).unwrap();
        joined.clone().mask(&neighbourhood, noised).unwrap().finish()
    }
}

fn of(what: &str, identity: PublicKey) -> String {
    format!("/v1/rounds/1/{what}/{}", hex(&identity.0))
}

async fn put_to(router: &Router, uri: &str, body: Vec<u8>) -> Answer {
    call(router, build(Method::PUT, uri, &CBOR, Body::from(body))).await
}

/// What is wrong with a PUT whatever stands in it.
async fn wrong_bodies(seen: &mut Seen, router: &Router, route: &str, uri: &str, good: &[u8]) {
    let json = call(router, build(Method::PUT, uri, &[("content-type", JSON)], Body::from(good.to_vec()))).await;
    note(seen, "put", route, &json, 415);
    note(seen, "put", route, &put_to(router, uri, vec![0; 1 << 16]).await, 413);
    note(seen, "put", route, &put_to(router, uri, b"no CBOR".to_vec()).await, 400);
}

pub(crate) async fn every_status_of_secure_rounds(seen: &mut Seen) {
    let w = world(secure_rules(), HttpConfig::default()).await;
    let (router, mut devices) = (&w.router, Devices::new());
    assert_eq!(get(router, "/v1/rounds/next", &[]).await.status, 204, "no committee, no round");

    // Enlisting.
    let member = devices.members[0].clone();
    let (uri, good) = (format!("/v1/members/{}", hex(&member.identity().0)), send(&member.enlist(RoundId(99))));
    wrong_bodies(seen, router, MEMBER, &uri, &good).await;
    note(seen, "put", MEMBER, &put_to(router, "/v1/members/no-key", good.clone()).await, 400);
    note(seen, "put", MEMBER, &put_to(router, &format!("/v1/members/{}", "0".repeat(64)), good.clone()).await, 422);
    note(seen, "put", MEMBER, &put_to(router, &uri, good.clone()).await, 201);
    devices.enlist(router).await;

    // Joining.
    let (first, join) = devices.joining(router).await;
    let (second, other) = devices.joining(router).await;
    let (_, third) = devices.joining(router).await;
    let uri = of("joins", first.identity());
    let good = send(&join);
    wrong_bodies(seen, router, JOIN, &uri, &good).await;
    note(seen, "put", JOIN, &put_to(router, &uri.replace("/1/", "/last/"), good.clone()).await, 400);
    note(seen, "put", JOIN, &put_to(router, &uri.replace("/1/", "/9/"), good.clone()).await, 404);
    note(seen, "put", JOIN, &put_to(router, &of("joins", second.identity()), good.clone()).await, 422);
    let roster = of("rosters", first.identity());
    note(seen, "get", ROSTER, &get(router, &roster, &[]).await, 204);
    note(seen, "put", JOIN, &put_to(router, &uri, good.clone()).await, 201);
    note(seen, "put", JOIN, &put_to(router, &uri, good.clone()).await, 200);
    let mut forged = join.clone();
    forged.commitment.0[0] ^= 1;
    note(seen, "put", JOIN, &put_to(router, &uri, send(&forged)).await, 422);
    let early = "/v1/rounds/1/split";
    note(seen, "get", SPLIT, &get(router, early, &[]).await, 204);
    note(seen, "get", VOTES, &get(router, "/v1/rounds/1/votes", &[]).await, 204);
    put_to(router, &of("joins", second.identity()), send(&other)).await;
    let status = get(router, "/v1/rounds/1", &[]).await.json();
    assert_eq!((&status["secure"], &status["stage"], &status["joined"]), (&true.into(), &"joining".into(), &2.into()));
    assert_eq!(decode::<SecureOffer>(&get(router, "/v1/rounds/next", &[]).await.body).unwrap().stage, Stage::Reporting);
    let late = of("joins", third.identity);
    note(seen, "put", JOIN, &put_to(router, &late, send(&third)).await, 409);
    refused_reads(seen, router, ROSTER, &roster).await;
    note(seen, "get", ROSTER, &get(router, &of("rosters", third.identity), &[]).await, 422);
    note(seen, "get", ROSTER, &get(router, &roster, &[("accept", MEDIA_TYPE)]).await, 200);

    // Reporting.
    let uri = of("reports", first.identity());
    let report = devices.report(router, &first, 0.5).await;
    let good = send(&report);
    wrong_bodies(seen, router, REPORT, &uri, &good).await;
    note(seen, "put", REPORT, &put_to(router, &uri.replace("/1/", "/9/"), good.clone()).await, 404);
    note(seen, "put", REPORT, &put_to(router, &of("reports", second.identity()), good.clone()).await, 422);
    note(seen, "put", REPORT, &put_to(router, &uri, good.clone()).await, 201);
    note(seen, "put", REPORT, &put_to(router, &uri, good.clone()).await, 200);
    let outcome = of("outcomes", first.identity());
    refused_reads(seen, router, OUTCOME, &outcome).await;
    note(seen, "get", OUTCOME, &get(router, &of("outcomes", third.identity), &[]).await, 422);
    let waiting = get(router, &outcome, &[]).await;
    note(seen, "get", OUTCOME, &waiting, 200);
    assert_eq!(decode::<Outcome>(&waiting.body).unwrap().fate, Fate::Waiting);
    let early = put_to(router, "/v1/rounds/1/votes/0", Vec::new()).await;
    note(seen, "put", VOTE, &early, 400);
    let report = devices.report(router, &second, 0.25).await;
    put_to(router, &of("reports", second.identity()), send(&report)).await;

    opening(seen, &w, &mut devices).await;

    // Over.
    let closed = get(router, "/v1/rounds/1", &[]).await.json();
    assert_eq!((&closed["state"], &closed["updates"], &closed["weights_to"]), (&"closed".into(), &2.into(), &1.into()));
    let included = decode::<Outcome>(&get(router, &outcome, &[]).await.body).unwrap();
    assert_eq!(included, Outcome { round: RoundId(1), fate: Fate::Included });
    note(seen, "get", ROSTER, &get(router, &roster, &[]).await, 409);
    note(seen, "get", SPLIT, &get(router, "/v1/rounds/1/split", &[]).await, 409);
    note(seen, "get", VOTES, &get(router, "/v1/rounds/1/votes", &[]).await, 409);
    note(seen, "put", REPORT, &put_to(router, &uri, good.clone()).await, 409);

    let held = w.pool.acquire().await.unwrap(); // the only connection
    for (route, uri) in [(ROSTER, &roster), (OUTCOME, &outcome), (SPLIT, &"/v1/rounds/1/split".into())] {
        note(seen, "get", route, &get(router, uri, &[]).await, 503);
    }
    note(seen, "get", VOTES, &get(router, "/v1/rounds/1/votes", &[]).await, 503);
    note(seen, "put", REPORT, &put_to(router, &uri, good.clone()).await, 503);
    note(seen, "put", JOIN, &put_to(router, &of("joins", first.identity()), send(&join)).await, 503);
    let member = &devices.members[0];
    let uri_of_member = format!("/v1/members/{}", hex(&member.identity().0));
    note(seen, "put", MEMBER, &put_to(router, &uri_of_member, send(&member.enlist(RoundId(99)))).await, 503);
    drop(held);
    too_slow_and_too_often(seen, &send(&join)).await;
}

/// What is wrong with a GET whatever it asks for.
async fn refused_reads(seen: &mut Seen, router: &Router, route: &str, uri: &str) {
    note(seen, "get", route, &get(router, uri, &[("accept", "text/html")]).await, 406);
    note(seen, "get", route, &get(router, &uri.replace("/1/", "/last/"), &[]).await, 400);
    note(seen, "get", route, &get(router, &uri.replace("/1/", "/9/"), &[]).await, 404);
}

async fn opening(seen: &mut Seen, w: &World, devices: &mut Devices) {
    let router = &w.router;
    let offer: SecureOffer = decode(&get(router, "/v1/rounds/next", &[]).await.body).unwrap();
    assert_eq!(offer.stage, Stage::Opening);
    refused_reads(seen, router, SPLIT, "/v1/rounds/1/split").await;
    let question = get(router, "/v1/rounds/1/split", &[]).await;
    note(seen, "get", SPLIT, &question, 200);
    let SplitQuestion { entries, beacon, split } = decode(&question.body).unwrap();
    let server = PublicKey(super::key_of(router).await);
    let mut voted: Vec<(usize, Voted)> = Vec::new();
    for (i, member) in devices.members.iter_mut().enumerate() {
        let seated = member.seat(offer.terms.clone(), server).unwrap();
        let seat = seated.seat();
        let (v, vote) = seated.vote(member, entries.clone(), beacon, split.clone()).unwrap();
        let (uri, good) = (format!("/v1/rounds/1/votes/{seat}"), send(&vote));
        if i == 0 {
            note(seen, "get", VOTES, &get(router, "/v1/rounds/1/votes", &[]).await, 204);
            wrong_bodies(seen, router, VOTE, &uri, &good).await;
            note(seen, "put", VOTE, &put_to(router, &uri.replace("/1/", "/9/"), good.clone()).await, 404);
            note(seen, "put", VOTE, &put_to(router, "/v1/rounds/1/votes/250", good.clone()).await, 422);
            note(seen, "put", VOTE, &put_to(router, &uri, good.clone()).await, 201);
        }
        let again = put_to(router, &uri, good).await;
        note(seen, "put", VOTE, &again, if i == 0 { 200 } else { 201 });
        voted.push((i, v));
    }
    refused_reads(seen, router, VOTES, "/v1/rounds/1/votes").await;
    let votes = get(router, "/v1/rounds/1/votes", &[]).await;
    note(seen, "get", VOTES, &votes, 200);
    let SplitVotes { votes } = decode(&votes.body).unwrap();
    let mut last = (String::new(), Vec::new());
    for (i, voted) in voted {
        let disclosure = voted.disclose(&devices.members[i], &votes).unwrap();
        let (uri, good) = (format!("/v1/rounds/1/disclosures/{}", disclosure.seat), send(&disclosure));
        if i == 0 {
            wrong_bodies(seen, router, DISCLOSURE, &uri, &good).await;
            note(seen, "put", DISCLOSURE, &put_to(router, &uri.replace("/1/", "/9/"), good.clone()).await, 404);
            note(seen, "put", DISCLOSURE, &put_to(router, "/v1/rounds/1/disclosures/250", good.clone()).await, 422);
            note(seen, "put", DISCLOSURE, &put_to(router, &uri, good.clone()).await, 201);
        }
        note(seen, "put", DISCLOSURE, &put_to(router, &uri, good.clone()).await, if i == 0 { 200 } else { 201 });
        last = (uri, good);
    }
    get(router, "/v1/rounds/next", &[]).await; // does what is due: the sum is opened
    note(seen, "put", DISCLOSURE, &put_to(router, &last.0, last.1.clone()).await, 409);
    let vote = send(&votes[0]);
    note(seen, "put", VOTE, &put_to(router, &format!("/v1/rounds/1/votes/{}", votes[0].seat), vote.clone()).await, 409);
    let held = w.pool.acquire().await.unwrap();
    note(seen, "put", VOTE, &put_to(router, "/v1/rounds/1/votes/0", vote).await, 503);
    note(seen, "put", DISCLOSURE, &put_to(router, &last.0, last.1).await, 503);
    drop(held);
}

async fn too_slow_and_too_often(seen: &mut Seen, join: &[u8]) {
    let key = "0".repeat(64);
    let puts = [
        (MEMBER, format!("/v1/members/{key}")),
        (JOIN, format!("/v1/rounds/1/joins/{key}")),
        (REPORT, format!("/v1/rounds/1/reports/{key}")),
        (VOTE, "/v1/rounds/1/votes/0".into()),
        (DISCLOSURE, "/v1/rounds/1/disclosures/0".into()),
    ];
    let gets = [
        (ROSTER, format!("/v1/rounds/1/rosters/{key}")),
        (OUTCOME, format!("/v1/rounds/1/outcomes/{key}")),
        (SPLIT, "/v1/rounds/1/split".into()),
        (VOTES, "/v1/rounds/1/votes".into()),
    ];
    let limits = LimitConfig { timeout: Duration::from_millis(50), ..LimitConfig::default() };
    let slow = world(secure_rules(), HttpConfig { limits, ..HttpConfig::default() }).await;
    Devices::new().enlist(&slow.router).await;
    get(&slow.router, "/v1/rounds/next", &[]).await;
    for (route, uri) in &puts {
        let never = build(Method::PUT, uri, &CBOR, Body::from_stream(NeverEnding));
        note(seen, "put", route, &call(&slow.router, never).await, 408);
        if [MEMBER, JOIN, REPORT].contains(route) {
            note(seen, "put", route, &put_to(&slow.admitting, uri, join.to_vec()).await, 401);
        }
    }
    for (method, route, uri) in puts.iter().map(|(r, u)| ("put", r, u)).chain(gets.iter().map(|(r, u)| ("get", r, u))) {
        let limits = LimitConfig { address_per_second: 1, address_burst: 1, ..LimitConfig::default() };
        let w = world(secure_rules(), HttpConfig { limits, ..HttpConfig::default() }).await;
        let ask = || async {
            match method {
                "put" => put_to(&w.router, uri, join.to_vec()).await,
                _ => get(&w.router, uri, &[]).await,
            }
        };
        ask().await;
        note(seen, method, route, &ask().await, 429);
    }
}
