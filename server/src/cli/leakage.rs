//! `eval leakage`: what a curious server reads out of rounds, by what it is let see: of PFedRec's, or of this project's own.

use super::bar::Bar;
use super::output::say;
use super::own_leakage;
use super::pfedrec::load;
use super::source::Source;
use super::towers::Towers;
use crate::progress::Progress;
use crate::simulate::attack::{Areas, Leak, TrialConfig, View, trial};
use crate::simulate::pfedrec::{Federation, FederationConfig, Holding, World};
use anyhow::{Context, bail};
use serde_json::json;

/// What `eval leakage --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval leakage --data ml-100k
  sottovoce-server eval leakage --data lastfm-hetrec2k --cohort 400 --json
  sottovoce-server eval leakage --data ml-100k --sigma 0.01 --sigma 0.1
  sottovoce-server eval leakage --model vertical --data lastfm-s3rec --dimension 16
  sottovoce-server eval leakage --model vertical --data kuairand-pure-late --dimension 16 --sigma 1 --json

Some rounds; then, for one listener after the other: is this song in the past, was it heard? (PFedRec: or drawn as a negative; vertical: or skipped.) Areas
under the ROC curve, 0.5 is a guess. Above 0.55 the view tells. docs/federated-models.md and docs/federated.md have figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) source: Source,
    /// Whose rounds: PFedRec's, or the vertical rounds of this project's devices
    #[arg(long, value_name = "MODEL", default_value = "pfedrec", value_parser = ["pfedrec", "vertical"])]
    model: String,
    /// Weights, samples, cohorts, questions and noise are drawn from it
    #[arg(long, default_value_t = 2020)]
    pub(super) seed: u64,
    /// Rounds before the attack; the last one is attacked
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) rounds: u32,
    /// Listeners whose updates are summed
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cohort: u32,
    /// Noise on the sum, as a multiple of the clipping norm; may be given several times
    #[arg(long, value_name = "SIGMA", default_values_t = [0.01, 0.1, 1.0])]
    pub(super) sigma: Vec<f64>,
    #[command(flatten, next_help_heading = "With --model vertical")]
    pub(super) towers: Towers,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

/// More than this is no longer a guess.
pub(super) const TELLS: f64 = 0.55;

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    if args.model == "vertical" {
        if args.source.state.is_some() {
            bail!("--model vertical reads --data; a state file may be given there");
        }
        return tokio::task::spawn_blocking(move || own_leakage::work(&args))
            .await
            .context("the attacking thread ended early")?;
    }
    let data = load(&args.source).await?;
    let name = data.name.clone();
    let Args { seed, rounds, cohort, sigma, json, .. } = args;
    let work = move || -> anyhow::Result<Vec<Leak>> {
        let bar = Bar::new(json);
        let world = World::new(&data, Holding::Clean, seed)?;
        let mut federation = Federation::new(&world, FederationConfig { seed, ..FederationConfig::default() });
        for done in 1..=rounds {
            federation.round(&world);
            bar.show(Progress { step: "rounds", done: done.into(), total: rounds.into() });
        }
        let config = TrialConfig { cohort: cohort as usize, seed, ..TrialConfig::default() };
        let noised = sigma.into_iter().map(|sigma| View::NoisedSum { sigma });
        let views = [View::Update, View::Sum].into_iter().chain(noised).chain([View::Masked]);
        views.map(|view| Ok(trial(&world, &federation, view, &config)?)).collect()
    };
    let leaks = tokio::task::spawn_blocking(work).await.context("the attacking thread ended early")??;
    if json {
        for leak in &leaks {
            let mut line = serde_json::to_value(leak)?;
            line["data"] = json!(name);
            line["seed"] = json!(seed);
            line["rounds"] = json!(rounds);
            line["cohort"] = json!(cohort);
            say(&line.to_string())?;
        }
        return Ok(());
    }
    say(&format!("{name}: {rounds} rounds of PFedRec, cohorts of {cohort}, areas under the ROC curve"))?;
    say(&format!("{:<22}{:>30}{:>30}", "", "membership", "label"))?;
    let head = format!("{:>8}{:>12}{:>10}", "norm", "projection", "ratio");
    say(&format!("{:<22}{head}{head}", "what is seen"))?;
    for leak in &leaks {
        let cells = |a: Areas| format!("{:>8.3}{:>12.3}{:>10.3}", a.norm, a.projection, a.ratio);
        let told = leak.membership.best().max(leak.label.best()) > TELLS;
        let verdict = if told { "tells" } else { "" };
        say(&format!("{:<22}{}{}  {verdict}", view(leak.view), cells(leak.membership), cells(leak.label)))?;
    }
    say(&format!(
        "Tells: the best attack is above {TELLS}. Cohorts differ in one place, and both answers are about the same song."
    ))
}

pub(super) fn view(view: View) -> String {
    match view {
        View::Update => "one update, clipped".to_owned(),
        View::Sum => "sum of the cohort".to_owned(),
        View::NoisedSum { sigma } => format!("sum, noise {sigma}"),
        View::Masked => "one masked report".to_owned(),
    }
}
