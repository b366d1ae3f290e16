//! How fast a coordinator counts updates, in memory (the simulator's path), on disk and in PostgreSQL (the server's; where
//! `SOTTOVOCE_POSTGRES` names an empty database). One JSON object a line:
//! `cargo bench -p sottovoce-server --bench rounds`.

use sottovoce::ids::{Millis, RoundId, WeightsVersion};
use sottovoce::privacy::Gradient;
use sottovoce::protocol::{TowerShape, TowerWeights, WeightUpdate};
use sottovoce_server::federated::{Coordinator, CoordinatorConfig, UpdateKey};
use sottovoce_server::store::Store;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::time::Instant;

const PARAMETERS: usize = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(SqliteConnectOptions::new().in_memory(true))
        .await?;
    measure("memory", migrated(memory).await?, 2000, 3).await?;

    let dir = tempfile::tempdir()?;
    let file = SqliteConnectOptions::new()
        .filename(dir.path().join("state.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let file = SqlitePoolOptions::new().max_connections(4).connect_with(file).await?;
    measure("disk", migrated(file).await?, 200, 3).await?;
    match std::env::var("SOTTOVOCE_POSTGRES") {
        Ok(url) => measure("postgresql", Store::postgres(&url).await?, 200, 3).await,
        Err(_) => Ok(()),
    }
}

async fn migrated(pool: SqlitePool) -> Result<Store, Box<dyn std::error::Error>> {
    sqlx::migrate!("./migrations").run(&pool).await?;
    Ok(pool.into())
}

async fn measure(place: &str, store: Store, cohort: u32, rounds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let config = CoordinatorConfig { cohort, minimum: 1, ..CoordinatorConfig::default() };
    let shape = TowerShape::usual(64);
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: vec![0.0; PARAMETERS] };
    let coordinator = Coordinator::open(store, config, initial).await?;
    let (mut accepts, mut closes) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        coordinator.tick(Millis(0)).await?;
        let values = (0..PARAMETERS).map(|i| if i % 2 == 0 { 1e-3 } else { -1e-3 }).collect();
        let update = WeightUpdate::new(RoundId(round), WeightsVersion(round - 1), Gradient::new(values).clip(1.0));
        let start = Instant::now();
        for i in 1..cohort {
            coordinator.accept(Millis(0), RoundId(round), key(i), &update).await?;
        }
        accepts.push(f64::from(cohort - 1) / start.elapsed().as_secs_f64());
        let start = Instant::now();
        coordinator.accept(Millis(0), RoundId(round), key(0), &update).await?;
        closes.push(start.elapsed().as_secs_f64() * 1e3);
    }
    report(&format!("accept, {PARAMETERS} values, {place}"), "updates/s", accepts);
    report(&format!("close, cohort {cohort}, {place}"), "ms", closes);
    Ok(())
}

fn key(i: u32) -> UpdateKey {
    // Spread like the random keys that devices draw: ascending keys would flatter the index.
    UpdateKey((u128::from(i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

fn report(op: &str, unit: &str, mut samples: Vec<f64>) {
    samples.sort_by(f64::total_cmp);
    let (low, own, high) = (samples[0], samples[samples.len() / 2], samples[samples.len() - 1]);
    println!(r#"{{"bench":"rounds","op":"{op}","unit":"{unit}","own":{own:.1},"spread":{:.1}}}"#, high - low);
}
