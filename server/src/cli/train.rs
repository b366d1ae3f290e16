//! `train`: fits the recall channels and keeps them in a state file, beside the data set they were fitted on. `train ranker` trains a ranking model.

use super::bar::Bar;
use super::output::say;
use super::ranker;
use super::source::Source;
use crate::config::ChannelConfig;
use crate::data::{Artefact, save_artefact, save_dataset, stored_dataset};
use crate::registry::Channels;
use crate::state::State;
use anyhow::{Context, bail};
use serde_json::json;
use sottovoce::ids::Millis;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What `train --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server train --data lastfm-hetrec2k --into sottovoce.db
  sottovoce-server train --state sottovoce.db --into sottovoce.db      again, with what it holds
  sottovoce-server train ranker --config configs/deepfm.toml --data ../shared/data/ml-100k --seeds 5

Then: sottovoce-server serve --state sottovoce.db";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    source: Source,
    /// The state file that keeps the data set and the channels
    #[arg(long, value_name = "FILE.db")]
    into: Option<PathBuf>,
    /// Replace another data set in the state file, and all that was learned from it
    #[arg(long)]
    replace: bool,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// Settings of the channels (TOML) in place of the defaults
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// A ranking model, on a table of real impressions
    Ranker(ranker::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Verb::Ranker(args)) = args.verb {
        return tokio::task::spawn_blocking(move || ranker::run(&args))
            .await
            .context("the training thread ended early")?;
    }
    let into = args.into.context("where to keep what is learned is not said; give --into FILE.db")?;
    let config = args.config.as_deref().map_or_else(|| Ok(ChannelConfig::default()), ChannelConfig::load)?;
    let dataset = args.source.load().await?;
    let state = State::open(&into).await?;
    let hash = dataset.content_hash().to_string();
    let held = stored_dataset(&state).await?;
    match &held {
        Some(other) if other.hash != hash && !args.replace => bail!(
            "{} holds another data set, {}; give --replace to lose it, or another file to --into",
            into.display(),
            other.name
        ),
        _ => {}
    }
    let now = || {
        Millis(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0)))
    };
    let began = Instant::now();
    let (seed, json) = (args.seed, args.json);
    let work = move || {
        let bar = Bar::new(json);
        let channels = Channels::fit(&dataset, &config, seed, &|progress| bar.show(progress));
        channels.map(|channels| (channels, dataset))
    };
    let (channels, dataset) = tokio::task::spawn_blocking(work).await.context("the training thread ended early")??;
    let seconds = began.elapsed().as_secs_f64();
    if held.is_none_or(|held| held.hash != hash) {
        let bar = Bar::new(args.json);
        save_dataset(&state, &dataset, now(), &|progress| bar.show(progress)).await?;
    }
    let bytes = channels.to_bytes()?;
    let size = bytes.len();
    let artefact = Artefact { version: Channels::VERSION, bytes, made_at: now() };
    save_artefact(&state, Channels::ARTEFACT, &artefact).await?;
    state.close().await;
    let (songs, dimension) = (channels.songs(), channels.song_embeddings().dimension);
    if args.json {
        return say(&json!({
            "train": dataset.name, "into": into, "channels": Channels::NAMES, "songs": songs, "dimension": dimension,
            "bytes": size, "seconds": (seconds * 1e3).round() / 1e3, "seed": args.seed,
        })
        .to_string());
    }
    #[allow(clippy::cast_precision_loss, reason = "for reading")]
    let megabytes = size as f64 / 1e6;
    say(&format!(
        "{}: {} channels over {songs} songs fitted in {seconds:.1} s, {megabytes:.1} MB in {}\nNext: sottovoce-server serve --state {}",
        dataset.name,
        Channels::NAMES.len(),
        into.display(),
        into.display(),
    ))
}
