//! `simulate poison`: how much of everybody's slates a few lying devices can buy for one song, without a defence and with one, and what the defence
//! costs where nobody lies.

use super::bar::Bar;
use super::output::say;
use super::towers::{Towers, moments, name, round4, world};
use crate::federated::Combination;
use crate::progress::Progress;
use crate::simulate::{
    Attack, Bound, Cohorts, Defence, Liars, Part, Poisoned, SplitWorld, poisoned_rounds, published, ranked,
};
use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::json;
use sottovoce::ids::SongId;
use std::path::PathBuf;

/// What `simulate poison --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server simulate poison                                 a small synthetic world
  sottovoce-server simulate poison --data lastfm-lightgcn --dimension 16 --passes 8
  sottovoce-server simulate poison --data DIR --attackers 0.05 --rank 50 --rank 400
  sottovoce-server simulate poison --data DIR --bound longest --rows median --json

Exposure: share of the honest listeners who do not know the song and have it among their first twenty. Its ratio is that with liars over that without,
both under the same defence, over all seeds and targets together. No defence here holds on public data: docs/poisoning.md.";

/// What liars send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Sent {
    /// All of the norm on the target's row
    Boosted,
    /// An honest update with the target's row as long as its longest other one
    Hidden,
}

impl From<Sent> for Attack {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Boosted => Self::Boost,
            Sent::Hidden => Self::Hide,
        }
    }
}

/// How songs' rows are kept short.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Rows {
    /// Not at all
    None,
    /// No longer than nearly all rows of any cohort
    Longest,
    /// Pulled at no more than songs about as popular
    Popular,
}

/// How cohorts are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Join {
    /// The mean
    Mean,
    /// Of each number the median
    Median,
    /// Of each number the mean without the tenth at either end
    Trimmed,
    /// The point nearest to all
    GeometricMedian,
}

impl From<Join> for Combination {
    fn from(join: Join) -> Self {
        match join {
            Join::Mean => Self::Mean,
            Join::Median => Self::Median,
            Join::Trimmed => Self::Trimmed { share: 0.1 },
            Join::GeometricMedian => Self::GeometricMedian,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder with a published split or of a known format, or a state file; without it a synthetic world
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The first seed
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// So many seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Passes over all devices
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    passes: u32,
    /// Devices of a round
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// Devices of a cohort, whose sum alone is seen
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    cohort: u32,
    /// Share of the devices that lie, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    attackers: f64,
    /// The target is the song with so many songs that are played more; may be given several times
    #[arg(long, value_name = "N", default_values_t = [100])]
    rank: Vec<usize>,
    /// Share of the rounds in which they are still honest, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    honest: f64,
    /// What they send; may be given several times
    #[arg(long, value_name = "WHAT", default_values = ["boosted", "hidden"])]
    attack: Vec<Sent>,
    /// How songs' rows are kept short
    #[arg(long, value_name = "HOW", default_value = "popular")]
    bound: Rows,
    /// Of `--bound popular`: so many times what songs about as popular are pulled at; of `--bound longest`: the share of rows that are longer
    #[arg(long, value_name = "X", default_value_t = 1.5)]
    slack: f64,
    /// How cohorts' rows of songs are joined
    #[arg(long, value_name = "HOW", default_value = "mean")]
    rows: Join,
    /// How cohorts' parts of the user tower are joined
    #[arg(long, value_name = "HOW", default_value = "geometric-median")]
    tower: Join,
    /// Take in cohorts whose sum is far longer than the others' too
    #[arg(long)]
    no_screen: bool,
    #[command(flatten)]
    towers: Towers,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// Places of a slate.
const SLATE: usize = 20;

/// One training.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    seed: u64,
    rank: usize,
    defended: bool,
    attack: Option<Attack>,
    exposure: f64,
    ndcg: f64,
    /// Of the last round.
    told: Poisoned,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // Minutes of arithmetic: not for the threads that wait on sockets.
    tokio::task::spawn_blocking(move || work(&args)).await.context("the training thread ended early")?
}

impl Args {
    fn defence(&self) -> Defence {
        let bound = match self.bound {
            Rows::None => Bound::None,
            Rows::Longest => Bound::Longest(self.slack),
            Rows::Popular => Bound::Popular(self.slack),
        };
        Defence { tower: self.tower.into(), rows: self.rows.into(), screen: !self.no_screen, bound }
    }
}

fn work(args: &Args) -> anyhow::Result<()> {
    if !(0.0..=0.5).contains(&args.attackers) {
        bail!("--attackers {} is no share that anything stands against; give a number from 0 to 0.5", args.attackers);
    }
    if !(args.slack > 0.0 && args.slack.is_finite()) {
        bail!("--slack {} is no bound; give a number above 0", args.slack);
    }
    if !(0.0..1.0).contains(&args.honest) {
        bail!("--honest {} is no share; give a number from 0 to below 1", args.honest);
    }
    let data = name(args.data.as_ref());
    let mut all: Vec<Outcome> = Vec::new();
    let bar = Bar::new(args.json);
    let trainings = args.seeds * 2 * (1 + (args.attack.len() * args.rank.len()) as u64);
    let mut done = 0;
    for seed in args.seed..args.seed + args.seeds {
        let (world, _) = world(args.data.as_deref(), Part::Test, seed)?;
        if args.seed == seed && !args.json {
            let (songs, devices) = (world.songs.len(), world.logs.len());
            say(&format!("{data}: {songs} songs, {devices} devices, {} % of them liars", 100.0 * args.attackers))?;
        }
        for (defended, defence) in [(false, Defence::NONE), (true, args.defence())] {
            let targets = args.rank.iter().map(|rank| {
                let song = ranked(&world, *rank);
                Ok((*rank, song.with_context(|| format!("--rank {rank}: the catalogue has fewer songs"))?))
            });
            let targets = targets.collect::<anyhow::Result<Vec<_>>>()?;
            let lies = targets.iter().flat_map(|target| args.attack.iter().map(move |sent| (*target, *sent)));
            let lies: Vec<_> = lies.collect();
            for lie in std::iter::once(None).chain(lies.into_iter().map(Some)) {
                bar.show(Progress { step: "trainings", done, total: trainings });
                let honest = later(args, &world);
                let liars = lie.map(|((_, song), sent)| Liars {
                    honest,
                    ..Liars::draw(&world, args.attackers, song, Attack::from(sent), seed)
                });
                let asked = lie.map_or_else(|| targets.clone(), |(target, _)| vec![target]);
                for mut outcome in train(args, &world, seed, &defence, liars.as_ref(), &asked)? {
                    outcome.defended = defended;
                    tell(args, &data, &outcome)?;
                    all.push(outcome);
                }
                done += 1;
            }
        }
    }
    drop(bar);
    summary(args, &data, &all)
}

/// Rounds of a training.
fn rounds(args: &Args, world: &SplitWorld) -> u32 {
    let pass = world.logs.len().div_ceil(args.clients as usize);
    u32::try_from(pass).unwrap_or(u32::MAX).saturating_mul(args.passes)
}

/// So many of them are honest.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn later(args: &Args, world: &SplitWorld) -> u32 {
    (args.honest * f64::from(rounds(args, world))) as u32
}

/// Trains once, and asks how often each target is shown.
fn train(
    args: &Args,
    world: &SplitWorld,
    seed: u64,
    defence: &Defence,
    liars: Option<&Liars>,
    targets: &[(usize, SongId)],
) -> anyhow::Result<Vec<Outcome>> {
    let mut server = args.towers.server(world, 0.0, seed)?;
    let cohorts = Cohorts { clients: args.clients as usize, rounds: rounds(args, world), seed };
    let mut last = Poisoned::default();
    poisoned_rounds(&mut server, world, &cohorts, args.cohort as usize, liars, defence, |_, _, told| {
        last = told;
        Ok(())
    })?;
    let (tower, items) = published(&server, world)?;
    // The same people are asked whoever lies: those who would be honest anyway.
    let anyone = targets.first().map_or(SongId(0), |target| target.1);
    let out = Liars::draw(world, args.attackers, anyone, Attack::Boost, seed).devices;
    let honest = |listener: usize| !out.contains(&listener);
    let ndcg = world.measure_where(&tower, &items, honest).ndcg;
    let one = |&(rank, song): &(usize, SongId)| Outcome {
        seed,
        rank,
        defended: false,
        attack: liars.map(|liars| liars.attack),
        exposure: world.exposure(&tower, &items, song, SLATE, honest),
        ndcg,
        told: last,
    };
    Ok(targets.iter().map(one).collect())
}

fn called(attack: Option<Attack>) -> &'static str {
    match attack {
        None => "nobody lies",
        Some(Attack::Boost) => "boosted",
        Some(Attack::Hide) => "hidden",
    }
}

fn tell(args: &Args, data: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let Outcome { seed, rank, defended, attack, exposure, ndcg, told } = *outcome;
    if args.json {
        let line = json!({
            "simulate": "poison", "data": data, "seed": seed, "rank": rank, "defended": defended, "attack": called(attack),
            "attackers": args.attackers, "exposure": round4(exposure), "ndcg": round4(ndcg), "cohorts": told.cohorts,
            "cohorts_with_liars": told.bad, "outliers": told.outliers, "rows_bounded": told.bounded,
            "hoped": round4(told.hoped), "reached": round4(told.reached.into()),
        });
        return say(&line.to_string());
    }
    let way = if defended { "defended" } else { "open" };
    say(&format!(
        "seed {seed} rank {rank:>4} {way:>8} {:<11}   exposure {exposure:.4}   NDCG {ndcg:.4}   last round: {} cohorts, {} with liars, {} left out, {} rows shortened{}",
        called(attack),
        told.cohorts,
        told.bad,
        told.outliers,
        told.bounded,
        attack.map_or_else(String::new, |_| format!("; hoped for {:.3}, reached {:.2}", told.hoped, told.reached))
    ))
}

fn summary(args: &Args, data: &str, all: &[Outcome]) -> anyhow::Result<()> {
    let of = |rank: usize, defended: bool, attack: Option<Attack>| {
        all.iter().filter(move |o| o.rank == rank && o.defended == defended && o.attack == attack)
    };
    let mean = |values: Vec<f64>| moments(values.iter().copied()).0;
    let first = args.rank.first().copied().unwrap_or_default();
    let ndcg = |defended| mean(of(first, defended, None).map(|o| o.ndcg).collect());
    let cost = 100.0 * (1.0 - ndcg(true) / ndcg(false));
    for &rank in &args.rank {
        let exposure = |defended, attack| mean(of(rank, defended, attack).map(|o| o.exposure).collect());
        for defended in [false, true] {
            for attack in args.attack.iter().map(|sent| Attack::from(*sent)) {
                let (before, after) = (exposure(defended, None), exposure(defended, Some(attack)));
                let way = if defended { "defended" } else { "open" };
                if args.json {
                    let line = json!({
                        "simulate": "poison", "way": "summary", "data": data, "rank": rank, "defended": defended,
                        "attack": called(Some(attack)), "seeds": args.seeds, "exposure_before": round4(before),
                        "exposure_after": round4(after), "ratio": round4(after / before), "ndcg_cost_percent": round4(cost),
                    });
                    say(&line.to_string())?;
                } else {
                    let name = called(Some(attack));
                    say(&format!(
                        "rank {rank:>4} {way:>8} {name:<8} exposure {before:.4} → {after:.4}   × {:.2}",
                        after / before
                    ))?;
                }
            }
        }
    }
    if args.json {
        return Ok(());
    }
    say(&format!(
        "where nobody lies the defence costs {cost:.2} % of the NDCG ({:.4} of {:.4})",
        ndcg(true),
        ndcg(false)
    ))
}
