//! `cargo xtask test`: every runner of the project, one after the other, all of them even when one fails, and at the end one
//! line with the sum. `runners` names them, `count` listens to what they print.

mod count;
mod cpu;
mod runners;

use crate::report::Counts;
use crate::run;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What `test` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test                    everything\n  cargo xtask test --only rust        one runner, or several: --only format --only clippy\n  cargo xtask test --list             their names"
)]
pub(crate) struct Arguments {
    /// Run only this runner; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Name the runners and stop
    #[arg(long)]
    list: bool,
}

struct Finished {
    name: &'static str,
    counts: Counts,
    took: Duration,
    /// Seconds of processor.
    cpu: Option<f64>,
    error: Option<String>,
}

/// Runs them; exit code 1 where anything failed.
pub(crate) fn test(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let all = runners::all();
    if arguments.list {
        all.iter().for_each(|runner| println!("{:10} {}", runner.name, runner.about));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = arguments.only.iter().find(|name| !all.iter().any(|r| r.name == name.as_str())) {
        bail!("there is no runner {unknown}; next: cargo xtask test --list");
    }
    let chosen = all.into_iter().filter(|runner| match arguments.only.as_slice() {
        [] => true,
        only => only.iter().any(|name| name == runner.name),
    });
    let finished: Vec<Finished> = chosen.map(|runner| one(workspace, &runner)).collect();

    let mut total = Counts::default();
    println!();
    for runner in &finished {
        total += runner.counts;
        let outcome = if runner.counts.failed == 0 { "ok" } else { "FAILED" };
        println!(
            "{:10} {:>5} passed {:>4} failed {:>6.0} s {}  {outcome}",
            runner.name,
            runner.counts.passed,
            runner.counts.failed,
            runner.took.as_secs_f64(),
            runner.cpu.map_or_else(String::new, |cpu| format!("{cpu:>6.0} s cpu")),
        );
        if let Some(error) = &runner.error {
            println!("           {}", error.replace('\n', "\n           "));
        }
    }
    let seconds: f64 = finished.iter().map(|runner| runner.took.as_secs_f64()).sum();
    let cpu: f64 = finished.iter().filter_map(|runner| runner.cpu).sum();
    println!("{:.1} minutes, {:.1} minutes of processor", seconds / 60.0, cpu / 60.0);
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(workspace: &Workspace, runner: &runners::Runner) -> Finished {
    run::say(&format!("test {}: {}", runner.name, runner.about));
    let (began, cpu) = (Instant::now(), cpu::of_children());
    let (mut counts, error) = match (runner.run)(workspace) {
        Ok(counts) => (counts, None),
        Err(error) => (Counts::default(), Some(format!("{error:#}"))),
    };
    // A runner that could not run is a failure, and so is one that ran nothing: both must show in the sum.
    if error.is_some() {
        counts.failed += 1;
    }
    let cpu = cpu::of_children().zip(cpu).map(|(after, before)| after - before);
    Finished { name: runner.name, counts, took: began.elapsed(), cpu, error }
}
