//! The HTTP face, called like a function: every status that `/openapi.json` promises is brought about, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]

mod admin;
mod ranker;
mod secure;
mod vertical;
mod world;

use axum::body::Body;
use axum::http::{Method, Request};
use proptest::prelude::*;
use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::protocol::{
    CatalogueShard, MEDIA_TYPE, Receipt, ReceiptStatus, RoundOffer, TowerShape, TowerWeights, decode, encode,
};
use sottovoce_server::federated::{Coordinator, CoordinatorConfig};
use sottovoce_server::http::{App, Catalogue, HttpConfig, HttpError, LimitConfig, openapi, router};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use world::*;

/// What was seen of the API: (method, route, status).
type Seen = BTreeSet<(String, String, u16)>;

fn note(seen: &mut Seen, method: &str, route: &str, answer: &Answer, expected: u16) {
    assert_eq!(answer.status.as_u16(), expected, "{method} {route}: {}", String::from_utf8_lossy(&answer.body));
    if expected >= 400 && !(route.ends_with("{key}") && expected == 409) {
        assert_eq!(answer.header("content-type"), PROBLEM, "{method} {route} {expected}");
        let problem = answer.json();
        for part in ["type", "title", "detail", "next"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        assert_eq!(problem["status"], expected);
    }
    if [429, 503, 204].contains(&expected) {
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|s| s >= 1), "{method} {route} {expected}");
    }
    seen.insert((method.into(), route.into(), expected));
}

const GETS: [(&str, &str, &str); 10] = [
    ("/v1/catalogue", "/v1/catalogue", JSON),
    ("/v1/catalogue/shards/{index}/songs", "/v1/catalogue/shards/0/songs", JSON),
    ("/v1/catalogue/shards/{index}/embeddings", "/v1/catalogue/shards/0/embeddings", MEDIA_TYPE),
    ("/v1/candidates", "/v1/candidates?k=3&seed=2", JSON),
    ("/v1/log/key", "/v1/log/key", JSON),
    ("/v1/log", "/v1/log", JSON),
    ("/v1/tower/weights", "/v1/tower/weights", MEDIA_TYPE),
    ("/v1/rounds/next", "/v1/rounds/next", MEDIA_TYPE),
    ("/v1/rounds", "/v1/rounds", JSON),
    ("/v1/rounds/{round}", "/v1/rounds/1", JSON),
];
const UPDATE: &str = "/v1/rounds/{round}/updates/{key}";
const RECALL: [(&str, &str); 2] = [("/v1/recall", MEDIA_TYPE), ("/v1/recall/songs", JSON)];

#[tokio::test]
async fn every_promised_status_is_kept_and_none_is_left_out() {
    let mut seen = Seen::new();
    let w = world(rules(2), HttpConfig::default()).await;
    get(&w.router, "/v1/rounds/next", &[]).await; // opens round 1

    for (route, uri, media_type) in GETS {
        let answer = get(&w.router, uri, &[("accept", media_type)]).await;
        note(&mut seen, "get", route, &answer, 200);
        assert_eq!(answer.header("content-type"), media_type);
        note(&mut seen, "get", route, &get(&w.router, uri, &[("accept", "text/html")]).await, 406);
        let etag = answer.header("etag");
        if !etag.is_empty() {
            let again = get(&w.router, uri, &[("if-none-match", etag)]).await;
            note(&mut seen, "get", route, &again, 304);
            assert!(again.body.is_empty() && again.header("etag") == etag);
            assert_eq!(get(&w.router, uri, &[("if-none-match", "\"other\"")]).await.status, 200);
        }
    }
    for (route, uri, status) in [
        ("/v1/catalogue/shards/{index}/songs", "/v1/catalogue/shards/1/songs", 404),
        ("/v1/catalogue/shards/{index}/embeddings", "/v1/catalogue/shards/-1/embeddings", 404),
        ("/v1/candidates", "/v1/candidates?k=zero", 400),
        ("/v1/candidates", "/v1/candidates?seed=10", 404),
        ("/v1/log", "/v1/log?from=now", 400),
        ("/v1/rounds/{round}", "/v1/rounds/last", 400),
        ("/v1/rounds/{round}", "/v1/rounds/99", 404),
        ("/health", "/health", 200),
        ("/metrics", "/metrics", 200),
    ] {
        note(&mut seen, "get", route, &get(&w.router, uri, &[]).await, status);
    }

    // The update, in the order of a device's mistakes.
    let good = update(1, 0, vec![0.1; P], 1.0);
    let put_with = |headers: &'static [(&'static str, &'static str)], body: Vec<u8>| {
        call(
            &w.router,
            build(Method::PUT, "/v1/rounds/1/updates/0123456789abcdef0123456789abcdef", headers, Body::from(body)),
        )
    };
    note(&mut seen, "put", UPDATE, &put_with(&[("content-type", JSON)], good.clone()).await, 415);
    note(
        &mut seen,
        "put",
        UPDATE,
        &put_with(&[("content-type", "application/vnd.sottovoce.v2+cbor")], good.clone()).await,
        415,
    );
    note(
        &mut seen,
        "put",
        UPDATE,
        &put_with(&[("content-type", MEDIA_TYPE), ("accept", JSON)], good.clone()).await,
        406,
    );
    note(&mut seen, "put", UPDATE, &put_with(&[("content-type", MEDIA_TYPE)], vec![0; 4096]).await, 413);
    note(&mut seen, "put", UPDATE, &put(&w.router, 1, "0123", good.clone()).await, 400);
    note(&mut seen, "put", UPDATE, &put(&w.router, 1, &key(1), b"no CBOR".to_vec()).await, 400);
    note(&mut seen, "put", UPDATE, &put(&w.router, 9, &key(1), update(9, 0, vec![0.1; P], 1.0)).await, 404);
    for (body, kind) in [
        (update(2, 0, vec![0.1; P], 1.0), "other-round"),
        (update(1, 3, vec![0.1; P], 1.0), "other-weights"),
        (update(1, 0, vec![0.1; P - 1], 1.0), "wrong-length"),
        (update(1, 0, vec![9.0; P], 1.001), "unclipped"),
    ] {
        let answer = put(&w.router, 1, &key(1), body).await;
        note(&mut seen, "put", UPDATE, &answer, 422);
        assert_eq!(answer.json()["type"], format!("urn:sottovoce:problem:{kind}"));
    }
    for (i, body, status, says) in [
        (1, good.clone(), 201, Some(ReceiptStatus::Accepted)),
        (1, good.clone(), 200, Some(ReceiptStatus::AlreadyCounted)),
        (1, update(1, 0, vec![0.2; P], 1.0), 422, None),
        (2, good.clone(), 201, Some(ReceiptStatus::Accepted)),
        (2, good.clone(), 200, Some(ReceiptStatus::AlreadyCounted)), // the round is closed by now, and still knows it
        (3, good.clone(), 409, Some(ReceiptStatus::RoundClosed)),
    ] {
        let answer = put(&w.router, 1, &key(i), body).await;
        note(&mut seen, "put", UPDATE, &answer, status);
        if let Some(says) = says {
            assert_eq!(answer.header("content-type"), MEDIA_TYPE);
            assert_eq!(decode::<Receipt>(&answer.body).unwrap(), Receipt { round: RoundId(1), status: says });
        }
    }

    // The question, likewise.
    for (route, media_type) in RECALL {
        let cbor = ("content-type", MEDIA_TYPE);
        let good = question(3, 4);
        for (headers, body, status) in [
            (vec![("content-type", JSON)], good.clone(), 415),
            (vec![cbor, ("accept", "text/html")], good.clone(), 406),
            (vec![cbor], vec![0; 4096], 413),
            (vec![cbor], b"no CBOR".to_vec(), 400),
            (vec![cbor], update(1, 0, vec![0.1; P], 1.0), 400),
            (vec![cbor], question(3, 5), 422),
            (vec![cbor, ("accept", media_type)], good, 200),
        ] {
            let answer = post(&w.router, route, &headers, body).await;
            note(&mut seen, "post", route, &answer, status);
            assert_eq!(answer.header("cache-control"), "no-store");
            if status == 200 {
                assert_eq!(answer.header("content-type"), media_type);
            }
        }
    }

    // Resting, busy, slow, and too often: each in a world where that happens.
    let resting = world(CoordinatorConfig { rest_ms: 5000, ..rules(1) }, HttpConfig::default()).await;
    get(&resting.router, "/v1/rounds/next", &[]).await;
    assert_eq!(put(&resting.router, 1, &key(1), good.clone()).await.status, 201);
    note(&mut seen, "get", "/v1/rounds/next", &get(&resting.router, "/v1/rounds/next", &[]).await, 204);
    resting.clock.fetch_add(5000, Ordering::Relaxed);
    assert_eq!(get(&resting.router, "/v1/rounds/next", &[]).await.status, 200);

    let held = w.pool.acquire().await.unwrap(); // the only connection
    note(&mut seen, "get", "/health", &get(&w.router, "/health", &[]).await, 503);
    note(&mut seen, "get", "/metrics", &get(&w.router, "/metrics", &[]).await, 503);
    for (route, uri, _) in &GETS[5..] {
        note(&mut seen, "get", route, &get(&w.router, uri, &[]).await, 503);
    }
    note(&mut seen, "put", UPDATE, &put(&w.router, 1, &key(4), good.clone()).await, 503);
    drop(held);

    let limits = LimitConfig { timeout: Duration::from_millis(50), ..LimitConfig::default() };
    let slow = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
    let never = Body::from_stream(NeverEnding);
    let request =
        build(Method::PUT, &format!("/v1/rounds/1/updates/{}", key(1)), &[("content-type", MEDIA_TYPE)], never);
    note(&mut seen, "put", UPDATE, &call(&slow.router, request).await, 408);
    for (route, _) in RECALL {
        let never = Body::from_stream(NeverEnding);
        let answer = post(&slow.router, route, &[("content-type", MEDIA_TYPE)], never).await;
        note(&mut seen, "post", route, &answer, 408);
    }

    for (route, uri, _) in GETS {
        let limits = LimitConfig { address_per_second: 1, address_burst: 1, ..LimitConfig::default() };
        let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
        get(&w.router, uri, &[]).await;
        note(&mut seen, "get", route, &get(&w.router, uri, &[]).await, 429);
        assert_eq!(get(&w.router, "/health", &[]).await.status, 200, "whoever watches the server is not held back");
    }
    for (route, _) in RECALL {
        let limits = LimitConfig { question_per_second: 1, question_burst: 1, ..LimitConfig::default() };
        let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
        post(&w.router, route, &[("content-type", MEDIA_TYPE)], question(3, 4)).await;
        let answer = post(&w.router, route, &[("content-type", MEDIA_TYPE)], question(3, 4)).await;
        note(&mut seen, "post", route, &answer, 429);
        assert_eq!(get(&w.router, "/v1/catalogue", &[]).await.status, 200, "what else is asked is not held back");
    }
    let limits = LimitConfig { round_per_second: 1, round_burst: 1, ..LimitConfig::default() };
    let w = world(rules(1), HttpConfig { limits, ..HttpConfig::default() }).await;
    put(&w.router, 1, &key(1), good.clone()).await;
    note(&mut seen, "put", UPDATE, &put(&w.router, 1, &key(2), good).await, 429);

    admin::every_status_of_admission(&mut seen).await;
    admin::every_status_of_the_operators_api(&mut seen).await;
    secure::every_status_of_secure_rounds(&mut seen).await;
    vertical::every_status_of_blocks(&mut seen).await;
    ranker::every_status_of_the_ranker(&mut seen).await;
    assert_eq!(promised(), seen, "left: /openapi.json; right: what was seen");
}

/// The key that the server signs with.
async fn key_of(router: &axum::Router) -> [u8; 32] {
    let key = get(router, "/v1/log/key", &[]).await.json()["key"].as_str().unwrap().to_owned();
    core::array::from_fn(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap())
}

/// A body that sends nothing and does not end.
struct NeverEnding;
impl futures_core::Stream for NeverEnding {
    type Item = Result<Vec<u8>, std::io::Error>;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

fn promised() -> Seen {
    let description = serde_json::to_value(openapi()).unwrap();
    let mut promised = Seen::new();
    for (route, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let status: u16 = status.parse().unwrap();
                promised.insert((method.clone(), route.clone(), status));
                let types: Vec<_> =
                    response["content"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                match status {
                    204 | 304 => assert!(types.is_empty(), "{route} {status}"),
                    // A message of a secure round is taken without a word.
                    200 | 201 if method == "put" && (route.contains("{identity}") || route.contains("{seat}")) => {
                        assert!(types.is_empty(), "{route} {status}");
                    }
                    400.. if status != 409 => assert_eq!(types, [PROBLEM], "{route} {status}"),
                    _ => assert_eq!(types.len(), 1, "{route} {status}: a body has a type"),
                }
            }
        }
    }
    promised
}

#[tokio::test]
async fn what_comes_down_decodes_and_belongs_together() {
    let w = world(rules(2), HttpConfig::default()).await;
    let manifest = get(&w.router, "/v1/catalogue", &[]).await.json();
    assert_eq!(
        (&manifest["name"], &manifest["songs"], &manifest["dimension"]),
        (&"test".into(), &SONGS.into(), &4.into())
    );
    let entry = &manifest["shards"][0];
    let shard = get(&w.router, entry["embeddings"].as_str().unwrap(), &[]).await;
    assert_eq!(shard.header("etag"), entry["etag"].as_str().unwrap());
    assert_eq!(shard.body.len(), entry["bytes"].as_u64().unwrap() as usize);
    let shard: CatalogueShard = decode(&shard.body).unwrap();
    let songs = get(&w.router, entry["metadata"].as_str().unwrap(), &[]).await.json();
    assert_eq!(songs.as_array().unwrap().len(), shard.songs.len());
    assert_eq!(songs[3]["title"], "Song 3");
    assert_eq!(songs[3]["artist"], "Artist");

    let weights: TowerWeights = decode(&get(&w.router, "/v1/tower/weights", &[]).await.body).unwrap();
    let offer: RoundOffer = decode(&get(&w.router, "/v1/rounds/next", &[]).await.body).unwrap();
    assert_eq!((weights.version, weights.values.len()), (offer.weights, P));
    let candidates = get(&w.router, "/v1/candidates?k=2&seed=4", &[]).await.json();
    assert_eq!(candidates["candidates"][1]["song"], 6);
    assert_eq!(candidates["candidates"][0]["channels"][0], "next");
}

#[tokio::test]
async fn a_closed_round_gives_new_weights_under_a_new_name() {
    let w = world(rules(1), HttpConfig::default()).await;
    let before = get(&w.router, "/v1/tower/weights", &[]).await;
    get(&w.router, "/v1/rounds/next", &[]).await;
    put(&w.router, 1, &key(1), update(1, 0, vec![0.1; P], 1.0)).await;
    let after = get(&w.router, "/v1/tower/weights", &[("if-none-match", before.header("etag"))]).await;
    assert_eq!(after.status, 200);
    assert!(after.header("etag").starts_with("\"v1-"), "{}", after.header("etag"));
    assert_eq!(decode::<TowerWeights>(&after.body).unwrap().version, WeightsVersion(1));
    let rounds = get(&w.router, "/v1/rounds", &[]).await.json();
    let one = get(&w.router, "/v1/rounds/1", &[]).await.json();
    assert_eq!(rounds["rounds"][1], one);
    assert_eq!((&one["state"], &one["weights_from"], &one["weights_to"]), (&"closed".into(), &0.into(), &1.into()));
    assert_eq!(rounds["rounds"][0]["state"], "open");
    let metrics = String::from_utf8(get(&w.router, "/metrics", &[]).await.body).unwrap();
    for name in [
        "sottovoce_updates_total",
        "sottovoce_rounds_total{state=\"closed\"}",
        "sottovoce_weights_version",
        "sottovoce_http_requests_total",
    ] {
        assert!(metrics.contains(name), "{name} is missing in {metrics}");
    }
    assert!(!metrics.contains(&key(1)), "a key is nobody's label");
}

#[tokio::test]
async fn every_answer_is_guarded_and_pages_come_from_the_folder() {
    let www = tempfile::tempdir().unwrap();
    std::fs::write(www.path().join("index.html"), "<!doctype html><title>player</title>").unwrap();
    std::fs::write(www.path().join("app-4J7QZ2KX.js"), "export {}").unwrap();
    std::fs::write(www.path().join("engine.wasm"), b"\0asm").unwrap();
    let config = HttpConfig { www: Some(www.path().into()), ..HttpConfig::default() };
    let w = world(rules(1), config).await;
    for (uri, status, content_type, cache) in [
        ("/", 200, "text/html", "no-cache"),
        ("/app-4J7QZ2KX.js", 200, "text/javascript", "public, max-age=31536000, immutable"),
        ("/engine.wasm", 200, "application/wasm", "no-cache"),
        ("/../Cargo.toml", 404, PROBLEM, "no-store"),
        ("/v1/nothing", 404, PROBLEM, "no-store"),
        ("/openapi.json", 200, JSON, ""),
    ] {
        let answer = get(&w.router, uri, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, content_type), "{uri}");
        assert_eq!(answer.header("cache-control"), cache, "{uri}");
        assert!(answer.header("content-security-policy").contains("script-src 'self' 'wasm-unsafe-eval';"), "{uri}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert!(answer.header("set-cookie").is_empty() && answer.header("access-control-allow-origin").is_empty());
    }
    let refused = call(&w.router, build(Method::DELETE, "/v1/catalogue", &[], Body::empty())).await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (405, PROBLEM));
    assert!(refused.header("allow").contains("GET"));
    let w = world(rules(1), HttpConfig::default()).await;
    assert_eq!(get(&w.router, "/", &[]).await.status, 404, "without a folder there is no page");
}

#[tokio::test]
async fn other_sites_may_call_where_they_are_allowed() {
    let config = HttpConfig { allow_origins: vec!["https://player.example".into()], ..HttpConfig::default() };
    let w = world(rules(1), config).await;
    let ask = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "content-type"),
        ];
        call(&w.router, build(Method::OPTIONS, "/v1/rounds/1/updates/00", &headers, Body::empty()))
    };
    let allowed = ask("https://player.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://player.example");
    assert!(allowed.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(ask("https://other.example").await.header("access-control-allow-origin"), "");
    let answer = get(&w.router, "/v1/tower/weights", &[("origin", "https://player.example")]).await;
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    assert!(answer.header("access-control-expose-headers").contains("etag"));
    assert!(answer.header("access-control-allow-credentials").is_empty());
}

#[tokio::test]
async fn json_travels_compressed_and_int8_does_not() {
    let w = world(rules(1), HttpConfig::default()).await;
    let gzip = [("accept-encoding", "gzip")];
    assert_eq!(get(&w.router, "/v1/catalogue/shards/0/songs", &gzip).await.header("content-encoding"), "gzip");
    assert_eq!(get(&w.router, "/v1/catalogue/shards/0/embeddings", &gzip).await.header("content-encoding"), "");
}

#[tokio::test]
async fn a_player_that_is_not_there_is_named() {
    let pool = world(rules(1), HttpConfig::default()).await.pool;
    let shape = TowerShape { attention: 2, hidden: 2, ..TowerShape::usual(4) };
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: vec![0.25; P] };
    let rounds = Coordinator::open(pool, rules(1), initial).await.unwrap();
    let catalogue = Catalogue::build("test", &[], &[], &[]);
    let app = App::new(catalogue, Neighbours, rounds, LimitConfig::default(), || Millis(0)).unwrap();
    let config = HttpConfig { www: Some("/nowhere".into()), ..HttpConfig::default() };
    assert!(matches!(router(app, &config), Err(HttpError::Www { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Bytes of any kind, whole messages with a few bytes turned, and addresses of any kind: a refusal, never a failure.
    #[test]
    fn hostile_requests_never_fail_the_server(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        turns in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        round in "[0-9]{0,25}|[a-z%/.]{0,8}",
        key in "[0-9a-f]{32}|[ -~]{0,40}",
        query in "[ -~]{0,40}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let w = world(rules(3), HttpConfig::default()).await;
            get(&w.router, "/v1/rounds/next", &[]).await;
            let mut turned = update(1, 0, vec![0.1; P], 1.0);
            for (at, byte) in &turns {
                let at = at.index(turned.len());
                turned[at] = *byte;
            }
            for body in [noise.clone(), turned, encode(&Receipt { round: RoundId(1), status: ReceiptStatus::Accepted })] {
                let answer = put(&w.router, 1, "0123456789abcdef0123456789abcdef", body.clone()).await;
                assert!(!answer.status.is_server_error(), "{}", answer.status);
                let uri = format!("/v1/rounds/{round}/updates/{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "%7E"));
                if let Ok(request) = Request::builder().method("PUT").uri(uri).header("content-type", MEDIA_TYPE).body(Body::from(body)) {
                    assert!(!call(&w.router, request).await.status.is_server_error());
                }
            }
            let mut turned = question(3, 4);
            for (at, byte) in &turns {
                let at = at.index(turned.len());
                turned[at] = *byte;
            }
            for body in [noise.clone(), turned] {
                for (route, _) in RECALL {
                    let answer = post(&w.router, route, &[("content-type", MEDIA_TYPE)], body.clone()).await;
                    assert!(!answer.status.is_server_error(), "{}", answer.status);
                }
            }
            for path in ["/v1/candidates", "/v1/rounds", "/"] {
                if let Ok(request) = Request::builder().uri(format!("{path}?{query}")).body(Body::empty()) {
                    assert!(!call(&w.router, request).await.status.is_server_error());
                }
            }
        });
    }
}
