//! wasm-bindgen (at the version in Cargo.lock: the two speak a private format) and wasm-pack, installed with cargo.

use crate::run;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// The version that runs the tests; any newer one would do as well.
const WASM_PACK: &str = "0.15.1";

/// The folder of `wasm-bindgen` and `wasm-bindgen-test-runner`.
pub(crate) fn wasm_bindgen(workspace: &Workspace) -> Result<PathBuf> {
    tool(workspace, "wasm-bindgen-cli", "wasm-bindgen", &workspace.locked("wasm-bindgen")?)
}

/// The folder of `wasm-pack`.
pub(crate) fn wasm_pack(workspace: &Workspace) -> Result<PathBuf> {
    tool(workspace, "wasm-pack", "wasm-pack", WASM_PACK)
}

fn tool(workspace: &Workspace, package: &str, program: &str, version: &str) -> Result<PathBuf> {
    let home = workspace.cache.join("tools").join(format!("{package}-{version}"));
    let cached = home.join("bin").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    for found in std::iter::once(cached.clone()).chain(run::find_on_path(program)) {
        if says_version(&found, version) {
            return found.parent().map(PathBuf::from).context("a program without a folder");
        }
    }
    run::say(&format!("{package} {version}: installing it into the cache (once, one to two minutes)"));
    make_folder(&home)?;
    let mut cargo = Command::new("cargo");
    // Not --locked: the lock file in the package may name versions that were withdrawn since. An unoptimised build takes half the
    // time, and the program runs for seconds. Both tools share a build folder, and with it half their dependencies.
    cargo.args(["install", package, "--version", version, "--debug", "--force", "--quiet", "--root"]).arg(&home);
    cargo.env("CARGO_TARGET_DIR", workspace.cache.join("build/tools")).env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo.env_remove("RUSTFLAGS");
    run::run(&mut cargo).with_context(|| format!("{package} {version} could not be installed; next: see whether crates.io can be reached, then run the same command again"))?;
    if !says_version(&cached, version) {
        bail!(
            "{} does not run, though cargo installed it; next: remove {} and run the same command again",
            cached.display(),
            home.display()
        );
    }
    Ok(home.join("bin"))
}

fn says_version(program: &PathBuf, version: &str) -> bool {
    run::capture(Command::new(program).arg("--version")).is_ok_and(|said| is_version(&said, version))
}

fn is_version(said: &str, version: &str) -> bool {
    said.split_whitespace().nth(1) == Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_version_counts() {
        assert!(is_version("wasm-bindgen 0.2.130\n", "0.2.130"));
        assert!(!is_version("wasm-bindgen 0.2.13\n", "0.2.130"));
        assert!(!is_version("", "0.2.130"));
    }
}
