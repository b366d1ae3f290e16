//! `cargo xtask bench`: one file a benchmark, all printing the same line. Peers do the same work in the same run; they are installed
//! into the cache, from lock files, and left out with `--alone`.

mod bars;
mod beside;
mod crash;
mod device;
mod line;
mod machine;
mod native;
mod peers;
mod ranking;
mod rounds;

use crate::run;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `bench` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench --list\n  cargo xtask bench device --json\n  cargo xtask bench device --alone      without the other engines\n  cargo xtask bench ranking --quick     one seed, fewer models\n  cargo xtask bench ranking --only ctr_step --python ~/venv/bin/python\n\nWith --json one object a line: bench, op, unit, own (median), spread (5th and 95th percentile), p95, n, machine; with a peer: peer, peer_value, peer_spread, ratio (peer ÷ own), ratio_spread; with a bar: bar, bar_is, holds."
)]
pub(crate) struct Arguments {
    /// Which one; all of them without a name
    name: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Leave the peers out: nothing is installed
    #[arg(long, conflicts_with = "peers")]
    alone: bool,
    /// Run the peers too, which is what happens anyway
    #[arg(long, hide = true)]
    peers: bool,
    /// Only this operation, of the benchmark `ranking`
    #[arg(long, value_name = "OP")]
    only: Option<String>,
    /// A few minutes instead of an hour: one seed and fewer models, of the benchmark `ranking`
    #[arg(long)]
    quick: bool,
    /// So many seeds of every model, of the benchmark `ranking`; 5 unless said, with --quick 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// A Python that has the packages of benches/ranking/requirements.txt: none is installed
    #[arg(long, value_name = "PATH", conflicts_with = "alone")]
    python: Option<PathBuf>,
    /// Name the benchmarks and stop
    #[arg(long)]
    list: bool,
}

/// How one is run.
#[derive(Clone, Debug)]
struct Run {
    /// Beside whoever does the same.
    peers: bool,
    only: Option<String>,
    quick: bool,
    seeds: Option<u64>,
    python: Option<PathBuf>,
}

impl Run {
    /// Whether an operation was asked for.
    fn wants(&self, op: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == op)
    }

    fn seeds(&self) -> u64 {
        self.seeds.unwrap_or(if self.quick { 1 } else { 5 })
    }
}

/// One benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &Run) -> Result<Vec<Value>>,
}

const ALL: [Bench; 5] = [
    Bench {
        name: "crash",
        about: "servers that are killed a thousand times over both databases: what is lost, and how soon the next is ready",
        run: crash::run,
    },
    Bench {
        name: "device",
        about: "the engine in the page beside JavaScript, onnxruntime-web and TensorFlow.js",
        run: device::run,
    },
    Bench {
        name: "ranking",
        about: "ranking models and steps of training, beside deepctr-torch, PyTorch, scikit-learn and LightGBM",
        run: ranking::run,
    },
    Bench { name: "rerank", about: "what a slate costs natively, beside the textbook DPP", run: native::rerank },
    Bench {
        name: "rounds",
        about: "what a round that keeps secrets costs, beside Flower and OpenSSL",
        run: rounds::run,
    },
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
    let how = Run {
        peers: !arguments.alone,
        only: arguments.only.clone(),
        quick: arguments.quick,
        seeds: arguments.seeds,
        python: arguments.python.clone(),
    };
    for bench in chosen {
        run::say(&format!("bench {}: {}", bench.name, bench.about));
        let lines = (bench.run)(workspace, &how)?;
        if !arguments.json
            && let Some(machine) = lines.first().and_then(|line| line.get("machine"))
        {
            println!("{}", machine::text(machine));
        }
        for line in &lines {
            println!("{}", if arguments.json { line.to_string() } else { line::text(line) });
        }
        let missed = lines.iter().filter(|line| line["holds"] == false).count();
        run::say(&format!("bench {}: {} lines, {missed} bars missed", bench.name, lines.len()));
    }
    Ok(ExitCode::SUCCESS)
}
