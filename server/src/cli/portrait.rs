//! `eval portrait`: what the stars of a listener's portrait are worth, over everybody of a log.

use super::bar::Bar;
use super::output::say;
use super::source::Source;
use crate::catalog::{SHARD_SONGS, shards};
use crate::config::ChannelConfig;
use crate::data::{Dataset, ListenerId};
use crate::eval::{
    Dimension, Interval, LEAST_PLAYS, Novelty, Portraits, Retest, Whisker, page, paragraph, portraits, table, whiskers,
};
use crate::registry::Channels;
use anyhow::{Context, bail};
use serde_json::json;
use sottovoce::client::Resident;
use std::path::PathBuf;

/// What `eval portrait --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval portrait                               the synthetic world
  sottovoce-server eval portrait --data lastfm-s3rec --html portrait.html
  sottovoce-server eval portrait --data lastfm-hetrec2k --apart --json

The device's own portrait of every listener with twenty plays or more: how well one half of the plays tells the other, where fifths of
the population lie, and how many have each number of stars. docs/evaluation.md has figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// At most so many listeners, drawn at random
    #[arg(long, value_name = "N", default_value_t = 5000)]
    listeners: usize,
    /// Draws of listeners for the 95 % intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: u64,
    /// Learn the catalogue from every other listener alone, and measure the rest: nobody's own plays shape the space they are seen in
    #[arg(long)]
    apart: bool,
    /// Write a page with a picture
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// A dimension is a trait of the listener from this correlation on (row U4).
const STABLE: f64 = 0.6;

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let dataset = args.source.load().await?;
    let name = dataset.name.clone();
    let (seed, most, draws, apart, quiet) = (args.seed, args.listeners, args.draws, args.apart, args.json);
    let work = move || -> anyhow::Result<Portraits> {
        let bar = Bar::new(quiet);
        let show = |progress| bar.show(progress);
        let (learned, measured) = if apart { parted(&dataset) } else { (None, everybody(&dataset).collect()) };
        let items = resident(learned.as_ref().unwrap_or(&dataset), seed, &show)?;
        Ok(portraits(&dataset, &items, &measured, most, draws, seed, &show))
    };
    let found = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if found.listeners == 0 {
        bail!(
            "{name}: nobody has {LEAST_PLAYS} finished plays, from which a portrait has two halves; see `data describe`"
        );
    }
    if let Some(path) = &args.html {
        std::fs::write(path, html(&found, &name)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json { json_lines(&found, &name, &args) } else { text(&found, &name) }
}

fn everybody(dataset: &Dataset) -> impl Iterator<Item = ListenerId> {
    (0..u32::try_from(dataset.listeners.len()).unwrap_or(u32::MAX)).map(ListenerId)
}

/// The log of every other listener, and the rest.
fn parted(dataset: &Dataset) -> (Option<Dataset>, Vec<ListenerId>) {
    let events = dataset.events.iter().filter(|e| e.listener.0 % 2 == 0).copied().collect();
    (Some(Dataset { events, ..dataset.clone() }), everybody(dataset).filter(|l| l.0 % 2 == 1).collect())
}

/// The catalogue as `serve` would give it to a device.
fn resident(dataset: &Dataset, seed: u64, report: crate::progress::Report<'_>) -> anyhow::Result<Resident> {
    let channels = Channels::fit(dataset, &ChannelConfig::default(), seed, report)?;
    let embeddings = channels.song_embeddings();
    let mut plays = vec![0u32; dataset.songs.len()];
    for event in &dataset.events {
        if let Some(plays) = plays.get_mut(event.song.0 as usize) {
            *plays = plays.saturating_add(event.plays);
        }
    }
    let mut items = Resident::default();
    for shard in shards(&dataset.songs, &embeddings.rows, embeddings.dimension, &plays, SHARD_SONGS)? {
        items.add(&shard);
    }
    Ok(items)
}

fn json_lines(found: &Portraits, data: &str, args: &Args) -> anyhow::Result<()> {
    let about = |line: &mut serde_json::Value| {
        line["data"] = json!(data);
        line["seed"] = json!(args.seed);
        line["apart"] = json!(args.apart);
        line["measured"] = json!(found.listeners);
    };
    for dimension in &found.dimensions {
        let mut line = serde_json::to_value(dimension)?;
        line["portrait"] = json!("dimension");
        line["repeats"] = json!(found.repeats);
        line["ordered"] = json!(found.ordered);
        about(&mut line);
        say(&line.to_string())?;
    }
    let mut line = json!({ "portrait": "novelty", "novelty": found.novelty });
    about(&mut line);
    say(&line.to_string())
}

const HEAD: [&str; 8] = ["dimension", "listeners", "r, by plays", "r, by songs", "20 %", "40 %", "60 %", "80 %"];

fn cells(dimension: &Dimension) -> Vec<String> {
    let retest = |r: Option<Retest>| {
        r.map_or_else(|| "-".to_owned(), |Retest { r, .. }| format!("{:.3} [{:.3}, {:.3}]", r.value, r.low, r.high))
    };
    let cuts =
        dimension.quintiles.map_or_else(|| vec!["-".to_owned(); 4], |cuts| cuts.map(|c| format!("{c:.4}")).to_vec());
    let first = [
        dimension.dimension.to_owned(),
        dimension.listeners.to_string(),
        retest(dimension.by_plays),
        retest(dimension.by_songs),
    ];
    first.into_iter().chain(cuts).collect()
}

/// Shares of the listeners with one to five stars.
fn stars(dimension: &Dimension) -> Vec<String> {
    let all = dimension.listeners.max(1) as f64;
    dimension.stars.iter().map(|n| format!("{:.0} %", 100.0 * *n as f64 / all)).collect()
}

fn text(found: &Portraits, data: &str) -> anyhow::Result<()> {
    say(&format!(
        "{data}: {} listeners with {LEAST_PLAYS} plays or more, the device's own portrait of each",
        found.listeners
    ))?;
    let row = |cells: &[String], stars: &[String]| {
        let [dimension, listeners, plays, songs, cuts @ ..] = cells else { return String::new() };
        let [cuts, stars] = [cuts, stars].map(|all| all.iter().map(|cell| format!("{cell:>8}")).collect::<String>());
        format!("{dimension:<10}{listeners:>10}{plays:>22}{songs:>22}{cuts}  {stars}")
    };
    say(&row(&HEAD.map(str::to_owned), &["*", "**", "***", "****", "*****"].map(str::to_owned)))?;
    found.dimensions.iter().try_for_each(|d| say(&row(&cells(d), &stars(d))))?;
    say("")?;
    remarks(found).iter().try_for_each(|line| say(line))
}

/// What the figures say, and what this log cannot say.
fn remarks(found: &Portraits) -> Vec<String> {
    let mut lines = vec![match (found.repeats, found.ordered) {
        (false, _) => "No song repeats: every other play is every other song.".to_owned(),
        (true, true) => "By plays: every other play, a favourite is in both halves. By songs: no song is in both.".to_owned(),
        (true, false) => "This log has totals: halves by plays have the same songs by construction, so only r by songs says anything.".to_owned(),
    }];
    for each in &found.dimensions {
        let name = each.dimension;
        // Of totals, the halves by plays say nothing.
        let by_plays = each.by_plays.filter(|_| found.ordered || !found.repeats).map(|r| r.r.value);
        let by_songs = each.by_songs.map(|r| r.r.value);
        lines.push(match (by_plays.or(by_songs), by_songs.or(by_plays)) {
            _ if each.quintiles.is_none() => {
                format!("{name}: the catalogue does not say (no years, or no styles and artists).")
            }
            (Some(plays), Some(songs)) if plays >= STABLE && songs >= STABLE => {
                format!("{name}: stable, r {:.3} is {STABLE} or more.", plays.min(songs))
            }
            (Some(plays), Some(songs)) if plays >= STABLE => {
                format!(
                    "{name}: stable only where favourites are in both halves (r {plays:.3}); by songs r {songs:.3}."
                )
            }
            (Some(plays), _) => format!("{name}: NOT stable, r {plays:.3} is below {STABLE}."),
            (None, _) => format!("{name}: the same of everybody, or of too few to correlate; this log cannot say."),
        });
    }
    let told = |r: Option<Retest>| {
        r.map_or_else(
            || "no spread".to_owned(),
            |Retest { r: Interval { value, low, high }, .. }| format!("{value:+.3} [{low:+.3}, {high:+.3}]"),
        )
    };
    lines.push(match found.novelty {
        Novelty::NoOrder => "Novelty later: this log has totals and no order, so it cannot be told.".to_owned(),
        Novelty::NothingRepeats => "Novelty later: every song is in a listener's log once, so everything is new to everybody; it cannot be told.".to_owned(),
        Novelty::Told { mean, value, stars } => format!(
            "Novelty later: {:.1} % of the second half are songs not heard in the first; r with explore of the first half: value {}, stars {}.",
            100.0 * mean, told(value), told(stars)
        ),
    });
    lines
}

fn html(found: &Portraits, data: &str) -> String {
    let intro = format!(
        "{data}: the device's own portrait of {} listeners. Pearson's r between the portraits of two halves of each listener's plays; \
         the bars are 95 % intervals over listeners.",
        found.listeners
    );
    let whisker = |name: String, retest: Option<Retest>| retest.map(|r| Whisker { name, interval: r.r });
    let rows: Vec<Whisker> = found
        .dimensions
        .iter()
        .flat_map(|d| {
            [
                whisker(format!("{}, by plays", d.dimension), d.by_plays),
                whisker(format!("{}, by songs", d.dimension), d.by_songs),
            ]
        })
        .flatten()
        .collect();
    let head: Vec<&str> = HEAD.into_iter().chain(["*", "**", "***", "****", "*****"]).collect();
    let cells: Vec<Vec<String>> =
        found.dimensions.iter().map(|d| cells(d).into_iter().chain(stars(d)).collect()).collect();
    let mut parts = vec![paragraph(&intro), whiskers("test-retest r", &rows), table(&head, &cells)];
    parts.extend(remarks(found).iter().map(|line| paragraph(line)));
    page("What a portrait is worth", &parts)
}
