//! The product doing its main job: the server, the player, a browser. With `--check`, driven by a script and judged.

pub(crate) mod crowd;
mod subsonic;

use crate::server::{self, Server, Start, With};
use crate::setup::{self, Browser};
use crate::workspace::{Workspace, make_folder};
use crate::{run, web};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use subsonic::Supysonic;

/// What `demo` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask demo                                        a made-up world, on port 7700\n  cargo xtask demo --data ../shared/data/lastfm-hetrec2k  real listening data\n  cargo xtask demo --check --json                         the whole loop in a headless browser; exits 1 where it does not hold\n  cargo xtask demo --screenshot docs/screenshots          pictures of the player\n  cargo xtask demo --subsonic                             the player on a real supysonic server, with songs made for it\n  cargo xtask demo --crowd 20 --rounds 10                 20 pages, two servers, one PostgreSQL; tabs and a server are killed on the way"
)]
pub(crate) struct Arguments {
    /// A folder of listening data, or a state file; without it the server makes up a world
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Port to listen on; 0 takes a free one [default: 7700, with --check 0]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Native devices that take part in the rounds beside the browser
    #[arg(long, value_name = "N", default_value_t = COMPANIONS)]
    companions: u32,
    /// Drive the page in a headless browser through play, skip, queue, contribution, closed round, reload
    #[arg(long)]
    check: bool,
    /// Take pictures of the player, wide and narrow, light and dark, into this folder
    #[arg(long, value_name = "DIR")]
    screenshot: Option<PathBuf>,
    /// Put a real supysonic server with made-up songs beside ours; with --check, drive the player on it
    #[arg(long, conflicts_with = "screenshot")]
    subsonic: bool,
    /// So many pages in one headless browser take part in rounds over two servers and one PostgreSQL, judged
    #[arg(long, value_name = "N", conflicts_with_all = ["check", "screenshot", "subsonic", "data", "port"], value_parser = clap::value_parser!(u16).range(crowd::LEAST_PAGES..=200))]
    crowd: Option<u16>,
    /// With --crowd: rounds that train the songs' embeddings too
    #[arg(long, requires = "crowd")]
    vertical: bool,
    /// With --crowd: until so many versions of the model are published
    #[arg(long, value_name = "N", default_value_t = 10, requires = "crowd", value_parser = clap::value_parser!(u16).range(crowd::LEAST_ROUNDS..=1000))]
    rounds: u16,
    /// Print only JSON on stdout (with --check the result is one JSON line anyway)
    #[arg(long)]
    json: bool,
}

/// Enough native devices that a round closes with one browser.
pub(crate) const COMPANIONS: u32 = 7;

/// Sets up, builds, starts; then waits, or drives the page.
pub(crate) fn demo(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if let Some(pages) = arguments.crowd {
        return crowd::run(workspace, pages, arguments.rounds, arguments.vertical, arguments.json);
    }
    let data = arguments.data.as_deref().map(existing).transpose()?;
    let world = data.as_ref().map_or_else(|| "made up".to_owned(), |path| path.display().to_string());
    let driven = arguments.check || arguments.screenshot.is_some();
    let browser = driven.then(|| Browser::ready(workspace)).transpose()?;
    let www = web::build(workspace)?;
    let program = server::build(workspace, With::Nothing)?;

    if let Some(browser) = browser {
        let place = TemporaryFolder::new(workspace, "demo")?;
        let log = place.path.join("server.log");
        let start = Start {
            www: &www,
            data: data.as_deref(),
            port: arguments.port.unwrap_or(0),
            companions: arguments.companions,
            state: &place.path,
            log: Some(&log),
        };
        let server = Server::start(&program, &start)?;
        if arguments.subsonic {
            let supysonic = Supysonic::start(workspace, &server, &world, 0, Some(&place.path.join("supysonic.log")))?;
            let status = supysonic.check(workspace, &browser, arguments.json)?;
            return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let mut driver = driver(workspace, &browser, &server.url);
        if let Some(folder) = &arguments.screenshot {
            make_folder(folder)?;
            driver.arg("--screenshot").arg(existing(folder)?);
        }
        if arguments.check {
            driver.arg("--check");
        }
        let status = driver.status().context("cannot start node")?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let state = workspace.scratch("demo-state");
    let port = arguments.port.unwrap_or(7700);
    let start = Start {
        www: &www,
        data: data.as_deref(),
        // The music server answers at the address that is asked for, and has ours behind it.
        port: if arguments.subsonic { 0 } else { port },
        companions: arguments.companions,
        state: &state,
        log: None,
    };
    let mut server = Server::start(&program, &start)?;
    if arguments.subsonic {
        return with_supysonic(workspace, &server, &world, port, arguments.json);
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "demo": "listening", "url": server.url }));
    } else {
        println!("\nsottovoce plays at {}   (Ctrl-C ends it)", server.url);
    }
    open(&server.url);
    let status = server.wait()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The player with a music server to connect to, until it ends.
fn with_supysonic(workspace: &Workspace, server: &Server, world: &str, port: u16, json: bool) -> Result<ExitCode> {
    let mut supysonic = Supysonic::start(workspace, server, world, port, None)?;
    if json {
        println!("{}", serde_json::json!({ "demo": "listening", "url": supysonic.url, "subsonic": true }));
    } else {
        println!("\nsottovoce plays at {}   (Ctrl-C ends it)\n{}", supysonic.url, supysonic.account());
    }
    open(&supysonic.url);
    let status = supysonic.wait()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The end-to-end driver, as `node` runs it.
pub(crate) fn driver(workspace: &Workspace, browser: &Browser, url: &str) -> Command {
    let mut node = Command::new("node");
    node.current_dir(&workspace.root).arg(workspace.root.join("tests/e2e/src/main.js")).args(["--url", url]);
    node.env("CHROMIUM", &browser.chromium);
    node
}

/// A folder that goes when this value goes.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl TemporaryFolder {
    /// Makes an empty one, of this process alone.
    pub(crate) fn new(workspace: &Workspace, name: &str) -> Result<Self> {
        let path = workspace.scratch(&format!("{name}-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        }
        make_folder(&path)?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A folder that stays behind is below target/, which cargo clean removes.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn existing(path: &Path) -> Result<PathBuf> {
    if !path.exists() {
        bail!(
            "{} does not exist; next: name a folder or file that does, or leave --data out for a made-up world",
            path.display()
        );
    }
    std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
}

/// Opens the page where there is a desktop; elsewhere the printed address is enough.
fn open(url: &str) {
    let has_desktop = cfg!(target_os = "macos")
        || std::env::var_os("DISPLAY").is_some()
        || std::env::var_os("WAYLAND_DISPLAY").is_some();
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if has_desktop && run::find_on_path(opener).is_some() && !run::succeeds(Command::new(opener).arg(url)) {
        run::say("the page could not be opened by itself; open the address above");
    }
}

/// What a driven page needs, for tests that run it too.
pub(crate) fn made_ready(workspace: &Workspace) -> Result<(Browser, PathBuf, PathBuf)> {
    let browser = Browser::ready(workspace)?;
    setup::npm_packages(workspace)?;
    Ok((browser, web::build(workspace)?, server::build(workspace, With::Tests)?))
}
