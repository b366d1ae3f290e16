//! `data`: import, invent or describe listening data.

use super::output::say;
use crate::data::{SyntheticConfig, synthetic};
use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a small synthetic world
    Synthetic {
        /// Everything is drawn from it
        #[arg(long, default_value_t = 2020)]
        seed: u64,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        Verb::Synthetic { seed } => {
            let data = synthetic(&SyntheticConfig { seed, ..SyntheticConfig::default() });
            say(&format!("{} events", data.events.len()))
        }
    }
}
