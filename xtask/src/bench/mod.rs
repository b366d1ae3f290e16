//! `cargo xtask bench`: one file a benchmark, all printing the same line. Peers (the same work by something else, in the same
//! run) are measured, and installed, only with `--peers`.

mod device;
mod native;

use crate::report::bench_text;
use crate::run;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use serde_json::Value;
use std::process::ExitCode;

/// What `bench` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench --list\n  cargo xtask bench device --json\n  cargo xtask bench device --peers      beside plain JavaScript in the same page\n\nWith --json one object a line: bench, op, unit, own (median), spread (5th and 95th percentile), p95, n, and with a peer: peer, peer_value, ratio; with a bar: bar, holds."
)]
pub(crate) struct Arguments {
    /// Which one; all of them without a name
    name: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Run the peers too
    #[arg(long)]
    peers: bool,
    /// Name the benchmarks and stop
    #[arg(long)]
    list: bool,
}

/// One benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, bool) -> Result<Vec<Value>>,
}

const ALL: [Bench; 2] = [
    Bench {
        name: "device",
        about: "skip to new queue in the page: 10,000 songs, pool of 500, slate of 30",
        run: device::run,
    },
    Bench { name: "rerank", about: "what a slate costs natively, beside the textbook DPP", run: native::rerank },
];

/// Runs what was asked for.
pub(crate) fn bench(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        ALL.iter().for_each(|bench| println!("{:10} {}", bench.name, bench.about));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&Bench> =
        ALL.iter().filter(|b| arguments.name.as_deref().is_none_or(|name| name == b.name)).collect();
    if chosen.is_empty() {
        bail!(
            "there is no benchmark {}; next: cargo xtask bench --list",
            arguments.name.as_deref().unwrap_or_default()
        );
    }
    for bench in chosen {
        run::say(&format!("bench {}: {}", bench.name, bench.about));
        for line in (bench.run)(workspace, arguments.peers)? {
            println!("{}", if arguments.json { line.to_string() } else { bench_text(&line) });
        }
    }
    Ok(ExitCode::SUCCESS)
}
