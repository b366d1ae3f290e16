//! What a step of training costs, on the shapes of `shared/peers/training/torch_steps.py`: one line an op, JSON with `--json`.
//!
//! `cargo bench -p sottovoce-algebra --bench steps -- --json [--threads N] [--only OP] [--seconds S] [--data DIR]`, threads by
//! `RAYON_NUM_THREADS` too. With `--data`, the folder that `torch_steps.py gen` filled, weights and batches are the peer's, and `same` says how
//! far loss and gradients of its first batch are from the peer's own.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]

mod clock;
mod ctr;
mod measure;
mod peer;
mod sequences;
mod tiny;

use measure::Settings;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| given.iter().position(|a| a == name).and_then(|i| given.get(i + 1)).cloned();
    let threads = value("--threads").map_or(Ok(0), |t| t.parse())?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let settings = Settings {
        json: given.iter().any(|a| a == "--json"),
        only: value("--only"),
        seconds: value("--seconds").map_or(Ok(2.0), |t| t.parse())?,
        data: value("--data").map(Into::into),
    };
    // Inside the threads: a step that began outside would hand over and wait at every operation.
    threads.install(|| {
        ctr::run(&settings)?;
        sequences::run(&settings, true)?;
        sequences::run(&settings, false)?;
        tiny::run(&settings)
    })
}
