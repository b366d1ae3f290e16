//! `eval interests`: what several interests are worth beside one, and an equal quota beside a merge.

use super::bar::Bar;
use super::output::say;
use super::simulate::populate;
use super::source::Source;
use crate::data::{Clock, leave_one_out};
use crate::eval::{Interval, Segment, segments};
use crate::progress::Progress;
use crate::recall::Interactions;
use crate::simulate::{CentralConfig, Gap, HeldOutPart, Mix, Variant, Way, Worth, compare, given, train_variant};
use anyhow::{Context, bail};
use serde_json::json;

/// What `eval interests --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server eval interests                              the synthetic world
  sottovoce-server eval interests --data lastfm-s3rec
  sottovoce-server eval interests --data DIR --seeds 1 --epochs 6 --json

The device's tower with one interest, with four by attention and with four by capsules, each trained centrally from the same seeds, the epoch
chosen on validation; each listener's last finished song is held out and all songs are ranked. docs/evaluation.md has figures.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// The first seed; embeddings, weights and negatives are drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// So many seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Passes over everybody's past; the best on validation counts
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Dimension of song and user embeddings
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=256))]
    dimension: u32,
    /// Sampled songs set against each heard one
    #[arg(long, value_name = "N", default_value_t = 64)]
    negatives: usize,
    /// Draws of listeners for the 95 % intervals
    #[arg(long, value_name = "N", default_value_t = 500)]
    draws: u64,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// The ways, by place: one interest; attention and capsules, each merged and with a quota.
const WAYS: [(usize, Mix); 5] =
    [(0, Mix::Merged), (1, Mix::Merged), (1, Mix::Quota), (2, Mix::Merged), (2, Mix::Quota)];
const PAIRS: [(usize, usize); 5] = [(1, 0), (3, 0), (3, 1), (2, 1), (4, 3)];

/// What was measured, and over what.
struct Found {
    worth: Vec<Worth>,
    gaps: Vec<Gap>,
    /// The chosen epochs, by variant, then seed.
    epochs: [Vec<u32>; 3],
    listeners: usize,
    songs: usize,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let dataset = args.source.load().await?;
    let name = dataset.name.clone();
    if dataset.clock == Clock::None {
        bail!(
            "{name} tells no order of listening, so no next song can be held out; eval interests needs sequences or times"
        );
    }
    let Args { seed, seeds, epochs, dimension, negatives, draws, json, .. } = args;
    let work = move || -> anyhow::Result<Found> {
        let bar = Bar::new(json);
        let split = leave_one_out(&dataset);
        if split.held_out.iter().all(Option::is_none) {
            return Err(crate::eval::EvalError::NothingHeldOut.into());
        }
        let mut ways = WAYS.map(|(v, mix)| Way { name: Variant::ALL[v].name, mix, seeds: vec![] });
        let mut chosen = [vec![], vec![], vec![]];
        let (mut done, total) = (0, seeds * Variant::ALL.len() as u64 * u64::from(epochs));
        let mut slots: Vec<Segment> = vec![];
        for seed in (0..seeds).map(|s| seed.wrapping_add(s)) {
            let population = populate(dimension, seed, &split)?;
            let by_song = segments(crate::recall::Popular::fit(&Interactions::of(&split.train)).listeners());
            let items = &population.items;
            slots = (0u32..).take(items.len()).map(|slot| by_song[items.song(slot).0 as usize]).collect();
            let config = CentralConfig { epochs, negatives, seed, ..CentralConfig::default() };
            for (v, variant) in Variant::ALL.into_iter().enumerate() {
                let after = |_| {
                    done += 1;
                    bar.show(Progress { step: variant.name, done, total });
                };
                let (tower, epoch) = train_variant(variant, &population, &dataset, &config, after)
                    .context("nothing was trained; this is an error of the server, please report it")?;
                chosen[v].push(epoch);
                for (way, (_, mix)) in ways.iter_mut().zip(WAYS).filter(|(_, (of, _))| *of == v) {
                    way.seeds.push(given(&tower, &population, &dataset, HeldOutPart::Test, mix));
                }
            }
        }
        let listeners = split.held_out.iter().flatten().count();
        let (worth, gaps) = compare(&ways, &PAIRS, &slots, draws, seed);
        Ok(Found { worth, gaps, epochs: chosen, listeners, songs: slots.len() })
    };
    let found = tokio::task::spawn_blocking(work).await.context("the evaluating thread ended early")??;
    if json { json_lines(&found, &name, seed) } else { text(&found, &name) }
}

fn json_lines(found: &Found, data: &str, seed: u64) -> anyhow::Result<()> {
    for (worth, (v, _)) in found.worth.iter().zip(WAYS) {
        let mut line = serde_json::to_value(worth)?;
        line["interests"] = json!("worth");
        line["data"] = json!(data);
        line["seed"] = json!(seed);
        line["best_epochs"] = json!(found.epochs[v]);
        line["listeners"] = json!(found.listeners);
        say(&line.to_string())?;
    }
    for gap in &found.gaps {
        let mut line = serde_json::to_value(gap)?;
        line["interests"] = json!("gap");
        line["data"] = json!(data);
        line["seed"] = json!(seed);
        say(&line.to_string())?;
    }
    Ok(())
}

fn named((tower, mix): (&str, Mix)) -> String {
    match mix {
        Mix::Merged => tower.to_owned(),
        Mix::Quota => format!("{tower}, quota"),
    }
}

fn signed(Interval { value, low, high }: Interval) -> String {
    format!("{value:+.4} [{low:+.4}, {high:+.4}]")
}

fn percent(Interval { value, low, high }: Interval) -> String {
    format!("{:+.1} % [{:+.1}, {:+.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
}

fn text(found: &Found, data: &str) -> anyhow::Result<()> {
    let seeds = found.epochs[0].len();
    say(&format!(
        "{data}: {} listeners, {} songs, all ranked, means over {seeds} seeds",
        found.listeners, found.songs
    ))?;
    let head = ["HR@20", "HR@200", "NDCG@20", "alike", "popularity", "coverage@20", "tail@20"];
    say(&format!("{:<18}{}  epochs", "tower", head.map(|cell| format!("{cell:>16}")).concat()))?;
    for (worth, (v, _)) in found.worth.iter().zip(WAYS) {
        let told = |i: Interval| format!("{:.4} ±{:.4}", i.value, (i.high - i.low) / 2.0);
        let cells = [
            told(worth.hr20),
            told(worth.hr200),
            told(worth.ndcg20),
            worth.alike.map_or_else(|| "-".to_owned(), told),
            told(worth.popularity),
            format!("{:.4}", worth.coverage),
            format!("{:.4}", worth.tail),
        ];
        let cells = cells.map(|cell| format!("{cell:>16}")).concat();
        say(&format!("{:<18}{cells}  {:?}", named((worth.tower, worth.mix)), found.epochs[v]))?;
    }
    say("")?;
    for gap in &found.gaps {
        say(&format!("{} − {}", named(gap.of), named(gap.against)))?;
        say(&format!("    HR@20 {}   HR@200 {}", signed(gap.hr20), signed(gap.hr200)))?;
        say(&format!("    NDCG@20 {}   popularity {}", signed(gap.ndcg20), signed(gap.popularity)))?;
        let shares = [gap.hr20_share, gap.coverage_share, gap.tail_share].map(percent);
        say(&format!("    HR@20 {}   coverage {}   tail coverage {}", shares[0], shares[1], shares[2]))?;
    }
    say("")?;
    verdicts(&found.gaps).iter().try_for_each(|line| say(line))?;
    say(
        "± and brackets: 95 % over listeners, paired; seeds are averaged first. Alike: mean cosine between a listener's interests.",
    )
}

/// The claims of rows R15 to R17, each with what was measured of it.
fn verdicts(gaps: &[Gap]) -> Vec<String> {
    let [attention, capsules, _, quotas @ ..] = gaps else { return vec![] };
    let word = |holds: bool| if holds { "holds" } else { "DOES NOT HOLD" };
    let mut lines = vec![
        format!("R15, capsules' HR@200 above one interest's: {}.", word(capsules.hr200.low > 0.0)),
        format!("R16, attention's lists less popular than one interest's: {}.", word(attention.popularity.high < 0.0)),
    ];
    for gap in quotas {
        // The loss is allowed to be two parts in a hundred of what there was.
        let holds = gap.tail_share.value >= 0.2 && gap.hr20_share.value >= -0.02;
        lines.push(format!(
            "R17, {}: a fifth more of the tail for at most 2 % of HR@20: {} ({} for {}).",
            gap.of.0,
            word(holds),
            percent(gap.tail_share),
            percent(gap.hr20_share)
        ));
    }
    lines
}
