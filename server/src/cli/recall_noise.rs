//! `eval recall-noise`: what noise costs a listener who asks the server for songs, and what it still tells.

use super::bar::Bar;
use super::output::say;
use super::source::Source;
use crate::catalog::{SHARD_SONGS, shards};
use crate::config::ChannelConfig;
use crate::data::{Dataset, ListenerId};
use crate::embed::SongEmbeddings;
use crate::eval::{Blur, Interval, NEAREST, blur};
use crate::recall::{ExactIndex, NoisedRecall, taste};
use crate::registry::Channels;
use anyhow::{Context, bail};
use serde_json::json;
use sottovoce::math::{axpy, normalize};
use sottovoce::privacy::Epsilon;
use sottovoce::protocol::RecallQuery;

/// What `eval recall-noise --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval recall-noise --data lastfm-hetrec2k
  sottovoce-server eval recall-noise --data DIR --epsilon 50 --epsilon 100 --asked 2000 --json

Each listener's taste, the mean of what they heard, is noised once and asked with. docs/recall.md has figures and says what ε means.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u32,
    /// An ε to measure; may be repeated [default: 10 25 50 100 200 400 1000000]
    #[arg(long, value_name = "NUMBER")]
    epsilon: Vec<f64>,
    /// So many songs are asked for; may be repeated [default: 500 2000 5000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(RecallQuery::MOST_SONGS)))]
    asked: Vec<u32>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// From much noise to none but the rounding.
const EPSILONS: [f64; 7] = [10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1e6];
const ASKED: [u32; 3] = [500, 2000, 5000];

/// What was measured, and over what.
struct Found {
    blurs: Vec<Blur>,
    songs: usize,
    listeners: usize,
    dimension: usize,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let given = if args.epsilon.is_empty() { EPSILONS.to_vec() } else { args.epsilon.clone() };
    let Some(epsilons) = given.iter().map(|e| Epsilon::new(*e)).collect::<Option<Vec<Epsilon>>>() else {
        bail!("--epsilon takes numbers from 0.000001 to 1000000, got {given:?}");
    };
    let asked = if args.asked.is_empty() { ASKED.to_vec() } else { args.asked.clone() };
    let dataset = args.source.load().await?;
    let (name, seed, quiet, counts) = (dataset.name.clone(), u64::from(args.seed), args.json, asked.clone());
    let work = move || -> anyhow::Result<Found> {
        let bar = Bar::new(quiet);
        let show = |progress| bar.show(progress);
        let channels = Channels::fit(&dataset, &ChannelConfig::default(), seed, &show)?;
        let embeddings = channels.song_embeddings();
        let d = embeddings.dimension;
        // The very rows that a device would hold; how often they were played plays no part here.
        let plays = vec![0; dataset.songs.len()];
        let recall = NoisedRecall::new(shards(&dataset.songs, &embeddings.rows, d, &plays, SHARD_SONGS)?);
        let index = ExactIndex::new(d, &embeddings.rows);
        let tastes = tastes(&dataset, embeddings);
        let blurs = blur(&recall, &index, &tastes, &epsilons, &counts, seed, &show);
        Ok(Found { blurs, songs: dataset.songs.len(), listeners: tastes.len(), dimension: d })
    };
    let found = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if args.json { json_lines(&found, &name, &asked, args.seed) } else { table(&found, &name, &asked) }
}

/// `u = Σ taste(s)·v_s` of every listener, as a unit; those of whom nothing is known are left out.
fn tastes(dataset: &Dataset, embeddings: &SongEmbeddings) -> Vec<Vec<f32>> {
    let listeners = u32::try_from(dataset.listeners.len()).unwrap_or(u32::MAX);
    let of = |listener: u32| {
        let mut vector = vec![0.0; embeddings.dimension];
        for event in dataset.events_of(ListenerId(listener)) {
            #[allow(clippy::cast_precision_loss, reason = "a weight")]
            axpy(taste(event.plays as f32), embeddings.row(event.song), &mut vector);
        }
        normalize(&mut vector).then_some(vector)
    };
    (0..listeners).filter_map(of).collect()
}

fn json_lines(found: &Found, data: &str, asked: &[u32], seed: u32) -> anyhow::Result<()> {
    for each in &found.blurs {
        let found_of: Vec<_> =
            asked.iter().zip(&each.found).map(|(n, share)| json!({ "asked": n, "found": share })).collect();
        let line = json!({
            "recall_noise": each.epsilon, "data": data, "seed": seed, "songs": found.songs, "listeners": found.listeners,
            "dimension": found.dimension, "nearest": NEAREST, "cosine": each.cosine, "recognised": each.recognised, "by_asked": found_of,
        });
        say(&line.to_string())?;
    }
    Ok(())
}

fn table(found: &Found, data: &str, asked: &[u32]) -> anyhow::Result<()> {
    let Found { songs, listeners, dimension, .. } = found;
    say(&format!(
        "{data}: {listeners} listeners, {songs} songs of {dimension} dimensions; share of each listener's nearest {NEAREST} among the songs that came"
    ))?;
    let mut head = format!("{:>12}{:>9}{:>18}", "ε", "cosine", "recognised");
    asked.iter().for_each(|n| head.push_str(&format!("{:>18}", format!("{n} asked"))));
    say(&head)?;
    let told = |i: &Interval| format!("{:.3} ±{:.3}", i.value, (i.high - i.low) / 2.0);
    for each in &found.blurs {
        let mut row = format!("{:>12}{:>9.3}{:>18}", each.epsilon, each.cosine, told(&each.recognised));
        each.found.iter().for_each(|share| row.push_str(&format!("{:>18}", told(share))));
        say(&row)?;
    }
    let mut chance = format!("{:>12}{:>9.3}{:>18.3}", "by chance", 0.0, 1.0 / (*listeners).max(1) as f64);
    let share = |n: u32| (f64::from(n) / (*songs).max(1) as f64).min(1.0);
    asked.iter().for_each(|n| chance.push_str(&format!("{:>18.3}", share(*n))));
    say(&chance)?;
    say(
        "± is half of the 95 % interval over listeners. Recognised: the noised direction is nearest to the listener's own taste, of all listeners'.",
    )
}
