//! `eval pfedrec`: PFedRec as its authors measure it and as it should be measured, beside its ablations and baselines.

use super::bar::Bar;
use super::output::say;
use super::source::Source;
use crate::data::{Dataset, Format, ImportOptions};
use crate::progress::Progress;
use crate::simulate::pfedrec::{Contest, ContestConfig, Figures, Holding, Line, LocalConfig, contest};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;

/// What `eval pfedrec --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval pfedrec --data ml-100k
  sottovoce-server eval pfedrec --data lastfm-hetrec2k --json       its tags, as papers use them
  sottovoce-server eval pfedrec --data ml-100k --holding clean      without what flatters
  sottovoce-server eval pfedrec --data DIR --seeds 1 --rounds 20

Each listener's last song is held out and ranked among 99 drawn songs and among all; the round is chosen on the song before it.
docs/federated-models.md says what the authors' protocol lets through, and has figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// What is held out, and what may be trained on
    #[arg(long, value_enum, default_value_t = As::Published)]
    holding: As,
    /// The first seed; held-out negatives, weights and samples are drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// So many seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Rounds, and epochs of the centralised factors; the best for choosing counts
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Dimension of item embeddings
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    dimension: u32,
    /// Share of the listeners in each round
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    share: f32,
    /// Passes over a device's own rows in a round
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    local_epochs: u32,
    /// Step of the score function
    #[arg(long, value_name = "RATE", default_value_t = LocalConfig::default().eta, value_parser = positive)]
    eta: f32,
    /// Step of an item row, as a multiple of `eta × songs`
    #[arg(long, value_name = "RATIO", default_value_t = LocalConfig::default().ratio, value_parser = positive)]
    ratio: f32,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum As {
    /// As the authors' code does it
    Published,
    /// Each song once, and negatives that may be held-out songs
    Clean,
}

fn positive(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "a number above 0".to_owned())?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err("a number above 0".to_owned()) }
}

fn share(text: &str) -> Result<f32, String> {
    positive(text).ok().filter(|share| *share <= 1.0).ok_or_else(|| "a number above 0, at most 1".to_owned())
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let data = load(&args.source).await?;
    let Args { holding, seed, seeds, rounds, dimension, share, local_epochs, eta, ratio, json, .. } = args;
    let holding = match holding {
        As::Published => Holding::Published,
        As::Clean => Holding::Clean,
    };
    let local = LocalConfig { epochs: local_epochs, eta, ratio, ..LocalConfig::default() };
    let config = ContestConfig { holding, rounds, dimension: dimension as usize, share, local, seed, seeds };
    let name = data.name.clone();
    let work = move || {
        let bar = Bar::new(json);
        // Popularity has no rounds.
        let (mut done, total) = (0, seeds * u64::from(rounds) * (Line::ALL.len() as u64 - 1));
        contest(&data, &Line::ALL, &config, |line| {
            done += 1;
            bar.show(Progress { step: line.name(), done, total });
        })
    };
    let found = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if json { json_lines(&found, &name, holding) } else { text(&found, &name, holding) }
}

/// HetRec's play counts know no time; its tags do.
pub(super) async fn load(source: &Source) -> anyhow::Result<Dataset> {
    match source.data.clone().filter(|path| Format::detect(path) == Some(Format::Hetrec)) {
        None => source.load().await,
        Some(path) => {
            let read = move || Format::HetrecTags.import(&path, &ImportOptions::default());
            Ok(tokio::task::spawn_blocking(read).await.context("the reading thread ended early")??.0)
        }
    }
}

fn json_lines(found: &Contest, data: &str, holding: Holding) -> anyhow::Result<()> {
    for outcome in &found.outcomes {
        let mut line = serde_json::to_value(outcome)?;
        line["data"] = json!(data);
        line["holding"] = json!(holding.name());
        line["listeners"] = json!(found.listeners);
        line["songs"] = json!(found.songs);
        line["rows"] = json!(found.rows);
        line["leaking"] = json!(found.leaking);
        say(&line.to_string())?;
    }
    Ok(())
}

/// A column of the table: its head, and what stands in it.
type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 4] = [
    ("HR@10 of 100", |f| f.sampled.hr10),
    ("NDCG@10 of 100", |f| f.sampled.ndcg10),
    ("HR@10 of all", |f| f.full.hr10),
    ("NDCG@10 of all", |f| f.full.ndcg10),
];

fn text(found: &Contest, data: &str, holding: Holding) -> anyhow::Result<()> {
    let Contest { listeners, songs, rows, leaking, .. } = found;
    say(&format!("{data}, {}: {listeners} listeners, {songs} songs, {rows} rows", holding.name()))?;
    say(&format!("{leaking} listeners train on the very song that is held out for the test"))?;
    say(&format!("{:<26}{}  rounds", "in percent", COLUMNS.map(|(name, _)| format!("{name:>17}")).concat()))?;
    for line in Line::ALL {
        let of: Vec<_> = found.outcomes.iter().filter(|outcome| outcome.line == line).collect();
        let cell = |(_, figure): (&str, fn(&Figures) -> f64)| {
            let values: Vec<f64> = of.iter().map(|outcome| 100.0 * figure(&outcome.figures)).collect();
            let (mean, spread) = mean_and_spread(&values);
            format!("{:>17}", format!("{mean:.2} ±{spread:.2}"))
        };
        let rounds: Vec<String> = of.iter().map(|outcome| outcome.round.to_string()).collect();
        say(&format!("{:<26}{}  {}", line.name(), COLUMNS.map(cell).concat(), rounds.join(" ")))?;
    }
    say(
        "±: standard deviation over seeds. Of 100: the held-out song among 99 drawn ones; of all: among all not heard before.",
    )
}

/// The mean and the standard deviation of a sample; 0 for a single value.
#[allow(clippy::cast_precision_loss, reason = "a handful of seeds")]
fn mean_and_spread(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() })
}
