//! How fast FTRL learns, in rows per CPU second of the one thread that learns: rows that are hashes already, and lines of text that are
//! parsed and hashed on the way. One JSON line a shape; `cargo bench -p sottovoce-server --bench ftrl`, `--rows N` for other sizes.
//!
//! Shapes: 39 categorical features a row, as Criteo's log has them, over 2²² and 2²⁷ weights; 12 features; 4, as the generated log of
//! Fwumious Wabbit's own benchmark has them. Values are popular or rare as the cube of a uniform number says; the odds are planted on
//! every fourth feature, the others say nothing. `auc` is of what was said of the last half of the rows before they were learnt.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bench's own small numbers"
)]

use serde_json::json;
use sottovoce_algebra::{SparseRows, noise};
use sottovoce_server::rank::{Ftrl, FtrlConfig, TextRows};
use std::error::Error;
use std::fmt::Write;
use std::time::Instant;

/// CPU seconds of this process so far, from the kernel's own count; `None` where there is none.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}

/// So many values a field, and which one a row has.
fn value(seed: u64, field: u64, values: f32) -> u64 {
    let u = noise::uniform(seed, field);
    (u * u * u * values) as u64
}

/// Lines of text: a label, then a value a field.
fn text(rows: u64, fields: u64, values: f32) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for row in 0..rows {
        let seed = noise::bits(11, row);
        line.clear();
        let mut odds = -1.0;
        for field in 0..fields {
            // A third of the fields have few values, as genders and countries do.
            let value = value(seed, field, if field % 3 == 0 { 40.0 } else { values });
            if field % 4 == 0 {
                odds += 0.7 * noise::normal(noise::bits(5, field), value);
            }
            let _ = write!(line, "\t{value:x}");
        }
        let yes = noise::uniform(seed, 1 << 40) < 1.0 / (1.0 + (-odds).exp());
        text.push(if yes { '1' } else { '0' });
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn area(scores: &[f32], labels: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut sum) = (0.0, 0.0);
    for tie in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        let yes = tie.iter().filter(|i| labels[**i] > 0.5).count() as f64;
        let no = tie.len() as f64 - yes;
        sum += yes * (below + no / 2.0);
        below += no;
    }
    sum / (below * (labels.len() as f64 - below))
}

fn timed<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(T, f64, f64), Box<dyn Error>> {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let done = work()?;
    let wall = wall.elapsed().as_secs_f64();
    let cpu = cpu.zip(cpu_seconds()).map_or(wall, |(from, to)| to - from);
    Ok((done, cpu, wall))
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().collect();
    let rows =
        given.iter().position(|a| a == "--rows").and_then(|i| given.get(i + 1)).map_or(Ok(1_000_000), |n| n.parse())?;
    for (fields, values, bits) in [(39, 300_000.0, 22), (39, 3_000_000.0, 27), (12, 300_000.0, 22), (4, 300_000.0, 22)]
    {
        let text = text(rows, fields, values);
        // Cut into batches before the clock runs, as a stream of hashes would come.
        let (mut source, mut batches) = (TextRows::new(text.as_bytes()), Vec::new());
        loop {
            let mut batch = SparseRows::default();
            if source.fill(&mut batch, 1024)? == 0 {
                break;
            }
            batches.push(batch);
        }
        let labels: Vec<f32> = batches.iter().flat_map(|batch| batch.labels().iter().copied()).collect();
        for l1 in [0.0, 2.0] {
            let config = FtrlConfig { bits, l1, ..FtrlConfig::default() };
            let mut said: Vec<f32> = Vec::with_capacity(labels.len());
            let (model, cpu, wall) = timed(|| {
                let (mut model, mut p) = (Ftrl::new(config.clone())?, Vec::new());
                for batch in &batches {
                    model.learn(batch, &mut p);
                    said.extend_from_slice(&p);
                }
                Ok(model)
            })?;
            // Once more over the same rows: memory that has been touched before, as in a long stream.
            let mut model = model;
            let used = model.used();
            let ((), warm_cpu, _) = timed(|| {
                let mut p = Vec::new();
                batches.iter().for_each(|batch| model.learn(batch, &mut p));
                Ok(())
            })?;
            let (parsed, text_cpu, _) = timed(|| {
                let mut model = Ftrl::new(config)?;
                Ok(model.learn_text(&mut TextRows::new(text.as_bytes()))?.0)
            })?;
            let half = labels.len() / 2;
            println!(
                "{}",
                json!({
                    "bench": "ftrl", "op": "learn", "unit": "rows/cpu-s", "own": (rows as f64 / cpu).round(),
                    "warm": (rows as f64 / warm_cpu).round(), "wall": (rows as f64 / wall).round(),
                    "from_text": (parsed as f64 / text_cpu).round(), "text_mb": (text.len() as f64 / 1e6).round(),
                    "features": fields, "bits": bits, "l1": l1, "rows": rows, "met": used.met, "weighted": used.weighted,
                    "sparsity": used.sparsity(), "auc": area(&said[half..], &labels[half..]),
                })
            );
        }
    }
    Ok(())
}
