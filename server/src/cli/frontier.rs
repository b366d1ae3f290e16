//! `eval frontier`: what diversity costs, by every re-ranking method.

use super::bar::Bar;
use super::output::say;
use super::source::Source;
use crate::config::ChannelConfig;
use crate::eval::{
    Catalogue, Contender, Frontier, Holdout, Interval, Point, Protocol, Question, Series, Split, frontier, lines, page,
    paragraph, table,
};
use crate::registry::Channels;
use crate::stage::{Candidate, Query};
use anyhow::Context;
use serde_json::json;
use sottovoce::ids::ArtistId;
use std::collections::HashMap;
use std::path::PathBuf;

/// What `eval frontier --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval frontier --data lastfm-hetrec2k
  sottovoce-server eval frontier --data lastfm-hetrec2k --html frontier.html
  sottovoce-server eval frontier --data DIR --listeners 300 --candidates 200 --json

Every method re-ranks the same candidates (the channels' merge) into twenty songs at twenty settings. A setting is dominated where
another is at least as relevant and at least as different. docs/replay.md has figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Everything random is drawn from it, the split too
    #[arg(long, default_value_t = 2020)]
    seed: u32,
    /// At most so many listeners, drawn at random
    #[arg(long, value_name = "N", default_value_t = 600)]
    listeners: usize,
    /// Candidates of each
    #[arg(long, value_name = "N", default_value_t = 200)]
    candidates: usize,
    /// Draws of listeners for the 95 % intervals
    #[arg(long, value_name = "N", default_value_t = 500)]
    draws: u64,
    /// Write a page with a picture
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// Diversity from none to nearly alone, denser where most happens.
const GRID: [f32; 20] =
    [0.0, 0.02, 0.05, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.97];

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let dataset = args.source.load().await?;
    let (name, protocol) = (dataset.name.clone(), Protocol::of(&dataset));
    let (seed, listeners, candidates, draws, quiet) =
        (args.seed, args.listeners, args.candidates, args.draws, args.json);
    let work = move || -> anyhow::Result<Frontier> {
        let mut split = protocol.split(&dataset, Holdout::Test, seed)?;
        drop(dataset);
        split.sample(listeners, u64::from(seed));
        let bar = Bar::new(quiet);
        let show = |progress| bar.show(progress);
        let channels = Channels::fit(&split.train, &ChannelConfig::default(), u64::from(seed), &show)?;
        let questions = questions(&split, &channels, candidates);
        let artists: Vec<ArtistId> = split.train.songs.iter().map(|s| s.artist).collect();
        let tags = tags(&split);
        let embeddings = channels.song_embeddings();
        let catalogue =
            Catalogue { dimension: embeddings.dimension, rows: &embeddings.rows, artists: &artists, tags: &tags };
        Ok(frontier(&questions, &catalogue, &Contender::all(), &GRID, draws, u64::from(seed), &show)?)
    };
    let found = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if let Some(path) = &args.html {
        let html = html(&found, &name, protocol);
        std::fs::write(path, html).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json { json_lines(&found, &name, protocol, seed) } else { text(&found, &name, protocol) }
}

fn questions(split: &Split, channels: &Channels, k: usize) -> Vec<Question> {
    let ask = |case: &crate::eval::Case| {
        let query = Query { seeds: case.seeds.clone(), exclude: case.exclude.clone(), k };
        let merged = channels.funnel().run(&query).0;
        let candidates = merged.into_iter().map(|m| Candidate { song: m.song, score: m.score }).collect();
        Question { case: case.clone(), candidates }
    };
    split.cases.iter().map(ask).filter(|q| !q.candidates.is_empty()).collect()
}

/// The attributes of each song as numbers.
fn tags(split: &Split) -> Vec<Vec<u32>> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut tags = Vec::with_capacity(split.train.songs.len());
    for song in &split.train.songs {
        let mut own: Vec<u32> = vec![];
        for attribute in &song.attributes {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            own.push(*numbers.entry(attribute).or_insert(next));
        }
        tags.push(own);
    }
    tags
}

fn json_lines(found: &Frontier, data: &str, protocol: Protocol, seed: u32) -> anyhow::Result<()> {
    for point in &found.points {
        let mut line = serde_json::to_value(point)?;
        line["frontier"] = json!("point");
        line["data"] = json!(data);
        line["protocol"] = json!(protocol.name());
        line["listeners"] = json!(found.listeners);
        line["seed"] = json!(seed);
        say(&line.to_string())?;
    }
    for duel in &found.duels {
        let mut line = serde_json::to_value(duel)?;
        line["frontier"] = json!("duel");
        line["data"] = json!(data);
        say(&line.to_string())?;
    }
    Ok(())
}

const HEAD: [&str; 7] = ["method", "diversity", "NDCG@20", "recall@20", "ILD@20", "tags@20", "coverage@20"];

fn cells(point: &Point) -> [String; 7] {
    let told = |i: Interval| format!("{:.4} ±{:.4}", i.value, (i.high - i.low) / 2.0);
    [
        point.method.to_owned(),
        format!("{:.2}", point.diversity),
        told(point.ndcg),
        told(point.recall),
        told(point.ild),
        format!("{:.1}", point.tags.value),
        format!("{:.4}", point.coverage),
    ]
}

fn text(found: &Frontier, data: &str, protocol: Protocol) -> anyhow::Result<()> {
    say(&format!("{data}, {}, {} listeners, twenty songs each", protocol.name(), found.listeners))?;
    let row = |cells: &[String], last: &str| {
        let [method, diversity, rest @ ..] = cells else { return String::new() };
        let rest: String = rest.iter().map(|cell| format!("{cell:>17}")).collect();
        format!("{method:<18}{diversity:>9}{rest}  {last}")
    };
    say(&row(&HEAD.map(str::to_owned), "dominated by"))?;
    for point in &found.points {
        say(&row(&cells(point), point.dominated_by.unwrap_or("-")))?;
    }
    say("")?;
    duels(found).iter().try_for_each(|line| say(line))?;
    say("± is half of the 95 % interval over listeners. A picture: --html FILE.html")
}

fn duels(found: &Frontier) -> Vec<String> {
    let duel = |d: &crate::eval::Duel| {
        let Interval { value, low, high } = d.ndcg;
        let word = if d.ndcg.excludes_zero() { "" } else { " (not told apart)" };
        format!(
            "{} − {}: NDCG {value:+.4} [{low:+.4}, {high:+.4}] at the same difference, ILD {:.2} to {:.2}{word}",
            d.method, d.against, d.ild.0, d.ild.1
        )
    };
    found.duels.iter().map(duel).collect()
}

fn html(found: &Frontier, data: &str, protocol: Protocol) -> String {
    let series = |across: fn(&Point) -> f64| -> Vec<Series> {
        let of = |run: &[Point]| Series {
            name: run[0].method.to_owned(),
            points: run.iter().map(|p| (across(p), p.ndcg.value)).collect(),
        };
        found.points.chunk_by(|a, b| a.method == b.method).map(of).collect()
    };
    let rows: Vec<Vec<String>> = found
        .points
        .iter()
        .map(|p| cells(p).into_iter().chain([p.dominated_by.unwrap_or("-").to_owned()]).collect())
        .collect();
    let head: Vec<&str> = HEAD.into_iter().chain(["dominated by"]).collect();
    let intro = format!(
        "{data}, {}: every method re-ranks the same candidates of {} listeners into twenty songs, at twenty settings of diversity each. \
         Up is relevant (NDCG of held-out songs), right is different. Higher and further right is better.",
        protocol.name(),
        found.listeners
    );
    let mut parts = vec![
        paragraph(&intro),
        lines("ILD: mean of 1 − cos over the pairs of a slate", "NDCG@20", &series(|p| p.ild.value)),
        lines("different tags of a slate", "NDCG@20", &series(|p| p.tags.value)),
    ];
    parts.extend(duels(found).iter().map(|line| paragraph(line)));
    parts.push(table(&head, &rows));
    page("What diversity costs", &parts)
}
