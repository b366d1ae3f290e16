//! Vertical rounds over HTTP: blocks and what is wrong with asking for them, and a whole round by devices' own engines, after which songs lie
//! where the sum has moved them.

use super::world::*;
use super::{Seen, note};
use axum::Router;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sottovoce::client::Resident;
use sottovoce::client::secure::Phase;
use sottovoce::ids::{Millis, RoundId, SongId, WeightsVersion};
use sottovoce::privacy::accountant::Budget;
use sottovoce::protocol::{CandidateBlock, CatalogueShard, MEDIA_TYPE, TowerShape, TowerWeights, decode};
use sottovoce::secagg::{Member, PublicKey};
use sottovoce::session::Feedback;
use sottovoce::tower::initial_weights;
use sottovoce_server::catalog::{SHARD_SONGS, Song, shards};
use sottovoce_server::data::{ListenerId, LoggedEvent};
use sottovoce_server::federated::{BlockRules, Coordinator, CoordinatorConfig, Items, Scenario, exact_split};
use sottovoce_server::http::{App, Catalogue, HttpConfig, LimitConfig, router};
use sottovoce_server::recall::{ItemTower, ItemTowerConfig};
use sottovoce_server::simulate::{Reply, RoundDevice, SimulatedListener, Wire};
use sottovoce_server::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: &str = "/v1/rounds/{round}/blocks/{index}";
const EMBEDDINGS: &str = "/v1/catalogue/shards/0/embeddings";
const D: usize = 4;

struct Vertical {
    router: Router,
    rounds: Coordinator,
    state: State,
    clock: Arc<AtomicU64>,
    shards: Vec<CatalogueShard>,
}

fn rows() -> Vec<f32> {
    (0..SONGS as usize * D).map(|i| ((i * 5 + i / D) % 7) as f32 - 2.5).collect()
}

fn catalogue(rows: &[f32]) -> (Catalogue, Vec<CatalogueShard>) {
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let shards = shards(&songs, rows, D, &[7; SONGS as usize], SHARD_SONGS).unwrap();
    (Catalogue::build("test", &songs, &["Artist".into()], &shards), shards)
}

/// A cohort of three, blocks of eight among ten songs.
async fn vertical(http: HttpConfig) -> Vertical {
    let state = State::in_memory().await.unwrap();
    let shape = TowerShape { attention: 4, hidden: 4, ..TowerShape::usual(D as u32) };
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, 1) };
    let songs: Vec<Song> = (0..SONGS).map(song).collect();
    let config = ItemTowerConfig { dimension: D, field: 2, hidden: 4, learning_rate: 0.05, ..Default::default() };
    let scenario = Scenario {
        tower: ItemTower::new(&songs, &[], config, 1).unwrap().starting_at(&rows()).unwrap(),
        songs: songs.iter().map(|song| song.id).collect(),
        popularity: (0..SONGS).map(|i| i as f32 / SONGS as f32).collect(),
        task: 0,
    };
    let items = Items::new(BlockRules { size: 8, ahead: 1, lessons: 16 }, vec![scenario], D, 1).unwrap();
    let rules = CoordinatorConfig { plan: exact_split(), cohort: 3, ..super::secure::secure_rules() };
    let rounds = Coordinator::open_vertical(&state, rules, initial, items, None).await.unwrap();
    let (first, shards) = catalogue(&rows());
    let clock = Arc::new(AtomicU64::new(1000));
    let now = Arc::clone(&clock);
    let app = App::new(first, Neighbours, rounds.clone(), http.limits, move || Millis(now.load(Ordering::Relaxed)));
    let app = app.unwrap().following(|rows| Ok(catalogue(rows).0));
    Vertical { router: router(app, &http).unwrap(), rounds, state, clock, shards }
}

/// The server, called like a function.
struct Called(Router);

impl Wire for Called {
    async fn request(&self, path: &str, body: Option<Vec<u8>>) -> Reply {
        let method = if body.is_some() { axum::http::Method::PUT } else { axum::http::Method::GET };
        let request =
            build(method, &format!("/{path}"), &[("content-type", MEDIA_TYPE)], body.unwrap_or_default().into());
        let answer = call(&self.0, request).await;
        (answer.status.as_u16(), answer.body)
    }
}

/// A device that finished these songs, one after the other, and the song numbers above are all it tells apart.
fn device(v: &Vertical, i: u8, server: PublicKey) -> RoundDevice {
    let mut items = Resident::default();
    v.shards.iter().for_each(|shard| _ = items.add(shard));
    let log: Vec<LoggedEvent> = (0..12u32)
        .map(|n| LoggedEvent {
            listener: ListenerId(i.into()),
            song: SongId((n * (u32::from(i) + 2) + n / 3) % SONGS),
            at: Millis(u64::from(n) * 240_000),
            feedback: Feedback::Complete,
            plays: 1,
            played: None,
            session: 0,
        })
        .collect();
    let listener = SimulatedListener::new(Arc::new(items), &log, i.into());
    let mut device = RoundDevice::new(listener, ChaCha20Rng::from_seed([i; 32]));
    device.engine().set_budget(Budget::new(f64::INFINITY, 1e-6).unwrap());
    device.engine().trust_server(server).unwrap();
    device
}

#[tokio::test]
async fn a_round_of_devices_moves_the_songs_and_everybody_is_given_them() {
    // Time is simulated, and the limits' is not.
    let limits = LimitConfig { address_burst: 1 << 20, round_burst: 1 << 20, ..LimitConfig::default() };
    let v = vertical(HttpConfig { limits, ..HttpConfig::default() }).await;
    let server = PublicKey(super::key_of(&v.router).await);
    let mut devices: Vec<RoundDevice> = (0..3).map(|i| device(&v, i, server)).collect();
    let wire = Called(v.router.clone());
    let before = get(&v.router, EMBEDDINGS, &[]).await;
    let mut rounds = 0;
    while v.rounds.weights_version().await.unwrap() < WeightsVersion(2) {
        rounds += 1;
        assert!(rounds < 400, "{:?}", devices.iter().map(RoundDevice::state).collect::<Vec<_>>());
        for device in &mut devices {
            let now = || Millis(v.clock.load(Ordering::Relaxed));
            device.errands(&wire, now).await.unwrap();
            v.rounds.tick(now()).await.unwrap();
        }
        v.clock.fetch_add(500, Ordering::Relaxed);
    }
    assert!(devices.iter().all(|device| device.state().included >= 1));

    // The songs are those of the newest weights, for whoever fetches them, and as the store has them.
    let weights: TowerWeights = decode(&get(&v.router, "/v1/tower/weights", &[]).await.body).unwrap();
    let after = get(&v.router, EMBEDDINGS, &[]).await;
    let (version, rows) = v.rounds.embeddings().await.unwrap().unwrap();
    assert_eq!(version, weights.version);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(decode::<CatalogueShard>(&after.body).unwrap(), catalogue(&rows).1[0]);
    // They have moved by more than rounding to a byte does.
    let moved = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let unit = |row: &[f32]| {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect::<Vec<f32>>()
    };
    let first = super::vertical::rows();
    let far = rows.chunks_exact(D).zip(first.chunks_exact(D)).map(|(a, b)| moved(a, &unit(b)));
    assert!(far.fold(0.0, f32::max) > 0.02);

    // In the next round devices train where the songs are now.
    for device in &mut devices {
        device.errands(&wire, || Millis(v.clock.load(Ordering::Relaxed))).await.unwrap();
        assert_ne!(device.state().phase, Phase::Idle, "{:?}", device.state());
    }
    let held = decode::<CatalogueShard>(&get(&v.router, EMBEDDINGS, &[]).await.body).unwrap();
    for device in &mut devices {
        let mut resident = Resident::default();
        resident.add(&held);
        let (mut theirs, mut published) = (vec![0.0; D], vec![0.0; D]);
        for slot in 0..SONGS {
            device.engine().items().blocks().row(slot, &mut theirs);
            resident.blocks().row(slot, &mut published);
            assert_eq!(theirs, published, "song {slot}");
        }
    }
}

pub(crate) async fn every_status_of_blocks(seen: &mut Seen) {
    let v = vertical(HttpConfig::default()).await;
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    for member in (0..3).map(|_| Member::new(&mut rng)) {
        v.rounds.sums().enlist(Millis(1000), &member.enlist(RoundId(99))).await.unwrap();
    }
    get(&v.router, "/v1/rounds/next", &[]).await; // opens round 1
    let uri = "/v1/rounds/1/blocks/0";
    let there = get(&v.router, uri, &[("accept", MEDIA_TYPE)]).await;
    note(seen, "get", BLOCK, &there, 200);
    assert_eq!(decode::<CandidateBlock>(&there.body).unwrap().songs.len(), 8);
    note(seen, "get", BLOCK, &get(&v.router, uri, &[("if-none-match", there.header("etag"))]).await, 304);
    note(seen, "get", BLOCK, &get(&v.router, uri, &[("accept", JSON)]).await, 406);
    for (uri, status) in [
        ("/v1/rounds/first/blocks/0", 400),
        ("/v1/rounds/1/blocks/-1", 400),
        ("/v1/rounds/9/blocks/0", 404),
        ("/v1/rounds/1/blocks/1", 404),
    ] {
        note(seen, "get", BLOCK, &get(&v.router, uri, &[]).await, status);
    }
    let held = v.state.pool().acquire().await.unwrap(); // the only connection
    note(seen, "get", BLOCK, &get(&v.router, uri, &[]).await, 503);
    drop(held);
    v.rounds.let_go(Millis(1001), RoundId(1)).await.unwrap();
    note(seen, "get", BLOCK, &get(&v.router, uri, &[]).await, 409);

    let limits = LimitConfig { address_per_second: 1, address_burst: 1, ..LimitConfig::default() };
    let v = vertical(HttpConfig { limits, ..HttpConfig::default() }).await;
    get(&v.router, uri, &[]).await;
    note(seen, "get", BLOCK, &get(&v.router, uri, &[]).await, 429);
}
