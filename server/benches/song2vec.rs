//! How fast song2vec trains, in tokens per CPU second of the one thread that trains. Prints one JSON line a corpus.

use sottovoce::math::Rng;
use sottovoce_server::embed::{Corpus, Song2Vec, Song2VecConfig};
use sottovoce_server::progress::quiet;
use std::time::Instant;

/// CPU seconds of this process so far: user and system time, from the kernel's own count; `None` where there is none.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, field 2, may hold spaces; it ends with the last bracket. utime and stime are fields 14 and 15, in 1/100 s.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}

/// `lists` lists of 20 songs; each stays in one of 100 tastes of 500 songs and follows Zipf's law inside it.
fn zipf_corpus(lists: u32) -> Corpus {
    let mut rng = Rng::new(7);
    let mut cumulated = Vec::with_capacity(500);
    let mut total = 0.0f64;
    for rank in 1..=500u32 {
        total += 1.0 / f64::from(rank);
        cumulated.push(total);
    }
    let lists: Vec<Vec<u32>> = (0..lists)
        .map(|_| {
            let taste = rng.below(100);
            (0..20u32)
                .map(|_| {
                    let u = rng.uniform_f64() * total;
                    let place = cumulated.partition_point(|c| *c < u).min(499);
                    taste * 500 + u32::try_from(place).unwrap_or(0)
                })
                .collect()
        })
        .collect();
    Corpus::from_lists(50_000, &lists, true)
}

fn main() {
    let runs = 5;
    let corpus = zipf_corpus(50_000);
    let config = Song2VecConfig {
        dimension: 64,
        window: 5,
        negatives: 5,
        epochs: 1,
        noise_exponent: 0.75,
        subsample: 0.0,
        ..Song2VecConfig::default()
    };
    let mut rates = Vec::with_capacity(runs);
    for _ in 0..runs {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let model = match Song2Vec::train(&corpus, &config, 1, &quiet) {
            Ok(model) => model,
            Err(error) => {
                eprintln!("song2vec: {error}");
                std::process::exit(1);
            }
        };
        let seconds = match (cpu, cpu_seconds()) {
            (Some(from), Some(to)) => to - from,
            _ => wall.elapsed().as_secs_f64(),
        };
        #[allow(clippy::cast_precision_loss, reason = "tokens are far below 2⁵³")]
        rates.push(model.tokens as f64 / seconds);
    }
    rates.sort_by(f64::total_cmp);
    let (median, spread) = (rates[runs / 2], rates[runs - 1] - rates[0]);
    println!(
        "{}",
        serde_json::json!({
            "bench": "song2vec", "op": "train", "unit": "tokens/cpu-s", "own": median.round(), "spread": spread.round(),
            "dimension": 64, "window": 5, "negatives": 5, "songs": corpus.songs, "tokens": corpus.tokens.len(), "runs": runs,
        })
    );
}
