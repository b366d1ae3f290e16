//! Benchmarks that are cargo's own (`benches/*.rs`): each prints the common line by itself.

use super::{Run, machine};
use crate::run;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Command;

/// `benches/rerank.rs`; its peer is part of it and needs no installing.
pub(super) fn rerank(workspace: &Workspace, _how: &Run) -> Result<Vec<Value>> {
    cargo_bench(workspace, "sottovoce", "rerank")
}

fn cargo_bench(workspace: &Workspace, package: &str, bench: &str) -> Result<Vec<Value>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root).args(["bench", "--quiet", "--package", package, "--bench", bench]);
    let said = run::result_of(&mut cargo)?;
    let machine = machine::machine(None);
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).with_context(|| format!("not a measurement: {line}"))?;
            line["machine"] = machine.clone();
            Ok(line)
        })
        .collect()
}
