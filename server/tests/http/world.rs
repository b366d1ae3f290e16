//! A small server, and the calls that are made to it.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::Value;
use sottovoce::ids::{ArtistId, Millis, RoundId, SongId, WeightsVersion};
use sottovoce::privacy::{Epsilon, Gradient, Interest, Noise, NoiseKey};
use sottovoce::protocol::{MEDIA_TYPE, RecallQuery, TowerShape, TowerWeights, WeightUpdate, send};
use sottovoce_server::catalog::{SHARD_SONGS, Song, shards};
use sottovoce_server::federated::{Coordinator, CoordinatorConfig};
use sottovoce_server::http::{AdminTokens, App, CandidateSource, Catalogue, HttpConfig, SignedTokens, router};
use sottovoce_server::recall::Merged;
use sottovoce_server::stage::Query;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tower::ServiceExt as _;

pub(crate) const P: usize = 8;
pub(crate) const SONGS: u32 = 10;
pub(crate) const JSON: &str = "application/json";
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Proposes the songs after the seed, or from 0.
pub(crate) struct Neighbours;
impl CandidateSource for Neighbours {
    fn candidates(&self, query: &Query) -> Vec<Merged> {
        let first = query.seeds.first().map_or(0, |(song, _)| song.0 + 1);
        (first..SONGS)
            .take(query.k)
            .map(|song| Merged { song: SongId(song), score: 1.0 / (song + 1) as f32, channels: vec!["next"] })
            .collect()
    }
}

/// A server over ten songs, its state file in memory, and its clock.
pub(crate) struct World {
    pub(crate) router: Router,
    /// The same with an operator.
    pub(crate) operated: Router,
    /// The same, open to devices with a token alone.
    pub(crate) admitting: Router,
    /// What the routers are made of.
    pub(crate) app: App,
    pub(crate) pool: SqlitePool,
    pub(crate) clock: Arc<AtomicU64>,
}

pub(crate) async fn world(config: CoordinatorConfig, http: HttpConfig) -> World {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(300))
        .connect_with(SqliteConnectOptions::new().in_memory(true))
        .await
        .unwrap();
    sqlx::migrate!("./migrations").run(&pool).await.unwrap();
    let shape = TowerShape { attention: 2, hidden: 2, ..TowerShape::usual(4) };
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: vec![0.25; P] };
    let rounds = Coordinator::open(pool.clone(), config, initial).await.unwrap();
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let rows: Vec<f32> = (0..SONGS * 4).map(|i| (i % 7) as f32 - 3.0).collect();
    let shards = shards(&songs, &rows, 4, &[7; SONGS as usize], SHARD_SONGS).unwrap();
    let catalogue = Catalogue::build("test", &songs, &["Artist".into()], &shards);
    let clock = Arc::new(AtomicU64::new(1000));
    let now = Arc::clone(&clock);
    let app =
        App::new(catalogue, Neighbours, rounds, http.limits, move || Millis(now.load(Ordering::Relaxed))).unwrap();
    let operated = app.clone().guarded(Some(AdminTokens::from_text(OPERATOR).unwrap()), sottovoce_server::http::Open);
    let devices = SignedTokens::from_text(&format!("7 {}", hex(device_key().verifying_key().as_bytes()))).unwrap();
    World {
        operated: router(operated, &http).unwrap(),
        admitting: router(app.clone().guarded(None, devices), &http).unwrap(),
        router: router(app.clone(), &http).unwrap(),
        app,
        pool,
        clock,
    }
}

/// The operator's token.
pub(crate) const OPERATOR: &str = "0123456789abcdef0123456789abcdef-operator";
/// With it, as a header.
pub(crate) const AS_OPERATOR: (&str, &str) = ("authorization", "Bearer 0123456789abcdef0123456789abcdef-operator");

/// The key of the app's backend.
pub(crate) fn device_key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A device's token as the app's backend makes it, with its scheme.
pub(crate) fn device_token(device: u8, until: u64) -> String {
    let signed = [&7u32.to_le_bytes()[..], &until.to_le_bytes(), &[device; 16]].concat();
    let signature = device_key().sign(&[b"sottovoce admission v1\0", signed.as_slice()].concat());
    format!("Bearer {}", hex(&[signed, signature.to_bytes().to_vec()].concat()))
}

pub(crate) fn song(id: u32) -> Song {
    Song {
        id: SongId(id),
        key: format!("k{id}"),
        title: format!("Song {id}"),
        artist: ArtistId(0),
        album: None,
        genre: Some("folk".into()),
        language: None,
        attributes: vec![],
        duration_ms: Some(1000),
        url: None,
    }
}

pub(crate) fn rules(cohort: u32) -> CoordinatorConfig {
    CoordinatorConfig { cohort, minimum: 1, deadline_ms: 60_000, ..CoordinatorConfig::default() }
}

pub(crate) fn update(round: u64, from: u64, values: Vec<f32>, clip: f32) -> Vec<u8> {
    send(&WeightUpdate::new(RoundId(round), WeightsVersion(from), Gradient::new(values).clip(clip)))
}

/// A question of that dimension.
pub(crate) fn question(songs: u32, dimension: usize) -> Vec<u8> {
    let mut noise = Noise::new(NoiseKey::new([5; 32]));
    let direction = Interest::new(vec![1.0; dimension]).clip(1.0).noised(Epsilon::new(50.0).unwrap(), &mut noise);
    send(&RecallQuery::new(songs, &[direction]).unwrap())
}

pub(crate) fn key(i: u8) -> String {
    format!("{i:032x}")
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) async fn call(router: &Router, request: Request<Body>) -> Answer {
    let response: Response<Body> = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(router: &Router, uri: &str, headers: &[(&str, &str)]) -> Answer {
    call(router, build(Method::GET, uri, headers, Body::empty())).await
}

pub(crate) async fn put(router: &Router, round: u64, key: &str, body: Vec<u8>) -> Answer {
    let uri = format!("/v1/rounds/{round}/updates/{key}");
    call(router, build(Method::PUT, &uri, &[("content-type", MEDIA_TYPE)], Body::from(body))).await
}

pub(crate) fn build(method: Method, uri: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(body).unwrap()
}

pub(crate) async fn post(router: &Router, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    call(router, build(Method::POST, uri, headers, body.into())).await
}
