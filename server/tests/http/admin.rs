//! What needs a token: the operator's API, and taking part where devices are admitted by tokens. And the log, which needs none.

use crate::world::*;
use crate::{NeverEnding, Seen, UPDATE, note};
use axum::Router;
use axum::body::Body;
use axum::http::Method;
use ed25519_dalek::VerifyingKey;
use sottovoce::protocol::{MEDIA_TYPE, SignedRecord, TowerWeights, decode, verify};
use sottovoce_server::http::{HttpConfig, LimitConfig};
use std::sync::atomic::Ordering;
use std::time::Duration;

const ROUTES: [(Method, &str, &str); 5] = [
    (Method::GET, "/v1/admin/settings", "/v1/admin/settings"),
    (Method::PUT, "/v1/admin/settings", "/v1/admin/settings"),
    (Method::PUT, "/v1/admin/pause", "/v1/admin/pause"),
    (Method::DELETE, "/v1/admin/pause", "/v1/admin/pause"),
    (Method::POST, "/v1/admin/rounds/{round}/abandon", "/v1/admin/rounds/1/abandon"),
];

async fn ask(router: &Router, method: &Method, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    call(router, build(method.clone(), uri, headers, body.into())).await
}

fn name(method: &Method) -> String {
    method.as_str().to_lowercase()
}

pub(crate) async fn every_status_of_the_operators_api(seen: &mut Seen) {
    let w = world(rules(2), HttpConfig::default()).await;
    get(&w.router, "/v1/rounds/next", &[]).await; // opens round 1
    for (method, route, uri) in &ROUTES {
        let off = ask(&w.router, method, uri, &[AS_OPERATOR], "{}").await;
        note(seen, &name(method), route, &off, 404);
        let wrong = format!("Bearer {}", &OPERATOR[1..]);
        for headers in [&[][..], &[("authorization", wrong.as_str())], &[("authorization", OPERATOR)]] {
            let refused = ask(&w.operated, method, uri, headers, "{}").await;
            note(seen, &name(method), route, &refused, 401);
            assert_eq!(refused.header("www-authenticate"), "Bearer");
        }
    }

    let settings = "/v1/admin/settings";
    let held = ask(&w.operated, &Method::GET, settings, &[AS_OPERATOR], "").await;
    note(seen, "get", settings, &held, 200);
    assert_eq!(held.json()["cohort"], 2);
    let etag = held.header("etag").to_owned();
    let put = async |body: String, headers: &[(&str, &str)]| {
        ask(&w.operated, &Method::PUT, settings, &[&[AS_OPERATOR], headers].concat(), body).await
    };
    let changed = put(r#"{"cohort": 5, "deadline_ms": 7000}"#.into(), &[("if-match", &etag)]).await;
    note(seen, "put", settings, &changed, 200);
    let of = |answer: &Answer| {
        let json = answer.json();
        (json["cohort"].as_u64(), json["minimum"].as_u64(), json["deadline_ms"].as_u64(), json["paused"].as_bool())
    };
    assert_eq!(of(&changed), (Some(5), Some(1), Some(7000), Some(false)));
    assert_ne!(changed.header("etag"), etag);
    note(seen, "put", settings, &put("{}".into(), &[("if-match", &etag)]).await, 412);
    note(seen, "put", settings, &put("{}".into(), &[("if-match", "\"other\"")]).await, 412);
    for (body, status) in
        [("{", 400), (r#"{"cohorts": 5}"#, 400), (r#"{"cohort": 0}"#, 422), (r#"{"minimum": 6, "cohort": 5}"#, 422)]
    {
        note(seen, "put", settings, &put(body.into(), &[]).await, status);
    }
    note(seen, "put", settings, &put(" ".repeat(2000), &[]).await, 413);
    assert_eq!(
        of(&ask(&w.operated, &Method::GET, settings, &[AS_OPERATOR], "").await),
        of(&changed),
        "refused is not kept"
    );

    // Paused: nobody is invited, and devices are told to stay away for longer.
    let pause = "/v1/admin/pause";
    for _ in 0..2 {
        let paused = ask(&w.operated, &Method::PUT, pause, &[AS_OPERATOR], "").await;
        note(seen, "put", pause, &paused, 200);
        assert_eq!(paused.json()["paused"], true);
    }
    let next = get(&w.router, "/v1/rounds/next", &[]).await;
    assert_eq!((next.status.as_u16(), next.header("retry-after")), (204, "60"));
    note(seen, "delete", pause, &ask(&w.operated, &Method::DELETE, pause, &[AS_OPERATOR], "").await, 200);
    assert_eq!(get(&w.router, "/v1/rounds/next", &[]).await.status, 200);

    let abandon = "/v1/admin/rounds/{round}/abandon";
    let let_go = async |round: &str| {
        ask(&w.operated, &Method::POST, &format!("/v1/admin/rounds/{round}/abandon"), &[AS_OPERATOR], "").await
    };
    for _ in 0..2 {
        let gone = let_go("1").await;
        note(seen, "post", abandon, &gone, 200);
        assert_eq!(gone.json()["state"], "abandoned");
    }
    note(seen, "post", abandon, &let_go("99").await, 404);
    note(seen, "post", abandon, &let_go("last").await, 400);
    let next = get(&w.router, "/v1/rounds/2", &[]).await.json();
    assert_eq!((next["state"].as_str(), next["cohort"].as_u64()), (Some("open"), Some(5)), "by the new rules");
    put(r#"{"cohort": 1}"#.into(), &[]).await;
    let_go("2").await;
    assert_eq!(crate::world::put(&w.router, 3, &key(1), update(3, 0, vec![0.1; P], 1.0)).await.status, 201);
    let ended = let_go("3").await;
    assert_eq!((ended.status.as_u16(), ended.header("content-type")), (409, PROBLEM));
    note(seen, "post", abandon, &ended, 409);

    let held = w.pool.acquire().await.unwrap(); // the only connection
    for (method, route, uri) in &ROUTES {
        note(seen, &name(method), route, &ask(&w.operated, method, uri, &[AS_OPERATOR], "{}").await, 503);
    }
    drop(held);
    let limits = LimitConfig {
        address_per_second: 1,
        address_burst: 1,
        timeout: Duration::from_millis(50),
        ..LimitConfig::default()
    };
    for (method, route, uri) in &ROUTES {
        let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
        ask(&w.operated, method, uri, &[AS_OPERATOR], "{}").await;
        let often = ask(&w.operated, method, uri, &[], "{}").await;
        note(seen, &name(method), route, &often, 429); // also for who guesses tokens
    }
    let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
    let slow = ask(&w.operated, &Method::PUT, settings, &[AS_OPERATOR], Body::from_stream(NeverEnding)).await;
    note(seen, "put", settings, &slow, 408);
}

pub(crate) async fn every_status_of_admission(seen: &mut Seen) {
    let limits = LimitConfig { device_per_second: 1, device_burst: 2, ..LimitConfig::default() };
    let w = world(rules(9), HttpConfig { limits, ..HttpConfig::default() }).await;
    assert_eq!(get(&w.admitting, "/v1/rounds/next", &[]).await.status, 200, "reading needs no token");
    let send = async |i: u8, token: &str| {
        let headers = [("content-type", MEDIA_TYPE), ("authorization", token)];
        let uri = format!("/v1/rounds/1/updates/{}", key(i));
        ask(&w.admitting, &Method::PUT, &uri, &headers, update(1, 0, vec![0.1; P], 1.0)).await
    };
    note(seen, "put", UPDATE, &put(&w.admitting, 1, &key(1), update(1, 0, vec![0.1; P], 1.0)).await, 401);
    note(seen, "put", UPDATE, &send(1, "Bearer 00").await, 401);
    note(seen, "put", UPDATE, &send(1, &device_token(1, 999)).await, 401); // the clock is at 1000
    note(seen, "put", UPDATE, &send(1, &device_token(1, 1000)).await, 201);
    note(seen, "put", UPDATE, &send(1, &device_token(1, 1000)).await, 200);
    note(seen, "put", UPDATE, &send(1, &device_token(1, 1000)).await, 429); // two at once
    note(seen, "put", UPDATE, &send(2, &device_token(2, 1000)).await, 201); // another device, the same address
    let refused = send(3, "Basic 00").await;
    assert_eq!((refused.header("www-authenticate"), refused.status.as_u16()), ("Bearer", 401));
    w.clock.fetch_add(1, Ordering::Relaxed);
    note(seen, "put", UPDATE, &send(4, &device_token(4, 1000)).await, 401);
    assert_eq!(get(&w.router, "/v1/rounds/1", &[]).await.json()["updates"], 2);
}

/// As a device does it: key, log page by page, the weights; all from what came over HTTP.
#[tokio::test]
async fn a_device_follows_the_log_and_full_pages_never_change() {
    // More requests than one address may send at once; a fast machine sends them before it may send more.
    let limits = LimitConfig { address_burst: 1000, ..LimitConfig::default() };
    let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
    get(&w.router, "/v1/rounds/next", &[]).await;
    for round in 1..=260u64 {
        put(&w.router, round, &key(1), update(round, round - 1, vec![0.01; P], 1.0)).await;
    }
    let bytes = |text: &serde_json::Value| {
        let text = text.as_str().unwrap();
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let key = get(&w.router, "/v1/log/key", &[]).await.json();
    assert_eq!(key["algorithm"], "Ed25519");
    let key = VerifyingKey::from_bytes(&bytes(&key["key"]).try_into().unwrap()).unwrap();
    let (mut held, mut from, mut caches, mut records) = (None, Some(0), vec![], 0);
    while let Some(next) = from {
        let page = get(&w.router, &format!("/v1/log?from={next}"), &[]).await;
        caches.push(page.header("cache-control").to_owned());
        let page = page.json();
        let of =
            |r: &serde_json::Value| SignedRecord::from_bytes(&bytes(&r["bytes"]), &bytes(&r["signature"])).unwrap();
        let signed: Vec<_> = page["records"].as_array().unwrap().iter().map(of).collect();
        held = verify(&signed, held.as_ref(), &key).unwrap();
        records += signed.len();
        for (record, told) in signed.iter().zip(page["records"].as_array().unwrap()) {
            assert_eq!(told["version"], record.record.version.0);
            assert_eq!(bytes(&told["hash"]), record.record.hash());
        }
        from = page["next"].as_u64();
    }
    assert_eq!((records, caches.len()), (261, 2));
    assert!(caches[0].contains("immutable") && caches[1].contains("no-cache"), "{caches:?}");
    let weights: TowerWeights = decode(&get(&w.router, "/v1/tower/weights", &[]).await.body).unwrap();
    let newest = get(&w.router, "/v1/log?from=260", &[]).await.json();
    let newest = &newest["records"][0];
    let record = SignedRecord::from_bytes(&bytes(&newest["bytes"]), &bytes(&newest["signature"])).unwrap();
    record.names(&weights).unwrap();
    assert_eq!(Some(record.record), held);
}
