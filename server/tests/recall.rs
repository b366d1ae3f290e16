//! A device that holds no catalogue, against the server over loopback: songs come, they are chosen from on the device, the ledger holds the
//! bytes that went out, and the server keeps and logs nothing of them.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]

use serde_json::Value;
use sottovoce::client::{AskConfig, EngineConfig, Error, Recommender};
use sottovoce::ids::{ArtistId, Millis, SongId, WeightsVersion};
use sottovoce::math::{Rng, normalize};
use sottovoce::privacy::{Direction, NoiseKey};
use sottovoce::protocol::{CatalogueShard, MEDIA_TYPE, RecallQuery, TowerShape, TowerWeights, decode};
use sottovoce::session::{Feedback, Impression, ListenEvent};
use sottovoce::tower::initial_weights;
use sottovoce_server::catalog::{Song, shards};
use sottovoce_server::federated::{Coordinator, CoordinatorConfig};
use sottovoce_server::http::{App, CandidateSource, Catalogue, HttpConfig, router};
use sottovoce_server::recall::Merged;
use sottovoce_server::stage::Query;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

const SONGS: u32 = 300;
const D: usize = 8;

struct Nobody;
impl CandidateSource for Nobody {
    fn candidates(&self, _: &Query) -> Vec<Merged> {
        vec![]
    }
}

/// Everything that any part of the process logs, at the loudest.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn song(id: u32) -> Song {
    Song {
        id: SongId(id),
        key: format!("k{id}"),
        title: format!("Song {id}"),
        artist: ArtistId(id % 50),
        album: None,
        genre: Some(format!("genre {}", id % 5)),
        language: None,
        attributes: vec![],
        duration_ms: None,
        url: None,
    }
}

async fn start() -> (SocketAddr, SqlitePool) {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    sqlx::migrate!("./migrations").run(&pool).await.unwrap();
    let shape = TowerShape { attention: 4, hidden: 6, ..TowerShape::usual(D as u32) };
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let rounds = Coordinator::open(pool.clone(), CoordinatorConfig::default(), initial).await.unwrap();
    let mut rng = Rng::new(4);
    let row = |id: u32| {
        let mut row: Vec<f32> = (0..D).map(|_| 0.2 * rng.normal()).collect();
        row[id as usize % 5] += 1.0;
        normalize(&mut row);
        row
    };
    let rows: Vec<f32> = (0..SONGS).flat_map(row).collect();
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let shards = shards(&songs, &rows, D, &[9; SONGS as usize], 70).unwrap();
    let artists: Vec<String> = (0..50).map(|i| format!("Artist {i}")).collect();
    let catalogue = Catalogue::build("test", &songs, &artists, &shards);
    let app = App::new(catalogue, Nobody, rounds, HttpConfig::default().limits, || Millis(1)).unwrap();
    let router = router(app, &HttpConfig::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (address, pool)
}

fn request(to: SocketAddr, method: &str, path: &str, accept: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(to).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nAccept: {accept}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let cut = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[9..12]).parse().unwrap(), answer[cut + 4..].to_vec())
}

/// Rows in every table of the state.
async fn kept(pool: &SqlitePool) -> Vec<(String, i64)> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .fetch_all(pool)
        .await
        .unwrap();
    let mut counts = vec![];
    for name in names {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM \"{name}\""));
        counts.push((name, sqlx::query_scalar(count).fetch_one(pool).await.unwrap()));
    }
    counts
}

/// What the device does, and the bodies that it sent.
fn listen(to: SocketAddr, log: &Log) -> (Recommender, Vec<Vec<u8>>) {
    let mut engine = Recommender::new(EngineConfig::default(), 7);
    let (status, weights) = request(to, "GET", "/v1/tower/weights", MEDIA_TYPE, &[]);
    assert_eq!(status, 200);
    engine.receive(&weights).unwrap();
    let config = AskConfig { songs: 120, ..AskConfig::default() };
    let now = Millis(1_000_000);
    assert_eq!(engine.ask_recall(&config, NoiseKey::new([1; 32]), now), Err(Error::RecallConsentOff));
    assert!(!log.text().contains("/v1/recall"), "without consent nothing is asked");

    engine.set_recall_consent(true);
    let question = engine.ask_recall(&config, NoiseKey::new([1; 32]), now).unwrap().unwrap().to_vec();
    let (status, answer) = request(to, "POST", "/v1/recall", MEDIA_TYPE, &question);
    engine.record_asked(now);
    assert_eq!(status, 200);
    let shard: CatalogueShard = decode(&answer).unwrap();
    let (status, titles) = request(to, "POST", "/v1/recall/songs", "application/json", &question);
    engine.record_asked(now);
    assert_eq!(status, 200);
    let titles: Vec<Value> = serde_json::from_slice(&titles).unwrap();
    let ids: Vec<u64> = shard.songs.iter().map(|song| song.0.into()).collect();
    assert_eq!(titles.iter().map(|song| song["id"].as_u64().unwrap()).collect::<Vec<_>>(), ids);
    assert_eq!(titles[0]["title"], format!("Song {}", ids[0]));
    assert_eq!(request(to, "POST", "/v1/recall", MEDIA_TYPE, &question).1, answer, "the same bytes, the same answer");

    assert_eq!(engine.take_answer(&answer), Ok(120));
    let first: Vec<SongId> = engine.recommend(None, 20, now).songs().collect();
    assert_eq!(first.len(), 20);
    assert!(first.iter().all(|song| shard.songs.contains(song)));
    for (song, at) in first.iter().zip(1_000_001..) {
        let impression = Impression { song: *song, slot: 0, at: Millis(at) };
        engine.observe(ListenEvent { impression, feedback: Feedback::Complete, at: Millis(at) }).unwrap();
    }
    let second: Vec<SongId> = engine.recommend(None, 20, Millis(1_000_100)).songs().collect();
    assert!(second.len() == 20 && second.iter().all(|song| !first.contains(song)));
    (engine, vec![question.clone(), question])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_without_a_catalogue_asks_and_nothing_of_it_stays() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let (address, pool) = start().await;
    let before = kept(&pool).await;
    let device_log = log.clone();
    let (engine, sent) = tokio::task::spawn_blocking(move || listen(address, &device_log)).await.unwrap();

    let entries = engine.ledger().entries();
    let up: Vec<usize> = entries.iter().filter(|e| e.direction == Direction::Up).map(|e| e.bytes as usize).collect();
    assert_eq!(up, sent.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(engine.ledger().sent_bytes(), sent.iter().map(|body| body.len() as u64).sum::<u64>());

    assert_eq!(kept(&pool).await, before, "the state file holds nothing of it");
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("/v1/recall")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    for line in lines {
        let said = line.split_once("request ").unwrap().1;
        let names: Vec<&str> =
            said.split(' ').filter_map(|field| field.split_once('=')).map(|(name, _)| name).collect();
        assert_eq!(names, ["method", "route", "status", "ms"], "{line}");
    }
    let query: RecallQuery = decode(&sent[0]).unwrap();
    for direction in query.directions() {
        let signed = format!("{direction:?}");
        let bytes: Vec<u8> = direction.iter().map(|code| code.cast_unsigned()).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&signed) && !text.contains(&format!("{bytes:?}")) && !text.contains(&hex), "{text}");
    }
}
