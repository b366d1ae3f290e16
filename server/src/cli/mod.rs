//! The command line: one file a verb, each with its arguments and `run(args) -> anyhow::Result<()>`. The only room that
//! uses `anyhow`; every verb answers `--help` with examples and `--json` with one object a line.

mod bar;
mod clock;
mod compare;
mod data;
mod eval;
mod explain;
mod frontier;
mod interests;
mod leakage;
mod listen;
mod output;
mod own_leakage;
mod pfedrec;
mod poison;
mod portrait;
mod ranker;
mod recall_noise;
mod replay;
mod serve;
mod simulate;
mod source;
mod towers;
mod train;
mod vertical;
mod within;
mod world;

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
    /// Serve the catalogue, candidates, weights and federated rounds over HTTP, and the player
    Serve(serve::Args),
    /// Measure every recall channel and their merge on held-out songs
    Eval(eval::Args),
    /// Fit the recall channels and keep them in a state file
    Train(train::Args),
    /// Say which feature of a row does what to a ranking model's answer
    Explain(explain::Args),
    /// Replay real impressions through the device's engine, with feedback on and off
    Replay(replay::Args),
    /// Run federated rounds over simulated listeners and measure what they learn
    Simulate(simulate::Args),
}

/// Runs one verb; errors go to stderr with their causes.
pub async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Data(args) => data::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Eval(args) => eval::run(args).await,
        Command::Train(args) => train::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::complain(&error),
    }
}
