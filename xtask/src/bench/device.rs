//! From a skip to the new queue, in the page itself: the npm package in headless Chromium, timed with the page's own clock.

use crate::report::Measured;
use crate::setup::Browser;
use crate::workspace::Workspace;
use crate::{run, web};
use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Command;

/// Row W3: the listener must not wait.
const BAR_MS: f64 = 1.0;

/// The driver prints one object a line: `{"op", "unit", "own": [samples], "peer": {"name", "samples"}}`.
pub(super) fn run(workspace: &Workspace, peers: bool) -> Result<Vec<Value>> {
    let browser = Browser::ready(workspace)?;
    web::build_package(workspace)?;
    let world = workspace.scratch("device-bench-world");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&workspace.root)
        .args(["run", "--quiet", "--package", "sottovoce", "--example", "device-bench-world", "--"])
        .arg(&world);
    run::run(&mut cargo)?;

    let mut node = Command::new("node");
    node.current_dir(&workspace.root)
        .arg(workspace.root.join("benches/device/run.mjs"))
        .env("CHROMIUM", &browser.chromium);
    node.arg("--world").arg(&world);
    if peers {
        node.arg("--peers");
    }
    let said = run::result_of(&mut node)?;
    said.lines().map(|line| Ok(measured(line).with_context(|| format!("not a measurement: {line}"))?.json())).collect()
}

fn measured(line: &str) -> Option<Measured> {
    let value: Value = serde_json::from_str(line).ok()?;
    let word = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    let op = word("op")?;
    let bar = (op == "skip_to_queue").then_some(BAR_MS);
    let peer = match value.get("peer") {
        Some(peer) => Some((peer.get("name")?.as_str()?.to_owned(), samples(peer.get("samples")?)?)),
        None => None,
    };
    Some(Measured { bench: "device".to_owned(), op, unit: word("unit")?, own: samples(value.get("own")?)?, peer, bar })
}

fn samples(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_page_measured() {
        let line =
            r#"{"op":"skip_to_queue","unit":"ms","own":[1,2,3],"peer":{"name":"plain JavaScript","samples":[4,6]}}"#;
        let measured = measured(line).expect("a measurement");
        assert_eq!(measured.own, [1.0, 2.0, 3.0]);
        assert_eq!(measured.peer.map(|p| p.0).as_deref(), Some("plain JavaScript"));
        assert_eq!(measured.bar, Some(BAR_MS));
        assert!(super::measured("{}").is_none());
    }
}
