//! A real music server beside ours: supysonic over a small collection that the player's own synthesiser makes.

use super::TemporaryFolder;
use crate::run;
use crate::server::Server;
use crate::setup::Browser;
use crate::stamp::Stamp;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, anyhow, bail};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Below this checkout: what makes the songs, what serves them, what it needs, and what checks it all.
const AUDIO: &str = "xtask/src/demo/subsonic_audio.mjs";
const SERVER: &str = "xtask/src/demo/subsonic_server.py";
const REQUIREMENTS: &str = "xtask/src/demo/subsonic_requirements.txt";
const CHECK: &str = "tests/e2e/src/subsonic.js";

/// A running supysonic, with our server behind the same address.
#[derive(Debug)]
pub(super) struct Supysonic {
    child: Child,
    /// Where player and music server answer.
    pub(super) url: String,
    user: String,
    password: String,
    /// Its database goes with it.
    _state: TemporaryFolder,
}

impl Supysonic {
    /// Brings supysonic, makes the songs where they are not there yet, and starts it before `server`, whose data are `world`.
    pub(super) fn start(
        workspace: &Workspace,
        server: &Server,
        world: &str,
        port: u16,
        log: Option<&Path>,
    ) -> Result<Self> {
        let python = python(workspace)?;
        let music = music(workspace, server, world)?;
        let state = TemporaryFolder::new(workspace, "supysonic")?;
        let mut command = Command::new(python);
        command.arg(workspace.root.join(SERVER)).arg("--music").arg(music).arg("--state").arg(&state.path);
        command.args(["--upstream", &server.url, "--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(log) = log {
            command.stderr(File::create(log).with_context(|| format!("cannot write {}", log.display()))?);
        }
        run::say(&format!("the music server: {}", run::shown(&command)));
        let mut child = command.spawn().context("cannot start supysonic")?;
        match ready(&mut child) {
            Ok([url, user, password]) => Ok(Self { child, url, user, password, _state: state }),
            Err(error) => {
                // Fails only where it has ended already.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context("supysonic did not start; its own words are above, or in its log"))
            }
        }
    }

    /// What to type into the player.
    pub(super) fn account(&self) -> String {
        format!(
            "Library › Connect a music server: address {}, name {}, password “{}”",
            self.url, self.user, self.password
        )
    }

    /// The whole path in a headless browser: scan, play, skip, scrobble, star, held against what the server says.
    pub(super) fn check(&self, workspace: &Workspace, browser: &Browser, json: bool) -> Result<ExitStatus> {
        let mut node = Command::new("node");
        node.current_dir(&workspace.root).arg(workspace.root.join(CHECK)).args(["--url", &self.url]);
        node.args(["--user", &self.user, "--password", &self.password]);
        if json {
            node.arg("--json");
        }
        node.env("CHROMIUM", &browser.chromium).status().context("cannot start node")
    }

    /// Waits until it ends by itself (or by Ctrl-C, which reaches it too).
    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().context("cannot wait for supysonic")
    }
}

impl Drop for Supysonic {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter of a virtual environment that has supysonic, made on first use.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join(REQUIREMENTS);
    let environment = workspace.cache.join("supysonic");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let place = environment.display().to_string();
    let stamp = Stamp::of(workspace, "supysonic", std::slice::from_ref(&requirements), &[&place])?;
    if stamp.holds(std::slice::from_ref(&python)) {
        return Ok(python);
    }
    let Some(system) = ["python3", "python"].into_iter().find_map(run::find_on_path) else {
        bail!("there is no python3 on PATH, which supysonic needs; next: install it, then run the same command again");
    };
    run::say("supysonic: python3 -m venv, pip install");
    make_folder(&workspace.cache)?;
    run::run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&environment))
        .context("next: install the venv module of python3 (Debian: apt install python3-venv)")?;
    run::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements))
        .context("supysonic is missing; next: see whether the Python package index can be reached, then run the same command again")?;
    stamp.keep()?;
    Ok(python)
}

/// The songs, made from the catalogue that `server` serves; anew for another `world`.
fn music(workspace: &Workspace, server: &Server, world: &str) -> Result<PathBuf> {
    let folder = workspace.scratch("subsonic-music");
    let inputs = [workspace.root.join(AUDIO), workspace.root.join("www/src/sound")];
    let stamp = Stamp::of(workspace, "subsonic-music", &inputs, &[world])?;
    if stamp.holds(&[folder.join("library.json")]) {
        return Ok(folder);
    }
    run::say("songs for the music server: some tenths of a second each");
    let mut node = Command::new("node");
    node.current_dir(&workspace.root)
        .arg(workspace.root.join(AUDIO))
        .args(["--url", &server.url, "--out"])
        .arg(&folder);
    run::run(&mut node)?;
    stamp.keep()?;
    Ok(folder)
}

/// Address, name and password, from the line that it prints once it answers.
fn ready(child: &mut Child) -> Result<[String; 3]> {
    let stdout = child.stdout.take().context("supysonic has no stdout")?;
    let line = BufReader::new(stdout).lines().next().ok_or_else(|| anyhow!("it ended before it answered"))??;
    told(&line)
}

fn told(line: &str) -> Result<[String; 3]> {
    let line: serde_json::Value = serde_json::from_str(line).with_context(|| format!("it printed `{line}`"))?;
    let word = |name: &str| line[name].as_str().map(str::to_owned).ok_or_else(|| anyhow!("it told no {name}"));
    Ok([word("url")?, word("user")?, word("password")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_it_answers_and_who_may_enter() -> Result<()> {
        let [url, user, password] =
            told(r#"{"url": "http://127.0.0.1:7701", "user": "demo", "password": "a b", "tracks": 36}"#)?;
        assert_eq!((url.as_str(), user.as_str(), password.as_str()), ("http://127.0.0.1:7701", "demo", "a b"));
        assert!(told("Traceback (most recent call last):").is_err());
        assert!(told("{}").is_err());
        Ok(())
    }
}
