//! Where a verb takes its data set from: `--data`, `--state`, or the synthetic world.

use crate::data::{Dataset, SyntheticConfig, load_dataset, open, synthetic};
use crate::state::State;
use anyhow::Context;
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Source {
    /// A folder of a known format, or a state file [default: the synthetic world]
    #[arg(long, value_name = "PATH", conflicts_with = "state")]
    pub(crate) data: Option<PathBuf>,
    /// A state file that `data import --into` wrote
    #[arg(long, value_name = "FILE.db")]
    pub(crate) state: Option<PathBuf>,
}

impl Source {
    /// Reads the data set.
    pub(crate) async fn load(&self) -> anyhow::Result<Dataset> {
        if let Some(path) = &self.state {
            let state = State::open_existing(path).await?;
            let data = load_dataset(&state).await.with_context(|| format!("cannot use {}", path.display()));
            state.close().await;
            return data;
        }
        let path = self.data.clone();
        // Reading a folder keeps a thread busy for seconds.
        let read = tokio::task::spawn_blocking(move || match path {
            Some(path) => open(&path),
            None => Ok(synthetic(&SyntheticConfig::default())),
        });
        Ok(read.await.context("the reading thread ended early")??)
    }
}
