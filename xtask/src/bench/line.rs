//! A measurement as it is printed: an object a line for machines, a sentence for people.

use serde_json::{Map, Value, json};

/// Samples of one operation, and of a peer that did the same work in the same run.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) bench: &'static str,
    pub(super) op: String,
    pub(super) unit: String,
    pub(super) own: Vec<f64>,
    pub(super) peer: Option<Peer>,
    pub(super) bar: Option<Bar>,
    /// What else was found; printed as it is.
    pub(super) more: Map<String, Value>,
}

/// Whoever did the same.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// As many as there are of ours, each taken right beside it.
    pub(super) samples: Vec<f64>,
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bar {
    /// Peer ÷ own, of the medians.
    Ratio(f64),
    /// Our median, at most.
    Median(f64),
    /// Our median, at least.
    Least(f64),
    /// Our 95th percentile, at most.
    P95(f64),
}

/// All of them as they are printed, with the machine that they were taken on.
pub(super) fn printed(lines: &[Measured], machine: &Value) -> Vec<Value> {
    let with_machine = |line: &Measured| {
        let mut line = line.json();
        line["machine"] = machine.clone();
        line
    };
    lines.iter().map(with_machine).collect()
}

impl Measured {
    /// `own` and `peer_value` are medians, spreads reach from the 5th to the 95th percentile, `ratio` is peer ÷ own of the medians,
    /// and its spread is that of the samples pair by pair.
    pub(super) fn json(&self) -> Value {
        let own = quantile(&self.own, 0.5);
        let mut line = json!({
            "bench": self.bench, "op": self.op, "unit": self.unit,
            "own": own, "spread": spread(&self.own), "p95": quantile(&self.own, 0.95), "n": self.own.len(),
        });
        let mut ratio = None;
        if let Some(peer) = &self.peer {
            let value = quantile(&peer.samples, 0.5);
            ratio = value.zip(own).map(|(peer, own)| peer / own);
            let pairs: Vec<f64> = peer.samples.iter().zip(&self.own).map(|(peer, own)| peer / own).collect();
            line["peer"] = json!(peer.name);
            line["peer_value"] = json!(value);
            line["peer_spread"] = spread(&peer.samples);
            line["ratio"] = json!(ratio);
            line["ratio_spread"] = spread(&pairs);
            if let Some(version) = &peer.version {
                line["peer_version"] = json!(version);
            }
        }
        if let Some(bar) = self.bar {
            let (name, bar, holds) = match bar {
                Bar::Ratio(bar) => ("ratio at least", bar, ratio.is_some_and(|r| r >= bar)),
                Bar::Median(bar) => ("own at most", bar, own.is_some_and(|o| o <= bar)),
                Bar::Least(bar) => ("own at least", bar, own.is_some_and(|o| o >= bar)),
                Bar::P95(bar) => ("p95 at most", bar, quantile(&self.own, 0.95).is_some_and(|p| p <= bar)),
            };
            line["bar"] = json!(bar);
            line["bar_is"] = json!(name);
            line["holds"] = json!(holds);
        }
        for (name, value) in &self.more {
            line[name] = value.clone();
        }
        line
    }
}

/// A measurement in words, from the object that a machine would read.
pub(super) fn text(line: &Value) -> String {
    let word = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
    let number = |value: &Value| value.as_f64().map_or("?".to_owned(), short);
    if let Some(missing) = line["missing"].as_str() {
        return format!("{} {}: left out, there is no {missing}", word("bench"), word("op"));
    }
    let both = |key: &str| format!("{} to {}", number(&line[key][0]), number(&line[key][1]));
    let mut out =
        format!("{} {}: {} {} ({})", word("bench"), word("op"), number(&line["own"]), word("unit"), both("spread"));
    if line["peer"].is_string() {
        out += &format!("; {}: {}", word("peer"), number(&line["peer_value"]));
        out += &format!(", {} times that", number(&line["ratio"]));
        if line["ratio_spread"].is_array() {
            out += &format!(" ({})", both("ratio_spread"));
        }
    }
    for (key, what) in [("auc", "AUC"), ("peer_auc", "the peer's")] {
        let tasks = line[key].as_array().cloned().unwrap_or_else(|| vec![line[key].clone()]);
        for area in tasks.iter().filter(|area| area["mean"].is_number()) {
            out += &format!("; {what} {} ± {}", area["mean"], area["sd"]);
        }
    }
    if let Some(reproduces) = line["reproduces"].as_bool() {
        out += &format!("; {} from {}", line["step"]["mean"], word("step_from"));
        out += &format!(", 95 % within {} and {}", line["step_interval"][0], line["step_interval"][1]);
        out += if reproduces { ": reproduces" } else { ": does NOT reproduce" };
    }
    if let Some(holds) = line["holds"].as_bool() {
        let is = line["bar_is"].as_str().map(|is| format!("{is} ")).unwrap_or_default();
        out += &format!("; bar {is}{}: {}", line["bar"], if holds { "holds" } else { "MISSED" });
    }
    out
}

/// Three figures that count.
fn short(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}

fn spread(samples: &[f64]) -> Value {
    json!([quantile(samples, 0.05), quantile(samples, 0.95)])
}

/// The value below which a share `p` of the samples lies (nearest rank); none without samples.
pub(super) fn quantile(samples: &[f64], p: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank below the number of samples"
    )]
    let rank = (p * last as f64).round() as usize;
    sorted.get(rank.min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(bar: Bar) -> Measured {
        let own: Vec<f64> = (1..=101).map(f64::from).collect();
        let (op, unit) = ("requeue".to_owned(), "ms".to_owned());
        Measured { bench: "device", op, unit, own, bar: Some(bar), ..Measured::default() }
    }

    #[test]
    fn median_spread_and_every_kind_of_bar() {
        let line = measured(Bar::P95(96.0)).json();
        assert_eq!(line["own"], 51.0);
        assert_eq!(line["spread"], json!([6.0, 96.0]));
        assert!(line.get("peer").is_none());
        let holds = |bar| measured(bar).json()["holds"].as_bool();
        assert_eq!((holds(Bar::P95(96.0)), holds(Bar::P95(95.0))), (Some(true), Some(false)));
        assert_eq!((holds(Bar::Median(51.0)), holds(Bar::Median(50.0))), (Some(true), Some(false)));
        assert_eq!((holds(Bar::Least(51.0)), holds(Bar::Least(52.0))), (Some(true), Some(false)));
        assert_eq!(holds(Bar::Ratio(1.0)), Some(false), "no peer, no ratio");
    }

    #[test]
    fn a_peer_is_put_beside_with_the_spread_of_the_ratio() {
        let mut measured = measured(Bar::Ratio(2.0));
        let samples = (1..=101).map(|i| 2.0 * f64::from(i)).collect();
        measured.peer = Some(Peer { name: "js".into(), version: None, samples });
        let line = measured.json();
        assert_eq!(line["ratio"], 2.0);
        assert_eq!(line["ratio_spread"], json!([2.0, 2.0]));
        assert_eq!(line["holds"], true);
        let words = "device requeue: 51.0 ms (6.00 to 96.0); js: 102, 2.00 times that (2.00 to 2.00); bar ratio at least 2.0: holds";
        assert_eq!(text(&line), words);
    }

    #[test]
    fn areas_steps_and_what_is_missing_are_said() {
        let mut found = Measured { bench: "ranking", op: "ladder B".into(), unit: "AUC".into(), ..Measured::default() };
        found.own = vec![0.8];
        for (key, value) in [
            ("auc", json!({ "mean": 0.8, "sd": 0.001 })),
            ("step_from", json!("A")),
            ("step", json!({ "mean": 0.002 })),
            ("step_interval", json!([-0.001, 0.005])),
            ("reproduces", json!(false)),
        ] {
            found.more.insert(key.into(), value);
        }
        let words = "ranking ladder B: 0.8000 AUC (0.8000 to 0.8000); AUC 0.8 ± 0.001; 0.002 from A, 95 % within -0.001 and 0.005: does NOT reproduce";
        assert_eq!(text(&found.json()), words);
        assert_eq!(text(&json!({ "bench": "b", "op": "x", "missing": "f.toml" })), "b x: left out, there is no f.toml");
    }
}
