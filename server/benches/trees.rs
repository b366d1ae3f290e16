//! How long trees take on MovieLens and how well they rank, one JSON line a kind: `cargo bench -p sottovoce-server --bench trees`, with
//! `SOTTOVOCE_DATA` for the folder of the data sets; one thread. Beside it, in the same run: `shared/peers/pipeline/ctr.py LGB` and `RF`,
//! with `num_threads=1`: on a machine that others use, LightGBM's second thread waits in a loop, and a fit of 4 s takes 40 and more.

use serde_json::json;
use sottovoce_server::batches::{Columns, Encoder, Part, mlc};
use sottovoce_server::eval;
use sottovoce_server::progress::quiet;
use sottovoce_server::rank::{Statistics, Trees, TreesConfig};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// CPU seconds of this process so far, from the kernel's own count; `None` where there is none.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}

fn auc(scores: &[f64], columns: &Columns) -> Result<f64, Box<dyn Error>> {
    let task = columns.task("click").ok_or("the table has clicks")?;
    Ok(eval::auc(scores, &task.labels.iter().map(|y| *y > 0.5).collect::<Vec<_>>())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = std::env::var_os("SOTTOVOCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let mlc = mlc(&data.join("ml-100k"))?;
    let encoder = Encoder::fit(mlc.schema, mlc.split.training(&mlc.table)?)?;
    let part = |part| encoder.encode(&mlc.table, &mlc.split, part);
    let (train, validation, test) = (part(Part::Train)?, part(Part::Valid)?, part(Part::Test)?);
    let with_pairs = Statistics { pairs: vec![["user", "genres"].map(str::to_owned)], ..Statistics::default() };
    let configs = [
        ("gbdt", TreesConfig { statistics: with_pairs, learning_rate: 0.08, ..TreesConfig::default() }),
        ("gbdt, the peers' statistics and step", TreesConfig::default()),
        ("random forest", TreesConfig::forest()),
    ];
    for (name, config) in configs {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let (model, fit) = Trees::fit(&train, &validation, "click", &TreesConfig { threads: 1, ..config }, &quiet)?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu.zip(cpu_seconds()).map(|(from, to)| to - from));
        let begun = Instant::now();
        let scores = model.score(&test)?;
        #[allow(clippy::cast_precision_loss, reason = "a table of ten thousand rows")]
        let each = 1e6 * begun.elapsed().as_secs_f64() / test.len() as f64;
        println!(
            "{}",
            json!({
                "bench": "trees", "model": name, "test_auc": auc(&scores, &test)?, "fit_s": wall, "cpu_s": cpu,
                "trees": fit.trees, "grown": fit.grown, "columns": fit.columns, "us_per_row": each,
            })
        );
    }
    Ok(())
}
