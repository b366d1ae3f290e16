//! The runners: what is run, in the order in which a mistake is found fastest.

use super::count::{self, Reading};
use crate::demo::{self, COMPANIONS, TemporaryFolder};
use crate::postgres::{self, Postgres};
use crate::report::Counts;
use crate::server::{Server, Start};
use crate::setup::{self, Browser, TARGET, WasmToolchain};
use crate::workspace::Workspace;
use crate::{run, web};
use anyhow::{Result, bail};
use std::process::Command;

/// One of them.
pub(super) struct Runner {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Workspace) -> Result<Counts>,
}

/// All of them.
pub(super) fn all() -> [Runner; 10] {
    [
        Runner { name: "format", about: "cargo fmt --check", run: format },
        Runner { name: "clippy", about: "clippy without warnings, host and page", run: clippy },
        Runner { name: "rust", about: "unit, property, integration and documentation tests", run: rust },
        Runner { name: "node", about: "the engine's vectors as wasm in node (wasm-pack)", run: node },
        Runner { name: "browser", about: "the engine as wasm in headless Chromium (wasm-pack)", run: browser },
        Runner { name: "types", about: "TypeScript types of package and player", run: types },
        Runner { name: "npm", about: "tests of package, player and driver in node", run: npm },
        Runner { name: "size", about: "the package within its bytes", run: size },
        Runner { name: "bundlers", about: "one tarball in every bundler and place, each run", run: bundlers },
        Runner { name: "e2e", about: "the player in headless Chromium against a running server", run: e2e },
    ]
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace.root);
    cargo
}

fn format(workspace: &Workspace) -> Result<Counts> {
    count::run(cargo(workspace).args(["fmt", "--all", "--check"]), Reading::One)
}

fn clippy(workspace: &Workspace) -> Result<Counts> {
    let deny = ["--", "--deny", "warnings"];
    let mut counts =
        count::run(cargo(workspace).args(["clippy", "--workspace", "--all-targets"]).args(deny), Reading::One)?;
    let toolchain = WasmToolchain::ready(workspace)?;
    if toolchain.has_clippy {
        let mut page = toolchain.command("cargo", &[])?;
        page.current_dir(&workspace.root);
        page.args(["clippy", "--package", "sottovoce", "--package", "sottovoce-bench-kernels", "--lib"]);
        page.args(["--target", TARGET]).args(deny);
        counts += count::run(&mut page, Reading::One)?;
    } else {
        run::say("Debian's compiler for the page brings no clippy; that half is skipped");
    }
    Ok(counts)
}

fn rust(workspace: &Workspace) -> Result<Counts> {
    let postgres = Postgres::start()?; // stopped when it is dropped, however the tests end
    let mut tests = cargo(workspace);
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    match &postgres {
        Some(postgres) => tests.env(postgres::URL, &postgres.url),
        None => tests.env_remove(postgres::URL),
    };
    count::run(&mut tests, Reading::Counted)
}

fn node(workspace: &Workspace) -> Result<Counts> {
    count::run(
        wasm_pack(workspace)?.args(["--node", ".", "--package", "sottovoce", "--test", "parity"]),
        Reading::Counted,
    )
}

fn browser(workspace: &Workspace) -> Result<Counts> {
    let browser = Browser::ready(workspace)?;
    let mut command = wasm_pack(workspace)?;
    browser.drive(&mut command);
    command.arg("--chromedriver").arg(&browser.chromedriver);
    count::run(
        command.args(["--headless", "--chrome", ".", "--package", "sottovoce", "--test", "browser"]),
        Reading::Counted,
    )
}

/// `wasm-pack test` with the right compiler and the right wasm-bindgen in reach.
fn wasm_pack(workspace: &Workspace) -> Result<Command> {
    let toolchain = WasmToolchain::ready(workspace)?;
    let folders = [setup::wasm_bindgen(workspace)?, setup::wasm_pack(workspace)?];
    let mut command = toolchain.command("wasm-pack", &folders)?;
    command.current_dir(&workspace.root).args(["test", "--mode", "no-install"]);
    Ok(command)
}

fn types(workspace: &Workspace) -> Result<Counts> {
    web::build_package(workspace)?;
    count::run(setup::npm(workspace).args(["run", "check", "--workspaces", "--if-present"]), Reading::One)
}

fn npm(workspace: &Workspace) -> Result<Counts> {
    web::build(workspace)?;
    count::run(setup::npm(workspace).args(["test", "--workspaces", "--if-present"]), Reading::Counted)
}

fn size(workspace: &Workspace) -> Result<Counts> {
    let mut counts = Counts::default();
    for holds in crate::package::verdicts(workspace)? {
        counts += Counts { passed: u64::from(holds), failed: u64::from(!holds) };
    }
    Ok(counts)
}

fn bundlers(workspace: &Workspace) -> Result<Counts> {
    const FOLDER: &str = "tests/bundlers";
    let browser = Browser::ready(workspace)?;
    web::build_package(workspace)?;
    setup::npm_packages_of(workspace, FOLDER)?;
    let mut npm = setup::npm(workspace);
    npm.current_dir(workspace.root.join(FOLDER)).arg("test").env("CHROMIUM", &browser.chromium);
    count::run(&mut npm, Reading::Counted)
}

fn e2e(workspace: &Workspace) -> Result<Counts> {
    let (browser, www, program) = demo::made_ready(workspace)?;
    let place = TemporaryFolder::new(workspace, "e2e")?;
    let log = place.path.join("server.log");
    let start = Start { www: &www, data: None, port: 0, companions: COMPANIONS, state: &place.path, log: Some(&log) };
    let server = Server::start(&program, &start)?;
    let postgres = Postgres::start()?; // for the crowd; stopped when it is dropped
    let mut command = Command::new("node");
    // One after the other: they share the server, and a busy machine would make both slow.
    command.current_dir(&workspace.root).args(["--test", "--test-reporter=spec", "--test-concurrency=1"]);
    for name in ["journey", "history", "crowd"] {
        let tests = workspace.root.join(format!("tests/e2e/journey/{name}.test.js"));
        if !tests.exists() {
            bail!("{} is missing; is this a whole checkout?", tests.display());
        }
        command.arg(tests);
    }
    match &postgres {
        Some(postgres) => command.env(postgres::URL, &postgres.url),
        None => command.env_remove(postgres::URL),
    };
    demo::crowd::needs(&mut command, &browser, &workspace.root.join("pkg-config"), &program);
    count::run(command.env("SOTTOVOCE_URL", &server.url), Reading::Counted)
}
