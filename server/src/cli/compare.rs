//! `eval run`: one run against another on the same test rows.

use super::output::say;
use super::towers::round4;
use crate::eval::Interval;
use crate::runs::{Comparison, Difference, compare};
use anyhow::Context;
use serde_json::json;
use std::path::PathBuf;

/// What `eval run --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval run --run runs/deepfm-2020 --against runs/lr-2020
  sottovoce-server eval run --run runs/deepfm-2020 --against runs/lr-2020 --json
  sottovoce-server eval run --run A --against B --data ../shared/data/ml-100k --html difference.html

Both are asked about the test part of the table they were trained on; listeners are drawn anew, for both at once (paired bootstrap).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder of the run that is asked about
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder of the run it is held against
    #[arg(long, value_name = "DIR")]
    against: PathBuf,
    /// The folder of the table's data [default: where it was when the run was trained]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How often listeners are drawn
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    draws: u64,
    /// The draws follow from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// A page about it, too
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// One JSON object a figure
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || told(&args)).await.context("the evaluating thread ended early")?
}

fn told(args: &Args) -> anyhow::Result<()> {
    let found = compare(&args.run, &args.against, args.data.as_deref(), args.draws, args.seed)?;
    if let Some(path) = &args.html {
        let page = found.html(&args.run, &args.against);
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json { lines(args, &found) } else { text(args, &found) }
}

fn lines(args: &Args, found: &Comparison) -> anyhow::Result<()> {
    let interval = |i: &Interval| json!({ "value": round4(i.value), "low": round4(i.low), "high": round4(i.high) });
    found.differences.iter().try_for_each(|d| {
        let line = json!({
            "run": args.run, "against": args.against, "task": d.task, "figure": d.figure, "rows": found.rows,
            "draws": found.draws, "of_run": interval(&d.run), "of_against": interval(&d.against),
            "difference": interval(&d.difference), "verdict": d.verdict(),
        });
        say(&line.to_string())
    })
}

fn text(args: &Args, found: &Comparison) -> anyhow::Result<()> {
    say(&format!(
        "{} against {}, {} rows of the test part, {} draws",
        args.run.display(),
        args.against.display(),
        found.rows,
        found.draws
    ))?;
    for difference in &found.differences {
        let Difference { task, figure, run, against, difference: d } = difference;
        let (name, verdict) = (format!("{figure}, {task}"), difference.verdict());
        say(&format!(
            "{name:<20} {:.4} against {:.4}: {:+.4} ({:+.4} to {:+.4}), {verdict}",
            run.value, against.value, d.value, d.low, d.high
        ))?;
    }
    Ok(())
}
