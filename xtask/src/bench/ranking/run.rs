//! What is run, in which order, and what is left out.

use super::scripts::Scripts;
use super::{ladder, models, steps};
use crate::bench::line::printed;
use crate::bench::{Run, machine};
use crate::run::say;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use serde_json::Value;

pub(super) const BENCH: &str = "ranking";

/// Everything, or the one operation that was asked for.
pub(in crate::bench) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Value>> {
    if let Some(only) = &how.only
        && !names().any(|name| name == only)
    {
        bail!("there is no operation {only}; there are {}", names().collect::<Vec<_>>().join(", "));
    }
    let peers = if how.peers { Scripts::ready(workspace, how)? } else { None };
    if how.peers && peers.is_none() {
        say("bench ranking: the peers' scripts are not beside the project; their columns are left out");
    }
    let mut lines = steps::run(workspace, how, peers.as_ref())?;
    lines.extend(models::run(workspace, how, peers.as_ref())?);
    lines.extend(ladder::run(workspace, how)?);
    Ok(printed(&lines, &machine::machine(None)))
}

fn names() -> impl Iterator<Item = &'static str> {
    steps::names().chain(models::names()).chain(ladder::names())
}
