//! `explain`: why one row of a run's test part has its score.

use super::output::say;
use crate::runs::{Explanation, RunData, SavedModel, explain};
use anyhow::Context;
use std::path::PathBuf;

/// What `explain --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server explain --run runs/deepfm-2020 --row 0
  sottovoce-server explain --run runs/deepfm-2020 --row 17 --json

Each feature is taken away alone: the id becomes one that nobody knows, the list empty, the number its mean. What the answer loses is the
feature's part. The baseline is the answer when nothing is known.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of a finished run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The row of the test part, from 0
    #[arg(long, value_name = "N")]
    row: usize,
    /// The folder of the table's data [default: where it was when the run was trained]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// One JSON object a task
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || told(&args)).await.context("the explaining thread ended early")?
}

fn told(args: &Args) -> anyhow::Result<()> {
    let model = SavedModel::load(&args.run)?;
    let folder = args.data.as_deref().unwrap_or(&model.record.data);
    let data = RunData::with(&model.record.config, model.encoder.clone(), &model.record.table_hash, folder)?;
    for explanation in explain(&model, &data, args.row)? {
        if args.json {
            say(&serde_json::to_string(&explanation)?)?;
        } else {
            text(&explanation)?;
        }
    }
    Ok(())
}

fn text(explanation: &Explanation) -> anyhow::Result<()> {
    let Explanation { task, row, label, probability, baseline, parts, .. } = explanation;
    let label = match label {
        Some(true) => ", and it happened",
        Some(false) => ", and it did not happen",
        None => "",
    };
    say(&format!("{task}, row {row} of the test part: {probability:.4}{label}; {baseline:.4} when nothing is known"))?;
    let longest = parts.iter().map(|part| part.feature.chars().count()).max().unwrap_or(0);
    for part in parts {
        say(&format!("{:>+8.4}  {:<longest$}  {}", part.part, part.feature, part.value))?;
    }
    Ok(())
}
