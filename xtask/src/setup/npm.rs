//! The npm packages of the workspaces, as the lock file at the root has them.

use super::apt;
use crate::run;
use crate::stamp::Stamp;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The oldest node that runs the scripts.
const OLDEST_NODE: u32 = 20;

/// `npm ci`, unless the lock file is what it was. Brings node where apt can.
pub(crate) fn npm_packages(workspace: &Workspace) -> Result<()> {
    if run::find_on_path("node").is_none() || run::find_on_path("npm").is_none() {
        apt::install(&["nodejs", "npm"], "building the page")?;
    }
    let version = run::capture(Command::new("node").arg("--version"))?;
    match major(&version) {
        Some(found) if found >= OLDEST_NODE => {}
        _ => bail!(
            "node is {}, the page needs {OLDEST_NODE} or newer; next: install a newer node and put it first on PATH",
            version.trim()
        ),
    }
    let lock = workspace.root.join("package-lock.json");
    let installed = workspace.root.join("node_modules");
    let root = workspace.root.display().to_string();
    let stamp = Stamp::of(workspace, "npm", &[lock], &[&root, version.trim()])?;
    if stamp.holds(&[installed]) {
        return Ok(());
    }
    run::say("npm packages: npm ci");
    run::run(npm(workspace).args(["ci", "--no-audit", "--no-fund"])).context(
        "npm packages are missing; next: see whether the npm registry can be reached, then run the same command again",
    )?;
    stamp.keep()
}

/// The same for a folder with a lock file of its own, whose packages an ordinary build does not need. `npm install`, because its lock
/// names builds for other platforms, which `npm ci` asks every registry for; what is there is installed as locked all the same.
pub(crate) fn npm_packages_of(workspace: &Workspace, folder: &str) -> Result<()> {
    npm_packages(workspace)?;
    let place = workspace.root.join(folder);
    let words = place.to_string_lossy();
    let locked = [place.join("package-lock.json")];
    let stamp = Stamp::of(workspace, &format!("npm-{}", folder.replace('/', "-")), &locked, &[&words])?;
    if stamp.holds(&[place.join("node_modules")]) {
        return Ok(());
    }
    run::say(&format!("npm packages of {folder}: npm install"));
    run::run(npm(workspace).current_dir(&place).args(["install", "--no-audit", "--no-fund"])).with_context(|| {
        format!("the packages of {folder} are missing; next: see whether the npm registry can be reached")
    })?;
    stamp.keep()
}

/// `npm` in the checkout.
pub(crate) fn npm(workspace: &Workspace) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(&workspace.root);
    npm
}

/// A program that an npm package brings.
pub(crate) fn node_program(workspace: &Workspace, package: &str, name: &str) -> Result<Command> {
    let program = workspace.root.join("node_modules/.bin").join(if cfg!(windows) {
        format!("{name}.cmd")
    } else {
        name.to_owned()
    });
    if !program.exists() {
        bail!("{} is missing; next: add {package} to the root package.json and run npm install", program.display());
    }
    Ok(Command::new(program))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nodes_version() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }
}
