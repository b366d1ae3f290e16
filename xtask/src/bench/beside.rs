//! The DPP natively, beside a peer in a process of its own: each is asked in turn for one run at a time.

use super::line::{Measured, Peer};
use super::{Run, bars, peers};
use crate::run;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SAMPLES: usize = 200;
const WARM_UP: usize = 20;

/// The slate of 30 from 500 beside pyversity's, and of 20 from 1000 for its absolute bar.
pub(super) fn dpp(workspace: &Workspace, how: &Run) -> Result<Vec<Measured>> {
    let python = how.peers.then(|| peers::pyversity(workspace)).transpose()?;
    let mut lines = Vec::new();
    for (n, k) in [(500, 30), (1000, 20)] {
        let folder = peers::shared(workspace)?;
        let work = [n, k, 64].map(|number: u32| number.to_string());
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&workspace.root);
        cargo
            .args(["bench", "--quiet", "--package", "sottovoce", "--bench", "dpp_beside", "--"])
            .arg(&folder)
            .args(&work);
        // Ours first: it writes what both work on.
        let mut own = Asked::start(&mut cargo)?;
        let mut peer = match &python {
            None => None,
            Some(python) => {
                let mut command = Command::new(python);
                Some(Asked::start(command.arg(peers::pyversity_script(workspace)).arg(&folder).args(&work))?)
            }
        };
        if let Some(peer) = &peer
            && peer.picks != own.picks
        {
            bail!("the two do not choose the same songs: {} and {}", own.picks, peer.picks);
        }
        let (mut from_rows, mut resident, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for sample in 0..WARM_UP + SAMPLES {
            let mine = own.ask()?;
            let other = peer.as_mut().map(Asked::ask).transpose()?;
            let [a, b] = mine[..] else { bail!("{} numbers, not two", mine.len()) };
            if sample >= WARM_UP {
                from_rows.push(a);
                resident.push(b);
                theirs.extend(other.and_then(|times| times.first().copied()));
            }
        }
        let base = Measured { bench: "device", unit: "ms".to_owned(), ..Measured::default() };
        let native = format!("dpp_{n}_64_{k}_native");
        lines.push(Measured { op: native.clone(), own: resident, bar: bars::bar(&native, None), ..base.clone() });
        if peer.is_some() {
            let op = format!("dpp_{n}_64_{k}");
            let bar = bars::bar(&op, Some("pyversity"));
            let peer = Some(Peer { name: "pyversity".to_owned(), version: None, samples: theirs });
            lines.push(Measured { op, own: from_rows, peer, bar, ..base });
        }
    }
    Ok(lines)
}

/// A process that answers each line with the milliseconds of one run.
struct Asked {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// What it chose, as it printed it.
    picks: String,
}

impl Asked {
    fn start(command: &mut Command) -> Result<Self> {
        eprintln!("    $ {}", run::shown(command));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", run::shown(command)))?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut asked = Self { child, stdin, stdout, picks: String::new() };
        asked.picks = asked.line()?;
        Ok(asked)
    }

    fn ask(&mut self) -> Result<Vec<f64>> {
        self.stdin.write_all(b"\n").and_then(|()| self.stdin.flush()).context("it does not listen any more")?;
        let line = self.line()?;
        line.split_whitespace().map(|word| word.parse().with_context(|| format!("not a time: {line}"))).collect()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line).context("it cannot be read")? == 0 {
            bail!("it ended before it answered; its own words are above");
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
