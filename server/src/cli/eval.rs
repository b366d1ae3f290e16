//! `eval`: every recall channel and their merge, on songs that nobody trained on.

use super::bar::Bar;
use super::compare;
use super::frontier;
use super::interests;
use super::leakage;
use super::output::say;
use super::pfedrec;
use super::portrait;
use super::recall_noise;
use super::source::Source;
use crate::config::ChannelConfig;
use crate::eval::{Answer, DEEP, Holdout, Line, NEAR, Protocol, evaluate};
use crate::recall::Merged;
use crate::registry::Channels;
use crate::stage::{Candidate, Query};
use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

/// What `eval --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval                                        the synthetic world
  sottovoce-server eval --data lastfm-hetrec2k --json          one JSON object a line
  sottovoce-server eval --data DIR --on validation --config recall.toml
  sottovoce-server eval frontier --data lastfm-hetrec2k --html frontier.html
  sottovoce-server eval recall-noise --data lastfm-hetrec2k
  sottovoce-server eval portrait --data lastfm-s3rec
  sottovoce-server eval interests --data lastfm-s3rec
  sottovoce-server eval pfedrec --data ml-100k
  sottovoce-server eval leakage --data ml-100k
  sottovoce-server eval run --run runs/deepfm-2020 --against runs/lr-2020

Logs of totals (no times): a random fifth of each listener's songs is held out, drawn as numpy draws it, so that figures can be
compared with other people's. Logs with an order: each listener's last finished song. The whole catalogue is ranked. Choose
settings with --on validation, report with the default.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    source: Source,
    /// What is drawn at random, the split too, is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u32,
    /// Which part is held out
    #[arg(long, value_enum, default_value_t = On::Test)]
    on: On,
    /// Settings of the channels (TOML) in place of the defaults
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Ask for at most so many listeners, drawn at random
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    listeners: usize,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What diversity costs: DPP, MMR and SSD on the same candidates, relevance against difference
    Frontier(frontier::Args),
    /// What noise costs a listener who asks the server for songs, and what it still tells of them
    RecallNoise(recall_noise::Args),
    /// What the stars of a listener's portrait are worth: how stable they are, and where fifths of a population lie
    Portrait(portrait::Args),
    /// What several interests are worth beside one, and an equal quota for each beside a merge
    Interests(interests::Args),
    /// A federated recommender with personal halves (PFedRec), beside its ablations, popularity and centralised factors
    #[command(name = "pfedrec")]
    PFedRec(pfedrec::Args),
    /// One trained ranking model against another, on the same rows
    Run(compare::Args),
    /// What a curious server reads out of rounds: one update, a cohort's sum, the sum with noise, a masked report
    Leakage(leakage::Args),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum On {
    /// What figures are reported on
    Test,
    /// A part of the training data: what settings are chosen on
    Validation,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        Some(Verb::Frontier(args)) => return frontier::run(args).await,
        Some(Verb::RecallNoise(args)) => return recall_noise::run(args).await,
        Some(Verb::Portrait(args)) => return portrait::run(args).await,
        Some(Verb::Interests(args)) => return interests::run(args).await,
        Some(Verb::PFedRec(args)) => return pfedrec::run(args).await,
        Some(Verb::Run(args)) => return compare::run(args).await,
        Some(Verb::Leakage(args)) => return leakage::run(args).await,
        None => {}
    }
    let dataset = args.source.load().await?;
    let config = args.config.as_deref().map_or_else(|| Ok(ChannelConfig::default()), ChannelConfig::load)?;
    let (name, json, seed) = (dataset.name.clone(), args.json, args.seed);
    let protocol = Protocol::of(&dataset);
    let work = move || -> anyhow::Result<Vec<Line>> {
        let holdout = match args.on {
            On::Test => Holdout::Test,
            On::Validation => Holdout::Validation,
        };
        let mut split = protocol.split(&dataset, holdout, args.seed)?;
        drop(dataset);
        split.sample(args.listeners, u64::from(args.seed));
        let bar = Bar::new(args.json);
        let show = |progress| bar.show(progress);
        let channels = Channels::fit(&split.train, &config, u64::from(args.seed), &show)?;
        let names: Vec<&'static str> = Channels::NAMES.into_iter().chain(["merge"]).collect();
        Ok(evaluate(&split, channels.popularity(), &names, &|query| answers(&channels, query), &show)?)
    };
    // Seconds to minutes of arithmetic: not for the threads that wait on sockets.
    let lines = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if json { lines_of_json(&lines, &name, protocol, seed) } else { table(&lines, &name, protocol) }
}

/// Every channel's answer, and what the merge makes of them for a page and for the next stage.
fn answers(channels: &Channels, query: &Query) -> Vec<Answer> {
    let lists: Vec<(&'static str, Vec<Candidate>)> =
        channels.channels().iter().map(|channel| (channel.name(), channel.recall(query))).collect();
    let plain = |merged: Vec<Merged>| merged.into_iter().map(|m| Candidate { song: m.song, score: m.score }).collect();
    // As the funnel would: each channel cut to what the merge asks of it.
    let asked = |k: usize| -> Vec<(&'static str, Vec<Candidate>)> {
        let cut = |(name, list): &(&'static str, Vec<Candidate>)| {
            (*name, list[..list.len().min(channels.merge().depth(name, k))].to_vec())
        };
        lists.iter().map(cut).collect()
    };
    let merge = Answer {
        channel: "merge",
        near: plain(channels.merge().merge(&asked(NEAR), NEAR).0),
        deep: plain(channels.merge().merge(&asked(DEEP), DEEP).0),
    };
    let alone =
        |(channel, list): &(&'static str, Vec<Candidate>)| Answer { channel, near: list.clone(), deep: list.clone() };
    lists.iter().map(alone).chain([merge]).collect()
}

fn lines_of_json(lines: &[Line], data: &str, protocol: Protocol, seed: u32) -> anyhow::Result<()> {
    for line in lines {
        let mut value = serde_json::to_value(line)?;
        value["value"] = json!((line.value * 1e4).round() / 1e4);
        value["data"] = json!(data);
        value["protocol"] = json!(protocol.name());
        value["seed"] = json!(seed);
        say(&value.to_string())?;
    }
    Ok(())
}

fn table(lines: &[Line], data: &str, protocol: Protocol) -> anyhow::Result<()> {
    const COLUMNS: [&str; 6] = ["recall@20", "ndcg@20", "hr@10", "ndcg@10", "recall@500", "coverage@20"];
    let find = |channel: &str, metric: &str, segment: Option<&str>| {
        let named = |line: &&Line| line.segment.map(|s| format!("{s:?}").to_lowercase()).as_deref() == segment;
        lines.iter().filter(named).find(|l| l.channel == channel && l.metric == metric)
    };
    let listeners = lines.iter().find(|l| l.channel == "merge").map_or(0, |l| l.listeners);
    say(&format!("{data}, {}, {listeners} listeners", protocol.name()))?;
    let mut head = format!("{:<12}", "channel");
    COLUMNS.iter().for_each(|c| head.push_str(&format!("{c:>12}")));
    ["head", "mid", "tail"].iter().for_each(|s| head.push_str(&format!("{:>12}", format!("@20 {s}"))));
    say(&head)?;
    for channel in Channels::NAMES.into_iter().chain(["merge"]) {
        let mut row = format!("{channel:<12}");
        let cells = COLUMNS.iter().map(|metric| find(channel, metric, None));
        let segments = ["head", "mid", "tail"].iter().map(|segment| find(channel, "recall@20", Some(segment)));
        for cell in cells.chain(segments) {
            row.push_str(&cell.map_or_else(|| format!("{:>12}", "-"), |line| format!("{:>12.4}", line.value)));
        }
        say(&row)?;
    }
    if let Some(share) = lines.iter().find(|l| l.channel == "log") {
        say(&format!(
            "The head, a fifth of the songs that were heard, has {:.1} % of all listener-song pairs.",
            100.0 * share.value
        ))?;
    }
    say("More figures: --json. Other settings: --config, chosen with --on validation.")
}
