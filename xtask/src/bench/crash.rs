//! Servers that are killed: `server/tests/crash`, with a thousand deaths where the tests have two dozen, and a PostgreSQL that is stopped
//! in the middle. What must hold without fail (nothing lost, nothing twice, the same model) is asserted there; how soon the next process is
//! ready is judged here.

use super::line::Measured;
use super::{Run, bars, machine};
use crate::postgres::{self, Postgres};
use crate::run;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// Deaths a database; five fall on a round.
const DEATHS: u32 = 520;

pub(super) fn run(workspace: &Workspace, _how: &Run) -> Result<Vec<Value>> {
    // Dropped, and so stopped and removed, when this ends.
    let postgres = Postgres::start()?.map(|postgres| Shared(Arc::new(Mutex::new(Some(postgres)))));
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root).args(["test", "--quiet", "--package", "sottovoce-server", "--test", "crash"]);
    cargo.args(["--", "--nocapture", "--test-threads=1"]);
    match &postgres {
        Some(shared) => {
            cargo.env("SOTTOVOCE_POSTGRES_STOP", shared.stopping()?);
            cargo.env("SOTTOVOCE_CRASHES", DEATHS.to_string());
            shared.with(|postgres| _ = cargo.env(postgres::URL, &postgres.url));
        }
        // All of them on the one that is there.
        None => _ = cargo.env_remove(postgres::URL).env("SOTTOVOCE_CRASHES", (2 * DEATHS).to_string()),
    }
    let said = run::result_of(&mut cargo)?;
    let lines = said.lines().filter_map(|line| line.find('{').map(|at| &line[at..]));
    lines.map(|line| judged(line).with_context(|| format!("not a measurement: {line}"))).collect()
}

/// A database that two threads hold.
struct Shared(Arc<Mutex<Option<Postgres>>>);

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Shared {
    fn with(&self, work: impl FnOnce(&mut Postgres)) {
        if let Some(postgres) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            work(postgres);
        }
    }

    /// Where to connect to have the database stopped at once and started again; the stream ends when it answers.
    fn stopping(&self) -> Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?.to_string();
        let other = Self(Arc::clone(&self.0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                other.with(|postgres| {
                    if let Err(error) = postgres.stop_at_once_and_start() {
                        run::say(&format!("PostgreSQL does not come back: {error:#}"));
                    }
                });
                drop(stream);
            }
        });
        Ok(address)
    }
}

fn judged(line: &str) -> Result<Value> {
    let mut more: Map<String, Value> = serde_json::from_str(line)?;
    let op = more.remove("op").and_then(|op| op.as_str().map(str::to_owned)).context("no op")?;
    let own = more.remove("ready_max_ms").and_then(|ms| ms.as_f64()).context("no time")?;
    let unit = "ms until ready, at worst".to_owned();
    let bar = Some(bars::READY_AGAIN);
    let mut line = Measured { bench: "crash", op, unit, own: vec![own], bar, more, ..Measured::default() }.json();
    line["machine"] = machine::machine(None);
    Ok(line)
}
