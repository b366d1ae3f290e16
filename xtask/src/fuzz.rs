//! `cargo xtask fuzz`: hostile bytes for every door, for a stated time. The engine's targets are libFuzzer's, with coverage counters
//! that any compiler can put in; the importer's is a script of the package.

use crate::workspace::{Workspace, make_folder};
use crate::{run, web};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What `fuzz` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask fuzz                       every target, a minute each\n  cargo xtask fuzz snapshot --seconds 600\n\nInputs that are worth keeping stay in the target directory, below xtask/fuzz, and so do those that broke something."
)]
pub(crate) struct Arguments {
    /// account, codec, secagg, shard, snapshot, vault, weights or importer; all of them without a name
    target: Option<String>,
    /// For how long, each
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

const ENGINE: [&str; 7] = ["account", "codec", "secagg", "shard", "snapshot", "vault", "weights"];
const IMPORTER: &str = "importer";

/// What cargo-fuzz passes too: counters at every edge, and the operands of comparisons. Without a sanitizer: there is no unsafe code.
const COVERAGE: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Runs them; exit code 1 where one broke something.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let all = ENGINE.iter().copied().chain([IMPORTER]);
    let chosen: Vec<&str> =
        all.filter(|name| arguments.target.as_deref().is_none_or(|wanted| wanted == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no target {}; next: cargo xtask fuzz --help", arguments.target.as_deref().unwrap_or_default());
    }
    let engine = chosen.iter().any(|name| *name != IMPORTER).then(|| Engine::build(workspace)).transpose()?;
    let mut holds = true;
    for name in chosen {
        run::say(&format!("fuzz {name}: {} s", arguments.seconds));
        let line = match &engine {
            Some(engine) if name != IMPORTER => engine.run(name, arguments.seconds)?,
            _ => importer(workspace, arguments.seconds)?,
        };
        holds &= line["holds"] == true;
        if arguments.json {
            println!("{line}");
        } else {
            let verdict = if line["holds"] == true { "nothing broke" } else { "BROKE" };
            println!("{name}: {} executions in {} s, {verdict}", line["executions"], arguments.seconds);
        }
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The engine's targets, built.
struct Engine {
    programs: PathBuf,
    folder: PathBuf,
}

impl Engine {
    fn build(workspace: &Workspace) -> Result<Self> {
        let (target, host) = (workspace.target.join("fuzz"), host()?);
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace.root.join("fuzz")).args(["build", "--release", "--bins", "--target", &host]);
        cargo.env("RUSTFLAGS", COVERAGE.join(" ")).env("CARGO_TARGET_DIR", &target);
        run::run(&mut cargo)?;
        let engine = Self { programs: target.join(host).join("release"), folder: workspace.scratch("fuzz") };
        make_folder(&engine.folder.join("broken"))?;
        run::run(Command::new(engine.programs.join("codec")).env("SEEDS", engine.folder.join("seeds")))?;
        Ok(engine)
    }

    fn run(&self, name: &str, seconds: u32) -> Result<Value> {
        let corpus = self.folder.join("corpus").join(name);
        make_folder(&corpus)?;
        let mut fuzzer = Command::new(self.programs.join(name));
        fuzzer.arg(&corpus).arg(self.folder.join("seeds").join(name));
        fuzzer.args([format!("-max_total_time={seconds}"), "-print_final_stats=1".into(), "-timeout=10".into()]);
        fuzzer.args(["-rss_limit_mb=2048", "-max_len=65536", "-verbosity=0"]);
        fuzzer.arg(format!("-artifact_prefix={}/{name}-", self.folder.join("broken").display()));
        eprintln!("    $ {}", run::shown(&fuzzer));
        let output = fuzzer.output().with_context(|| format!("cannot start the target {name}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let holds = output.status.success();
        if !holds {
            eprintln!("{said}");
        }
        let executions = statistic(&said, "number_of_executed_units");
        Ok(
            json!({ "fuzz": name, "seconds": seconds, "executions": executions, "corpus": files(&corpus), "holds": holds }),
        )
    }
}

/// The package's reader of listening histories, by its own script.
fn importer(workspace: &Workspace, seconds: u32) -> Result<Value> {
    let package = web::build_package(workspace)?;
    let mut node = Command::new("node");
    node.current_dir(&workspace.root).arg(package.join("fuzz/history.mjs")).args(["--seconds", &seconds.to_string()]);
    eprintln!("    $ {}", run::shown(&node));
    let output = node.output().context("cannot start node")?;
    let said = String::from_utf8_lossy(&output.stdout);
    eprint!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let holds = output.status.success();
    Ok(json!({ "fuzz": IMPORTER, "seconds": seconds, "executions": runs(&said), "holds": holds }))
}

fn host() -> Result<String> {
    let said = run::capture(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// `stat::number_of_executed_units: 4242`.
fn statistic(said: &str, name: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name))?;
    line.trim_start_matches(':').trim().parse().ok()
}

/// `{"runs":1234,…}`, the script's last line.
fn runs(said: &str) -> Option<u64> {
    serde_json::from_str::<Value>(said.lines().last()?).ok()?.get("runs")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_often_a_target_ran() {
        let said = "Done 7 runs\nstat::number_of_executed_units: 4242\nstat::average_exec_per_sec: 70\n";
        assert_eq!(statistic(said, "number_of_executed_units"), Some(4242));
        assert_eq!(statistic("", "number_of_executed_units"), None);
        assert_eq!(runs("reading\n{\"fuzz\":\"history\",\"runs\":1234}\n"), Some(1234));
        assert_eq!(runs("nothing"), None);
    }
}
