//! A process and what it cost: processor time of all its threads, and the most memory that it held.

use crate::run::shown;
use anyhow::{Context, Result, anyhow, bail};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often a second the kernel counts processor time for those who read `/proc`: 100 on every Linux.
const TICKS: f64 = 100.0;
/// Memory is looked at so often: a peak that lasts less may be missed.
const PAUSE: Duration = Duration::from_millis(5);

/// What a process said, and what it cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent {
    pub(super) said: String,
    pub(super) cpu_s: f64,
    pub(super) peak_mb: f64,
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Result<Spent> {
    eprintln!("    $ {}", shown(command));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let mut stdout = child.stdout.take().context("no stdout")?;
    // Read beside: who waits for an end that waits to be read waits for ever.
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).map(|_| said)
    });
    let watched = watch(&child);
    let status = child.wait().context("it cannot be waited for")?;
    let said = reader.join().map_err(|_| anyhow!("its output cannot be read"))?.context("its output is no text")?;
    if !status.success() {
        bail!("`{}` failed ({status}); its own words are above", shown(command));
    }
    let (cpu_s, peak_mb) = watched?;
    Ok(Spent { said, cpu_s, peak_mb })
}

/// Looks until the process has ended and is not yet buried: then its times are all there.
fn watch(child: &Child) -> Result<(f64, f64)> {
    let (pid, mut peak) = (child.id(), 0.0f64);
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context(
            "processor time of another process is read from /proc, which only Linux has; next: run this bench there",
        )?;
        let (state, cpu) = times(&stat).with_context(|| format!("not a process's state: {stat}"))?;
        if let Some(now) = std::fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|text| most(&text)) {
            peak = peak.max(now);
        }
        if state == "Z" {
            return Ok((cpu, peak));
        }
        std::thread::sleep(PAUSE);
    }
}

/// State and processor time out of `/proc/PID/stat`: the program's name may hold anything, so what counts begins behind it.
fn times(stat: &str) -> Option<(&str, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((fields.first()?, (ticks(11)? + ticks(12)?) / TICKS))
}

/// The most memory so far, in MB.
fn most(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "77 (a ) name (x) Z 1 77 77 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 1 0 1 2 3";
        assert_eq!(times(stat), Some(("Z", 3.0)));
        assert_eq!(times("nothing"), None);
        assert_eq!(most("Name:\tx\nVmHWM:\t    2048 kB\n"), Some(2.0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_process_burns_is_counted() {
        let spent = run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i"]));
        let spent = spent.expect("sh is everywhere");
        assert_eq!(spent.said.trim(), "200000");
        assert!(spent.cpu_s > 0.0 && spent.peak_mb > 0.0, "{spent:?}");
    }
}
