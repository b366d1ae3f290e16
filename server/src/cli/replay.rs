//! `replay`: real impressions through the device's own engine, with feedback on and off.

use super::bar::Bar;
use super::output::say;
use crate::eval::{Whisker, page, paragraph, table as tabled, whiskers};
use crate::replay::{Days, Figure, Impressions, Outcome, ReplayConfig, replay};
use anyhow::Context;
use serde_json::json;
use sottovoce::client::EngineConfig;
use std::path::PathBuf;
use std::time::Instant;

/// What `replay --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server replay --data kuairand-pure-late
  sottovoce-server replay --data kuairand-pure-late --html replay.html
  sottovoce-server replay --data kuairand-pure-late --draws 200 --json    one JSON object a line

The log is cut by day: what is learned is learned from the first days, weights are chosen on the last day but two, figures are
from the last two. A device is told an outcome only after it scored the impression. docs/replay.md says more.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder of KuaiRand's files
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = ReplayConfig::default().seed)]
    seed: u64,
    /// Dimension of song and user embeddings
    #[arg(long, default_value_t = ReplayConfig::default().dimension)]
    dimension: u32,
    /// Impressions that every song, scene and listener is credited with in the prior
    #[arg(long, default_value_t = ReplayConfig::default().smoothing)]
    smoothing: f64,
    /// Listeners whose past the tower is trained on
    #[arg(long, value_name = "N", default_value_t = ReplayConfig::default().teachers)]
    teachers: usize,
    /// Passes over their past; 0 leaves the tower as it begins
    #[arg(long, default_value_t = ReplayConfig::default().epochs)]
    epochs: u32,
    /// Step size of the personal weights after each event [default: the engine's]
    #[arg(long)]
    personal_rate: Option<f32>,
    /// Draws of listeners for the 95 % intervals
    #[arg(long, value_name = "N", default_value_t = ReplayConfig::default().draws)]
    draws: u64,
    /// Write a page with a picture
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

impl Args {
    fn config(&self) -> ReplayConfig {
        let engine = EngineConfig::default();
        ReplayConfig {
            seed: self.seed,
            dimension: self.dimension,
            smoothing: self.smoothing,
            teachers: self.teachers,
            epochs: self.epochs,
            engine: EngineConfig { personal_rate: self.personal_rate.unwrap_or(engine.personal_rate), ..engine },
            draws: self.draws,
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, path, quiet) = (args.config(), args.data.clone(), args.json);
    let began = Instant::now();
    let work = move || -> anyhow::Result<Outcome> {
        let bar = Bar::new(quiet);
        let impressions = Impressions::open(&path)?;
        let days = Days::of(&impressions.shown)?;
        Ok(replay(&impressions, days, &config, &|progress| bar.show(progress))?)
    };
    // Minutes of arithmetic: not for the threads that wait on sockets.
    let outcome = tokio::task::spawn_blocking(work).await.context("the replaying thread ended early")??;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(path) = &args.html {
        std::fs::write(path, html(&outcome)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json { lines(&outcome, &config, seconds) } else { table(&outcome, seconds) }
}

fn lines(outcome: &Outcome, config: &ReplayConfig, seconds: f64) -> anyhow::Result<()> {
    let Outcome { days, impressions, listeners, lists, .. } = outcome;
    say(&json!({
        "replay": "split", "days": days, "impressions": impressions, "listeners": listeners, "lists": lists, "seed": config.seed,
        "draws": config.draws, "seconds": (seconds * 10.0).round() / 10.0,
    })
    .to_string())?;
    for (kind, figures) in [("figure", &outcome.figures), ("difference", &outcome.differences)] {
        for figure in figures {
            let mut line = serde_json::to_value(figure)?;
            line["replay"] = json!(kind);
            for field in ["value", "low", "high"] {
                line[field] = json!((line[field].as_f64().unwrap_or(0.0) * 1e5).round() / 1e5);
            }
            say(&line.to_string())?;
        }
    }
    for (label, feedback, weights) in &outcome.weights {
        say(&json!({"replay": "weights", "label": label, "feedback": feedback, "constant_prior_engine_habits": weights})
            .to_string())?;
    }
    Ok(())
}

fn table(outcome: &Outcome, seconds: f64) -> anyhow::Result<()> {
    let Days { fit, validate, test } = outcome.days;
    say(&format!(
        "Learned from days to {fit}, weighed on days to {validate}, measured on {} impressions of {} listeners to {test}.",
        outcome.impressions, outcome.listeners
    ))?;
    for (label, lists) in ["complete", "long_view"].into_iter().zip(outcome.lists) {
        say(&format!("\n{label} (NDCG over {lists} lists)"))?;
        say(&format!("{:<18}{:<10}{:>26}{:>26}{:>26}", "score", "feedback", "AUC", "AUC within listeners", "NDCG"))?;
        let of: Vec<&Figure> = outcome.figures.iter().filter(|f| f.label == label).collect();
        for row in of.iter().filter(|f| f.metric == "auc") {
            let cell = |metric: &str| {
                let same = |f: &&&Figure| f.metric == metric && (&f.score, f.feedback) == (&row.score, row.feedback);
                of.iter().find(same).map_or("-".to_owned(), |f| told(f))
            };
            let (auc, within, ndcg) = (cell("auc"), cell("auc_within"), cell("ndcg"));
            say(&format!("{:<18}{:<10}{auc:>26}{within:>26}{ndcg:>26}", row.score, row.feedback))?;
        }
    }
    say("\nPaired differences whose interval leaves zero out are marked *.")?;
    for f in &outcome.differences {
        let mark = if f.interval.excludes_zero() { "*" } else { " " };
        let (low, high) = (f.interval.low, f.interval.high);
        say(&format!(
            "{mark} {:<10} {:<11} {:<44} {:>+8.4}  [{low:+.4}, {high:+.4}]",
            f.label, f.metric, f.score, f.interval.value
        ))?;
    }
    say(&format!("{seconds:.0} s. What each line means: docs/replay.md. A page with a picture: --html FILE.html"))
}

fn html(outcome: &Outcome) -> String {
    let Days { fit, validate, test } = outcome.days;
    let mut parts = vec![paragraph(&format!(
        "Learned from days to {fit}, weighed on days to {validate}, measured on {} impressions of {} listeners to {test}. A dot is a \
         figure, the line its 95 % interval over listeners.",
        outcome.impressions, outcome.listeners
    ))];
    let name = |f: &Figure| if f.feedback == "-" { f.score.clone() } else { format!("{}, {}", f.score, f.feedback) };
    for label in ["complete", "long_view"] {
        for (metric, across) in [("auc", "AUC"), ("ndcg", "NDCG of the order")] {
            let of = outcome.figures.iter().filter(|f| f.label == label && f.metric == metric);
            let rows: Vec<Whisker> = of.map(|f| Whisker { name: name(f), interval: f.interval }).collect();
            parts.push(paragraph(&format!("{label}: {across}")));
            parts.push(whiskers(across, &rows));
        }
    }
    let row = |f: &Figure| {
        let crate::eval::Interval { value, low, high } = f.interval;
        vec![
            f.score.clone(),
            f.label.to_owned(),
            f.metric.to_owned(),
            format!("{value:+.4}"),
            format!("{low:+.4}"),
            format!("{high:+.4}"),
        ]
    };
    let rows: Vec<Vec<String>> = outcome.differences.iter().map(row).collect();
    parts.push(paragraph("Paired differences: the same draws of listeners for both."));
    parts.push(tabled(&["difference", "of", "metric", "by", "from", "to"], &rows));
    page("What feedback is worth", &parts)
}

fn told(figure: &Figure) -> String {
    let crate::eval::Interval { value, low, high } = figure.interval;
    format!("{value:.4} [{low:.4}, {high:.4}]")
}
