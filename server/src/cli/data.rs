//! `data`: import, invent or describe listening data.

use super::bar::Bar;
use super::output::say;
use super::source::Source;
use crate::data::{
    Dataset, Format, ImportOptions, ImportReport, SyntheticConfig, World, describe, save_dataset, stored_dataset,
};
use crate::state::State;
use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use sottovoce::ids::Millis;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// So many bad rows are shown one by one.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read a folder (or file) and check it row by row; with --into, keep it in a state file
    #[command(after_help = "Examples:\n  \
        sottovoce-server data import csv my-log --into sottovoce.db\n  \
        sottovoce-server data import hetrec lastfm-hetrec2k --strict\n\n\
        A bad row is named with file, line, column and what was expected. `data formats` lists formats and columns.")]
    Import(Import),
    /// Make a small honest world of listeners, songs and plays from a seed
    #[command(after_help = "Examples:\n  \
        sottovoce-server data synthetic --seed 7\n  \
        sottovoce-server data synthetic --listeners 2000 --songs 20000 --events 500000 --into world.db")]
    Synthetic(Synthetic),
    /// Count what a data set holds: sparsity, repeats, skips, sessions
    #[command(after_help = "Examples:\n  \
        sottovoce-server data describe\n  \
        sottovoce-server data describe --data lastfm-s3rec --json")]
    Describe(Describe),
    /// List the formats that can be read, their files and columns
    #[command(after_help = "Example:\n  sottovoce-server data formats --json")]
    Formats {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Import {
    /// Which format; `auto` looks at the files' names
    format: String,
    /// The folder (sessions: also a file)
    path: PathBuf,
    /// Keep the data set in this state file; without it the folder is only checked
    #[arg(long, value_name = "FILE.db")]
    into: Option<PathBuf>,
    /// Replace another data set in the state file, and all that was learned from it
    #[arg(long, requires = "into")]
    replace: bool,
    /// Stop at the first bad row
    #[arg(long)]
    strict: bool,
    /// Stop when more rows than this are bad
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_errors: u64,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Synthetic {
    /// Everything is drawn from it
    #[arg(long, default_value_t = SyntheticConfig::default().seed)]
    seed: u64,
    /// How many listeners
    #[arg(long, default_value_t = SyntheticConfig::default().listeners)]
    listeners: u32,
    /// How many songs
    #[arg(long, default_value_t = SyntheticConfig::default().songs)]
    songs: u32,
    /// How many artists
    #[arg(long, default_value_t = SyntheticConfig::default().artists)]
    artists: u32,
    /// How many events, nearly
    #[arg(long, default_value_t = SyntheticConfig::default().events)]
    events: u32,
    /// Over how many days
    #[arg(long, default_value_t = SyntheticConfig::default().days)]
    days: u32,
    /// Keep the world's log in this state file
    #[arg(long, value_name = "FILE.db")]
    into: Option<PathBuf>,
    /// Replace another data set in the state file, and all that was learned from it
    #[arg(long, requires = "into")]
    replace: bool,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Describe {
    #[command(flatten)]
    source: Source,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        Verb::Import(args) => import(args).await,
        Verb::Synthetic(args) => invent(args).await,
        Verb::Describe(args) => {
            let description = describe(&args.source.load().await?);
            say(&if args.json { serde_json::to_string(&description)? } else { description.to_string() })
        }
        Verb::Formats { json } => formats(json),
    }
}

async fn import(args: Import) -> anyhow::Result<()> {
    let format = match args.format.as_str() {
        "auto" => Format::detect(&args.path).with_context(|| {
            format!("{} is of no known format; see `sottovoce-server data formats`", args.path.display())
        })?,
        name => name.parse()?,
    };
    let (strict, max_errors, path, quiet) = (args.strict, args.max_errors, args.path.clone(), args.json);
    let read = tokio::task::spawn_blocking(move || {
        let bar = Bar::new(quiet);
        let show = |progress| bar.show(progress);
        format.import(&path, &ImportOptions { strict, max_errors, progress: &show })
    });
    let (data, report) = read.await.context("the reading thread ended early")??;
    let kept = match &args.into {
        Some(file) => Some(keep(&data, file, args.replace, args.json).await?),
        None => None,
    };
    if args.json {
        let bad: Vec<_> = report
            .bad
            .iter()
            .map(|row| {
                json!({"file": row.file, "line": row.line, "column": row.column, "expected": row.expected, "got": row.got})
            })
            .collect();
        let passed: serde_json::Map<_, _> =
            report.passed_over.iter().map(|(why, count)| ((*why).to_owned(), (*count).into())).collect();
        return say(&json!({
            "format": format.name(), "path": args.path, "taken": report.taken, "bad": bad, "passed_over": passed,
            "listeners": data.listeners.len(), "songs": data.songs.len(), "into": args.into, "kept": kept,
            "hash": data.content_hash().to_string(),
        })
        .to_string());
    }
    say(&told(&report, &data, kept.zip(args.into.as_deref()), format))
}

/// The report for people.
fn told(report: &ImportReport, data: &Dataset, kept: Option<(Kept, &Path)>, format: Format) -> String {
    let mut text = String::new();
    for row in report.bad.iter().take(SHOWN) {
        let _ = writeln!(text, "bad row: {row}");
    }
    if report.bad.len() > SHOWN {
        let _ = writeln!(text, "… and {} more; --json lists all", report.bad.len() - SHOWN);
    }
    for (why, count) in &report.passed_over {
        let _ = writeln!(text, "passed over: {count} {why}");
    }
    let (events, bad, listeners, songs) = (report.taken, report.bad.len(), data.listeners.len(), data.songs.len());
    let _ = write!(text, "{}: {events} events of {listeners} listeners on {songs} songs, {bad} bad rows", data.name);
    match kept {
        Some((Kept::Written, file)) => {
            let _ = write!(text, "\nkept in {0}; next: sottovoce-server train --data {0} --into {0}", file.display());
        }
        Some((Kept::AlreadyThere, file)) => {
            let _ = write!(text, "\n{} holds exactly this already; nothing was written", file.display());
        }
        None => {
            let _ = write!(text, "\nonly checked; add --into FILE.db to keep it (format {})", format.name());
        }
    }
    text
}

async fn invent(args: Synthetic) -> anyhow::Result<()> {
    let Synthetic { seed, listeners, songs, artists, events, days, .. } = args;
    let config = SyntheticConfig { seed, listeners, songs, artists, events, days };
    let world =
        tokio::task::spawn_blocking(move || World::new(&config)).await.context("the world's thread ended early")?;
    let data = world.dataset();
    let kept = match &args.into {
        Some(file) => Some(keep(data, file, args.replace, args.json).await?),
        None => None,
    };
    let description = describe(data);
    if args.json {
        let mut object = serde_json::to_value(&description)?;
        object["into"] = json!(args.into);
        object["kept"] = json!(kept);
        return say(&object.to_string());
    }
    let next = match args.into {
        Some(file) => format!("in {0}; next: sottovoce-server train --data {0} --into {0}", file.display()),
        None => "not kept; add --into FILE.db to keep it".to_owned(),
    };
    say(&format!("{description}\n  {next}"))
}

/// What became of a data set and its state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Written,
    AlreadyThere,
}

/// Writes a data set into a state file; another one is replaced only where that was asked for.
async fn keep(data: &Dataset, file: &Path, replace: bool, quiet: bool) -> anyhow::Result<Kept> {
    let state = State::open(file).await?;
    let stored = stored_dataset(&state).await?;
    let kept = match stored {
        Some(stored) if stored.hash == data.content_hash().to_string() => Kept::AlreadyThere,
        Some(stored) if !replace => {
            bail!(
                "{} holds the data set {:?} already; add --replace, or name another file",
                file.display(),
                stored.name
            )
        }
        _ => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let bar = Bar::new(quiet);
            save_dataset(&state, data, Millis(u64::try_from(now).unwrap_or(0)), &|progress| bar.show(progress)).await?;
            Kept::Written
        }
    };
    state.close().await;
    Ok(kept)
}

fn formats(as_json: bool) -> anyhow::Result<()> {
    if as_json {
        for format in Format::ALL {
            let files: Vec<_> =
                format.files().iter().map(|(file, columns)| json!({"file": file, "columns": columns})).collect();
            say(&json!({"format": format.name(), "about": format.about(), "files": files}).to_string())?;
        }
        return Ok(());
    }
    let mut text = String::new();
    for format in Format::ALL {
        let _ = writeln!(text, "{:<10}{}", format.name(), format.about());
        for (file, columns) in format.files() {
            let _ = writeln!(text, "{:10}  {file:<35}{columns}", "");
        }
    }
    text.push_str("\n? need not be there. Every text file may be packed with gzip. docs/data.md says more.");
    say(&text)
}
