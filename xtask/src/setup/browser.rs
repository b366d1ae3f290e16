//! Chromium and chromedriver: `$CHROMIUM` and `$CHROMEDRIVER`, else PATH, else apt.

use super::apt;
use crate::run;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

const CHROMIUM: [&str; 5] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const CHROMEDRIVER: [&str; 2] = ["chromedriver", "chromium.chromedriver"];

/// How Chromium is started everywhere: a fresh profile, nothing that calls home, and no sandbox, because root and containers have
/// none; it only ever opens pages of this checkout.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
];

/// A browser that can be driven.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    /// The browser.
    pub(crate) chromium: PathBuf,
    /// Its driver, which wasm-bindgen-test speaks to.
    pub(crate) chromedriver: PathBuf,
    webdriver_json: PathBuf,
}

impl Browser {
    /// Finds both, or installs them where apt can.
    pub(crate) fn ready(workspace: &Workspace) -> Result<Self> {
        if find("CHROMIUM", &CHROMIUM)?.is_none() || find("CHROMEDRIVER", &CHROMEDRIVER)?.is_none() {
            apt::install(&["chromium", "chromium-driver"], "a browser for the tests")
                .context("no browser; next: install Chromium and chromedriver, or export CHROMIUM=/path/to/chromium CHROMEDRIVER=/path/to/chromedriver")?;
        }
        let still = |name: &str| format!("no {name} on PATH; next: export {}=/path/to/{name}", name.to_uppercase());
        let chromium = find("CHROMIUM", &CHROMIUM)?.with_context(|| still("chromium"))?;
        let chromedriver = find("CHROMEDRIVER", &CHROMEDRIVER)?.with_context(|| still("chromedriver"))?;
        let folder = workspace.scratch("browser");
        make_folder(&folder)?;
        let webdriver_json = folder.join("webdriver.json");
        let capabilities = serde_json::json!({ "goog:chromeOptions": { "binary": chromium, "args": ARGUMENTS } });
        std::fs::write(&webdriver_json, format!("{capabilities:#}\n"))
            .with_context(|| format!("cannot write {}", webdriver_json.display()))?;
        Ok(Self { chromium, chromedriver, webdriver_json })
    }

    /// Tells wasm-bindgen's test runner which browser to use and how.
    pub(crate) fn drive(&self, command: &mut Command) {
        command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &self.webdriver_json);
    }
}

fn find(variable: &str, names: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(set) = std::env::var_os(variable).filter(|v| !v.is_empty()) {
        let path = PathBuf::from(set);
        if !path.is_file() {
            bail!("{variable}={} is no file; next: unset {variable}, or set it to the program", path.display());
        }
        return Ok(Some(path));
    }
    Ok(names.iter().find_map(|name| run::find_on_path(name)))
}
