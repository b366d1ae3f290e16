//! What a round that keeps secrets costs: a device's part and the server's, natively, beside Flower's SecAgg+ (its own workflow, the same
//! cohort, the same vector) and OpenSSL's AES; a device's part in a page's worker; the server over a disk. Each sample of ours stands beside
//! one of the peer's, taken right after it.

use super::line::{Measured, Peer, printed};
use super::{Run, bars, machine, peers};
use crate::setup::Browser;
use crate::workspace::Workspace;
use crate::{run, web};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::Command;

const BENCH: &str = "rounds";
/// Flower takes half a minute a round.
const FLOWER_ROUNDS: usize = 3;
const OPENSSL_SAMPLES: usize = 7;
/// By themselves: the operation and its samples.
const ALONE: [(&str, usize); 2] = [("complete_graph_100", 9), ("k100_n1000", 2)];
/// Over a SQLite file, by themselves: the operation, and its samples or the parameters of its one.
const STORED: [(&str, usize); 2] = [("durable_reports", 5), ("round_10k", 10_000)];

pub(super) fn run(workspace: &Workspace, how: &Run) -> Result<Vec<Value>> {
    let flower = if how.peers { peers::flower(workspace)? } else { None };
    let mut lines = Vec::new();
    lines.extend(beside_flower(
        workspace,
        flower.as_ref().map(|(python, script)| (python.as_path(), script.as_path())),
    )?);
    lines.extend(beside_openssl(workspace, how)?);
    for (op, samples) in ALONE {
        run::say(&format!("bench rounds: {op}"));
        lines.push(Measured { bar: bars::bar(op, None), ..own(workspace, op, samples)? });
    }
    for (op, size) in STORED {
        run::say(&format!("bench rounds: {op}, over a SQLite file"));
        lines.push(Measured { bar: bars::bar(op, None), ..native(workspace, "sottovoce-server", "sums", op, size)? });
    }
    lines.push(in_chromium(workspace)?);
    Ok(printed(&lines, &machine::machine(None)))
}

/// One run of `benches/secagg.rs`.
fn own(workspace: &Workspace, op: &str, samples: usize) -> Result<Measured> {
    native(workspace, "sottovoce", "secagg", op, samples)
}

/// One run of a benchmark that prints one line.
fn native(workspace: &Workspace, package: &str, bench: &str, op: &str, size: usize) -> Result<Measured> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root);
    cargo.args(["bench", "--quiet", "--package", package, "--bench", bench, "--", op, &size.to_string()]);
    measured(op, &run::result_of(&mut cargo)?)
}

/// `client` in a worker of headless Chromium, masks by WebCrypto.
fn in_chromium(workspace: &Workspace) -> Result<Measured> {
    run::say("bench rounds: a device in Chromium");
    let browser = Browser::ready(workspace)?;
    let kernels = web::build_kernels(workspace)?;
    let mut node = Command::new("node");
    node.current_dir(&workspace.root).arg(workspace.root.join("benches/device/run.mjs"));
    node.args(["--page", "client", "--kernels"]).arg(&kernels).env("CHROMIUM", &browser.chromium);
    let mut found = measured("client", &run::result_of(&mut node)?)?;
    found.more.insert("browser".to_owned(), machine::machine(Some(&browser))["browser"].clone());
    Ok(Measured { bar: Some(bars::CLIENT_IN_CHROMIUM), ..found })
}

fn measured(op: &str, said: &str) -> Result<Measured> {
    let mut more: Map<String, Value> =
        serde_json::from_str(said.trim()).with_context(|| format!("not a measurement: {said}"))?;
    for said_elsewhere in ["op", "peers"] {
        more.remove(said_elsewhere);
    }
    let unit = more.remove("unit").and_then(|unit| unit.as_str().map(str::to_owned)).context("no unit")?;
    let samples: Vec<f64> = serde_json::from_value(more.remove("own").context("no samples")?)?;
    Ok(Measured { bench: BENCH, op: op.to_owned(), unit, own: samples, more, ..Measured::default() })
}

/// `client`, `server` and `upload`: 100 devices, 20 neighbours each, 100,000 numbers, ten of them gone after joining.
fn beside_flower(workspace: &Workspace, flower: Option<(&Path, &Path)>) -> Result<Vec<Measured>> {
    run::say("bench rounds: a device and the server, 100 of 100,000 numbers");
    let ops = ["client", "server", "upload"];
    let mut ours: [Option<Measured>; 3] = [None, None, None];
    let mut theirs: [Vec<f64>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..FLOWER_ROUNDS {
        for (op, ours) in ops.iter().zip(&mut ours) {
            let new = own(workspace, op, 12)?;
            match ours {
                // One sample of ours for each of theirs: the median of a run.
                Some(ours) => ours.own.extend(median(&new.own)),
                None => *ours = Some(Measured { own: median(&new.own).into_iter().collect(), ..new }),
            }
        }
        if let Some((python, script)) = flower {
            run::say(&format!("bench rounds: Flower, round {} of {FLOWER_ROUNDS}", round + 1));
            let mut flower = Command::new(python);
            flower.arg(script).args([
                "--n",
                "100",
                "--d",
                "100000",
                "--shares",
                "0.2",
                "--thr",
                "0.5",
                "--drop",
                "10",
                "--dropstage",
                "2",
            ]);
            let said = run::result_of(&mut flower)?;
            let last = said.lines().rfind(|line| line.starts_with('{')).context("Flower said nothing")?;
            let value: Value = serde_json::from_str(last)?;
            anyhow::ensure!(value["ok"] == true, "Flower's round did not end: {last}");
            let uploaded =
                value["client_upload_bytes"].as_object().context("no bytes")?.values().filter_map(Value::as_f64).sum();
            let client = value["client_total_ms"].as_f64().context("no time")?;
            let server = value["server_cpu_s"].as_f64().context("no time")? * 1e3;
            theirs.iter_mut().zip([client, server, uploaded]).for_each(|(all, one)| all.push(one));
        }
    }
    let mut lines = Vec::new();
    for (ours, samples) in ours.into_iter().flatten().zip(theirs) {
        let alone = bars::bar(&ours.op, None);
        if flower.is_none() || alone.is_some() {
            lines.push(Measured { bar: alone, ..ours.clone() });
        }
        if flower.is_some() {
            let peer = Some(Peer { name: "flower".to_owned(), version: Some("1.41.0".to_owned()), samples });
            lines.push(Measured { bar: bars::bar(&ours.op, Some("flower")), peer, ..ours });
        }
    }
    Ok(lines)
}

/// `expand`: seconds for 10⁹ bytes of AES-128 in counter mode; ours also adds them to a vector.
fn beside_openssl(workspace: &Workspace, how: &Run) -> Result<Vec<Measured>> {
    run::say("bench rounds: expanding masks");
    let openssl = how.peers.then(|| run::find_on_path("openssl")).flatten();
    let mut all = own(workspace, "expand", 1)?;
    all.own.clear();
    let mut theirs = Vec::new();
    for _ in 0..OPENSSL_SAMPLES {
        all.own.extend(median(&own(workspace, "expand", 15)?.own));
        if let Some(openssl) = &openssl {
            let mut speed = Command::new(openssl);
            speed.args(["speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "aes-128-ctr"]);
            let said = run::result_of(&mut speed)?;
            // `+F:22:AES-128-CTR:5662425090.00`, bytes a second.
            let rate =
                said.lines().rev().find_map(|line| line.strip_prefix("+F:")?.rsplit(':').next()?.parse::<f64>().ok());
            theirs.push(1e9 / rate.with_context(|| format!("no rate in {said}"))?);
        }
    }
    let peer = openssl.map(|_| Peer { name: "openssl".to_owned(), version: None, samples: theirs });
    let bar = peer.as_ref().and_then(|peer| bars::bar("expand", Some(&peer.name)));
    Ok(vec![Measured { peer, bar, ..all }])
}

fn median(samples: &[f64]) -> Option<f64> {
    super::line::quantile(samples, 0.5)
}
