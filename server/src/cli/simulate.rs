//! `simulate`: federated rounds over simulated listeners, measured on songs that nobody trained on.

use super::output::say;
use super::within::Within;
use super::{poison, vertical};
use crate::catalog::{SHARD_SONGS, shards};
use crate::data::{self, Clock, Dataset, LeaveOneOut, leave_one_out};
use crate::embed::{Corpus, Song2Vec, Song2VecConfig};
use crate::federated::{Coordinator, CoordinatorConfig, SecureConfig, ServerOptimiser};
use crate::http::{App, CandidateSource, Catalogue, HttpConfig, LimitConfig, router};
use crate::progress::quiet;
use crate::recall::Merged;
use crate::simulate::{
    CentralConfig, HeldOutPart, Population, Quality, RoundsConfig, RoundsOutcome, SecurePopulation, evaluate,
    run_rounds, train_centrally,
};
use crate::stage::Query;
use crate::state::State;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sottovoce::ids::{Millis, WeightsVersion};
use sottovoce::privacy::accountant::Budget;
use sottovoce::protocol::{LocalPlan, NoiseTerms, TowerShape, TowerWeights};
use sottovoce::secagg::PublicKey;
use sottovoce::tower::{UserTower, initial_weights};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::runtime::Handle;

/// What `simulate --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server simulate                                      a synthetic world, 40 rounds of 100 listeners
  sottovoce-server simulate --data DIR --clients 200 --rounds 60 --dropout 0.2
  sottovoce-server simulate --data DIR --central-epochs 0 --json rounds only, one JSON object a line
  sottovoce-server simulate --secure --clients 50 --noise 0.5    masked, with noise, through the server's own doors
  sottovoce-server simulate vertical --help                      the item tower trained too, in split rounds
  sottovoce-server simulate poison --help                        devices that lie, and what a server can do about it";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// A folder of a known format or a state file; without it a synthetic world
    #[arg(long)]
    data: Option<PathBuf>,
    /// Listeners invited to each round
    #[arg(long, default_value_t = 100)]
    clients: u32,
    /// How many rounds
    #[arg(long, default_value_t = 40)]
    rounds: u32,
    /// Share of invited listeners whose page closes before the update is sent, 0 to 1
    #[arg(long, default_value_t = 0.1)]
    dropout: f32,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// Dimension of song and user embeddings
    #[arg(long, default_value_t = 64)]
    dimension: u32,
    /// Passes over each device's own past, a round
    #[arg(long, default_value_t = 2)]
    local_epochs: u32,
    /// Step size of local SGD
    #[arg(long, default_value_t = 0.1)]
    local_rate: f32,
    /// Step size of the server's FedAdam
    #[arg(long, default_value_t = 0.01)]
    server_rate: f64,
    /// Bound on an update's L2 norm
    #[arg(long, default_value_t = 1.0)]
    clip_norm: f32,
    /// FedProx: how strongly devices are drawn back to the weights that a round began with; 0 is FedAvg
    #[arg(long, value_name = "MU", default_value_t = 0.0)]
    proximal: f32,
    /// Sampled songs set against each heard one
    #[arg(long, default_value_t = 64)]
    negatives: u32,
    /// Secure rounds: every device masks, a committee among them opens the sums
    #[arg(long)]
    secure: bool,
    /// Noise multiplier z of secure rounds; devices then take part without a budget, and the line says what it cost
    #[arg(long, value_name = "Z", default_value_t = 0.0, requires = "secure")]
    noise: f64,
    /// Passes of the centrally trained twin; 0 leaves it out
    #[arg(long, default_value_t = 12)]
    central_epochs: u32,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Vertical rounds: user tower on the devices, item tower on the server, beside the same two towers trained centrally
    Vertical(Box<vertical::Args>),
    /// Vertical rounds with devices that lie to bring one song before everybody's ears, undefended and defended
    Poison(Box<poison::Args>),
}

impl Args {
    fn coordinator(&self) -> CoordinatorConfig {
        let noise = NoiseTerms { multiplier: self.noise, steps: 1 << 10 };
        let secure = SecureConfig { noise, absent_ms: 60_000, ..SecureConfig::default() };
        CoordinatorConfig {
            cohort: self.clients,
            // Of a secure round the noise is made for so many survivors, and a sum of fewer stays shut.
            minimum: if self.secure { (self.clients / 2).max(2) } else { 1 },
            secure: self.secure.then_some(secure),
            plan: LocalPlan {
                epochs: self.local_epochs,
                batch: 16,
                learning_rate: self.local_rate,
                negatives: self.negatives,
                max_examples: 256,
                clip_norm: self.clip_norm,
                proximal: self.proximal,
            },
            optimiser: ServerOptimiser::fed_adam(self.server_rate),
            ..CoordinatorConfig::default()
        }
    }

    fn bar(&self, length: u64, what: &'static str) -> ProgressBar {
        let target = if self.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>18} [{bar:32}] {pos}/{len} {msg} {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.with_prefix(what)
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        Some(Verb::Vertical(args)) => return vertical::run(*args).await,
        Some(Verb::Poison(args)) => return poison::run(*args).await,
        None => {}
    }
    if !(0.0..=1.0).contains(&args.dropout) {
        bail!("--dropout {} is not a share; give a number from 0 to 1", args.dropout);
    }
    let data = match &args.data {
        Some(path) => data::open(path)?,
        None => data::synthetic(&data::SyntheticConfig { seed: args.seed, ..Default::default() }),
    };
    if data.clock == Clock::None {
        bail!(
            "{} tells no order of listening, so no next song can be held out; simulate needs sequences or times",
            data.name
        );
    }
    let split = leave_one_out(&data);
    let population = populate(args.dimension, args.seed, &split)?;
    let shape = TowerShape::usual(args.dimension);
    let start = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, args.seed) };
    let tower = |weights: &TowerWeights| {
        UserTower::new(shape, &weights.values).context("the coordinator published weights of another length")
    };
    let measure = |tower: &UserTower, part| evaluate(tower, &population.items, &data, &population.held_out, part);
    let report = Report::new(&args, &data);
    report.quality("before", measure(&tower(&start)?, HeldOutPart::Test), None)?;

    let mut population_of_rounds = populate(args.dimension, args.seed, &split)?;
    let coordinator =
        Coordinator::open(State::in_memory().await?.pool().clone(), args.coordinator(), start.clone()).await?;
    let rounds =
        RoundsConfig { clients: args.clients as usize, rounds: args.rounds, dropout: args.dropout, seed: args.seed };
    let bar = args.bar(u64::from(args.rounds), "rounds");
    let began = Instant::now();
    let mut sums = Sums::default();
    let mut tell = |_, outcome: RoundsOutcome| {
        sums.add(&outcome);
        bar.set_message(format!("{} updates, {}", outcome.counted, megabytes(outcome.bytes)));
        bar.inc(1);
    };
    if args.secure {
        masked(&args, population_of_rounds, &coordinator, &rounds, &mut tell)?;
    } else {
        run_rounds(&mut population_of_rounds, &coordinator, &rounds, tell).await?;
    }
    bar.finish_and_clear();
    let epsilon = coordinator.log(coordinator.weights_version().await?, 1).await?.pop().map(|last| last.record.epsilon);
    report.rounds(&sums, began.elapsed().as_secs_f64(), epsilon.filter(|epsilon| epsilon.is_finite()))?;
    let after = tower(&coordinator.weights().await?)?;
    report.quality("rounds", measure(&after, HeldOutPart::Test), None)?;

    if args.central_epochs > 0 {
        let config = CentralConfig {
            epochs: args.central_epochs,
            negatives: args.negatives as usize,
            seed: args.seed,
            ..CentralConfig::default()
        };
        let bar = args.bar(u64::from(args.central_epochs), "central twin");
        let mut best: Option<(f64, u32, UserTower)> = None;
        let mut twin = tower(&start)?;
        train_centrally(&mut twin, &population, &config, |epoch, loss, tower| {
            let valid = measure(tower, HeldOutPart::Valid).ndcg10;
            if best.as_ref().is_none_or(|(most, _, _)| valid > *most) {
                best = Some((valid, epoch + 1, tower.clone()));
            }
            bar.set_message(format!("loss {loss:.3}"));
            bar.inc(1);
        });
        bar.finish_and_clear();
        if let Some((_, epoch, tower)) = best {
            report.quality("central", measure(&tower, HeldOutPart::Test), Some(epoch))?;
        }
    }
    report.finish()
}

/// The whole server within this process, and every device with its own engine.
fn masked(
    args: &Args,
    population: Population,
    coordinator: &Coordinator,
    rounds: &RoundsConfig,
    tell: &mut impl FnMut(u32, RoundsOutcome),
) -> anyhow::Result<()> {
    static CLOCK: AtomicU64 = AtomicU64::new(1);
    let now = || Millis(CLOCK.load(Ordering::Relaxed));
    // All devices come from one address.
    let limits = LimitConfig {
        address_per_second: 1_000_000,
        address_burst: 1_000_000,
        round_per_second: 1_000_000,
        round_burst: 1_000_000,
        ..LimitConfig::default()
    };
    let catalogue = Catalogue::build("simulated", &[], &[], &[]);
    let app = App::new(catalogue, Nothing, coordinator.clone(), limits, now)?;
    let wire = Within(router(app, &HttpConfig { limits, ..HttpConfig::default() })?);
    let server = PublicKey(*coordinator.log_key().as_bytes());
    let budget = Budget::new(f64::INFINITY, SecureConfig::default().delta)?;
    let runtime = Handle::current();
    // Devices wait for the server inside of rayon's threads: not on those that run it.
    tokio::task::block_in_place(|| {
        let mut devices = SecurePopulation::new(population, budget, server, &CLOCK, args.seed)?;
        devices.run(&wire, coordinator, &runtime, rounds, tell)
    })?;
    Ok(())
}

/// Simulated devices hold their songs already.
struct Nothing;

impl CandidateSource for Nothing {
    fn candidates(&self, _: &Query) -> Vec<Merged> {
        Vec::new()
    }
}

/// Embeddings from the training part only, and everyone of it.
pub(super) fn populate(dimension: u32, seed: u64, split: &LeaveOneOut) -> anyhow::Result<Population> {
    let corpus = Corpus::of(&split.train);
    let config = Song2VecConfig { dimension: dimension as usize, ..Song2VecConfig::default() };
    let mut embeddings = Song2Vec::train(&corpus, &config, seed, &quiet)?.embeddings()?;
    embeddings.fill_from_catalogue(&split.train);
    let shards = shards(&split.train.songs, &embeddings.rows, embeddings.dimension, &corpus.counts(), SHARD_SONGS)?;
    Ok(Population::new(split, &shards, seed))
}

fn megabytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "for reading")]
    let mb = bytes as f64 / 1e6;
    format!("{mb:.1} MB")
}

#[derive(Default)]
struct Sums {
    rounds: u32,
    closed: u32,
    invited: usize,
    dropped: usize,
    counted: usize,
    bytes: u64,
}

impl Sums {
    fn add(&mut self, outcome: &RoundsOutcome) {
        self.rounds += 1;
        self.closed += u32::from(outcome.closed);
        self.invited += outcome.invited;
        self.dropped += outcome.dropped;
        self.counted += outcome.counted;
        self.bytes += outcome.bytes;
    }
}

/// Says results as they come: JSON lines, or a table.
struct Report {
    json: bool,
    data: String,
    seed: u64,
}

impl Report {
    fn new(args: &Args, data: &Dataset) -> Self {
        Self { json: args.json, data: data.name.clone(), seed: args.seed }
    }

    fn quality(&self, tower: &str, quality: Quality, epoch: Option<u32>) -> anyhow::Result<()> {
        let Quality { hr10, ndcg10, listeners } = quality;
        if self.json {
            let line = json!({
                "simulate": tower, "data": self.data, "seed": self.seed, "hr@10": round4(hr10), "ndcg@10": round4(ndcg10),
                "listeners": listeners, "best_epoch": epoch,
            });
            return say(&line.to_string());
        }
        let name = match (tower, epoch) {
            ("before", _) => "untrained tower".to_owned(),
            ("rounds", _) => "after the rounds".to_owned(),
            (_, Some(epoch)) => format!("trained centrally (epoch {epoch})"),
            (other, None) => other.to_owned(),
        };
        say(&format!("{name:<30} HR@10 {hr10:.4}   NDCG@10 {ndcg10:.4}   over {listeners} listeners"))
    }

    fn rounds(&self, sums: &Sums, seconds: f64, epsilon: Option<f64>) -> anyhow::Result<()> {
        let Sums { rounds, closed, invited, dropped, counted, bytes } = *sums;
        if self.json {
            let line = json!({
                "simulate": "round_totals", "data": self.data, "seed": self.seed, "rounds": rounds, "closed": closed, "invited": invited,
                "dropped": dropped, "updates": counted, "uplink_bytes": bytes, "seconds": round4(seconds),
                "epsilon": epsilon.map(round4),
            });
            return say(&line.to_string());
        }
        let cost = epsilon.map_or_else(String::new, |epsilon| format!(", ε {epsilon:.2}"));
        say(&format!(
            "{rounds} rounds, {closed} closed: {invited} invitations, {dropped} dropped out, {counted} updates, {} up, {seconds:.1} s{cost}",
            megabytes(bytes)
        ))
    }

    fn finish(&self) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        say("Held out: each listener's last finished song; all songs ranked, those heard before left out. Next: --help")
    }
}

fn round4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
