//! Running a test command with its output passed on line by line, and the tests in it counted.

use crate::report::{Counts, counts_in};
use crate::run;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

/// How a command's outcome becomes a number of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It prints how many tests passed and failed.
    Counted,
    /// It is one check: its exit code.
    One,
}

/// Runs it. A failing command fails at least one test, even where its output does not say so (it did not compile, it crashed).
pub(super) fn run(command: &mut Command, reading: Reading) -> Result<Counts> {
    eprintln!("    $ {}", run::shown(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", run::shown(command)))?;
    let (stdout, stderr) = (child.stdout.take().context("no stdout")?, child.stderr.take().context("no stderr")?);
    let errors = std::thread::spawn(move || pass_on(stderr, &mut std::io::stderr()));
    let mut printed = pass_on(stdout, &mut std::io::stdout());
    if let Ok(also) = errors.join() {
        printed += also;
    }
    let status = child.wait().with_context(|| format!("{} did not end", run::shown(command)))?;
    Ok(judged(printed, reading, status.success()))
}

fn judged(printed: Counts, reading: Reading, success: bool) -> Counts {
    let mut counts = match reading {
        Reading::Counted => printed,
        Reading::One => Counts { passed: u64::from(success), failed: 0 },
    };
    let silent = reading == Reading::Counted && counts == Counts::default();
    if counts.failed == 0 && (!success || silent) {
        counts.failed = 1;
    }
    counts
}

/// Lines may hold bytes that are no UTF-8; they are passed on as they are.
fn pass_on(from: impl Read, to: &mut impl Write) -> Counts {
    let mut counts = Counts::default();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        // A terminal that is gone is no reason to stop the tests.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        counts += counts_in(&String::from_utf8_lossy(&line));
        line.clear();
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_and_counted() {
        let printed: &[u8] = b"compiling\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\xff\ntest result: FAILED. 1 passed; 1 failed; 0 ignored";
        let mut out = Vec::new();
        let counts = pass_on(printed, &mut out);
        assert_eq!(counts, Counts { passed: 3, failed: 1 });
        assert_eq!(out, printed);
    }

    #[test]
    fn what_fails_or_runs_nothing_shows_in_the_sum() {
        let counts = |passed, failed| Counts { passed, failed };
        assert_eq!(judged(counts(3, 0), Reading::Counted, true), counts(3, 0));
        assert_eq!(judged(counts(3, 0), Reading::Counted, false), counts(3, 1), "it crashed after three tests");
        assert_eq!(judged(counts(3, 2), Reading::Counted, false), counts(3, 2));
        assert_eq!(judged(counts(0, 0), Reading::Counted, true), counts(0, 1), "no test ran");
        assert_eq!(judged(counts(9, 9), Reading::One, true), counts(1, 0));
        assert_eq!(judged(counts(0, 0), Reading::One, false), counts(0, 1));
    }
}
