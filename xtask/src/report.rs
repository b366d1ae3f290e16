//! What is printed at the end: counts of tests, sizes, measurements; for people and, with `--json`, one object a line.

use serde_json::{Value, json};

/// Passed and failed, of one runner or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Reads the closing lines of cargo's, wasm-bindgen's and node's test runners; any other line counts nothing.
pub(crate) fn counts_in(line: &str) -> Counts {
    let line = without_colours(line);
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("test result:") {
        return Counts { passed: number_before(rest, " passed"), failed: number_before(rest, " failed") };
    }
    // node: "# pass 3" (tap) or "ℹ pass 3" (spec).
    let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
        return Counts::default();
    };
    let value = |name: &str| rest.strip_prefix(name).and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    Counts { passed: value("pass "), failed: value("fail ") + value("cancelled ") }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.find(word).map_or("", |at| &text[..at]);
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn without_colours(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

/// The bytes of something that is downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) file: String,
    pub(crate) raw: u64,
    pub(crate) gzip: u64,
    pub(crate) brotli: u64,
}

impl Size {
    /// The sum of several, under a name.
    pub(crate) fn sum<'a>(file: &str, sizes: impl IntoIterator<Item = &'a Self>) -> Self {
        sizes.into_iter().fold(Self { file: file.to_owned(), ..Self::default() }, |mut all, size| {
            all.raw += size.raw;
            all.gzip += size.gzip;
            all.brotli += size.brotli;
            all
        })
    }

    /// One object for a machine to read.
    pub(crate) fn json(&self) -> Value {
        json!({ "check": "package", "file": self.file, "raw": self.raw, "gzip": self.gzip, "brotli": self.brotli })
    }
}

/// A table of sizes for people.
pub(crate) fn size_table(sizes: &[Size]) -> String {
    let width = sizes.iter().map(|s| s.file.len()).max().unwrap_or(0).max(4);
    let mut out = format!("{:width$}  {:>10}  {:>10}  {:>10}\n", "file", "raw B", "gzip B", "brotli B");
    for size in sizes {
        out += &format!("{:width$}  {:>10}  {:>10}  {:>10}\n", size.file, size.raw, size.gzip, size.brotli);
    }
    out
}

/// A measured operation: samples of ours, and of a peer that did the same work in the same run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) bench: String,
    pub(crate) op: String,
    pub(crate) unit: String,
    pub(crate) own: Vec<f64>,
    pub(crate) peer: Option<(String, Vec<f64>)>,
    /// What must hold: the largest value allowed for our 95th percentile.
    pub(crate) bar: Option<f64>,
}

impl Measured {
    /// One object for a machine to read. `own` and `peer_value` are medians, `spread` is our 5th and 95th percentile, `ratio` is
    /// peer ÷ own.
    pub(crate) fn json(&self) -> Value {
        let (own, p5, p95) = (quantile(&self.own, 0.5), quantile(&self.own, 0.05), quantile(&self.own, 0.95));
        let mut line = json!({
            "bench": self.bench, "op": self.op, "unit": self.unit, "own": own, "spread": [p5, p95], "p95": p95, "n": self.own.len(),
        });
        if let Some((name, samples)) = &self.peer {
            let value = quantile(samples, 0.5);
            line["peer"] = json!(name);
            line["peer_value"] = json!(value);
            line["peer_p95"] = json!(quantile(samples, 0.95));
            line["ratio"] = json!(value.zip(own).map(|(peer, own)| peer / own));
        }
        if let Some(bar) = self.bar {
            line["bar"] = json!(bar);
            line["holds"] = json!(p95.is_some_and(|p95| p95 <= bar));
        }
        line
    }
}

/// A measurement in words, from the object that a machine would read.
pub(crate) fn bench_text(line: &Value) -> String {
    let word = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
    let number = |value: &Value| value.as_f64().map_or("?".to_owned(), |v| format!("{v:.3}"));
    let unit = word("unit");
    let spread = [&line["spread"][0], &line["spread"][1]].map(number);
    let mut out =
        format!("{} {}: {} {unit} ({} to {})", word("bench"), word("op"), number(&line["own"]), spread[0], spread[1]);
    if line["peer"].is_string() {
        out += &format!(
            "; {}: {} {unit}, {} times that",
            word("peer"),
            number(&line["peer_value"]),
            number(&line["ratio"])
        );
    }
    if let Some(holds) = line["holds"].as_bool() {
        out += &format!("; bar {}: {}", line["bar"], if holds { "holds" } else { "missed" });
    }
    out
}

/// The value below which a share `p` of the samples lies (nearest rank); none without samples.
pub(crate) fn quantile(samples: &[f64], p: f64) -> Option<f64> {
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

    #[test]
    fn counts_cargo_wasm_bindgen_and_node() {
        let of = |line: &str| {
            let c = counts_in(line);
            (c.passed, c.failed)
        };
        assert_eq!(
            of("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s"),
            (12, 0)
        );
        assert_eq!(of("test result: \u{1b}[31mFAILED\u{1b}[0m. 3 passed; 2 failed; 0 ignored"), (3, 2));
        assert_eq!(of("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 filtered out"), (3, 2));
        assert_eq!(of("# pass 7"), (7, 0));
        assert_eq!(of("ℹ fail 2"), (0, 2));
        assert_eq!(of("\u{1b}[34mℹ pass 4\u{1b}[39m"), (4, 0));
        assert_eq!(of("# cancelled 1"), (0, 1));
        assert_eq!(of("ok 1 - 5 passed"), (0, 0));
        assert_eq!(of("# passing thoughts"), (0, 0));
    }

    #[test]
    fn sizes_add_up_and_stand_in_columns() {
        let one = Size { file: "a.js".into(), raw: 10, gzip: 5, brotli: 4 };
        let two = Size { file: "b.wasm".into(), raw: 100, gzip: 50, brotli: 40 };
        let all = Size::sum("together", [&one, &two]);
        assert_eq!((all.raw, all.gzip, all.brotli), (110, 55, 44));
        let table = size_table(&[one, two, all]);
        assert!(table.lines().all(|l| l.chars().count() == table.lines().next().map_or(0, str::len)), "{table}");
        assert!(table.contains("together         110          55          44"), "{table}");
    }

    #[test]
    fn a_measurement_says_median_spread_peer_and_whether_the_bar_holds() {
        let own: Vec<f64> = (1..=101).map(f64::from).collect();
        let mut measured = Measured {
            bench: "device".into(),
            op: "skip_to_queue".into(),
            unit: "ms".into(),
            own,
            peer: None,
            bar: Some(96.0),
        };
        let line = measured.json();
        assert_eq!(line["own"], 51.0);
        assert_eq!(line["spread"], json!([6.0, 96.0]));
        assert_eq!(line["holds"], true);
        assert!(line.get("peer").is_none());
        measured.peer = Some(("js".into(), vec![102.0; 3]));
        measured.bar = Some(95.0);
        assert_eq!(measured.json()["ratio"], 2.0);
        assert_eq!(measured.json()["holds"], false);
        let words =
            "device skip_to_queue: 51.000 ms (6.000 to 96.000); js: 102.000 ms, 2.000 times that; bar 95.0: missed";
        assert_eq!(bench_text(&measured.json()), words);
    }
}
