//! `simulate vertical`: a two-tower model trained in vertical rounds, beside the same model trained where all pasts lie in one place.

use super::bar::Bar;
use super::output::say;
use super::towers::{Towers, moments, name, round4, world};
use crate::federated::{Vertical, calibrate};
use crate::progress::Progress;
use crate::simulate::{
    Alike, Cohorts, Part, Pooled, RoundCost, Shares, SplitWorld, SplitWorth, TrainError, cohort_rounds, noised_rounds,
    pooled_steps, published,
};
use anyhow::{Context, bail};
use serde_json::json;
use sottovoce::privacy::accountant::Budget;
use sottovoce::privacy::{Grid, NoisePlan};
use std::path::PathBuf;

/// What `simulate vertical --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server simulate vertical                               a small synthetic world
  sottovoce-server simulate vertical --data lastfm-lightgcn        a published split of totals: NDCG@20
  sottovoce-server simulate vertical --data lastfm-s3rec --seeds 1 sequences: HR@10 and NDCG@10, all songs and 99 others
  sottovoce-server simulate vertical --data DIR --stop validation --twin devices
  sottovoce-server simulate vertical --data DIR --epsilon 8 --clients 2000 --passes 10 --no-twin
  sottovoce-server simulate vertical --data DIR --noise 0.5 --clip-norm 0.5 --json

Devices train with the engine of the page, and only sums reach the server's half; the twin sees everything. Both stop by the same rule;
settings are chosen with --on validation. docs/federated.md has figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder with a published split or of a known format, or a state file; without it a synthetic world
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Which part is held out: test, or validation to choose settings
    #[arg(long, value_name = "PART", default_value = "test", value_parser = ["test", "validation"])]
    on: String,
    /// The first seed
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// So many seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Passes over all devices, at most
    #[arg(long, value_name = "N", default_value_t = 30)]
    passes: u32,
    /// Which pass counts, for both ways of training: the last, or the one with the best NDCG on held-out songs of the validation
    #[arg(long, value_name = "RULE", default_value = "last", value_parser = ["last", "validation"])]
    stop: String,
    /// Devices of a round, and of the twin's step as many lessons as they have together
    #[arg(long, value_name = "N", default_value_t = 100)]
    clients: usize,
    /// What the twin's steps weigh alike: lessons, or devices as the rounds do
    #[arg(long, value_name = "WHAT", default_value = "lessons", value_parser = ["lessons", "devices"])]
    twin: String,
    /// Leave the twin out
    #[arg(long)]
    no_twin: bool,
    #[command(flatten)]
    towers: Towers,
    /// Noise multiplier z, drawn by the simulated server: N(0, (zC)²) on every coordinate of a round's sum
    #[arg(long, value_name = "Z", default_value_t = 0.0)]
    noise: f64,
    /// Budget of a listener for all rounds together: devices round to a grid, charge their accounts and add shares of the noise; inf adds none
    #[arg(long, value_name = "E", conflicts_with = "noise")]
    epsilon: Option<f64>,
    /// The δ of that budget
    #[arg(long, value_name = "D", default_value_t = 1e-6)]
    delta: f64,
    /// Measure after every so many passes too
    #[arg(long, value_name = "N", default_value_t = 0)]
    every: u32,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// Steps of the grid within the clip norm: finer ones change no figure, and the sensitivity is a fraction of a percent above `C`.
const STEPS: f32 = 2048.0;

/// What one way of training came to.
#[derive(Clone, Copy, Debug)]
struct Line {
    way: &'static str,
    seed: u64,
    pass: u32,
    worth: SplitWorth,
    /// NDCG on the validation, where it says when to stop.
    chosen_by: Option<f64>,
    cost: RoundCost,
    /// z and ε of the listener who was in most rounds.
    privacy: Option<(f64, f64)>,
}

/// Keeps the line that counts.
#[derive(Debug, Default)]
struct Kept(Option<Line>);

impl Kept {
    fn see(&mut self, line: Line) {
        // The first of equals, so that nothing is gained by training longer.
        let better = |best: &Line| match (best.chosen_by, line.chosen_by) {
            (Some(best), Some(new)) => new > best,
            _ => true,
        };
        if self.0.as_ref().is_none_or(better) {
            self.0 = Some(line);
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // Minutes of arithmetic: not for the threads that wait on sockets.
    tokio::task::spawn_blocking(move || work(&args)).await.context("the training thread ended early")?
}

impl Args {
    fn part(&self) -> anyhow::Result<Part> {
        match (&self.stop[..], &self.on[..]) {
            ("validation", "test") => Ok(Part::Stopped),
            ("validation", _) => bail!("--stop validation reports the test; leave --on validation out"),
            (_, "test") => Ok(Part::Test),
            _ => Ok(Part::Valid),
        }
    }

    /// Whether a pass is measured.
    fn measures(&self, pass: u32) -> bool {
        self.stop == "validation" || pass == self.passes || self.every > 0 && pass.is_multiple_of(self.every)
    }

    /// Whether a measured pass is told.
    fn tells(&self, pass: u32) -> bool {
        self.every > 0 && pass.is_multiple_of(self.every)
    }
}

fn work(args: &Args) -> anyhow::Result<()> {
    if !(args.noise >= 0.0 && args.noise.is_finite()) || args.clients == 0 || args.passes == 0 {
        bail!("--noise, --clients and --passes want numbers from 0, 1 and 1; see --help");
    }
    let part = args.part()?;
    let mut last = Vec::new();
    for seed in args.seed..args.seed + args.seeds {
        let (world, name) = world(args.data.as_deref(), part, seed)?;
        if args.seed == seed && !args.json {
            let (ordered, k) = (if world.ordered { "sequences" } else { "totals" }, world.cut);
            say(&format!("{name}: {} songs, {} devices, {ordered}; cut at {k}", world.songs.len(), world.logs.len()))?;
        }
        let bar = Bar::new(args.json);
        let mut server = args.towers.server(&world, args.noise, seed)?;
        let start = measured(&server, &world, "untrained", seed, 0)?;
        tell(args, &name, start)?;
        let mut twin = server.clone();

        let rounds = u32::try_from(world.logs.len().div_ceil(args.clients)).unwrap_or(u32::MAX);
        let steps = rounds * args.passes;
        let cohorts = Cohorts { clients: args.clients, rounds: steps, seed };
        let (mut federated, mut told) = (Kept::default(), Ok(()));
        let after = |round: u32, server: &Vertical, cost: RoundCost| {
            bar.show(Progress { step: "rounds", done: round.into(), total: steps.into() });
            let pass = round / rounds;
            if round.is_multiple_of(rounds) && args.measures(pass) {
                let line = Line { cost, ..measured(server, &world, "federated", seed, pass)? };
                federated.see(line);
                if args.tells(pass) && told.is_ok() {
                    told = tell(args, &name, line);
                }
            }
            Ok(())
        };
        let privacy = match args.epsilon {
            None => {
                cohort_rounds(&mut server, &world, &cohorts, after)?;
                None
            }
            Some(epsilon) => {
                let mut shares = shares(args, epsilon, &mut server, &world, &cohorts)?;
                noised_rounds(&mut server, &world, &cohorts, &mut shares, after)?;
                let spent = shares.spent().map_or(0.0, |spend| spend.epsilon);
                Some((shares.plan().noise_multiplier(), spent))
            }
        };
        told?;
        let federated = Line { privacy, ..federated.0.context("no pass was run")? };
        tell(args, &name, federated)?;
        if args.no_twin {
            last.push((federated.worth, None));
            continue;
        }
        let cuts = twin.config().blocks.lessons as usize;
        let alike = if args.twin == "devices" { Alike::Devices } else { Alike::Lessons };
        let batch = args.clients.min(world.logs.len()) * cuts.min(average(&world));
        let pooled = Pooled { batch, passes: args.passes, alike, seed };
        let (mut central, mut told) = (Kept::default(), Ok(()));
        pooled_steps(&mut twin, &world, &pooled, |pass, _, server| {
            bar.show(Progress { step: "central twin", done: pass.into(), total: args.passes.into() });
            if args.measures(pass) {
                let line = measured(server, &world, "central", seed, pass)?;
                central.see(line);
                if args.tells(pass) && told.is_ok() {
                    told = tell(args, &name, line);
                }
            }
            Ok(())
        })?;
        told?;
        let central = central.0.context("no pass was run")?;
        tell(args, &name, central)?;
        last.push((federated.worth, Some(central.worth)));
    }
    spread(args, &name(args.data.as_ref()), &last)
}

/// Everyone's account, and the least noise that the budget affords over so many rounds.
fn shares(
    args: &Args,
    epsilon: f64,
    server: &mut Vertical,
    world: &SplitWorld,
    cohorts: &Cohorts,
) -> anyhow::Result<Shares> {
    let listeners = world.logs.len();
    let clients = cohorts.clients.min(listeners);
    let budget = Budget::new(epsilon, args.delta)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and the grid checks")]
    let grid = Grid::new((STEPS / args.towers.clip_norm).round() as u32)?;
    server.open();
    let (length, n_min) = (server.length(), u32::try_from(clients)?);
    // Turns are taken: nobody is in more rounds than this.
    let most = (clients as u64 * u64::from(cohorts.rounds)).div_ceil(listeners.max(1) as u64);
    let plan = calibrate(budget, most, |z| NoisePlan::new(z, args.towers.clip_norm, n_min, grid, length))?;
    Ok(Shares::new(plan, budget, listeners, cohorts.seed))
}

fn measured(
    server: &Vertical,
    world: &SplitWorld,
    way: &'static str,
    seed: u64,
    pass: u32,
) -> Result<Line, TrainError> {
    let (tower, items) = published(server, world)?;
    let choice = world.choose(&tower, &items);
    let chosen_by = (choice.cases > 0).then_some(choice.ndcg);
    let worth = world.measure(&tower, &items);
    Ok(Line { way, seed, pass, worth, chosen_by, cost: RoundCost::default(), privacy: None })
}

/// Events of a past, on average.
fn average(world: &SplitWorld) -> usize {
    let events: usize = world.logs.iter().map(|log| log.len().saturating_sub(1)).sum();
    (events / world.logs.len().max(1)).max(1)
}

fn tell(args: &Args, data: &str, line: Line) -> anyhow::Result<()> {
    let Line { way, seed, pass, worth, chosen_by, cost, privacy } = line;
    if args.json {
        let mut value = serde_json::to_value(worth)?;
        for key in ["ndcg", "hr", "recall", "sampled_ndcg10", "sampled_hr10"] {
            value[key] = value[key].as_f64().map(round4).into();
        }
        value["simulate"] = json!("vertical");
        value["way"] = json!(way);
        value["data"] = json!(data);
        value["on"] = json!(args.on);
        value["seed"] = json!(seed);
        value["pass"] = json!(pass);
        value["validation_ndcg"] = json!(chosen_by.map(round4));
        value["noise"] = json!(privacy.map_or(args.noise, |(z, _)| round4(z)));
        value["epsilon"] = json!(privacy.map(|(_, epsilon)| epsilon).filter(|e| e.is_finite()).map(round4));
        value["delta"] = json!(privacy.map(|_| args.delta));
        value["clip_norm"] = json!(args.towers.clip_norm);
        value["update_bytes"] = json!(cost.up);
        return say(&value.to_string());
    }
    let sampled = if worth.sampled_hr10 > 0.0 {
        format!("   99 others: HR@10 {:.4} NDCG@10 {:.4}", worth.sampled_hr10, worth.sampled_ndcg10)
    } else {
        String::new()
    };
    let chosen = chosen_by.map_or_else(String::new, |ndcg| format!("   validation {ndcg:.4}"));
    let bytes = if cost.up > 0 { format!("   {} B up, {} B down", cost.up, cost.down) } else { String::new() };
    let noise =
        privacy.map_or_else(String::new, |(z, epsilon)| format!("   z {z:.3}, ε {epsilon:.2} at δ {:e}", args.delta));
    say(&format!(
        "seed {seed} pass {pass:>3} {way:>10}   NDCG {:.4} HR {:.4} Recall {:.4}{sampled}{chosen}{bytes}{noise}",
        worth.ndcg, worth.hr, worth.recall
    ))
}

/// Means over seeds, their spread, and how far apart both ways are.
fn spread(args: &Args, data: &str, last: &[(SplitWorth, Option<SplitWorth>)]) -> anyhow::Result<()> {
    let measures = |w: &SplitWorth| [w.ndcg, w.hr, w.sampled_hr10, w.sampled_ndcg10];
    for (i, name) in ["NDCG", "HR", "HR@10 of 99", "NDCG@10 of 99"].into_iter().enumerate() {
        let (federated, deviation) = moments(last.iter().map(|(f, _)| measures(f)[i]));
        let pairs: Vec<(f64, f64)> =
            last.iter().filter_map(|(f, c)| Some((measures(f)[i], measures(c.as_ref()?)[i]))).collect();
        let (central, twins) = moments(pairs.iter().map(|(_, c)| *c));
        if federated <= 0.0 && (pairs.is_empty() || central <= 0.0) {
            continue;
        }
        let gap = (central > 0.0).then(|| 100.0 * (federated / central - 1.0));
        // Seed by seed: both ways start from the same weights on the same split.
        let (_, apart) = moments(pairs.iter().map(|(f, c)| 100.0 * (f / c - 1.0)));
        if args.json {
            let line = json!({
                "simulate": "vertical", "way": "summary", "data": data, "measure": name, "seeds": last.len(), "noise": args.noise,
                "federated": round4(federated), "federated_sd": round4(deviation),
                "central": gap.map(|_| round4(central)), "central_sd": gap.map(|_| round4(twins)),
                "gap_percent": gap.map(round4), "gap_sd": gap.map(|_| round4(apart)),
            });
            say(&line.to_string())?;
        } else {
            let twin = gap.map_or_else(String::new, |gap| {
                format!("   central {central:.4} ± {twins:.4}   {gap:+.2} % (± {apart:.2} over seeds)")
            });
            say(&format!("{name:<14} federated {federated:.4} ± {deviation:.4}{twin}"))?;
        }
    }
    Ok(())
}
