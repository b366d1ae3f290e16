//! The command line: one file a verb, each with its arguments and `run(args) -> anyhow::Result<()>`. The only room that
//! uses `anyhow`; every verb answers `--help` with examples and `--json` with one object a line.

mod bar;
mod data;
mod output;
mod simulate;
mod source;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The companion of the sottovoce player: data, training, evaluation, serving, federated rounds.
#[derive(Debug, Parser)]
#[command(name = "sottovoce-server", version, arg_required_else_help = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import, invent or describe listening data
    Data(data::Args),
    /// Run federated rounds over simulated listeners and measure what they learn
    Simulate(simulate::Args),
}

/// Runs one verb; errors go to stderr with their causes.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Data(args) => data::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::complain(&error),
    }
}
