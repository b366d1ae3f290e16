//! `train ranker`: a ranking model on a table of real impressions, over several seeds, each into a folder of its own.

use super::clock::{clock, program};
use super::output::say;
use super::towers::{moments, round4};
use crate::runs::{Begin, Outcome, RunConfig, RunData, RunFolder, RunRecord, Told, train};
use crate::train::TrainConfig;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// What `train ranker --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server train ranker --config configs/lr.toml --data ../shared/data/ml-100k
  sottovoce-server train ranker --config configs/deepfm.toml --data ../shared/data/ml-100k --seeds 5 --json
  sottovoce-server train ranker --config configs/gbdt.toml --data ../shared/data/ml-100k            trees, grown at once
  sottovoce-server train ranker --config configs/deepfm.toml --data DIR --run runs/mine --checkpoint-every 200000
  sottovoce-server train ranker --config configs/deepfm.toml --data DIR --run runs/mine --resume    after a kill

A folder then holds run.toml, metrics.jsonl, model.bin and report.html: open the page.
Next: sottovoce-server eval run --run A --against B; sottovoce-server explain --run A --row 0; sottovoce-server serve --ranker A";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Model, table and settings (TOML); configs/ has one for each model
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// The folder of the table's data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The folder of the run [default: runs/NAME-SEED, NAME being the file of settings]
    #[arg(long, value_name = "DIR", conflicts_with = "seeds")]
    run: Option<PathBuf>,
    /// So many seeds, one after the other, from that of the settings on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// The first seed, in place of that of the settings
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Keep a checkpoint every so many rows, besides one after each epoch
    #[arg(long, value_name = "ROWS", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: u64,
    /// Go on with a run that was stopped, to the same bits as if it had not been
    #[arg(long, conflicts_with = "again")]
    resume: bool,
    /// Replace what the folder holds
    #[arg(long)]
    again: bool,
    /// One JSON object an epoch, one a seed and one for all, no progress bar
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let config = RunConfig::load(&args.config)?;
    let how = match (args.resume, args.again) {
        (true, _) => Begin::Resume,
        (_, true) => Begin::Again,
        _ => Begin::New,
    };
    let first = args.seed.unwrap_or(config.train.seed);
    let name = args.config.file_stem().map_or_else(|| "run".into(), |name| name.to_string_lossy());
    let path = |seed: u64| args.run.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{name}-{seed}")));
    let seeds = first..first.saturating_add(args.seeds);
    // What would be refused is refused before anything takes long.
    seeds.clone().try_for_each(|seed| RunFolder::would(&path(seed), how))?;
    let data = RunData::prepare(&config, &args.data)?;
    let code = program();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for seed in seeds {
        let config = RunConfig { train: TrainConfig { seed, ..config.train.clone() }, ..config.clone() };
        let (code, table_hash) = (code.clone(), data.table.hash().to_string());
        let record = RunRecord { code, data: args.data.clone(), table_hash, seed, config };
        let path = path(seed);
        let outcome = one(args, &path, &record, &data, how)?;
        tell(args, &path, &record, &outcome)?;
        outcomes.push(outcome);
    }
    for (place, task) in config.train.tasks.iter().enumerate() {
        let over = |of: &dyn Fn(&crate::train::Figures) -> f64| {
            let all: Vec<f64> = outcomes.iter().map(|outcome| of(&outcome.test.test[place])).collect();
            moments(all.into_iter())
        };
        let ((mean, sd), (within, within_sd), (loss, loss_sd)) =
            (over(&|f| f.auc), over(&|f| f.gauc.value), over(&|f| f.log_loss));
        if args.json {
            let line = json!({
                "ranker": args.config, "task": task, "seeds": args.seeds, "test_auc": round4(mean), "sd": round4(sd),
                "test_gauc": round4(within), "gauc_sd": round4(within_sd),
                "test_log_loss": round4(loss), "log_loss_sd": round4(loss_sd),
            });
            say(&line.to_string())?;
        } else {
            say(&format!(
                "{task}: AUC {mean:.4} ± {sd:.4}, GAUC {within:.4} ± {within_sd:.4}, log loss {loss:.4} ± {loss_sd:.4} over {} seeds",
                args.seeds
            ))?;
        }
    }
    Ok(())
}

/// One seed into its folder.
fn one(args: &Args, path: &std::path::Path, record: &RunRecord, data: &RunData, how: Begin) -> anyhow::Result<Outcome> {
    let mut bar = Bar::new(args.json, record);
    let clock = clock();
    let mut tell = |told: Told<'_>| {
        bar.show(&told);
        // A reader that left early ends nothing: the folder has every line.
        if let (true, Told::Epoch(line)) = (args.json, &told)
            && let Ok(line) = serde_json::to_string(line)
        {
            let _ = say(&line);
        }
        Ok(())
    };
    let outcome = train(path, record, data, (how, args.checkpoint_every), &clock, &mut tell)?;
    bar.bar.finish_and_clear();
    Ok(outcome)
}

fn tell(args: &Args, path: &std::path::Path, record: &RunRecord, outcome: &Outcome) -> anyhow::Result<()> {
    let (Outcome { test, chosen, epoch_s }, seed) = (outcome, record.seed);
    let all = |of: &dyn Fn(&crate::train::Figures) -> f64| -> Vec<f64> {
        test.test.iter().map(|figures| round4(of(figures))).collect()
    };
    let areas = all(&|f| f.auc);
    if args.json {
        let line = json!({
            "ranker": args.config, "run": path, "seed": seed, "weights": test.weights, "epochs": test.epochs, "best": test.best,
            "validation_auc": chosen.map(round4), "test_auc": areas, "test_gauc": all(&|f| f.gauc.value),
            "test_log_loss": all(&|f| f.log_loss), "fusion": test.fusion, "epoch_s": (epoch_s * 1e3).round() / 1e3,
        });
        return say(&line.to_string());
    }
    let place = path.display();
    let each = if record.config.model.fits_itself().is_some() { "in all" } else { "an epoch" };
    let round = record.config.model.round();
    say(&format!(
        "seed {seed}: AUC {areas:?}, GAUC {:?}, log loss {:?} at {round} {} of {}, {epoch_s:.2} s {each}; see {place}/report.html",
        all(&|f| f.gauc.value),
        all(&|f| f.log_loss),
        test.best,
        test.epochs,
    ))
}

/// One bar an epoch: how far it is, what it has come to, how long it takes, and how long the whole may.
struct Bar {
    bar: ProgressBar,
    /// Epochs there are at most.
    most: u64,
    seed: u64,
    /// The areas of the last epoch.
    areas: String,
}

impl Bar {
    fn new(json: bool, record: &RunRecord) -> Self {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:24}] {percent:>3} %  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, most: record.config.train.epochs, seed: record.seed, areas: "–".to_owned() }
    }

    #[allow(clippy::cast_precision_loss, reason = "for reading")]
    fn show(&mut self, told: &Told<'_>) {
        let Self { bar, most, seed, areas } = self;
        match told {
            Told::Resumed { epochs, rows } => bar.println(format!("going on after {epochs} epochs and {rows} rows")),
            Told::Step { epoch, rows, of, loss, examples_per_s } => {
                let left = |rows: u64| clocked(Duration::from_secs_f64(rows as f64 / examples_per_s.max(1e-3)));
                let (here, later) = (of.saturating_sub(*rows), most.saturating_sub(*epoch) * of);
                bar.set_prefix(format!("seed {seed} epoch {epoch}/{most}"));
                bar.set_length(*of);
                bar.set_position(*rows);
                bar.set_message(format!(
                    "loss {loss:.4}, AUC {areas}, {examples_per_s:.0} rows/s, {} left, of all at most {}",
                    left(here),
                    left(here + later),
                ));
            }
            Told::Fitting(progress) => {
                bar.set_prefix(format!("seed {seed} {}", progress.step));
                bar.set_length(progress.total);
                bar.set_position(progress.done);
                bar.enable_steady_tick(Duration::from_millis(200));
                bar.set_message(clocked(bar.elapsed()));
            }
            Told::Epoch(line) => {
                let each: Vec<String> = line.validation.iter().map(|task| format!("{:.4}", task.auc)).collect();
                *areas = each.join("/");
            }
        }
    }
}

/// `2:05`.
fn clocked(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}
