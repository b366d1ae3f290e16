//! A crowd of real pages in rounds over a pair of servers and one PostgreSQL: `tests/e2e/src/crowd.js` drives and judges, here everything is
//! brought that it needs.

use crate::postgres::Postgres;
use crate::server::{self, With};
use crate::setup::Browser;
use crate::workspace::Workspace;
use crate::{run, web};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Fewer pages leave too few on the committee once one is closed.
pub(super) const LEAST_PAGES: i64 = 5;
/// Nothing befalls a page in the first round.
pub(super) const LEAST_ROUNDS: i64 = 2;

/// Runs it; one JSON line on stdout. Where the machine has no PostgreSQL nothing is run, and the line says so.
pub(super) fn run(workspace: &Workspace, pages: u16, rounds: u16, vertical: bool, json: bool) -> Result<ExitCode> {
    let Some(postgres) = Postgres::start()? else {
        run::say("the crowd is skipped: two servers share their rounds through PostgreSQL only");
        println!("{}", serde_json::json!({ "check": "crowd", "skipped": "no PostgreSQL" }));
        return Ok(ExitCode::SUCCESS);
    };
    let browser = Browser::ready(workspace)?;
    let package = web::build_package(workspace)?;
    let program = server::build(workspace, With::Nothing)?;
    let mut node = Command::new("node");
    node.current_dir(&workspace.root).arg(workspace.root.join("tests/e2e/src/main.js"));
    node.args(["--crowd", &pages.to_string(), "--rounds", &rounds.to_string(), "--database", &postgres.url]);
    if vertical {
        node.arg("--vertical");
    }
    if json {
        node.arg("--json");
    }
    let status = needs(&mut node, &browser, &package, &program).status().context("cannot start node")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the driver of a crowd is told by its environment: browser, built package, server.
pub(crate) fn needs<'a>(node: &'a mut Command, browser: &Browser, package: &Path, program: &Path) -> &'a mut Command {
    node.env("CHROMIUM", &browser.chromium);
    node.env("SOTTOVOCE_PACKAGE", package.join("dist")).env("SOTTOVOCE_SERVER", program)
}
