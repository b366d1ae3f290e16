//! `simulate vertical`: a two-tower model trained in vertical rounds, beside the same model trained where all pasts lie in one place.

use super::bar::Bar;
use super::output::say;
use crate::data::{self, Clock, SyntheticConfig, fixed_split, synthetic};
use crate::federated::{Scenario, ServerOptimiser, Vertical, VerticalConfig};
use crate::progress::Progress;
use crate::recall::{ItemTower, ItemTowerConfig};
use crate::simulate::{
    Cohorts, Part, Pooled, RoundCost, SplitWorld, SplitWorth, cohort_rounds, pooled_steps, published,
};
use anyhow::{Context, bail};
use serde_json::json;
use sottovoce::ids::WeightsVersion;
use sottovoce::protocol::{LocalPlan, TowerShape, TowerWeights};
use sottovoce::tower::initial_weights;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What `simulate vertical --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server simulate vertical                               a small synthetic world
  sottovoce-server simulate vertical --data lastfm-lightgcn        a published split of totals: NDCG@20
  sottovoce-server simulate vertical --data lastfm-s3rec --seeds 1 sequences: HR@10 and NDCG@10, all songs and 99 others
  sottovoce-server simulate vertical --data DIR --noise 0.5 --clip-norm 0.5 --json

Devices train with the engine of the page, and only sums reach the server's half; the twin sees everything. Both stop after the same passes;
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
    /// Passes over all devices
    #[arg(long, value_name = "N", default_value_t = 30)]
    passes: u32,
    /// Devices of a round, and of the twin's step as many lessons as they have together
    #[arg(long, value_name = "N", default_value_t = 100)]
    clients: usize,
    /// Cuts of each past, a pass
    #[arg(long, value_name = "N")]
    lessons: Option<u32>,
    /// So many songs behind a cut have to be found [default: 1 in sequences, all in totals]
    #[arg(long, value_name = "N")]
    ahead: Option<u32>,
    /// Passes over a device's own cuts a round; 1 is the exact split
    #[arg(long, value_name = "N", default_value_t = 1)]
    local_epochs: u32,
    /// Candidates of a block; a smaller catalogue is in it whole
    #[arg(long, value_name = "N", default_value_t = 16_384)]
    block: usize,
    /// Dimension of both towers' embeddings
    #[arg(long, value_name = "N", default_value_t = 64)]
    dimension: u32,
    /// Interests of a listener, at most
    #[arg(long, value_name = "N", default_value_t = 1)]
    interests: u32,
    /// Step size of the user tower's FedAdam
    #[arg(long, default_value_t = 0.01)]
    user_rate: f64,
    /// Step size of the item tower's Adam
    #[arg(long, default_value_t = 0.01)]
    item_rate: f32,
    /// Weight decay of the item tower, as a share of its step size
    #[arg(long, default_value_t = 0.0)]
    decay: f32,
    /// Bound on the L2 norm of an update, both halves together
    #[arg(long, default_value_t = 1.0)]
    clip_norm: f32,
    /// Noise multiplier z: N(0, (zC)²) on every coordinate of a round's sum
    #[arg(long, value_name = "Z", default_value_t = 0.0)]
    noise: f64,
    /// Train without the item fields: the songs' own entries alone
    #[arg(long)]
    bare: bool,
    /// Leave the twin out
    #[arg(long)]
    no_twin: bool,
    /// Measure after every so many passes too
    #[arg(long, value_name = "N", default_value_t = 0)]
    every: u32,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// What one way of training came to.
#[derive(Clone, Copy, Debug)]
struct Line {
    way: &'static str,
    seed: u64,
    pass: u32,
    worth: SplitWorth,
    cost: RoundCost,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // Minutes of arithmetic: not for the threads that wait on sockets.
    tokio::task::spawn_blocking(move || work(&args)).await.context("the training thread ended early")?
}

fn work(args: &Args) -> anyhow::Result<()> {
    if !(args.noise >= 0.0 && args.noise.is_finite()) || args.clients == 0 || args.passes == 0 {
        bail!("--noise, --clients and --passes want numbers from 0, 1 and 1; see --help");
    }
    let mut last = Vec::new();
    for seed in args.seed..args.seed + args.seeds {
        let (world, name) = load(args, seed)?;
        if args.seed == seed && !args.json {
            let (ordered, k) = (if world.ordered { "sequences" } else { "totals" }, world.cut);
            say(&format!("{name}: {} songs, {} devices, {ordered}; cut at {k}", world.songs.len(), world.logs.len()))?;
        }
        let bar = Bar::new(args.json);
        let mut server = server(args, &world, seed)?;
        let rounds = u32::try_from(world.logs.len().div_ceil(args.clients)).unwrap_or(u32::MAX);
        let (steps, mut federated) = (rounds * args.passes, None);
        let measured = |server: &Vertical, way, pass, cost| -> Result<Line, crate::simulate::TrainError> {
            let (tower, items) = published(server, &world)?;
            Ok(Line { way, seed, pass, worth: world.measure(&tower, &items), cost })
        };
        let start = measured(&server, "untrained", 0, RoundCost::default())?;
        tell(args, &name, start)?;
        let twin = server.clone();
        let cohorts = Cohorts { clients: args.clients, rounds: steps, seed };
        cohort_rounds(&mut server, &world, &cohorts, |round, server, cost| {
            bar.show(Progress { step: "rounds", done: round.into(), total: steps.into() });
            let pass = round / rounds;
            let whole = round % rounds == 0;
            if round == steps || whole && args.every > 0 && pass % args.every == 0 {
                federated = Some(measured(server, "federated", pass, cost)?);
                if round < steps {
                    federated.map(|line| tell(args, &name, line));
                }
            }
            Ok(())
        })?;
        let federated = federated.context("no round was run")?;
        tell(args, &name, federated)?;
        if args.no_twin {
            continue;
        }
        let mut twin = twin;
        let mut central = None;
        let cuts = twin.config().lessons as usize;
        let pooled = Pooled { batch: args.clients * cuts.min(average(&world)), passes: args.passes, seed };
        pooled_steps(&mut twin, &world, &pooled, |pass, _, server| {
            bar.show(Progress { step: "central twin", done: pass.into(), total: args.passes.into() });
            if pass == args.passes || args.every > 0 && pass % args.every == 0 {
                central = Some(measured(server, "central", pass, RoundCost::default())?);
                if pass < args.passes {
                    central.map(|line| tell(args, &name, line));
                }
            }
            Ok(())
        })?;
        let central = central.context("no pass was run")?;
        tell(args, &name, central)?;
        last.push((federated.worth, central.worth));
    }
    spread(args, &name_of(args), &last)
}

/// Events of a past, on average.
fn average(world: &SplitWorld) -> usize {
    let events: usize = world.logs.iter().map(|log| log.len().saturating_sub(1)).sum();
    (events / world.logs.len().max(1)).max(1)
}

fn name_of(args: &Args) -> String {
    args.data
        .as_deref()
        .and_then(Path::file_name)
        .map_or("synthetic".into(), |name| name.to_string_lossy().into_owned())
}

fn load(args: &Args, seed: u64) -> anyhow::Result<(SplitWorld, String)> {
    let part = if args.on == "test" { Part::Test } else { Part::Valid };
    let Some(path) = &args.data else {
        let config = SyntheticConfig { listeners: 300, songs: 600, artists: 80, events: 20_000, ..Default::default() };
        let data = synthetic(&config);
        return Ok((SplitWorld::next_song(&data, part, &HashMap::new()), data.name));
    };
    if let Some(split) = fixed_split(path)? {
        return Ok((SplitWorld::fixed(&split, part, seed), split.train.name));
    }
    let data = data::open(path)?;
    if data.clock == Clock::None {
        bail!("{} tells no order of listening and has no published split (data1.txt beside test1.txt)", data.name);
    }
    let samples = data::samples(path)?;
    Ok((SplitWorld::next_song(&data, part, &samples), data.name))
}

/// One catalogue, one scenario.
fn server(args: &Args, world: &SplitWorld, seed: u64) -> anyhow::Result<Vertical> {
    let d = args.dimension;
    let shape = TowerShape { interests: args.interests, ..TowerShape::usual(d) };
    let weights = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, seed) };
    let config = ItemTowerConfig {
        dimension: d as usize,
        learning_rate: args.item_rate,
        decay: args.decay,
        ..ItemTowerConfig::default()
    };
    let mut songs = world.songs.clone();
    if args.bare {
        for song in &mut songs {
            (song.album, song.genre, song.language) = (None, None, None);
            (song.artist, song.attributes) = (sottovoce::ids::ArtistId(song.id.0), Vec::new());
        }
    }
    let tower = ItemTower::new(&songs, &[], config, seed)?;
    let scenario = Scenario {
        tower,
        songs: world.songs.iter().map(|song| song.id).collect(),
        popularity: world.popularity()?,
        task: 0,
    };
    let rules = VerticalConfig {
        plan: LocalPlan {
            epochs: args.local_epochs,
            batch: 4096,
            learning_rate: 1.0,
            negatives: 1,
            max_examples: 4096,
            clip_norm: args.clip_norm,
        },
        optimiser: ServerOptimiser::fed_adam(args.user_rate),
        block: args.block,
        ahead: args.ahead.unwrap_or(if world.ordered { 1 } else { u32::MAX }),
        lessons: args.lessons.unwrap_or(if world.ordered { 16 } else { 2 }),
        noise: args.noise,
    };
    Ok(Vertical::new(rules, weights, vec![scenario], seed)?)
}

fn tell(args: &Args, data: &str, line: Line) -> anyhow::Result<()> {
    let Line { way, seed, pass, worth, cost } = line;
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
        value["noise"] = json!(args.noise);
        value["clip_norm"] = json!(args.clip_norm);
        value["update_bytes"] = json!(cost.up);
        return say(&value.to_string());
    }
    let sampled = if worth.sampled_hr10 > 0.0 {
        format!("   99 others: HR@10 {:.4} NDCG@10 {:.4}", worth.sampled_hr10, worth.sampled_ndcg10)
    } else {
        String::new()
    };
    let bytes = if cost.up > 0 { format!("   {} B up, {} B down", cost.up, cost.down) } else { String::new() };
    say(&format!(
        "seed {seed} pass {pass:>3} {way:>10}   NDCG {:.4} HR {:.4} Recall {:.4}{sampled}{bytes}",
        worth.ndcg, worth.hr, worth.recall
    ))
}

/// Means over seeds, their spread, and how far apart both ways are.
fn spread(args: &Args, data: &str, last: &[(SplitWorth, SplitWorth)]) -> anyhow::Result<()> {
    if last.is_empty() {
        return Ok(());
    }
    let measures = |w: &SplitWorth| [w.ndcg, w.hr, w.sampled_hr10, w.sampled_ndcg10];
    for (i, name) in ["NDCG", "HR", "HR@10 of 99", "NDCG@10 of 99"].into_iter().enumerate() {
        let (federated, deviation) = moments(last.iter().map(|(f, _)| measures(f)[i]));
        let (central, twins) = moments(last.iter().map(|(_, c)| measures(c)[i]));
        if central <= 0.0 {
            continue;
        }
        let gap = 100.0 * (federated / central - 1.0);
        if args.json {
            let line = json!({
                "simulate": "vertical", "way": "summary", "data": data, "measure": name, "seeds": last.len(), "noise": args.noise,
                "federated": round4(federated), "federated_sd": round4(deviation),
                "central": round4(central), "central_sd": round4(twins), "gap_percent": round4(gap),
            });
            say(&line.to_string())?;
        } else {
            say(&format!(
                "{name:<14} federated {federated:.4} ± {deviation:.4}   central {central:.4} ± {twins:.4}   {gap:+.2} %"
            ))?;
        }
    }
    Ok(())
}

/// Mean and standard deviation (of the sample).
#[allow(clippy::cast_precision_loss, reason = "a handful of seeds")]
fn moments(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|v| (v - mean) * (v - mean)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

fn round4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
