//! The greedy DPP as a process that waits to be asked, so that it and a peer in another language can be timed in turn
//! (`cargo xtask bench device`, peer `pyversity`).
//!
//! `cargo bench --bench dpp_beside -- FOLDER N K D` writes what both work on to FOLDER (`vectors.f32`: N rows of D, `relevance.f32`: N
//! numbers, both little-endian), prints the picks as one line, then answers each line on stdin with the milliseconds of one run: from rows
//! and relevance as they come, and from a pool in the order of its qualities, as the engine has it.

use sottovoce::math::{ItemBlocks, Real, Rng, TopK, normalize};
use sottovoce::rerank::{Dpp, DppConfig};
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

/// What the peer calls `1 − diversity`: how much a standard deviation of relevance weighs, as a power of e.
const BETA: f32 = 0.5;
/// As little as the engine takes; the peer has none.
const RIDGE: f32 = 1e-3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [folder, n, k, d] = arguments.as_slice() else {
        // `cargo test` and `cargo bench` start every target without arguments.
        eprintln!("next: cargo bench --bench dpp_beside -- FOLDER N K D");
        return Ok(());
    };
    let (n, k, d) = (n.parse()?, k.parse()?, d.parse()?);
    let (rows, relevance) = world(n, d);
    write(&Path::new(folder).join("vectors.f32"), rows.iter().flatten())?;
    write(&Path::new(folder).join("relevance.f32"), relevance.iter())?;

    let mut slates =
        Slates { items: ItemBlocks::new(d), top: TopK::new(), order: vec![], falling: vec![], dpp: Dpp::default() };
    let picks: Vec<String> = slates.write(&rows, &relevance, k).iter().map(usize::to_string).collect();
    println!("{}", picks.join(" "));
    for line in std::io::stdin().lock().lines() {
        line?;
        let (from_rows, picks) = timed(|| slates.write(&rows, &relevance, k));
        let (resident, again) = timed(|| slates.choose(k));
        assert_eq!(picks, again);
        println!("{from_rows} {resident}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Milliseconds, and what came of them.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed().as_secs_f64() * 1e3, done)
}

struct Slates {
    items: ItemBlocks,
    top: TopK,
    /// The candidates by falling quality, as the engine has its pool, and these qualities.
    order: Vec<u32>,
    falling: Vec<f32>,
    dpp: Dpp,
}

impl Slates {
    /// From rows and relevance as they come, to the picks: what the peer's one call does.
    fn write(&mut self, rows: &[Vec<f32>], relevance: &[f32], k: usize) -> Vec<usize> {
        let quality = quality(relevance);
        self.top.select(&quality, quality.len(), &mut self.order);
        self.items.reset(rows[0].len());
        self.items.extend(self.order.iter().map(|i| &rows[*i as usize][..]));
        self.falling.clear();
        self.falling.extend(self.order.iter().map(|i| quality[*i as usize]));
        self.choose(k)
    }

    /// From the pool as the engine has it.
    fn choose(&mut self, k: usize) -> Vec<usize> {
        self.dpp.start(&self.items, &self.falling, DppConfig { similarity: 1.0, ridge: RIDGE, window: None });
        let picks = (0..k).map_while(|_| self.dpp.next(&self.items, &mut |_| true));
        picks.map(|pick| self.order[pick.candidate] as usize).collect()
    }
}

/// `exp(β·z)`, `z` the relevance in units of its spread.
fn quality(relevance: &[f32]) -> Vec<f32> {
    #[allow(clippy::cast_precision_loss, reason = "some thousand songs")]
    let n = relevance.len() as f32;
    let mean = relevance.iter().sum::<f32>() / n;
    let spread = (relevance.iter().map(|r| (r - mean) * (r - mean)).sum::<f32>() / n).sqrt();
    relevance.iter().map(|r| Real::exp(BETA * (r - mean) / spread)).collect()
}

fn world(n: usize, d: usize) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut rng = Rng::new(2018);
    let rows = (0..n).map(|_| {
        let mut row: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        normalize(&mut row);
        row
    });
    let rows = rows.collect();
    (rows, (0..n).map(|_| rng.normal()).collect())
}

fn write<'a>(path: &Path, values: impl Iterator<Item = &'a f32>) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(path, bytes)?)
}
