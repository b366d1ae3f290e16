//! The peers' halves: scripts beside the project, run as they stand under a clock of processor time (`benches/ranking/clocked.py`).

use crate::bench::{Run, peers};
use crate::run::{result_of, run, say};
use crate::stamp::Stamp;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// A Python with the packages, the scripts, and the folder of what they have written.
#[derive(Clone, Debug)]
pub(super) struct Scripts {
    python: PathBuf,
    clocked: PathBuf,
    home: PathBuf,
    /// Weights, batches and tables, which both halves read.
    pub(super) data: PathBuf,
}

impl Scripts {
    /// Installs and writes what is not there yet; none where the scripts are not beside the project.
    pub(super) fn ready(workspace: &Workspace, how: &Run) -> Result<Option<Self>> {
        let home = workspace.root.join("../shared/peers");
        if !home.join("pipeline/ctr.py").exists() {
            return Ok(None);
        }
        let sources = workspace.root.join("benches/ranking");
        let python = match &how.python {
            Some(python) => python.clone(),
            None => peers::python(workspace, "ranking", &sources.join("requirements.txt"))?,
        };
        let data = workspace.scratch("ranking").join("peer-data");
        make_folder(&data)?;
        let scripts = Self { python, clocked: sources.join("clocked.py"), home, data };
        let written = [scripts.home.join("pipeline/prep.py"), scripts.home.join("training/torch_steps.py")];
        let stamp = Stamp::of(workspace, "ranking-data", &written, &[])?;
        let last = ["ml100k_ctr_test.tsv", "C_b2.bin", "S1_loss.bin"].map(|name| scripts.data.join(name));
        if !stamp.holds(&last) {
            say("bench ranking: the peers write what both work on");
            run(scripts.command().arg(&written[0]))?;
            run(scripts.command().arg(&written[1]).args(["gen", "1"]))?;
            stamp.keep()?;
        }
        Ok(Some(scripts))
    }

    /// A mode of `torch_steps.py`: what a step cost.
    pub(super) fn steps(&self, mode: &[&str]) -> Result<Value> {
        let script = self.home.join("training/torch_steps.py");
        Ok(said(self.command().arg(&self.clocked).arg("steps").arg(script).args(mode))?.1)
    }

    /// A model of `ctr.py`: its own figures, and what they cost. One thread.
    pub(super) fn model(&self, kind: &str, model: &str, seed: u64) -> Result<(Value, Value)> {
        let mut command = self.command();
        command.arg(&self.clocked).arg(kind).arg(self.home.join("pipeline/ctr.py")).arg(model).arg(seed.to_string());
        let (own, clock) = said(command.env("THR", "1"))?;
        Ok((own.context("the script printed no figures")?, clock))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env("PEER_DATA", &self.data);
        command
    }
}

/// The last line of JSON before the clock's, and the clock's.
fn said(command: &mut Command) -> Result<(Option<Value>, Value)> {
    let said = result_of(command)?;
    let mut lines = said.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let clock = lines.next().filter(|line| line["total_cpu_s"].is_number());
    let clock = clock.with_context(|| format!("no times in {said}"))?;
    Ok((lines.next(), clock))
}
