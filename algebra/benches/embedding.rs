//! A table of ten million rows of 16: what it costs to pull 2,048 × 20 of them and to push their gradients back, under each optimiser, and
//! through a parameter server whose four workers share a batch.
//!
//! `cargo bench -p sottovoce-algebra --bench embedding -- --json [--rows N] [--only OP] [--seconds S] [--threads N]`; threads by
//! `RAYON_NUM_THREADS` too. Rows that move are counted, not ids that are asked for.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of a benchmark are small"
)]

#[path = "steps/clock.rs"]
mod clock;

use clock::{cpu, peak};
use sottovoce_algebra::{EmbeddingTable, LocalServer, ParameterServer as _, RowOptimiser, TableConfig, noise};
use std::error::Error;
use std::time::Instant;

/// Whatever went wrong.
type Failure = Box<dyn Error + Send + Sync>;

const K: usize = 16;
const FIELDS: u64 = 20;
const BATCH: u64 = 2048;
const BATCHES: u64 = 32;

fn main() -> Result<(), Failure> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| given.iter().position(|a| a == name).and_then(|i| given.get(i + 1)).cloned();
    let threads = value("--threads").map_or(Ok(0), |t| t.parse())?;
    let rows: u64 = value("--rows").map_or(Ok(10_000_000), |n| n.parse())?;
    let seconds = value("--seconds").map_or(Ok(2.0), |t| t.parse())?;
    let (json, only) = (given.iter().any(|a| a == "--json"), value("--only"));
    let ops = [
        ("embedding_updates", RowOptimiser::adagrad(0.05), 3),
        // Any row as likely as any other: hardly one lies in a cache.
        ("embedding_updates_uniform", RowOptimiser::adagrad(0.05), 1),
        ("ftrl_updates", RowOptimiser::ftrl(0.1, 1.0, 1.0, 1.0), 3),
        ("adam_updates", RowOptimiser::adam(0.001), 3),
    ];
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(|| {
        let chosen = ops.into_iter().filter(|(op, ..)| only.as_ref().is_none_or(|only| only == op));
        for (op, optimiser, power) in chosen {
            say(&measure(op, optimiser, power, rows, seconds)?, json);
        }
        if only.as_ref().is_none_or(|only| only == "server_updates") {
            say(&through_shares(rows, seconds)?, json);
        }
        Ok(())
    })
}

fn say(line: &Line, json: bool) {
    println!("{}", if json { line.json() } else { line.text() });
}

struct Line {
    op: &'static str,
    rows: usize,
    /// Rows moved, a second and a second of CPU.
    rate: f64,
    a_cpu_second: f64,
    peak_mb: f64,
}

impl Line {
    fn new(op: &'static str, rows: usize, (rate, a_cpu_second): (f64, f64)) -> Self {
        Self { op, rows, rate, a_cpu_second, peak_mb: peak() }
    }

    fn json(&self) -> String {
        let Self { op, rows, rate, a_cpu_second, peak_mb } = self;
        let threads = rayon::current_num_threads();
        format!(
            "{{\"bench\":\"training\",\"op\":\"{op}\",\"unit\":\"updates/s\",\"rate\":{rate:.0},\"a_cpu_second\":{a_cpu_second:.0},\
             \"rows\":{rows},\"threads\":{threads},\"peak_rss_mb\":{peak_mb:.1}}}"
        )
    }

    fn text(&self) -> String {
        let Self { op, rows, rate, a_cpu_second, peak_mb } = self;
        format!("{op:<26} {rate:>12.0} updates/s, {a_cpu_second:.0} a CPU-second, {rows} rows, {peak_mb:.0} MB")
    }
}

/// Ids of each batch: fields side by side, small numbers more often the higher the power.
fn batches(rows: u64, power: i32) -> Vec<Vec<u64>> {
    let of_field = (rows / FIELDS).max(1);
    let id = |batch: u64, i: u64| {
        let at = f64::from(noise::uniform(batch, i)).powi(power) * of_field as f64;
        (at as u64).min(of_field - 1) + i % FIELDS * of_field
    };
    (0..BATCHES).map(|batch| (0..BATCH * FIELDS).map(|i| id(batch, i)).collect()).collect()
}

fn measure(op: &'static str, optimiser: RowOptimiser, power: i32, rows: u64, seconds: f64) -> Result<Line, Failure> {
    let mut table = EmbeddingTable::new(TableConfig::new(K, optimiser))?;
    for first in (0..rows).step_by(1 << 18) {
        table.pull(&(first..rows.min(first + (1 << 18))).collect::<Vec<u64>>(), 0);
    }
    let batches = batches(rows, power);
    let mut now = 0;
    let mut gradient = Vec::new();
    let mut step = |ids: &[u64]| -> Result<usize, Failure> {
        now += 1;
        let lent = table.pull(ids, now);
        gradient.clear();
        gradient.extend(lent.rows().iter().map(|w| 0.1 * w + 0.01));
        table.push(&lent, &gradient)?;
        Ok(lent.len())
    };
    let rates = timed(&batches, seconds, &mut step)?;
    Ok(Line::new(op, table.len(), rates))
}

/// The same through a parameter server: four shares pulled and pushed at once. What shares have in common moves once, and counts once.
fn through_shares(rows: u64, seconds: f64) -> Result<Line, Failure> {
    let mut server = LocalServer::new(TableConfig::new(K, RowOptimiser::adagrad(0.05)))?;
    let batches = batches(rows, 3);
    let mut step = |ids: &[u64]| -> Result<usize, Failure> {
        let shares: Vec<&[u64]> = ids.chunks(ids.len() / 4).collect();
        let lent = server.pull(server.step() + 1, &shares)?;
        let gradients: Vec<Vec<f32>> =
            lent.iter().map(|rows| rows.rows().iter().map(|w| 0.1 * w + 0.01).collect()).collect();
        server.push(&lent, &gradients.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        Ok(distinct.len())
    };
    let rates = timed(&batches, seconds, &mut step)?;
    let known: std::collections::BTreeSet<u64> = batches.into_iter().flatten().collect();
    Ok(Line::new("server_updates", known.len(), rates))
}

/// Rows moved a second, and a second of CPU, once every batch has been met.
fn timed(
    batches: &[Vec<u64>],
    seconds: f64,
    step: &mut dyn FnMut(&[u64]) -> Result<usize, Failure>,
) -> Result<(f64, f64), Failure> {
    for ids in batches {
        step(ids)?;
    }
    let (start, start_cpu, mut moved) = (Instant::now(), cpu(), 0);
    for ids in batches.iter().cycle() {
        moved += step(ids)?;
        if start.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    Ok((moved as f64 / start.elapsed().as_secs_f64(), moved as f64 / (cpu() - start_cpu)))
}
