//! A step of training beside PyTorch's, on the same weights and batches; updates of embeddings and rows of FTRL by themselves.

use super::run::BENCH;
use super::scripts::Scripts;
use crate::bench::line::{Measured, Peer};
use crate::bench::{Run, bars};
use crate::run::{result_of, say};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::process::Command;

/// What both do, and the peer's name for it: `torch_steps.py MODE THREADS [sdpa]`. Of several ways to do it, the one in which PyTorch is fastest.
const BESIDE: [(&str, &str, &[&str]); 4] =
    [("ctr_step", "A", &[]), ("sasrec_full", "S1", &["sdpa"]), ("sasrec_bce", "S0", &["sdpa"]), ("tiny_mlp", "C", &[])];
const EMBEDDING: &str = "embedding_updates";
const FTRL: &str = "ftrl";
/// How far loss and gradient may be from the peer's, beside the largest number of the gradient: sums of a thousand f32 in another order.
const APART: f64 = 1e-4;

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BESIDE.iter().map(|(op, ..)| *op).chain([EMBEDDING, FTRL])
}

pub(super) fn run(workspace: &Workspace, how: &Run, peers: Option<&Scripts>) -> Result<Vec<Measured>> {
    let samples = if how.quick { 3 } else { 7 };
    let threads: &[usize] = if how.quick { &[1] } else { &[1, 2] };
    let mut lines = Vec::new();
    for (op, mode, further) in BESIDE.iter().filter(|(op, ..)| how.wants(op)) {
        for threads in threads {
            say(&format!("bench ranking: {op}, {threads} threads"));
            let number = threads.to_string();
            let mode: Vec<&str> = [*mode, &number].into_iter().chain(further.iter().copied()).collect();
            lines.push(beside(workspace, op, &number, &mode, samples, peers)?);
        }
    }
    if how.wants(EMBEDDING) {
        lines.push(updates(workspace, if how.quick { 1 } else { 3 })?);
    }
    if how.wants(FTRL) {
        lines.extend(ftrl(workspace)?);
    }
    Ok(lines)
}

/// One run of ours and one of the peer's, in turn.
fn beside(
    workspace: &Workspace,
    op: &str,
    threads: &str,
    mode: &[&str],
    samples: usize,
    peers: Option<&Scripts>,
) -> Result<Measured> {
    let (mut own, mut theirs): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let mut cargo = cargo_bench(workspace, "sottovoce-algebra", "steps");
        cargo.args(["--json", "--only", op, "--seconds", "1.5", "--threads", threads]);
        if let Some(peers) = peers {
            cargo.arg("--data").arg(&peers.data);
        }
        own.push(last(&result_of(&mut cargo)?)?);
        if let Some(peers) = peers {
            theirs.push(peers.steps(mode)?);
        }
    }
    if let Some(first) = own.first().filter(|_| peers.is_some()) {
        same(op, &first["same"])?;
    }
    let all = |lines: &[Value], key: &str| lines.iter().filter_map(|line| line[key].as_f64()).collect::<Vec<f64>>();
    let median = |lines: &[Value], key: &str| crate::bench::line::quantile(&all(lines, key), 0.5);
    let mut more = Map::new();
    for (key, value) in [
        ("threads", json!(threads.parse::<usize>().ok())),
        ("rate", json!(median(&own, "rate"))),
        ("rate_unit", own.first().map_or(Value::Null, |line| line["unit"].clone())),
        ("step_ms", json!(median(&own, "step_ms"))),
        ("peak_rss_mb", json!(median(&own, "peak_rss_mb"))),
        ("same", own.first().map_or(Value::Null, |line| line["same"].clone())),
    ] {
        more.insert(key.to_owned(), value);
    }
    let peer = theirs.first().map(|first| Peer {
        name: "torch".to_owned(),
        version: first["versions"]["torch"].as_str().map(str::to_owned),
        samples: all(&theirs, "cpu_ms"),
    });
    if peer.is_some() {
        let (ours, others) = (median(&own, "step_ms"), median(&theirs, "step_ms"));
        more.insert("peer_step_ms".to_owned(), json!(others));
        more.insert("wall_ratio".to_owned(), json!(others.zip(ours).map(|(theirs, ours)| theirs / ours)));
        more.insert("peer_peak_rss_mb".to_owned(), json!(median(&theirs, "peak_rss_mb")));
    }
    let bar = peer.as_ref().and_then(|peer| bars::bar(op, Some(&peer.name)));
    let unit = "ms of CPU a step".to_owned();
    Ok(Measured { bench: BENCH, op: op.to_owned(), unit, own: all(&own, "cpu_ms"), peer, bar, more })
}

/// Speed counts only where the work is the same.
fn same(op: &str, found: &Value) -> Result<()> {
    let number = |key: &str| found[key].as_f64().with_context(|| format!("{op} was compared with nothing: {found}"));
    let (loss, gradient, largest) = (number("loss_apart")?, number("gradient_apart")?, number("largest_gradient")?);
    ensure!(
        loss <= APART && gradient <= APART * largest.max(APART),
        "{op}: the two do not do the same: loss and gradient are {loss:e} and {gradient:e} apart, its largest number is {largest:e}"
    );
    Ok(())
}

/// Rows moved a second of processor time, on one thread.
fn updates(workspace: &Workspace, samples: usize) -> Result<Measured> {
    say("bench ranking: updates of a table of ten million rows");
    let mut own = Vec::new();
    let mut line = Value::Null;
    for _ in 0..samples {
        let mut cargo = cargo_bench(workspace, "sottovoce-algebra", "embedding");
        line = last(&result_of(cargo.args(["--json", "--only", EMBEDDING, "--threads", "1"]))?)?;
        own.push(line["a_cpu_second"].as_f64().context("no rate")?);
    }
    Ok(absolute(EMBEDDING, "rows of 16 a CPU-second", own, &line, &["rows", "threads", "peak_rss_mb"]))
}

/// Rows of hashed features that FTRL learns a second of processor time: a line for every shape, since four features a row are four times as fast
/// as thirty-nine.
fn ftrl(workspace: &Workspace) -> Result<Vec<Measured>> {
    const KEEP: [&str; 8] = ["features", "bits", "l1", "warm", "from_text", "rows", "sparsity", "auc"];
    say("bench ranking: FTRL on hashed features");
    let said = result_of(cargo_bench(workspace, "sottovoce-server", "ftrl").arg("--json"))?;
    let shape = |line: &str| -> Result<Measured> {
        let line: Value = serde_json::from_str(line).with_context(|| format!("not a measurement: {line}"))?;
        let own = vec![line["own"].as_f64().with_context(|| format!("no rate in {line}"))?];
        Ok(absolute(FTRL, "rows a CPU-second", own, &line, &KEEP))
    };
    said.lines().filter(|line| line.starts_with('{')).map(shape).collect()
}

fn absolute(op: &str, unit: &str, own: Vec<f64>, line: &Value, keep: &[&str]) -> Measured {
    let kept = keep.iter().filter(|key| !line[**key].is_null());
    let more = kept.map(|key| ((*key).to_owned(), line[*key].clone())).collect();
    let (op, unit, bar) = (op.to_owned(), unit.to_owned(), bars::bar(op, None));
    Measured { bench: BENCH, op, unit, own, bar, more, ..Measured::default() }
}

pub(super) fn cargo_bench(workspace: &Workspace, package: &str, bench: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root).args(["bench", "--quiet", "--package", package, "--bench", bench, "--"]);
    cargo
}

/// The last line of JSON.
fn last(said: &str) -> Result<Value> {
    let line = said.lines().rev().find(|line| line.starts_with('{')).with_context(|| format!("no line in {said}"))?;
    serde_json::from_str(line).with_context(|| format!("not a measurement: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_same_work_is_not_compared() {
        let found = |gradient: f64| json!({ "loss_apart": 1e-6, "gradient_apart": gradient, "largest_gradient": 0.5 });
        assert!(same("x", &found(1e-6)).is_ok());
        assert!(same("x", &found(1e-2)).is_err());
        assert!(same("x", &Value::Null).is_err());
    }
}
