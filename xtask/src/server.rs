//! The project's own server as a child process: built, started on a free port, gone when it is dropped.

use crate::run;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What the server prints once it answers.
const READY: &str = "listening on ";
/// Training the recall channels on the largest data set here takes a minute or two.
const PATIENCE: Duration = Duration::from_mins(15);

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Start<'a> {
    /// The player's built files.
    pub(crate) www: &'a Path,
    /// Listening data; without it the server makes up a world.
    pub(crate) data: Option<&'a Path>,
    /// 0 takes a free one.
    pub(crate) port: u16,
    /// Native devices that take part in rounds, so that one browser is enough to close them.
    pub(crate) companions: u32,
    /// Where it keeps its state.
    pub(crate) state: &'a Path,
    /// Where its log goes; without it, to this terminal.
    pub(crate) log: Option<&'a Path>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it answers, such as `http://127.0.0.1:7700`.
    pub(crate) url: String,
}

/// What the server is built along with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// Nothing: the quickest way to it.
    Nothing,
    /// All tests, whose dependencies switch more features on. After the tests were built this is no work at all; the other way builds
    /// the server and half its dependencies a second time.
    Tests,
}

/// Builds the server; gives the program.
pub(crate) fn build(workspace: &Workspace, with: With) -> Result<PathBuf> {
    run::say("the server: cargo build");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root).arg("build");
    match with {
        With::Nothing => cargo.args(["--package", "sottovoce-server"]),
        With::Tests => cargo.args(["--workspace", "--bins", "--tests"]),
    };
    run::run(&mut cargo)?;
    Ok(workspace.target.join("debug").join(format!("sottovoce-server{}", std::env::consts::EXE_SUFFIX)))
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(program: &Path, start: &Start<'_>) -> Result<Self> {
        make_folder(start.state)?;
        let mut command = Command::new(program);
        command.current_dir(start.state).arg("serve").arg("--www").arg(start.www);
        command.args(["--port", &start.port.to_string(), "--companions", &start.companions.to_string()]);
        // Eight devices can hide among each other, and could learn nothing under noise that is worth its name (docs/privacy.md).
        command.args(["--noise", "0"]);
        if let Some(data) = start.data {
            command.arg("--data").arg(data);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(log) = start.log {
            command.stderr(File::create(log).with_context(|| format!("cannot write {}", log.display()))?);
        }
        run::say(&format!("the server: {}", run::shown(&command)));
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        match wait_until_ready(&mut child) {
            Ok(url) => Ok(Self { child, url }),
            Err(error) => {
                stop(&mut child);
                Err(error.context(log_tail(start.log)))
            }
        }
    }

    /// Waits until it ends by itself (or by Ctrl-C, which reaches it too).
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().context("cannot wait for the server")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn stop(child: &mut Child) {
    // Both fail only where it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn wait_until_ready(child: &mut Child) -> Result<String> {
    let stdout = child.stdout.take().context("the server has no stdout")?;
    let (sender, receiver) = mpsc::channel();
    // The thread reads to the end, so that the server can always write, and ends with it.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = ready_url(&line) {
                let _ = sender.send(url);
            } else {
                eprintln!("{line}");
            }
        }
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(url) => Ok(url),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            bail!("the server did not answer within {} minutes", PATIENCE.as_secs() / 60)
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the server ended before it answered"),
    }
}

fn ready_url(line: &str) -> Option<String> {
    let url = line.trim().split(READY).nth(1)?.split_whitespace().next()?;
    url.starts_with("http").then(|| url.trim_end_matches('/').to_owned())
}

fn log_tail(log: Option<&Path>) -> String {
    let Some(text) = log.and_then(|path| std::fs::read_to_string(path).ok()) else {
        return "its own words are above".to_owned();
    };
    let lines: Vec<&str> = text.lines().collect();
    format!("its last words:\n{}\n", lines[lines.len().saturating_sub(20)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_the_server_answers() {
        assert_eq!(ready_url("listening on http://127.0.0.1:41233").as_deref(), Some("http://127.0.0.1:41233"));
        assert_eq!(
            ready_url("sottovoce: listening on http://[::1]:7700/ (Ctrl-C ends it)").as_deref(),
            Some("http://[::1]:7700")
        );
        assert_eq!(ready_url("listening on nothing"), None);
        assert_eq!(ready_url("training"), None);
    }
}
