//! `train ranker`: a ranking model on a table of real impressions, over several seeds.

use super::output::say;
use super::towers::{moments, round4};
use crate::batches::{Columns, Encoder, Part, Prepared, kuairand, mlc};
use crate::registry::RankSpec;
use crate::train::{TrainConfig, Trainer};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use serde_json::json;
use sottovoce_algebra::Parameters;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What `train ranker --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server train ranker --config configs/lr.toml --data ../shared/data/ml-100k
  sottovoce-server train ranker --config configs/deepfm.toml --data ../shared/data/ml-100k --seeds 5 --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Model, table and settings (TOML); configs/ has one for each model
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// The folder of the table's data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// So many seeds, one after the other, from that of the settings on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// One JSON object a seed and one for all, no progress bar
    #[arg(long)]
    json: bool,
}

/// A file of settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    table: Table,
    model: RankSpec,
    #[serde(default)]
    train: TrainConfig,
}

/// Which table there is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Table {
    Mlc,
    Kuairand,
}

impl Table {
    fn prepare(self, folder: &Path) -> anyhow::Result<Prepared> {
        Ok(match self {
            Self::Mlc => mlc(folder)?,
            Self::Kuairand => kuairand(folder)?,
        })
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let shown = args.config.display();
    let text = std::fs::read_to_string(&args.config).with_context(|| format!("cannot read {shown}"))?;
    let run: Run = toml::from_str(&text).with_context(|| format!("{shown} is no run: table, [model] and [train]"))?;
    let Prepared { table, schema, split } = run.table.prepare(&args.data)?;
    let encoder = Encoder::fit(schema, split.training(&table)?)?;
    let part = |part| encoder.encode(&table, &split, part);
    let (train, validation, test) = (part(Part::Train)?, part(Part::Valid)?, part(Part::Test)?);
    let mut areas: Vec<Vec<f64>> = Vec::new();
    for seed in run.train.seed..run.train.seed + args.seeds {
        areas.push(one(args, &run, &TrainConfig { seed, ..run.train.clone() }, [&train, &validation, &test])?);
    }
    for (task, name) in run.train.tasks.iter().enumerate() {
        let (mean, sd) = moments(areas.iter().map(|areas| areas[task]));
        if args.json {
            let line = json!({ "ranker": args.config, "task": name, "seeds": args.seeds, "test_auc": round4(mean), "sd": round4(sd) });
            say(&line.to_string())?;
        } else {
            say(&format!("{name}: AUC {mean:.4} ± {sd:.4} over {} seeds", args.seeds))?;
        }
    }
    Ok(())
}

/// One seed: areas on the test part at the epoch that the validation part chose.
fn one(args: &Args, run: &Run, config: &TrainConfig, parts: [&Columns; 3]) -> anyhow::Result<Vec<f64>> {
    let [train, validation, test] = parts;
    let mut parameters = Parameters::new(config.seed);
    let model = run.model.build(train, &mut parameters);
    let weights = parameters.len();
    let target = if args.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(config.epochs), target);
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:32}] epoch {pos}/{len} {msg} {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(format!("seed {}", config.seed));
    let began = Instant::now();
    let trained = Trainer::new(config.clone(), &*model, parameters).run(train, validation, |epoch| {
        bar.set_message(format!("loss {:.4}, AUC {:.4}", epoch.loss, epoch.figure()));
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    let areas = trained.measure(&*model, test, config)?;
    #[allow(clippy::cast_precision_loss, reason = "a handful of epochs")]
    let each = seconds / trained.epochs.len() as f64;
    let areas: Vec<f64> = areas.iter().map(|figures| figures.auc).collect();
    let rounded: Vec<f64> = areas.iter().map(|area| round4(*area)).collect();
    if args.json {
        let chosen =
            trained.epochs.iter().find(|epoch| epoch.epoch == trained.best).map(|epoch| round4(epoch.figure()));
        let line = json!({
            "ranker": args.config, "seed": config.seed, "weights": weights, "epochs": trained.epochs.len(), "best": trained.best,
            "validation_auc": chosen, "test_auc": rounded, "epoch_s": (each * 1e3).round() / 1e3,
        });
        say(&line.to_string())?;
    } else {
        say(&format!(
            "seed {}: AUC {rounded:?} at epoch {} of {}, {each:.2} s an epoch",
            config.seed,
            trained.best,
            trained.epochs.len()
        ))?;
    }
    Ok(areas)
}
