//! What is printed at the end: counts of tests, sizes; for people and, with `--json`, one object a line.

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
}
