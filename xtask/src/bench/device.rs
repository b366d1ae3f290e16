//! The device in the page itself, headless Chromium, timed with the page's own clock: kernels beside other engines, from a skip to the
//! new queue, private recall, cold start; and the DPP natively, beside a peer in another process.

use super::line::{Measured, Peer, printed, quantile};
use super::{Run, bars, beside, machine, peers};
use crate::setup::Browser;
use crate::workspace::Workspace;
use crate::{run, web};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::Command;

const BENCH: &str = "device";
/// In the order in which they are run; each is a page of `benches/device/page`.
const PAGES: [&str; 4] = ["ops", "requeue", "recall", "cold"];

/// Builds what is served, opens the pages, judges.
pub(super) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Value>> {
    let browser = Browser::ready(workspace)?;
    web::build_package(workspace)?;
    let kernels = web::build_kernels(workspace)?;
    let peers = how.peers.then(|| peers::pages(workspace)).transpose()?;
    let world = world(workspace)?;
    let machine = machine::machine(Some(&browser));

    let mut lines = Vec::new();
    for page in PAGES {
        run::say(&format!("bench device: the page {page}"));
        let mut node = Command::new("node");
        node.current_dir(&workspace.root).arg(workspace.root.join("benches/device/run.mjs"));
        node.args(["--page", page]).arg("--world").arg(&world).arg("--kernels").arg(&kernels);
        node.env("CHROMIUM", &browser.chromium);
        if let Some(peers) = &peers {
            node.arg("--peers").arg(peers);
        }
        for line in run::result_of(&mut node)?.lines() {
            lines.extend(measured(line).with_context(|| format!("not a measurement: {line}"))?);
        }
    }
    run::say("bench device: the DPP natively");
    lines.extend(beside::dpp(workspace, how)?);
    Ok(printed(&lines, &machine))
}

/// 10,000 songs and tower weights, as the server would serve them.
fn world(workspace: &Workspace) -> Result<PathBuf> {
    let world = workspace.scratch("device-bench-world");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["run", "--quiet", "--package", "sottovoce", "--example", "device-bench-world", "--"]).arg(&world);
    run::run(&mut cargo)?;
    Ok(world)
}

/// A driver's line `{"op", "unit", "own": [samples], "peers": [{"name", "version", "samples"}], …}` as one measurement by itself, where
/// it has a bar or no peer, and one for each peer.
fn measured(line: &str) -> Option<Vec<Measured>> {
    let value: Value = serde_json::from_str(line).ok()?;
    let mut more = value.as_object()?.clone();
    let (op, unit) = (more.remove("op")?.as_str()?.to_owned(), more.remove("unit")?.as_str()?.to_owned());
    let own = samples(&more.remove("own")?)?;
    let peers = more.remove("peers")?;
    let base = Measured { bench: BENCH, op: op.clone(), unit, own, more, ..Measured::default() };
    let beside = peers.as_array()?.iter().map(|peer| {
        let name = peer.get("name")?.as_str()?.to_owned();
        let version = peer.get("version").and_then(Value::as_str).map(str::to_owned);
        let bar = bars::bar(&op, Some(&name));
        let peer = Peer { name, version, samples: samples(peer.get("samples")?)? };
        Some(Measured { peer: Some(peer), bar, ..base.clone() })
    });
    let mut all: Vec<Measured> = beside.collect::<Option<_>>()?;
    let bar = bars::bar(&op, None);
    if all.is_empty() || bar.is_some() {
        all.insert(0, Measured { bar, ..base });
    }
    all.iter_mut().for_each(judge_recall);
    Some(all)
}

/// Speed without finding the songs is none: a recall below the bar turns the line's verdict.
fn judge_recall(measured: &mut Measured) {
    if let Some(recall) = measured.more.get("recall").and_then(Value::as_f64) {
        let median = quantile(&measured.own, 0.5).unwrap_or(f64::INFINITY);
        let fast = match measured.bar {
            Some(super::line::Bar::Median(bar)) => median <= bar,
            _ => true,
        };
        let found = Map::from_iter([
            ("recall_bar".to_owned(), json!(bars::LEAST_RECALL)),
            ("holds".to_owned(), json!(fast && recall >= bars::LEAST_RECALL)),
        ]);
        measured.more.extend(found);
    }
}

fn samples(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_page_measured() {
        let line = r#"{"op":"forward","unit":"ms","own":[1,2,3],"peers":[{"name":"js","samples":[14,16,18]},{"name":"ort","samples":[4,4,4]}]}"#;
        let lines: Vec<Value> = measured(line).expect("measurements").iter().map(Measured::json).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["peer"], &lines[0]["ratio"], &lines[0]["holds"]),
            (&json!("js"), &json!(8.0), &json!(true))
        );
        assert_eq!(
            (&lines[1]["peer"], &lines[1]["ratio"], &lines[1]["holds"]),
            (&json!("ort"), &json!(2.0), &json!(false))
        );
        assert!(measured("{}").is_none());
    }

    #[test]
    fn recall_counts_as_much_as_speed() {
        let line = |recall: f64, ms: f64| {
            let line = json!({"op":"private_recall","unit":"ms","own":[ms],"peers":[],"recall":recall}).to_string();
            measured(&line).expect("a measurement")[0].json()["holds"].as_bool()
        };
        assert_eq!((line(0.99, 1.0), line(0.9, 1.0), line(0.99, 2.0)), (Some(true), Some(false), Some(false)));
    }
}
